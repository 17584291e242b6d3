"""What a photograph's bytes are, and whether they are whole; needs no TensorFlow.

JPEG (RGB, gray or CMYK) and PNG are taken, whatever a file is called: ILSVRC 2012 has a PNG
and some CMYK files among its .JPEG. Anything else, and a file that ends before its picture
does, is refused by name.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.errors import DataError

JPEG = b"\xff\xd8\xff"
JPEG_END = b"\xff\xd9"
PNG = b"\x89PNG\r\n\x1a\n"
PNG_END = b"IEND\xaeB`\x82"
#: How many bytes at each end of a file tell that it is whole; a PNG's say its size, too.
HEAD, TAIL = 24, len(PNG_END)
#: Pixels of a picture that is looked at more closely: a few bytes can be gigabytes of zeros.
_MANY = 50_000_000

_OTHERS = {b"GIF8": "a GIF", b"BM": "a BMP", b"II*\0": "a TIFF", b"RIFF": "a WebP"}


def is_whole(head: bytes, tail: bytes) -> bool:
    """Whether a file's first and last bytes are those of a whole JPEG or PNG."""
    if head.startswith(JPEG):
        return tail.endswith(JPEG_END)
    return head.startswith(PNG) and tail.endswith(PNG_END) and _pixels(head) <= _MANY


def _pixels(head: bytes) -> int:
    """Width times height, as a PNG's head says."""
    return int.from_bytes(head[16:20]) * int.from_bytes(head[20:24])


def require_whole(content: bytes, place: str) -> None:
    """Refuses what is no whole photograph.

    A file without its end marker is decoded to find out: some have other bytes behind it.

    Raises:
        DataError: says what is wrong with which file.
    """
    if is_whole(content[:HEAD], content[-TAIL:]):
        return
    if not content:
        raise DataError(f"{place}: an empty file; fetch it again")
    if not content.startswith((JPEG, PNG)):
        begins = [name for start, name in _OTHERS.items() if content.startswith(start)]
        found = begins[0] if begins else f"starts with {content[:4].hex(' ')}"
        raise DataError(f"{place}: no photograph ({found}); accepted: JPEG, PNG")
    with opened(content, place) as image:
        image.load()


@contextmanager
def opened(content: bytes, place: str) -> Iterator[Any]:
    """A photograph as Pillow has it, within a block.

    Raises:
        DataError: it cannot be read, here or in the block; says what is wrong with which file.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            yield image
    except Image.DecompressionBombError as error:
        raise DataError(f"{place}: {error}; remove it") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(
            f"{place}: truncated or damaged after {len(content)} bytes ({error}); fetch it again"
        ) from None
