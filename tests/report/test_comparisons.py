"""Against numbers by hand, and against scipy.stats, which the report is too quick to import."""

import numpy as np
import pytest
from scipy import stats

from harness.report.collect import Run
from harness.report.comparisons import (
    MANY,
    both_needed,
    bound,
    compare,
    examples_needed,
    holm,
    mcnemar,
    paired_t,
    seeds_needed,
)
from harness.report.layout import estimate
from harness.report.statistics import Estimate, mean_interval
from harness.tracking.answers import Answers

DRAWN = np.random.default_rng(0)


def test_the_paired_test_is_scipys():
    values = DRAWN.normal(0.4, 1.0, 5)
    assert paired_t(values) == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue)
    assert paired_t(values[:2]) is None
    assert paired_t([0.1, 0.1, 0.1]) is None


def test_mcnemar_is_a_binomial_test_of_the_discordant():
    first, second = DRAWN.random(500) < 0.95, DRAWN.random(500) < 0.90
    gained, lost = (first & ~second).sum(), (second & ~first).sum()
    expected = stats.binomtest(int(gained), int(gained + lost), 0.5).pvalue
    assert mcnemar((first, second)) == pytest.approx(expected)
    assert mcnemar((first, first)) == 1.0


def test_holm_never_reorders_and_counts_only_what_is_there():
    values = [0.2, 0.001, None, 0.04, 0.03]
    corrected = holm(values)
    assert corrected[2] is None
    assert corrected[1] == pytest.approx(0.004)
    assert corrected[4] == pytest.approx(0.09)
    assert corrected[3] == pytest.approx(0.09)  # never below a smaller one's
    assert corrected[0] == pytest.approx(0.2)
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_two_values_have_no_interval_and_are_shown():
    found = mean_interval([98.4, 98.8])
    assert found == Estimate(98.6, None, 2)
    assert estimate(found) == "98.40, 98.80"
    assert mean_interval([1.0, 2.0, 3.0]).half_width == pytest.approx(2.484, abs=1e-3)


def test_examples_are_paired_and_averaged_over_seeds():
    def run(name):
        return Run(name, "", "1", 0.0, {}, {})

    right = {
        name: Answers(DRAWN.random(2000) < share)
        for name, share in (("a", 0.9), ("b", 0.9), ("x", 0.8), ("y", 0.8))
    }
    difference = mean_interval([10.0, 10.0])
    pairs = {"a": run("x"), "b": run("y")}
    found = compare("control", difference, [run("a"), run("b")], pairs, right)
    each = (
        right["a"].right * 1.0 - right["x"].right + right["b"].right * 1.0 - right["y"].right
    ) / 2
    assert found.examples.mean == pytest.approx(100 * each.mean())
    assert found.examples.half_width == pytest.approx(100 * 1.959964 * each.std(ddof=1) / 2000**0.5)
    assert found.p_examples < 1e-6
    # without the answers of one pair, nothing is said of examples
    del right["y"]
    assert compare("control", difference, [run("a"), run("b")], pairs, right).examples is None


def test_the_bound_is_that_of_two_one_sided_tests():
    values = DRAWN.normal(0.0, 0.2, 6)
    low, high = bound(values, None)
    for end, side in ((low, "greater"), (high, "less")):
        assert stats.ttest_1samp(values, end, alternative=side).pvalue == pytest.approx(0.05)
    wider = bound(values, Estimate(0.0, 0.5, 500))
    assert wider[0] < low
    assert wider[1] > high
    assert bound(values[:2], None) is None


def test_with_seeds_enough_it_is_examples_that_are_needed():
    values, wide = [-0.1, 0.0, 0.1, 0.05, -0.05], Estimate(0.0, 0.8, 500)
    assert bound(values, wide)[0] < -0.3 < bound(values, None)[0]
    times = examples_needed(values, wide, 0.3)
    enough = Estimate(0.0, wide.half_width / times**0.5, 500 * times)
    assert bound(values, enough)[0] > -0.3
    few = Estimate(0.0, wide.half_width / (times / 2.5) ** 0.5, 500)
    assert bound(values, few)[0] < -0.3, "an even chance would do with fewer, not that few"
    assert examples_needed(values, wide, 0.05) is None, "seeds alone leave that open"
    assert examples_needed(values, None, 0.3) is None


def test_more_seeds_are_needed_the_nearer_the_bound():
    values = [0.1, -0.2, 0.3, 0.0]
    near, far = seeds_needed(values, 0.05), seeds_needed(values, 0.5)
    assert near > far >= 2
    # a one-sided test of 80 % power: (1.645 + 0.842)² s² / d², a little more for Student's t
    normal = (2.487 * np.std(values, ddof=1) / 0.05) ** 2
    assert normal < near < 1.02 * normal + 3
    assert seeds_needed(values, 1e-6) == seeds_needed(values, 0.0) == MANY + 1


def test_more_seeds_do_not_take_away_what_examples_vary():
    values, examples = [0.1, -0.2, 0.3, 0.0], Estimate(0.0, 0.3, 500)
    assert seeds_needed(values, 0.5, examples) > seeds_needed(values, 0.5)
    # beyond the normal test's reach, (1.645 + 0.842) × 0.3 / 1.96, no number of seeds is enough
    assert seeds_needed(values, 0.37, examples) == MANY + 1
    assert seeds_needed(values, 0.39, examples) <= MANY


@pytest.mark.parametrize("distance", [0.1, 0.2, 0.37])
def test_seeds_and_examples_that_together_are_enough_are(distance):
    values, examples = [0.1, -0.2, 0.3, 0.0], Estimate(0.0, 0.3, 500)
    seeds, times = both_needed(values, examples, distance)
    more = Estimate(0.0, examples.half_width / times**0.5, 500 * times)
    assert seeds_needed(values, distance, more) <= seeds
    fewer = Estimate(0.0, examples.half_width / (times / 4) ** 0.5, 500)
    assert seeds_needed(values, distance, fewer) > seeds
    assert both_needed(values, examples, 1e-6) is None
