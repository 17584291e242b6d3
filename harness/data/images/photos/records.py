"""The photographs in the TFRecords of a prepared imagenet2012, found without reading them."""

import os
from collections.abc import Iterator
from pathlib import Path

from harness.data.images.photos.index import Entry
from harness.errors import DataError

#: So much of a record is read at once: all but its photograph, as a rule.
_WINDOW = 512


def tfds_shard(path: Path) -> Iterator[Entry]:
    """A shard of TFDS' imagenet2012: features image (as encoded), label and file_name."""
    size = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        at = 0
        while at < size:
            header = os.pread(file.fileno(), 12, at)
            length = int.from_bytes(header[:8], "little")
            if len(header) < 12 or at + 16 + length > size:
                raise DataError(f"{path}: truncated at byte {at}; prepare the data set again")
            record = _Record(file.fileno(), at + 12, length)
            try:
                yield record.entry()
            except (LookupError, ValueError, StopIteration) as error:
                raise DataError(
                    f"{path}: the record at byte {at} has no image, label and file_name ({error});"
                    " accepted: TFDS' imagenet2012"
                ) from error
            at += 16 + length


class _Record:
    """A serialized tf.train.Example, read without its photograph.

    Wire format: https://protobuf.dev/programming-guides/encoding. Example.features.feature is a
    map of entries {1: name, 2: Feature}; a Feature holds a list {1: bytes_list, 3: int64_list},
    whose field 1 are the values.
    """

    def __init__(self, file: int, begin: int, length: int):
        self._file, self._end = file, begin + length
        self._begin, self._window, self._at = begin, b"", begin

    def entry(self) -> Entry:
        """The photograph's place, its file's name and its class's number."""
        found: dict[str, tuple[int, int, int]] = {}
        for _, at, size in self._fields(self._at, self._end):  # Features
            for _, inner, length in self._fields(at, at + size):  # entries of the map
                parts = {field: place for field, *place in self._fields(inner, inner + length)}
                name = self._bytes(*parts[1]).decode()
                found[name] = self._value(*parts[2])
        _, image, size = found["image"]
        kind, at, length = found["label"]
        label = self._varint(at)[0] if kind == 2 else length
        _, at, length = found["file_name"]
        return Entry(str(label), self._bytes(at, length).decode(), image, size)

    def _value(self, at: int, size: int) -> tuple[int, int, int]:
        """A feature's one value: its wire type, place and size (or the number itself)."""
        _, at, size = next(self._fields(at, at + size))  # the list
        tag, after = self._varint(at)
        number, after = self._varint(after)
        return (2, after, number) if tag & 7 == 2 else (0, after, number)

    def _fields(self, at: int, end: int) -> Iterator[tuple[int, int, int]]:
        """(field number, place, size) of the fields of a message; all have a length."""
        while at < end:
            tag, at = self._varint(at)
            if tag & 7 != 2:
                raise KeyError(f"wire type {tag & 7}")
            size, at = self._varint(at)
            yield tag >> 3, at, size
            at += size

    def _varint(self, at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = self._bytes(at, 1)[0]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                return value, at

    def _bytes(self, at: int, size: int) -> bytes:
        begin = at - self._begin
        if not 0 <= begin <= begin + size <= len(self._window):
            wanted = min(max(size, _WINDOW), self._end - at)
            self._begin, self._window = at, os.pread(self._file, wanted, at)
            begin = 0
        return self._window[begin : begin + size]
