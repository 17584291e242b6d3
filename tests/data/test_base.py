"""The order of training batches, splits and digests."""

from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.base import ArrayData, Split, digest, spread, stratified
from harness.errors import ConfigError, DataError
from harness.system import cores
from harness.training import accumulation


def numbered(count: int) -> ArrayData:
    """Examples whose label is their number, so that a batch tells which ones it holds."""
    split = Split(np.arange(count * 4, dtype=np.uint8).reshape(count, 2, 2, 1), np.arange(count))
    return ArrayData(
        "numbered", "0", "made here", tuple(map(str, range(count))), split, split, split
    )


def labels(data: ArrayData, batch_size: int, seed: int, start: int, count: int) -> list[list[int]]:
    batches = data.train(batch_size, seed, start).take(count)
    return [y.numpy().tolist() for _, y in batches]


def flat(batches: list[list[int]]) -> list[int]:
    return list(chain.from_iterable(batches))


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(2, 40),
    batch_size=st.integers(1, 12),
    seed=st.integers(0, 2**62 - 1),
    start=st.integers(0, 200),
)
def test_a_batch_is_decided_by_seed_and_step(count, batch_size, seed, start):
    batch_size = min(batch_size, count)
    data = numbered(count)
    from_zero = labels(data, batch_size, seed, 0, start + 3)
    assert labels(data, batch_size, seed, start, 3) == from_zero[start:]


@settings(max_examples=15, deadline=None)
@given(count=st.integers(2, 40), batch_size=st.integers(1, 12), seed=st.integers(0, 2**31))
def test_an_epoch_holds_no_example_twice(count, batch_size, seed):
    batch_size = min(batch_size, count)
    steps = count // batch_size
    for epoch in range(3):
        seen = flat(labels(numbered(count), batch_size, seed, epoch * steps, steps))
        assert len(set(seen)) == len(seen) == steps * batch_size
        assert set(seen) <= set(range(count))


@pytest.mark.parametrize(
    "stream",
    [
        lambda data: data.train(8, 3),
        lambda data: data.validation(8),
        lambda data: data.test(8),
        lambda data: accumulation.in_parts(data.train(8, 3), 2),
        lambda data: data.train(8, 3).take(2),
    ],
)
def test_no_stream_is_tuned_by_a_thread_that_its_end_would_wait_for(stream):
    """On one core an iterator's end waited out the thread's sleep, for up to a minute."""
    options = stream(numbered(64)).options()
    assert options.autotune.enabled is False
    assert options.autotune.initial_parallelism == len(cores.usable())


def test_epochs_and_seeds_have_orders_of_their_own():
    data = numbered(64)
    epochs = [flat(labels(data, 8, 3, epoch * 8, 8)) for epoch in range(4)]
    assert all(a != b for a, b in pairwise(epochs))
    assert epochs[0] != flat(labels(data, 8, 4, 0, 8))
    assert epochs[0] != flat(labels(data, 8, 3 + 2**33, 0, 8)), "the seed's high bits count"


def test_the_left_over_examples_differ_from_epoch_to_epoch():
    data = numbered(10)
    left = [set(range(10)) - set(flat(labels(data, 4, 1, 2 * epoch, 2))) for epoch in range(8)]
    assert len(set(map(frozenset, left))) > 1


def test_inputs_are_scaled_and_follow_their_labels():
    data = numbered(6)
    for x, y in data.train(3, seed=0).take(4):
        expected = data.train_split.inputs[y.numpy()].astype(np.float32) / np.float32(255)
        np.testing.assert_array_equal(x.numpy(), expected)
        assert x.shape == (3, 2, 2, 1), "the batch size is static, for strategies and XLA"


def test_held_out_splits_are_whole_and_in_order():
    seen = [y.numpy().tolist() for _, y in numbered(7).test(3)]
    assert seen == [[0, 1, 2], [3, 4, 5], [6]]
    assert sum(len(y) for _, y in numbered(7).validation(4)) == 7


def test_what_is_sampled_is_of_every_class_of_a_split_that_lies_class_by_class():
    split = Split(np.repeat(np.arange(5, dtype=np.uint8), 100)[:, None], np.repeat(range(5), 100))
    data = ArrayData("sorted", "0", "made here", tuple("abcde"), split, split, split)
    found = np.rint(data.sampled(64) * 255).astype(int).ravel()
    assert len(found) == 64
    assert min(np.bincount(found, minlength=5)) >= 12
    assert len(numbered(7).sampled(64)) == 7, "all, where there are fewer"
    np.testing.assert_array_equal(spread(500, 3), [0, 249, 499])


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ConfigError, match=r"training\.batch_size=8.*7 training examples"):
        numbered(7).train(8, seed=0)


@given(
    classes=st.lists(st.integers(20, 60), min_size=1, max_size=5),
    seed=st.integers(0, 2**31),
)
def test_stratified_parts_are_disjoint_whole_and_balanced(classes, seed):
    truth = np.repeat(np.arange(len(classes)), classes)
    parts = stratified(truth, [0.1, 0.2], seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(truth)))
    for label, size in enumerate(classes):
        counts = [int((truth[part] == label).sum()) for part in parts]
        assert counts[1:] == [round(0.1 * size), round(0.2 * size)]


def test_the_split_is_pinned():
    """A split that moved between versions would leak test examples into training."""
    parts = stratified(np.repeat([0, 1], 6), [0.34], seed=0)
    assert [part.tolist() for part in parts] == [[0, 1, 3, 4, 6, 8, 10, 11], [2, 5, 7, 9]]


def test_too_few_examples_to_split_are_refused():
    with pytest.raises(DataError, match="too few to split"):
        stratified(np.array([0, 1, 2]), [0.1], seed=0)


def test_digest_tells_names_contents_and_their_borders_apart():
    digests = {
        digest([("a", b"b")]),
        digest([("ab", b"")]),
        digest([("a", b"c")]),
        digest([("a", b"b"), ("a", b"b")]),
    }
    assert len(digests) == 4
