import pytest

from harness.report.grid import number
from harness.report.layout import estimate
from harness.report.statistics import Estimate


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (None, 2, "n/a"),
        (13_103_572, 0, "13,103,572"),
        (49.99999, 2, "50.00"),
        (-0.001, 2, "0.00"),
        (-1.005, 1, "-1.0"),
    ],
)
def test_numbers(value, digits, text):
    assert number(value, digits) == text


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (None, False, "n/a"),
        (Estimate(98.5333, 0.2117, 3), False, "98.53 ± 0.21"),
        (Estimate(98.5333, None, 1), False, "98.53"),
        (Estimate(0.4, 0.1, 3), True, "+0.40 ± 0.10"),
        (Estimate(-0.4, 0.1, 3), True, "−0.40 ± 0.10"),
        (Estimate(-0.0001, None, 1), True, "0.00"),
    ],
)
def test_estimates(value, signed, text):
    assert estimate(value, signed=signed) == text
