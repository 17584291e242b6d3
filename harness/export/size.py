"""What a file weighs: as it is, and compressed by each of the common ways of sending files."""

import gzip
import hashlib
import lzma
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_KEPT = 64


@dataclass(frozen=True)
class Size:
    """Bytes of a file as it is, and by `gzip -9`, `zstd -19` and `xz`; None where not asked for."""

    bytes: int
    gzip_bytes: int
    zstd_bytes: int | None = None
    xz_bytes: int | None = None

    @property
    def least(self) -> int:
        """Bytes by whichever way makes fewest."""
        return min(length for length in vars(self).values() if length is not None)


def measure(path: Path | str, ways: Sequence[str] | None = None) -> Size:
    """Measures a file, or all files of a folder together; the same content weighs the same.

    The gzip header's time is left at zero and its name out, so that only the content
    counts.

    Args:
        path: the file or folder.
        ways: of `WAYS`, `gzip` among them; None for all.

    Example:
        >>> measure("model.tflite").gzip_bytes
        12118342
    """
    path = Path(path)
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    return of(b"".join(one.read_bytes() for one in files), ways)


_measured: dict[tuple[bytes, tuple[str, ...]], Size] = {}


def of(content: bytes, ways: Sequence[str] | None = None) -> Size:
    """Measures bytes, the same ones once a process: of large files that takes minutes."""
    chosen = tuple(WAYS if ways is None else ways)
    key = hashlib.sha256(content).digest(), chosen
    if key not in _measured:
        if len(_measured) >= _KEPT:
            _measured.clear()
        _measured[key] = _compressed(content, chosen)
    return _measured[key]


def _zstd(content: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=19).compress(content)


#: The ways of compressing. Of 13 MB of float32, three quarters of them zeros, one core of a Xeon
#: takes about a second by gzip, and ten times as long by each of the others.
WAYS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": lambda content: gzip.compress(content, compresslevel=9, mtime=0),
    "zstd": _zstd,
    "xz": lzma.compress,  # at level 6, as `xz` does unless told otherwise
}


def _compressed(content: bytes, ways: Sequence[str]) -> Size:
    with ThreadPoolExecutor(len(ways)) as pool:  # all three let go of Python's lock
        lengths = pool.map(lambda way: len(WAYS[way](content)), ways)
    named = zip(ways, lengths, strict=True)
    return Size(len(content), **{f"{way}_bytes": length for way, length in named})
