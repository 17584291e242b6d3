"""A plan played through: who waits for whom, and how long."""

import pytest

from harness.config import compose
from harness.sweep.plan import plan
from harness.sweep.simulate import makespan


@pytest.fixture(scope="module")
def cells():
    lines = [("sparsity=random", f"sparsity.target={target}") for target in (0.5, 0.75, 0.9)]
    return plan([(compose(each), each) for each in lines])


@pytest.mark.parametrize(
    ("workers", "seconds"), [(1, 10 + 3 * 4), (2, 10 + 2 * 4), (3, 10 + 4), (99, 10 + 4)]
)
def test_sparse_cells_wait_for_their_baseline(cells, workers, seconds):
    takes = {cell.id: 4.0 if cell.needs else 10.0 for cell in cells}
    assert makespan(cells, takes, workers) == seconds


def test_a_baseline_that_is_finished_is_waited_for_by_none(cells):
    assert makespan(cells[1:], {cell.id: 4.0 for cell in cells}, 2) == 8
    assert makespan([], {}, 2) == 0
