"""What a file weighs: as it is, and compressed by each of the common ways of sending files."""

import gzip
import hashlib
import lzma
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_KEPT = 64


@dataclass(frozen=True)
class Size:
    """Bytes of a file as it is, and by `gzip -9`, `zstd -19` and `xz`."""

    bytes: int
    gzip_bytes: int
    zstd_bytes: int
    xz_bytes: int

    @property
    def least(self) -> int:
        """Bytes by whichever way makes fewest."""
        return min(self.bytes, self.gzip_bytes, self.zstd_bytes, self.xz_bytes)


def measure(path: Path | str) -> Size:
    """Measures a file, or all files of a folder together; the same content weighs the same.

    The gzip header's time is left at zero and its name out, so that only the content
    counts.

    Example:
        >>> measure("model.tflite").gzip_bytes
        12118342
    """
    path = Path(path)
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    return of(b"".join(one.read_bytes() for one in files))


_measured: dict[bytes, Size] = {}


def of(content: bytes) -> Size:
    """Measures bytes, the same ones once a process: of large files that takes minutes."""
    digest = hashlib.sha256(content).digest()
    if digest not in _measured:
        if len(_measured) >= _KEPT:
            _measured.clear()
        _measured[digest] = _compressed(content)
    return _measured[digest]


def _compressed(content: bytes) -> Size:
    import zstandard

    ways: list[Callable[[bytes], bytes]] = [
        lambda data: gzip.compress(data, compresslevel=9, mtime=0),
        zstandard.ZstdCompressor(level=19).compress,
        lzma.compress,  # at level 6, as `xz` does unless told otherwise
    ]
    with ThreadPoolExecutor(len(ways)) as pool:  # all three let go of Python's lock
        gzipped, zstd, xz = pool.map(lambda way: len(way(content)), ways)
    return Size(len(content), gzipped, zstd, xz)
