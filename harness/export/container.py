"""One file of arrays and a header: versioned, checksummed, loaded whole or not at all.

Layout, little-endian: 4 bytes `SPRS`, the version as 2 bytes, the sha256 of all that follows, the
header's length as 4 bytes, the header (JSON, deflated), then each array's parts in its order.

An array of 8-bit integers is one part: zeros and values coded together, whose entropy is that of
the mask plus that of the values. One of floats is five: the mask, and the four bytes of each
value that is not zero, lowest first, each place coded by itself.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from harness.errors import ExportError
from harness.export import entropy, masks

_MAGIC, VERSION = b"SPRS", 1
_START = struct.Struct("<4sH32s")


def pack(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of a container.

    Args:
        header: what else is to be kept, of JSON types.
        arrays: int8 or float32.
    """
    told, parts = [], []
    for name, array in arrays.items():
        coded = [entropy.encode(symbols) for symbols in parts_of(array)]
        told.append([name, list(array.shape), array.dtype.name, [len(part) for part in coded]])
        parts += coded
    text = json.dumps({"header": header, "arrays": told}, sort_keys=True).encode()
    start = zlib.compress(text, 9)
    content = struct.pack("<I", len(start)) + start + b"".join(parts)
    return _START.pack(_MAGIC, VERSION, hashlib.sha256(content).digest()) + content


def unpack(content: bytes, name: str = "the container") -> tuple[Any, dict[str, np.ndarray]]:
    """The header and the arrays of a container, bit for bit.

    Args:
        content: its bytes.
        name: what to call it in a refusal.

    Raises:
        ExportError: it is none, of another version, or not as it was written; nothing of it is
            read then.
    """
    if not _MAGIC.startswith(content[:4]):
        raise ExportError(f"{name}: no container of a packed model (it begins otherwise)")
    if len(content) < _START.size:
        raise ExportError(
            f"{name}: it is cut off: received {len(content)} bytes, its start alone takes"
            f" {_START.size}; nothing was loaded"
        )
    _, version, digest = _START.unpack_from(content)
    if version != VERSION:
        raise ExportError(f"{name}: received version {version}; accepted: {VERSION}")
    rest = content[_START.size :]
    if hashlib.sha256(rest).digest() != digest:
        raise ExportError(
            f"{name}: its checksum is wrong: it was cut short or altered; nothing was loaded"
        )
    (length,) = struct.unpack_from("<I", rest)
    told = json.loads(zlib.decompress(rest[4 : 4 + length]))
    at, arrays = 4 + length, {}
    for key, shape, kind, lengths in told["arrays"]:
        parts = []
        for size in lengths:
            parts.append(rest[at : at + size])
            at += size
        arrays[key] = _array(parts, shape, kind)
    return told["header"], arrays


def bound(arrays: Mapping[str, np.ndarray]) -> float:
    """Bytes of the arrays' masks and values, each by its entropy.

    Masks are told by the cheapest description that fits (`harness.export.masks`), values one by
    one with their own frequencies. No code that takes symbols one by one does with less; one that
    finds what repeats may, and so may a coarser rounding.
    """
    return sum(map(_bits, arrays.values())) / 8


def _bits(array: np.ndarray) -> float:
    if array.dtype == np.int8:
        kept = array != 0
        return masks.bits(kept) + entropy.bits(array[kept].view(np.uint8))
    mask, *places = parts_of(array)
    kept = mask.reshape(array.shape).astype(bool)
    return masks.bits(kept) + sum(map(entropy.bits, places))


def parts_of(array: np.ndarray) -> Iterator[np.ndarray]:
    """The symbols, uint8, of an array's parts.

    Raises:
        ExportError: it is of another type than those that a container holds.
    """
    flat = np.ascontiguousarray(array).reshape(-1)
    if array.dtype == np.int8:
        yield flat.view(np.uint8)
        return
    if array.dtype != np.float32:
        raise ExportError(f"a container holds int8 and float32, received {array.dtype}")
    words = flat.view("<u4")  # by its bits: a negative zero is a value, not a zero
    kept = words != 0
    yield kept.astype(np.uint8)
    for place in words[kept].view(np.uint8).reshape(-1, 4).T:
        yield np.ascontiguousarray(place)


def _array(parts: list[bytes], shape: list[int], kind: str) -> np.ndarray:
    count = int(np.prod(shape, dtype=np.int64))
    if kind == "int8":
        return entropy.decode(parts[0], count).view(np.int8).reshape(shape)
    kept = entropy.decode(parts[0], count).astype(bool)
    places = [entropy.decode(part, int(kept.sum())) for part in parts[1:]]
    words = np.zeros(count, "<u4")
    words[kept] = np.stack(places, axis=-1).reshape(-1).view("<u4")
    return words.view(np.float32).reshape(shape)
