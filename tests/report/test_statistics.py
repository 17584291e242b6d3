import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.report.statistics import Estimate, mean_interval, paired_difference

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=8)


def test_textbook_interval():
    # Moore & McCabe's vitamin C: n = 8, mean 22.50, s = 7.19, 95% interval 16.5 to 28.5
    found = mean_interval([26, 31, 23, 22, 11, 22, 14, 31])
    assert found.mean == 22.5
    assert found.half_width == pytest.approx(2.365 * 7.19 / 8**0.5, rel=1e-3)


def test_two_seeds_are_shown_as_they_are():
    found = mean_interval([1.0, 3.0])
    assert found == Estimate(2.0, None, 2)
    assert found.values == (1.0, 3.0)


def test_one_seed_has_no_interval():
    assert mean_interval([0.5]) == Estimate(0.5, None, 1)


@pytest.mark.parametrize("bad", [[], [float("nan")], [1.0, float("inf")]])
def test_refuses_what_has_no_mean(bad):
    with pytest.raises(ValueError, match="finite value"):
        mean_interval(bad)


@given(VALUES, st.sampled_from([0.8, 0.95, 0.99]))
def test_equals_scipy(values, confidence):
    found = mean_interval(values, confidence)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(confidence)
    if np.ptp(values) > 1e-6:
        assert found.mean - found.half_width == pytest.approx(low, rel=1e-6, abs=1e-6)
        assert found.mean + found.half_width == pytest.approx(high, rel=1e-6, abs=1e-6)


@given(VALUES, st.floats(-100, 100), st.floats(0.1, 10))
def test_shifts_and_scales_with_the_values(values, shift, scale):
    found = mean_interval([scale * v + shift for v in values])
    base = mean_interval(values)
    assert found.mean == pytest.approx(scale * base.mean + shift, abs=1e-6)
    assert found.half_width == pytest.approx(scale * base.half_width, abs=1e-6)


def test_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    samples = rng.normal(5.0, 2.0, size=(4000, 3))
    hits = [
        abs(found.mean - 5.0) <= found.half_width
        for found in (mean_interval(sample) for sample in samples)
    ]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.012)


def test_pairing_removes_what_seeds_share():
    dense = {"1": 90.0, "2": 95.0, "3": 99.0}
    sparse = {key: value - 1.0 for key, value in dense.items()}
    found = paired_difference(sparse, dense)
    assert found.mean == pytest.approx(-1.0)
    assert found.half_width == pytest.approx(0.0, abs=1e-9)


def test_only_pairs_count():
    assert paired_difference({"1": 1.0, "2": 5.0}, {"2": 4.0, "3": 0.0}) == Estimate(1.0, None, 1)
    assert paired_difference({"1": 1.0}, {"2": 1.0}) is None
