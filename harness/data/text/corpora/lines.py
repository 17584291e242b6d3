"""Text files that belong together line by line, plain or gzipped.

Only a newline byte ends a line: the other separators that `str.splitlines` knows (U+2028
is in Europarl) stand inside sentences, and would move every line after them.
"""

import gzip
import hashlib
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import IO

from harness.data.base import data_folder
from harness.data.encoding import marked
from harness.errors import DataError


@dataclass(frozen=True)
class Scan:
    """What reading a file once tells.

    Attributes:
        lines: How many it has.
        first_empty: Number of the first line without a word, from 1; 0 if none.
        sha256: Of the content, unpacked.
    """

    lines: int
    first_empty: int
    sha256: str


@dataclass(frozen=True)
class Pair:
    """Two files of one split, by language."""

    files: dict[str, Path]


def find(data_dir: str | None, name: str, languages: tuple[str, str]) -> Pair:
    """The two files `name.LANGUAGE` or `name.LANGUAGE.gz`.

    Args:
        data_dir: where relative names are looked for: `dataset.data_dir`.
        name: what comes before the language; absolute, or relative to the folder.
        languages: their codes.

    Raises:
        DataError: the folder or a file is not there; the message names what is.
    """
    base = Path(name).expanduser()
    if data_dir is not None or not base.is_absolute():
        layout = f"a folder with {name}.{languages[0]} and {name}.{languages[1]} (.gz or not)"
        base = data_folder(data_dir, layout) / base  # an absolute one stays as it is
    files = {}
    for language in languages:
        candidates = [Path(f"{base}.{language}"), Path(f"{base}.{language}.gz")]
        found = [path for path in candidates if path.is_file()]
        if not found:
            raise DataError(
                f"{candidates[0]}: neither it nor {candidates[1].name} is there; found"
                f" {_contents(base.parent)}"
            )
        files[language] = found[0]
    return Pair(files)


def _contents(folder: Path) -> str:
    if not folder.is_dir():
        return "no such folder"
    return ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"


def scan(path: Path) -> Scan:
    """Reads a file once (again only if it has changed): its lines, its content, its bytes.

    Raises:
        DataError: it cannot be read, is not UTF-8, or has no line.
    """
    status = path.stat()
    return _scan(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _scan(path: Path, mtime: int, size: int) -> Scan:
    digest, count, first_empty = hashlib.sha256(), 0, 0
    for line in read(path):
        count += 1
        digest.update(line)
        if not decoded(line, path, count).strip() and not first_empty:
            first_empty = count
    if not count:
        raise DataError(f"{path}: no line in it; accepted: one sentence a line")
    return Scan(count, first_empty, digest.hexdigest())


def check_aligned(pair: Pair) -> None:
    """Refuses two files of unequal length.

    Raises:
        DataError: names both line counts.
    """
    scans = {path: scan(path) for path in pair.files.values()}
    (first, one), (second, two) = scans.items()
    if one.lines != two.lines:
        raise DataError(
            f"{first} has {one.lines:,} lines, but {second} has {two.lines:,}; accepted: files"
            " aligned line by line"
        )


def check_complete(pair: Pair) -> None:
    """Refuses empty lines, which a score cannot be taken over.

    Raises:
        DataError: names the file and the first of them.
    """
    for path in pair.files.values():
        empty = scan(path).first_empty
        if empty:
            raise DataError(
                f"{path}: line {empty} is empty; accepted in files to validate or test on: a"
                " sentence in every line (remove the line from both files)"
            )


def read(path: Path) -> Iterator[bytes]:
    """The lines of a file, unpacked, with their newlines, without a byte-order mark.

    Raises:
        DataError: it is damaged, or its byte-order mark says that it is not UTF-8.
    """
    with _open(path) as file:
        first = file.readline()
        encoding = marked(first[:4])
        if encoding not in (None, "utf-8"):
            raise DataError(
                f"{path}: its byte-order mark says {encoding}; accepted: UTF-8 (convert it: iconv "
                f"-f {encoding} -t utf-8)"
            )
        first = first.removeprefix(BOM_UTF8)
        yield from chain([first] if first else [], file)


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            yield file  # type: ignore[misc]
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); fetch it again") from error


def decoded(line: bytes, path: Path, number: int) -> str:
    """A line as text.

    Raises:
        DataError: it is not UTF-8, or has a zero byte, as UTF-16 does, whose text is UTF-8 as
            well; the message names the line and the byte in it.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        wrong = f"is not UTF-8 (byte {line[error.start]:#04x} at {error.start})"
    else:
        if "\0" not in text:
            return text
        wrong = f"has a zero byte, at {line.index(0)}, as UTF-16 has"
    likely = "utf-16" if 0 in line else "latin1"
    raise DataError(
        f"{path}: line {number} {wrong}; convert it, e.g. with: iconv -f {likely} -t utf-8"
    )
