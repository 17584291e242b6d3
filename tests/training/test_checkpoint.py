"""Checkpoints: whole or absent, and told apart."""

import io
import pickle

import keras
import numpy as np
import pytest

from harness.training.checkpoint import Checkpoint, State, restore, snapshot
from harness.training.errors import TrainingError

pytestmark = pytest.mark.anywhere


def state(step=3):
    variables = [np.arange(6.0, dtype=np.float32).reshape(2, 3), np.array([7, 8], np.int64)]
    pruner = {"dense/kernel": np.array([True, False]), "step": np.array(2)}
    return State(step, variables, pruner, [{"step": 3, "val/loss": 0.1 + 0.2}], 1.5, 0.5)


def test_a_state_comes_back_to_the_bit(tmp_path):
    checkpoint = Checkpoint(tmp_path / "deep" / "state")
    assert checkpoint.load() is None
    checkpoint.save(state())
    found = checkpoint.load()
    for loaded, saved in zip(found.variables, state().variables, strict=True):
        np.testing.assert_array_equal(loaded, saved)
        assert loaded.dtype == saved.dtype
    assert found.pruner.keys() == state().pruner.keys()
    assert found.pruner["dense/kernel"].dtype == bool
    assert (found.step, found.history) == (3, state().history)
    assert (found.seconds, found.validating) == (1.5, 0.5)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["state"]


def test_a_save_that_fails_leaves_the_last_state(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path / "state")
    checkpoint.save(state(step=3))

    def full_disk(file, **arrays):
        file.write(b"half of it")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="no space left"):
        checkpoint.save(state(step=4))
    assert checkpoint.load().step == 3


@pytest.mark.parametrize("keep", [0, 10, -30])
def test_a_damaged_file_is_refused(tmp_path, keep):
    checkpoint = Checkpoint(tmp_path / "state")
    checkpoint.save(state())
    checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:keep])
    with pytest.raises(TrainingError, match=r"damaged checkpoint.*delete it"):
        checkpoint.load()


def test_pickles_are_not_read(tmp_path):
    path = tmp_path / "state"
    with path.open("wb") as file:
        np.savez(file, notes=np.array([object()], dtype=object))
    with pytest.raises(TrainingError, match="damaged checkpoint"):
        Checkpoint(path).load()


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"notes": "[1]"},
        {"notes": '{"step": 1}'},
        {"notes": '{"stp": 1}', "variable/0": np.ones(2)},
        {"notes": '{"step": 0, "history": []}', "variable/0": np.ones(2)},
        {"notes": '{"step": 1}', "variable/1": np.ones(2)},
        {"notes": '{"step": 1, "segment": {"begun": 0}}', "variable/0": np.ones(2)},
        {"notes": '{"step": 1}', "variable/0": np.ones(2), "else": np.ones(2)},
    ],
)
def test_something_else_is_refused(tmp_path, arrays):
    path = tmp_path / "state"
    with path.open("wb") as file:
        np.savez(file, **{name: np.array(value) for name, value in arrays.items()})
    with pytest.raises(TrainingError, match=r"damaged checkpoint \(.+\); delete it"):
        Checkpoint(path).load()


def test_another_format_is_refused(tmp_path):
    path = tmp_path / "state"
    for content in (io.BytesIO(), io.BytesIO(pickle.dumps([1]))):
        if not content.getvalue():
            np.save(content, np.ones(3))
        path.write_bytes(content.getvalue())
        with pytest.raises(TrainingError, match="damaged checkpoint"):
            Checkpoint(path).load()


def test_no_flipped_bit_is_more_than_a_line(tmp_path):
    """Archives hold a sum of every array; what a flip leaves of the rest is read or refused."""
    checkpoint = Checkpoint(tmp_path / "state")
    checkpoint.save(state())
    good = checkpoint.path.read_bytes()
    refused = 0
    for place in range(0, len(good), 3):
        content = bytearray(good)
        content[place] ^= 1 << place % 8
        checkpoint.path.write_bytes(content)
        try:
            found = checkpoint.load()
        except TrainingError as error:
            refused += "damaged checkpoint" in str(error) and "\n" not in str(error)
            continue
        refused += 1
        for loaded, saved in zip(found.variables, state().variables, strict=True):
            np.testing.assert_array_equal(loaded, saved)
    assert refused == len(range(0, len(good), 3))


def test_delete_is_harmless_twice(tmp_path):
    checkpoint = Checkpoint(tmp_path / "state")
    checkpoint.save(state())
    checkpoint.delete()
    checkpoint.delete()
    assert checkpoint.load() is None


def test_snapshots_are_copies_and_restore_assigns_them():
    variables = [
        keras.Variable(np.zeros(3, np.float32)),
        keras.Variable(np.ones((2, 2), np.float32)),
    ]
    values = snapshot(variables)
    variables[0].assign([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(values[0], np.zeros(3))
    restore(variables, values, "here")
    np.testing.assert_array_equal(variables[0].numpy(), np.zeros(3))


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ([np.zeros(3, np.float32)], "1 variables where this one has 2"),
        (
            [np.zeros(3, np.float32), np.zeros((2, 3), np.float32)],
            r"is .*\(2, 3\).* there and .*\(2, 2\).* here",
        ),
        ([np.zeros(3), np.zeros((2, 2), np.float32)], r"float64.* there and .*float32.* here"),
    ],
)
def test_values_of_another_model_are_refused_and_none_assigned(values, complaint):
    variables = [
        keras.Variable(np.ones(3, np.float32)),
        keras.Variable(np.ones((2, 2), np.float32)),
    ]
    with pytest.raises(TrainingError, match=complaint):
        restore(variables, values, "here")
    np.testing.assert_array_equal(variables[0].numpy(), np.ones(3))
