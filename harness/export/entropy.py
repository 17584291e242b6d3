"""Entropy coding of bytes, near the fewest bits that symbols drawn one by one can take.

A range coder (Martin, 1979) over the symbols' own frequencies; `constriction`'s, Bamler,
https://arxiv.org/abs/2201.01741.
"""

import importlib.util
import struct
import zlib
from collections.abc import Sequence

import numpy as np

from harness.errors import ConfigError

#: Few symbols are kept as they are: a table of frequencies would cost more.
_FEW = 256
_PLAIN, _CODED, _CONSTANT = 0, 1, 2


def require() -> None:
    """Refuses to begin without the package that codes.

    Raises:
        ConfigError: it is not installed.
    """
    if importlib.util.find_spec("constriction") is None:
        raise ConfigError(
            "export.formats: packed needs the package constriction; install"
            " sparsity-harness[packed]"
        )


def encode(symbols: np.ndarray) -> bytes:
    """Bytes from which `decode` gives the symbols back.

    Args:
        symbols: uint8, [n].
    """
    counts = np.bincount(symbols, minlength=256)
    if len(symbols) and counts.max() == len(symbols):
        return struct.pack("<BB", _CONSTANT, symbols[0])
    plain = struct.pack("<B", _PLAIN) + symbols.tobytes()
    if len(symbols) < _FEW:
        return plain
    import constriction

    present = np.flatnonzero(counts)
    coder = constriction.stream.queue.RangeEncoder()
    numbered = np.searchsorted(present, symbols).astype(np.int32)
    coder.encode(numbered, _model(counts[present]))
    table = zlib.compress(_varints(counts), 9)
    words = coder.get_compressed().astype("<u4").tobytes()
    coded = struct.pack("<BH", _CODED, len(table)) + table + words
    return coded if len(coded) <= len(symbols) else plain


def decode(content: bytes, count: int) -> np.ndarray:
    """The symbols, uint8, [count], of what `encode` gave."""
    kind = content[0]
    if kind == _CONSTANT:
        return np.full(count, content[1], np.uint8)
    if kind == _PLAIN:
        return np.frombuffer(content, np.uint8, count, 1)
    import constriction

    (size,) = struct.unpack_from("<H", content, 1)
    counts = _from_varints(zlib.decompress(content[3 : 3 + size]))
    present = np.flatnonzero(counts)
    words = np.frombuffer(content, "<u4", -1, 3 + size).astype(np.uint32)
    coder = constriction.stream.queue.RangeDecoder(words)
    return present[coder.decode(_model(counts[present]), count)].astype(np.uint8)


def bits(symbols: np.ndarray) -> float:
    """The entropy of symbols drawn one by one with their own frequencies, in bits for all.

    Of values with zeros among them it is that of the mask plus that of the others.
    """
    return of_counts(np.bincount(symbols, minlength=256))


def of_counts(counts: Sequence[int] | np.ndarray) -> float:
    """The same of symbols that occur so many times each."""
    present = np.asarray(counts, np.float64)
    present = present[present > 0]
    return float((present * np.log2(present.sum() / present)).sum())


def _model(counts: np.ndarray) -> "object":
    import constriction

    shares = counts.astype(np.float64) / counts.sum()
    return constriction.stream.model.Categorical(shares, perfect=False)


def _varints(numbers: np.ndarray) -> bytes:
    """Seven bits a byte, the lowest first, the high bit set on all but the last."""
    out = bytearray()
    for number in map(int, numbers):
        while number > 0x7F:
            out.append(number & 0x7F | 0x80)
            number >>= 7
        out.append(number)
    return bytes(out)


def _from_varints(content: bytes) -> np.ndarray:
    numbers, number, shift = [], 0, 0
    for byte in content:
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            numbers.append(number)
            number, shift = 0, 0
    return np.array(numbers)
