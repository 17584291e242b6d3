"""What masks take: enough to number all masks of the kind, and no more for having a structure."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.export import container, entropy, masks

_CLOSE = 1e-6


def singles(mask):
    kept = int(np.count_nonzero(mask))
    return entropy.of_counts([kept, mask.size - kept])


def numbers(count):
    """Bits that tell one of so many things by its number."""
    return math.log2(count)


def ways(mask):
    """How many masks have as many ones."""
    return math.comb(mask.size, int(np.count_nonzero(mask)))


def sorted_ways(symbols):
    """In how many orders symbols can stand."""
    counts = np.unique(symbols, return_counts=True)[1].tolist()
    return math.factorial(sum(counts)) // math.prod(map(math.factorial, counts))


def of_groups(mask, size):
    """Masks with groups along the inputs of which as many have as many ones, and as long a tail."""
    lines = np.moveaxis(mask, -2, -1).reshape(-1, mask.shape[-2])
    whole = lines.shape[1] // size * size
    ones = lines[:, :whole].reshape(-1, size).sum(-1)
    within = math.prod(math.comb(size, int(each)) for each in ones)
    return sorted_ways(ones) * within * ways(lines[:, whole:])


def of_channels(mask):
    """Masks with as many dead inputs and outputs, and as many ones in what is left."""
    inputs, outputs = mask.any(axis=(0, 2)), mask.any(axis=(0, 1))
    return ways(inputs) * ways(outputs) * ways(mask[:, inputs][:, :, outputs])


shapes = st.tuples(st.integers(1, 3), st.integers(1, 19), st.integers(1, 19))
settled = settings(deadline=None, max_examples=60)


@settled
@given(shapes, st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_what_is_described_has_a_number_within_its_bits(shape, share, dead, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < share
    mask[:, rng.random(shape[1]) < dead] = False
    mask[:, :, rng.random(shape[2]) < dead] = False
    found = masks.bits(mask)
    assert 0 <= found <= singles(mask) + _CLOSE, "a structure costs no more than none"
    # a coder may number all masks of a description: as many as the bits tell apart, or fewer
    assert numbers(ways(mask)) <= singles(mask) + _CLOSE
    rest = [mask, mask[:, mask.any(axis=(0, 2))][:, :, mask.any(axis=(0, 1))]]
    for each in rest:
        for size in masks.GROUPS:
            if each.shape[1] >= size:
                told = masks._groups(np.moveaxis(each, -2, -1), size)
                assert numbers(of_groups(each, size)) <= told + _CLOSE
    named = singles(mask.any(axis=(0, 2))) + singles(mask.any(axis=(0, 1))) + singles(rest[1])
    assert numbers(of_channels(mask)) <= named + _CLOSE
    assert found <= named + _CLOSE


@settled
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_groups_of_which_each_keeps_n_of_m_take_the_ways_that_they_can(groups, outputs, n, seed):
    order = np.random.default_rng(seed).random((outputs, groups, 4)).argsort(-1)
    mask = (order < n).reshape(outputs, -1).T  # [inputs, outputs]
    by_hand = groups * outputs * math.log2(math.comb(4, n))
    assert masks.bits(mask) <= by_hand + _CLOSE
    assert masks.bits(mask[np.newaxis]) == masks.bits(mask)


def test_large_kernels_of_each_structure_take_what_is_worked_out_by_hand():
    rng = np.random.default_rng(0)
    order = rng.random((500, 100, 4)).argsort(-1)
    two_of_four = (order < 2).reshape(500, 400).T
    assert masks.bits(two_of_four) == pytest.approx(50_000 * math.log2(6), rel=1e-3)
    blocks = np.repeat(rng.random((100, 500)) < 0.2, 4, axis=0)
    assert masks.bits(blocks) == pytest.approx(singles(blocks) / 4)
    channels = np.ones((3, 3, 64, 128), bool)
    channels[:, :, :32] = False
    channels[..., ::4] = False
    assert masks.bits(channels) == pytest.approx(64 + singles(np.arange(128) % 4 > 0))
    random = rng.random((400, 500)) < 0.25
    assert masks.bits(random) == pytest.approx(singles(random), rel=2e-3)


def test_nothing_and_everything_take_nothing():
    for mask in (np.zeros((4, 8), bool), np.ones((4, 8), bool), np.zeros((0, 4), bool)):
        assert masks.bits(mask) == 0
    assert masks.bits(np.ones((), bool)) == 0


def test_a_structured_kernel_is_estimated_below_what_xz_makes_of_it():
    """The mask of single zeros alone would take 0.25 bits more a weight."""
    import lzma

    rng = np.random.default_rng(1)
    values = rng.integers(1, 128, (400, 500)).astype(np.int8)
    channels = values.copy()
    channels[rng.random(400) < 0.5] = 0
    channels[:, rng.random(500) < 0.5] = 0
    groups = values * (rng.random((500, 100, 4)).argsort(-1) < 2).reshape(500, 400).T
    for kernel in (channels, groups):
        file = min(len(lzma.compress(np.ascontiguousarray(one))) for one in (kernel, kernel.T))
        assert container.bound({"kernel": kernel}) < file
