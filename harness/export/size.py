"""What a file weighs: as it is, and compressed by each of the common ways of sending files."""

import gzip
import hashlib
import lzma
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.system.cores import usable

_KEPT = 192


@dataclass(frozen=True)
class Size:
    """Bytes of a file as it is, and by `gzip -9`, `zstd -19` and `xz`; None where not asked for."""

    bytes: int
    gzip_bytes: int | None = None
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
        ways: as of `Scales`; `gzip` is among them.

    Example:
        >>> measure("model.tflite").gzip_bytes
        12118342
    """
    with Scales(ways) as scales:
        return scales.weigh(path)()


def of(content: bytes, ways: Sequence[str] | None = None) -> Size:
    """Measures bytes, the same ones once a process: of large files that takes minutes."""
    with Scales(ways) as scales:
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

    def __init__(self, ways: Sequence[str] | None = None) -> None:
        """Takes the ways by which files are weighed, of `WAYS`; None for all."""
        self._ways = tuple(WAYS if ways is None else ways)
        # the ways let go of Python's lock; two of the three take nearly all of the time
        self._pool = ThreadPoolExecutor(max(len(WAYS), len(usable())))
        self._own: list[tuple[bytes, str]] = []

    def __enter__(self) -> "Scales":
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=error[0] is not None)
        for key in self._own:
            one = _begun.get(key)
            if one is not None and (one.cancelled() or one.exception()):
                del _begun[key]

    def weigh(self, path: Path | str, ways: Sequence[str] | None = None) -> Callable[[], Size]:
        """Begins to measure a file or a folder, as `measure` does; the call waits for the end.

        What is measured has to stay where it is until then.

        Args:
            path: the file or folder.
            ways: other ones than what it is weighed by otherwise.
        """
        path = Path(path)
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        return self._begin(lambda: b"".join(one.read_bytes() for one in files), ways)

    def of(self, content: bytes) -> Callable[[], Size]:
        """Begins to measure bytes; the call waits for the end."""
        return self._begin(lambda: content)

    def _begin(
        self, read: Callable[[], bytes], ways: Sequence[str] | None = None
    ) -> Callable[[], Size]:
        """Read once more by each way, lest all files wait in memory."""
        content = read()
        raw, digest = len(content), hashlib.sha256(content).digest()
        if len(_begun) >= _KEPT:
            _begun.clear()
        begun = {}
        for way in self._ways if ways is None else ways:
            key = digest, way
            if key not in _begun:
                _begun[key] = self._pool.submit(_length, WAYS[way], read)
                self._own.append(key)
            begun[f"{way}_bytes"] = _begun[key]
        return lambda: Size(raw, **{name: one.result() for name, one in begun.items()})


#: What was measured by this process, or is being, by its sha256 and the way.
_begun: dict[tuple[bytes, str], "Future[int]"] = {}


def _zstd(content: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=19).compress(content)


#: The ways of compressing, the slowest first. Of 13 MB of float32, three quarters of them zeros,
#: one core of a Xeon takes about a second by gzip, and ten times as long by each of the others.
WAYS: Mapping[str, Callable[[bytes], bytes]] = {
    "zstd": _zstd,
    "xz": lzma.compress,  # at level 6, as `xz` does unless told otherwise
    "gzip": lambda content: gzip.compress(content, compresslevel=9, mtime=0),
}


def _length(way: Callable[[bytes], bytes], read: Callable[[], bytes]) -> int:
    return len(way(read()))
