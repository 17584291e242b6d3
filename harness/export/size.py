"""What a file weighs: as it is, and compressed by each of the common ways of sending files."""

import gzip
import hashlib
import lzma
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
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
    with Scales() as scales:
        return scales.weigh(path)()


def of(content: bytes) -> Size:
    """Measures bytes, the same ones once a process: of large files that takes minutes."""
    with Scales() as scales:
        return scales.of(content)()


class Scales:
    """Weighs files by all cores while others are made; leaving the block waits for all of them.

    What a file weighs does not depend on how many cores there are: each way of compressing has
    one thread a file, as its command has unless told otherwise.

    Example:
        >>> with Scales() as scales:
        ...     waiting = [scales.weigh(path) for path in paths]
        ...     sizes = [size() for size in waiting]
    """

    def __init__(self) -> None:
        # the ways let go of Python's lock; two of the three take nearly all of the time
        self._pool = ThreadPoolExecutor(max(len(_WAYS), os.cpu_count() or 1))
        self._own: list[bytes] = []

    def __enter__(self) -> "Scales":
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=error[0] is not None)
        for digest in self._own:
            if any(one.cancelled() or one.exception() for one in _begun.get(digest, {}).values()):
                del _begun[digest]

    def weigh(self, path: Path | str) -> Callable[[], Size]:
        """Begins to measure a file or a folder, as `measure` does; the call waits for the end.

        What is measured has to stay where it is until then.
        """
        path = Path(path)
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        return self._begin(lambda: b"".join(one.read_bytes() for one in files))

    def of(self, content: bytes) -> Callable[[], Size]:
        """Begins to measure bytes; the call waits for the end."""
        return self._begin(lambda: content)

    def _begin(self, read: Callable[[], bytes]) -> Callable[[], Size]:
        """Read once more by each way, lest all files wait in memory."""
        content = read()
        raw, digest = len(content), hashlib.sha256(content).digest()
        if digest not in _begun:
            if len(_begun) >= _KEPT:
                _begun.clear()
            _begun[digest] = {
                name: self._pool.submit(_length, way, read) for name, way in _WAYS.items()
            }
            self._own.append(digest)
        begun = _begun[digest]
        return lambda: Size(raw, **{name: one.result() for name, one in begun.items()})


#: What was measured by this process, or is being, by its sha256.
_begun: dict[bytes, dict[str, "Future[int]"]] = {}


def _zstd(content: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=19).compress(content)


_WAYS: Mapping[str, Callable[[bytes], bytes]] = {
    "zstd_bytes": _zstd,  # the slowest first
    "xz_bytes": lzma.compress,  # at level 6, as `xz` does unless told otherwise
    "gzip_bytes": lambda content: gzip.compress(content, compresslevel=9, mtime=0),
}


def _length(way: Callable[[bytes], bytes], read: Callable[[], bytes]) -> int:
    return len(way(read()))
