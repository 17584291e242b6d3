"""Executing a plan: order, what failed cells do to others, and several at once."""

import dataclasses

import pytest

from harness.config import compose
from harness.sweep import execute as module
from harness.sweep import worker
from harness.sweep.execute import done, execute
from harness.sweep.plan import plan
from tests import jobs


class Listener:
    """Writes down what it hears."""

    def __init__(self):
        self.heard = []

    def started(self, cell):
        self.heard.append(("started", cell.name))

    def event(self, cell, event):
        self.heard.append((event["stage"], cell.name))

    def waiting(self, cell):
        self.heard.append(("waiting", cell.name))

    def ended(self, cell, outcome):
        self.heard.append((outcome.status, cell.name))


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch):
    monkeypatch.setattr(worker, "PRELOAD", ("harness.sweep.worker",))
    monkeypatch.setattr(module, "run_cell", jobs.cell)
    monkeypatch.setattr(module, "close_abandoned", lambda cell, reason: None)
    monkeypatch.setattr(module, "BUSY_WAIT", 0.1)


DENSE = "mnist_cnn · dense · seed 1"
HALF, MOST = "mnist_cnn · random 50% · seed 1", "mnist_cnn · random 90% · seed 1"
OTHER = "mnist_cnn · dense · seed 2"


def cells(folder, **does):
    """Dense, 50 %, 90 % and a dense cell of another seed; what each does by its place."""
    lines = [
        ("seed=1",),
        ("sparsity=random", "sparsity.target=0.5"),
        ("sparsity=random", "sparsity.target=0.9"),
        ("seed=2",),
    ]
    configs = [(compose([*line, f"work_dir={folder}"]), line) for line in lines]
    planned = plan(configs)
    return [
        dataclasses.replace(cell, overrides=(f"#do={does.get(f'at_{i}', 'finish')}",))
        for i, cell in enumerate(planned)
    ]


def run(planned, finished=None, **options):
    listener = Listener()
    outcomes = execute(planned, finished or {}, listener, **options)
    return {cell.name: outcomes[cell.id] for cell in planned}, listener.heard


def test_cells_run_in_order(tmp_path):
    outcomes, heard = run(cells(tmp_path))
    assert [name for what, name in heard if what == "started"] == [DENSE, OTHER, HALF, MOST]
    assert {outcome.status for outcome in outcomes.values()} == {"done"}
    assert outcomes[HALF].value["run_id"] == f"run of {HALF}"
    assert ("working", HALF) in heard


def test_finished_cells_are_not_run(tmp_path):
    planned = cells(tmp_path)
    outcomes, heard = run(planned, {planned[0].id: "old"})
    assert outcomes[DENSE] == done("old")
    assert all(name != DENSE for _, name in heard)
    assert outcomes[HALF].status == "done", "its baseline is finished"


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("raise", "RuntimeError: on purpose"),
        ("exit", "its process ended without a result (exit code 7)"),
        ("kill", "its process was killed by SIGKILL (out of memory?)"),
    ],
)
def test_a_failed_cell_leaves_the_others_alone(tmp_path, what, message):
    outcomes, _ = run(cells(tmp_path, at_2=what))
    assert (outcomes[HALF].status, outcomes[HALF].message) == ("failed", message)
    assert {outcomes[name].status for name in (DENSE, MOST, OTHER)} == {"done"}


def test_a_failed_baseline_takes_its_sparse_cells_with_it_unrun(tmp_path):
    outcomes, heard = run(cells(tmp_path, at_0="kill"))
    for name in (HALF, MOST):
        assert outcomes[name].status == "refused"
        assert outcomes[name].message == "its dense baseline did not finish"
        assert ("started", name) not in heard
        assert ("refused", name) in heard
    assert outcomes[OTHER].status == "done"


def test_a_refused_cell_is_told_apart(tmp_path):
    outcomes, _ = run(cells(tmp_path, at_1="refuse"))
    assert (outcomes[OTHER].status, outcomes[OTHER].message) == ("refused", "refused on purpose")


def test_a_busy_cell_is_tried_again(tmp_path):
    outcomes, heard = run(cells(tmp_path, at_0="busy"))
    assert outcomes[DENSE].status == "done"
    assert heard.count(("started", DENSE)) == 2
    assert ("waiting", DENSE) in heard
    ended = [name for what, name in heard if what == "done"]
    assert ended.index(DENSE) < ended.index(HALF), "sparse cells wait for their baseline"


def test_two_at_once(tmp_path):
    outcomes, _ = run(cells(tmp_path, at_0="meet", at_1="meet"), jobs=2)
    for name in (DENSE, OTHER):
        assert outcomes[name].value["metrics"]["met"] < 15, "they ran one after the other"


def test_one_at_once(tmp_path):
    _, heard = run(cells(tmp_path), jobs=1)
    running = 0
    for what, _ in heard:
        running += {"started": 1, "done": -1}.get(what, 0)
        assert 0 <= running <= 1


def test_an_interrupted_plan_leaves_no_process(tmp_path):
    class Interrupting(Listener):
        def event(self, cell, event):
            raise KeyboardInterrupt

    import multiprocessing

    with pytest.raises(KeyboardInterrupt):
        execute(cells(tmp_path), {}, Interrupting())
    assert not multiprocessing.active_children()
