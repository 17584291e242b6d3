"""How a text file is encoded, by the byte-order mark it may begin with."""

import codecs

#: The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def marked(head: bytes) -> str | None:
    """The encoding that a file's first bytes (4 or more) announce; None if they announce none.

    Example:
        >>> marked("a line".encode("utf-16")), marked(b"a line")
        ('utf-16', None)
    """
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
