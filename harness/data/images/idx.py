"""The idx files of the original MNIST distribution, plain or gzipped.

Format: two zero bytes, a type code (8: unsigned byte), the number of dimensions, each
dimension as a big-endian 32-bit integer, then the values
(https://yann.lecun.com/exdb/mnist/).
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from harness.errors import DataError

_UNSIGNED_BYTE = 8


def find(folder: Path, name: str) -> Path:
    """The file `name`, or `name.gz`, in `folder`.

    Mirrors spell the part before `ubyte` with a dash or with a dot; both are found.

    Raises:
        DataError: If neither is there; the message names what is.
    """
    spellings = [name, name.replace("-idx", ".idx")]
    for spelling in spellings:
        for candidate in (folder / spelling, folder / f"{spelling}.gz"):
            if candidate.is_file():
                return candidate
    found = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
    raise DataError(f"{folder}: no {name} or {name}.gz there; found {found}")


def read(path: Path, rank: int) -> np.ndarray:
    """The array in an idx file of unsigned bytes.

    Args:
        path: The file; gunzipped if its name ends in .gz.
        rank: Number of dimensions it must have.

    Returns:
        uint8 array.

    Raises:
        DataError: If the file is truncated, too long, damaged, or another kind of file.
    """
    content = _content(path)
    header_size = 4 + 4 * rank
    if len(content) < header_size:
        raise DataError(
            f"{path}: truncated idx file, {len(content)} bytes where the header alone is"
            f" {header_size}"
        )
    magic = bytes([0, 0, _UNSIGNED_BYTE, rank])
    if content[:4] != magic:
        raise DataError(
            f"{path}: starts with {content[:4].hex()}, not {magic.hex()}"
            f" (an idx file of {rank}-dimensional unsigned bytes)"
        )
    shape = struct.unpack(f">{rank}I", content[4:header_size])
    expected = header_size + math.prod(shape)
    if len(content) != expected:
        state = "truncated" if len(content) < expected else "too long"
        raise DataError(
            f"{path}: {state} idx file, {len(content)} bytes where its header announces"
            f" {expected}; fetch it again"
        )
    return np.frombuffer(content, np.uint8, offset=header_size).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); fetch it again") from error
