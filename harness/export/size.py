"""What a file weighs, raw and gzipped."""

import gzip
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Size:
    """Bytes of a file as it is, and gzipped at the highest level."""

    bytes: int
    gzip_bytes: int


def measure(path: Path | str) -> Size:
    """Measures a file; the same content always weighs the same.

    The gzip header's time is left at zero and its name out, so that only the content
    counts.

    Example:
        >>> measure("model.tflite").gzip_bytes
        12118342
    """
    content = Path(path).read_bytes()
    return Size(len(content), len(gzip.compress(content, compresslevel=9, mtime=0)))
