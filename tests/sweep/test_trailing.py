"""How many cells may start beside those of which only the files are left to do."""

import pytest

from harness.cell import memory
from harness.config import compose
from harness.sweep.gpu_places import Place
from harness.sweep.plan import plan
from harness.sweep.trailing import Trailing
from harness.training.gpus import Gpu

TRAINED = {"kind": "trained", "bytes": 1000}


@pytest.fixture
def cells(store_uri, tmp_path):
    where = (f"tracking.uri={store_uri}", f"work_dir={tmp_path}")
    return plan([(compose([f"seed={n}", *where]), (f"seed={n}",)) for n in (1, 2, 3)])


def test_as_many_trail_as_run(cells):
    trailing = Trailing(jobs=1)
    assert trailing.room(cells[:1]) == 0
    assert not trailing.heard(cells[0], {"kind": "stage", "stage": "evaluating"}, Place())
    assert trailing.room(cells[:1]) == 0
    assert trailing.heard(cells[0], TRAINED, Place())
    assert trailing.room(cells[:1]) == 1
    assert trailing.room(cells[:2]) == 0
    assert trailing.heard(cells[1], TRAINED, Place())
    assert trailing.room(cells[:2]) == 0, "two trail already"
    trailing.ended(cells[0])
    assert trailing.room(cells[1:2]) == 1


def test_none_starts_without_the_memory_that_the_last_one_had(cells, monkeypatch):
    trailing = Trailing(jobs=2)
    trailing.heard(cells[0], TRAINED, Place())
    monkeypatch.setattr(memory, "available", lambda: 1000)
    assert trailing.room(cells[:2]) == 1
    monkeypatch.setattr(memory, "available", lambda: 999)
    assert trailing.room(cells[:2]) == 0
    assert trailing.room(cells[:1]) == 1, "beside which it would have run anyway"


def test_a_gpu_stays_its_cells(cells):
    trailing = Trailing(jobs=1)
    assert trailing.heard(cells[0], TRAINED, Place((Gpu("0", "A100", 8000),)))
    assert trailing.room(cells[:1]) == 0
