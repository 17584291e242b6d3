"""Tar archives, compressed or not, read to their end."""

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import DataError

_BLOCK = 1 << 20


@contextmanager
def opened(path: Path) -> Iterator[tarfile.TarFile]:
    """A tar archive; within the block, or at its end, a damaged one is refused.

    A checksum of what is compressed stands at the file's very end, where tarfile does not read.

    Raises:
        DataError: names the archive, and what is wrong with it.
    """
    try:
        with tarfile.open(path) as tar:
            yield tar
            while tar.fileobj and tar.fileobj.read(_BLOCK):
                pass
    except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path}: cannot be read ({error}); fetch it again") from error
