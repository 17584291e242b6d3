"""The container: bit for bit, near the entropy, and nothing of a damaged one is loaded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ExportError
from harness.export import container, entropy

RNG = np.random.default_rng(0)


def sparse(shape, share, kind):
    values = RNG.standard_t(4, shape) * (RNG.random(shape) < 1 - share)
    return (values * 20).clip(-127, 127).astype(kind)


ARRAYS = {
    "integers": sparse((30, 40), 0.9, np.int8),
    "floats": sparse((3, 3, 8, 16), 0.5, np.float32),
    "scalar": np.float32(2.5).reshape(()),
    "nothing": np.zeros((0, 4), np.float32),
    "zeros": np.zeros((50, 20), np.int8),
    "odd": np.array([-0.0, np.nan, np.inf, 1e-40], np.float32),
}


def test_arrays_and_header_come_back_bit_for_bit():
    content = container.pack({"model": [1, "x"]}, ARRAYS)
    header, arrays = container.unpack(content)
    assert header == {"model": [1, "x"]}
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
        assert arrays[name].tobytes() == np.ascontiguousarray(array).tobytes()
    assert container.pack({"model": [1, "x"]}, ARRAYS) == content


def test_every_cut_and_every_altered_byte_is_noticed():
    content = container.pack({}, {"x": ARRAYS["integers"]})
    for length in [*range(0, len(content), 7), len(content) - 1]:
        with pytest.raises(ExportError, match=r"model\.packed: .*(checksum|cut off)"):
            container.unpack(content[:length], "model.packed")
    for place in range(0, len(content), 5):
        altered = bytearray(content)
        altered[place] ^= 0x10
        with pytest.raises(ExportError, match=r"checksum|begins otherwise|received version"):
            container.unpack(bytes(altered))
    with pytest.raises(ExportError, match="checksum"):
        container.unpack(content + b"more")


def test_another_version_and_another_type_are_refused():
    content = bytearray(container.pack({}, {}))
    content[4] = 9
    with pytest.raises(ExportError, match="received version 9; accepted: 1"):
        container.unpack(bytes(content))
    with pytest.raises(ExportError, match="holds int8 and float32, received float64"):
        container.pack({}, {"x": np.ones(3)})


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 255), max_size=900), st.integers(0, 3))
def test_any_symbols_come_back(symbols, repeats):
    symbols = np.array(symbols * (1 + repeats), np.uint8)
    np.testing.assert_array_equal(entropy.decode(entropy.encode(symbols), len(symbols)), symbols)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.9, 0.95])
def test_integers_weigh_little_more_than_their_entropy(share):
    values = sparse((400, 500), share, np.int8)
    kept = float((values != 0).mean())
    mask = -(kept * np.log2(kept) + (1 - kept) * np.log2(1 - kept)) * values.size
    nonzero = np.bincount(values[values != 0].view(np.uint8))
    shares = nonzero[nonzero > 0] / nonzero.sum()
    by_hand = mask - (shares * np.log2(shares)).sum() * nonzero.sum()
    # zeros without a structure: what describes one may fit them by chance, and by very little
    assert 0.995 * by_hand <= 8 * container.bound({"x": values}) <= by_hand * (1 + 1e-9)
    size = len(entropy.encode(values.reshape(-1).view(np.uint8)))
    assert by_hand / 8 <= size < 1.02 * by_hand / 8 + 20


def test_no_symbols_have_no_entropy():
    assert entropy.bits(np.zeros(10, np.uint8)) == 0
    assert entropy.bits(np.zeros(0, np.uint8)) == 0
