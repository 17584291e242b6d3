"""Schedules are the same in Python, NumPy and the graph, and always end at their end."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from harness.pruning import Constant, Cosine, Frozen, OneShot, Piecewise, Polynomial, PruningError
from tests.settings import ROOT

SPARSITY = st.floats(0, 0.999)
BEGIN, LENGTH, FREQUENCY = st.integers(0, 50), st.integers(0, 200), st.integers(1, 40)


@st.composite
def schedules(draw):
    begin, end = draw(BEGIN), None
    end = begin + draw(LENGTH)
    frequency = draw(FREQUENCY)
    kind = draw(st.sampled_from(["constant", "polynomial", "cosine", "one_shot", "piecewise"]))
    if kind == "constant":
        return Constant(draw(SPARSITY), begin, draw(st.sampled_from([None, end])), frequency)
    if kind == "polynomial":
        power = draw(st.sampled_from([0.5, 1.0, 3.0]))
        return Polynomial(draw(SPARSITY), draw(SPARSITY), begin, end, power, frequency)
    if kind == "cosine":
        return Cosine(draw(SPARSITY), draw(SPARSITY), begin, end, frequency)
    if kind == "one_shot":
        return OneShot(draw(SPARSITY), begin)
    steps = sorted(draw(st.sets(st.integers(0, 250), min_size=1, max_size=5)))
    return Piecewise(steps, [draw(SPARSITY) for _ in steps])


@given(schedules())
def test_python_numpy_and_tensors_agree(schedule):
    steps = np.arange(0, 300)
    due, sparsity = schedule.updates_at(steps), schedule.sparsity(steps)
    np.testing.assert_array_equal(due, schedule.updates_at(tf.constant(steps, tf.int64)))
    np.testing.assert_allclose(sparsity, schedule.sparsity(tf.constant(steps, tf.int64)), atol=1e-6)
    assert [bool(schedule.updates_at(int(step))) for step in steps] == due.tolist()
    assert list(schedule.update_steps(299)) == np.flatnonzero(due).tolist()


@given(st.one_of(schedules(), st.just(Frozen())))
def test_its_text_makes_it_again(schedule):
    assert eval(repr(schedule)) == schedule


@given(schedules(), st.integers(0, 299))
def test_last_update_is_the_last_of_the_updates(schedule, last):
    assert schedule.last_update(last) == max(schedule.update_steps(last), default=None)


@given(schedules())
def test_a_schedule_that_ends_refreshes_at_its_end_at_its_final_sparsity(schedule):
    if schedule.end_step is not None:
        assert schedule.updates_at(schedule.end_step)
        reached = float(schedule.sparsity(schedule.end_step))
        assert reached == pytest.approx(schedule.final_sparsity, abs=1e-6)


def test_polynomial_whose_frequency_misses_the_end():
    # tfmot stops at 0.7695 here.
    schedule = Polynomial(0.0, 0.8, begin_step=0, end_step=150, frequency=100)
    assert list(schedule.update_steps(1000)) == [0, 100, 150]
    assert float(schedule.sparsity(150)) == np.float32(0.8)


def test_steps_that_float32_does_not_tell_apart():
    begin = 2**24 + 3
    schedule = Polynomial(0.1, 0.5, begin, begin + 2)
    for step in (begin + 2, tf.constant(begin + 2, tf.int64)):
        assert float(schedule.sparsity(step)) == pytest.approx(0.5)


def test_cosine_is_exact_at_its_ends_and_half_way():
    schedule = Cosine(0.1, 0.9, 10, 110)
    assert schedule.sparsity(np.array([0, 10, 60, 110, 500])) == pytest.approx(
        [0.1, 0.1, 0.5, 0.9, 0.9]
    )


def test_piecewise_holds_between_steps():
    schedule = Piecewise([5, 10], [0.5, 0.9])
    assert schedule.sparsity(np.array([0, 5, 9, 10, 99])) == pytest.approx(
        [0.5, 0.5, 0.5, 0.9, 0.9]
    )


def test_frozen_never_refreshes():
    schedule = Frozen()
    assert not schedule.updates_at(np.arange(5)).any()
    assert not bool(schedule.updates_at(tf.constant(0)))
    assert list(schedule.update_steps(10)) == []
    assert schedule.last_update(10) is None


def test_equality_and_text():
    assert Constant(0.5) == Constant(0.5) != Constant(0.6)
    assert len({OneShot(0.5), OneShot(0.5), OneShot(0.5, step=1)}) == 2
    assert repr(Constant(0.5, end_step=9)) == (
        "Constant(target=0.5, begin_step=0, frequency=100, end_step=9)"
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant(1.0), r"target must be in \[0, 1\)"),
        (lambda: Constant(float("nan")), r"in \[0, 1\)"),
        (lambda: Constant("0.5"), "must be a number"),
        (lambda: Constant(True), "must be a number"),
        (lambda: Constant(0.5, begin_step=2.0), "whole number"),
        (lambda: Constant(0.5, 5, 4), "end_step must not come before"),
        (lambda: Constant(0.5, frequency=0), "frequency must be at least 1"),
        (lambda: Polynomial(0, 0.5, 0, None), "end_step must be a whole number"),
        (lambda: Polynomial(0, 0.5, 0, 10, power=0), "power must be a positive"),
        (lambda: Polynomial(0, 1.5, 0, 10), "final must be in"),
        (lambda: Piecewise([], []), "at least one"),
        (lambda: Piecewise([1, 1], [0.1, 0.2]), "steps must increase"),
        (lambda: Piecewise([1], [0.1, 0.2]), "as many steps"),
    ],
)
def test_refused_arguments(make, message):
    with pytest.raises(PruningError, match=message):
        make()


def test_schedules_do_not_need_tensorflow():
    code = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "import importlib.util as u, types\n"
        "package = types.ModuleType('harness.pruning'); package.__path__ = [sys.argv[1]]\n"
        "sys.modules['harness.pruning'] = package\n"
        "from harness.pruning.schedule.polynomial import Polynomial\n"
        "from harness.pruning.threshold import keep_largest\n"
        "import numpy as np\n"
        "assert Polynomial(0., .8, 0, 10).sparsity(10) == np.float32(.8)\n"
        "assert keep_largest(np.float32([1, 3, 2]), 2).tolist() == [False, True, True]\n"
    )
    folder = str(ROOT / "harness" / "pruning")
    subprocess.run([sys.executable, "-c", code, folder], check=True, timeout=600, cwd=ROOT)
