"""Executing a plan: order, what failed cells do to others, and several at once."""

import dataclasses
import functools
import multiprocessing

import pytest

from harness.cell.cell import log_path, work_path
from harness.cell.lock import held
from harness.cell.stages import tidy
from harness.config import compose
from harness.data import space
from harness.sweep.execute import done, execute
from harness.sweep.foreseen import Foreseen
from harness.sweep.plan import plan
from harness.tracking import cell_run
from harness.tracking.cell_run import CellRun
from tests import jobs
from tests.runs import locked


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


DENSE = "mnist_cnn · dense · seed 1"
HALF, MOST = "mnist_cnn · random 50% · seed 1", "mnist_cnn · random 90% · seed 1"
OTHER = "mnist_cnn · dense · seed 2"


@pytest.fixture
def planned(store_uri, tmp_path):
    """Dense cells of two seeds, and 50 % and 90 % of the first one, in an order to run them."""
    where = (f"tracking.uri={store_uri}", f"work_dir={tmp_path}")
    lines = [
        ("seed=1",),
        ("sparsity=random", "sparsity.target=0.5"),
        ("sparsity=random", "sparsity.target=0.9"),
        ("seed=2",),
    ]
    return plan([(compose([*line, *where]), line) for line in lines])


def run(planned, finished=None, orders=None, **options):
    """Outcomes by name, and what a listener heard; `orders` say what cells do, by name."""
    listener = Listener()
    stand_in = functools.partial(jobs.cell, orders or {})
    outcomes = execute(planned, finished or {}, listener, run=stand_in, busy_wait=0.1, **options)
    return {cell.name: outcomes[cell.id] for cell in planned}, listener.heard


def test_cells_run_in_order(planned):
    outcomes, heard = run(planned)
    assert [name for what, name in heard if what == "started"] == [DENSE, OTHER, HALF, MOST]
    assert {outcome.status for outcome in outcomes.values()} == {"done"}
    assert outcomes[HALF].value["run_id"] == f"run of {HALF}"
    assert ("working", HALF) in heard


def test_finished_cells_are_not_run(planned):
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
def test_a_failed_cell_leaves_the_others_alone(planned, what, message):
    outcomes, _ = run(planned, orders={HALF: what})
    assert (outcomes[HALF].status, outcomes[HALF].message) == ("failed", message)
    assert {outcomes[name].status for name in (DENSE, MOST, OTHER)} == {"done"}


def test_what_took_the_last_memory_is_told_as_such(planned):
    outcomes, heard = run(planned, orders={HALF: "starve"})
    assert outcomes[HALF].status == "failed"
    assert outcomes[HALF].message.startswith("out of memory: it had 6.0 of 8.0 GB and asked for")
    assert "training.gradient_accumulation=2" in outcomes[HALF].message
    assert f"training.batch_size below {planned[0].config.training.batch_size}" in (
        outcomes[HALF].message
    )
    assert heard.count(("started", HALF)) == 1, "it was alone already"
    assert outcomes[MOST].status == "done"


def test_what_was_foreseen_of_it_is_told_with_the_parts_that_fit(planned):
    (half,) = [cell for cell in planned if cell.name == HALF]
    told = {half.id: Foreseen(53_000_000_000, 16, 3_400_000_000)}
    outcomes, _ = run(planned, orders={HALF: "starve", MOST: "starve"}, foreseen=told)
    assert outcomes[HALF].message.startswith(
        "out of memory: it had 6.0 of 8.0 GB and a step was foreseen to hold 53.0 GB; accepted: "
        "training.gradient_accumulation=16 (a step holds 3.4 GB), a training.batch_size below"
    )
    assert "foreseen" not in outcomes[MOST].message


def test_what_is_given_no_memory_and_ends_itself_is_told_as_such(planned):
    (half,) = [cell for cell in planned if cell.name == HALF]
    told = {half.id: Foreseen(53_000_000_000_000, 16, 3_400_000_000)}
    outcomes, _ = run(planned, orders={HALF: "segfault", MOST: "segfault"}, foreseen=told)
    assert outcomes[HALF].message.startswith(
        "out of memory: its process was killed by SIGSEGV and a step was foreseen to hold 53000.0 "
        "GB; accepted: training.gradient_accumulation=16"
    )
    assert outcomes[MOST].message == "its process was killed by SIGSEGV"


def test_what_starved_beside_others_runs_again_alone(planned):
    outcomes, heard = run(planned, orders={OTHER: "starve once", DENSE: "linger"}, jobs=2)
    assert {outcome.status for outcome in outcomes.values()} == {"done"}
    starts = [name for what, name in heard if what == "started"]
    assert sorted(starts[:2]) == [DENSE, OTHER]
    assert starts[2] == OTHER
    again = len(heard) - heard[::-1].index(("started", OTHER)) - 1
    assert ("done", DENSE) in heard[:again]
    assert heard[again + 1 :].index(("done", OTHER)) < heard[again + 1 :].index(("started", HALF))


def test_cells_that_starve_at_once_each_run_again_alone(planned):
    orders = {OTHER: "starve together", DENSE: "starve together"}
    outcomes, heard = run(planned, orders=orders, jobs=2)
    assert {outcome.status for outcome in outcomes.values()} == {"done"}
    assert sorted(name for what, name in heard if "out of memory" in what) == [DENSE, OTHER]
    seconds = [each for each in heard if each[1] in (DENSE, OTHER)][-6:]
    assert [what for what, _ in seconds] == ["started", "working", "done"] * 2, "not one by one"


def test_what_the_kernel_ends_beside_others_runs_again_alone(planned, tmp_path, monkeypatch):
    """It says so to nobody, and counts."""
    counts = tmp_path / "vmstat"
    counts.write_text("pgfault 9\noom_kill 3\n")
    monkeypatch.setattr(space, "_VMSTAT", counts)
    outcomes, heard = run(planned, orders={OTHER: "kernel", DENSE: "linger"}, jobs=2)
    assert {outcome.status for outcome in outcomes.values()} == {"done"}
    assert heard.count(("started", OTHER)) == 2

    counts.write_text("oom_kill 3\n")
    (tmp_path / "begun").write_text("before\n")
    outcomes, _ = run(planned[:1], orders={DENSE: "kernel"})
    assert outcomes[DENSE].status == "failed"
    assert outcomes[DENSE].message.startswith("out of memory: the kernel ended its process; acc")


def test_what_somebody_else_kills_is_not_run_again(planned):
    outcomes, heard = run(planned, orders={OTHER: "kill", DENSE: "linger"}, jobs=2)
    assert outcomes[OTHER].status == "failed"
    assert heard.count(("started", OTHER)) == 1


def test_a_failed_baseline_takes_its_sparse_cells_with_it_unrun(planned):
    outcomes, heard = run(planned, orders={DENSE: "kill"})
    for name in (HALF, MOST):
        assert outcomes[name].status == "refused"
        assert outcomes[name].message == "its dense baseline did not finish"
        assert ("started", name) not in heard
        assert ("refused", name) in heard
    assert outcomes[OTHER].status == "done"


def test_a_failed_cell_whose_run_cannot_be_closed_leaves_the_others_alone(planned):
    with locked(planned[0].config.tracking.uri):
        outcomes, _ = run(planned, orders={HALF: "raise"})
    assert (outcomes[HALF].status, outcomes[HALF].message) == ("failed", "RuntimeError: on purpose")
    assert {outcomes[name].status for name in (DENSE, MOST, OTHER)} == {"done"}


def test_a_cell_whose_log_cannot_be_written_leaves_the_others_alone(planned, tmp_path):
    mine = tmp_path / "a file"
    mine.touch()
    half = next(cell for cell in planned if cell.name == HALF)
    away = dataclasses.replace(half, config=dataclasses.replace(half.config, work_dir=str(mine)))
    given = [away if cell is half else cell for cell in planned]
    outcomes, _ = run(given)
    assert outcomes[HALF].status == "failed"
    assert "Not a directory" in outcomes[HALF].message or "File exists" in outcomes[HALF].message
    assert {outcomes[name].status for name in (DENSE, MOST, OTHER)} == {"done"}


def test_a_refused_cell_is_told_apart(planned):
    outcomes, _ = run(planned, orders={OTHER: "refuse"})
    assert (outcomes[OTHER].status, outcomes[OTHER].message) == ("refused", "refused on purpose")


def test_a_busy_cell_is_tried_again(planned):
    outcomes, heard = run(planned, orders={DENSE: "busy"})
    assert outcomes[DENSE].status == "done"
    assert heard.count(("started", DENSE)) == 2
    assert ("waiting", DENSE) in heard
    ended = [name for what, name in heard if what == "done"]
    assert ended.index(DENSE) < ended.index(HALF), "sparse cells wait for their baseline"


def test_a_cell_under_way_elsewhere_is_waited_for_without_a_process(planned):
    dense = planned[0]
    other = held(dense)
    other.__enter__()

    class Ending(Listener):
        """The other process's cell ends once this one is heard to wait for it."""

        def waiting(self, cell):
            super().waiting(cell)
            tracking = dense.config.tracking
            CellRun.begin(dense.config, dense.id, {}).finish("")
            self.run_id = cell_run.find_finished(tracking, dense.id)
            other.__exit__(None, None, None)

    listener = Ending()
    stand_in = functools.partial(jobs.cell, {})
    outcomes = execute(planned, {}, listener, run=stand_in, busy_wait=0.1)
    assert outcomes[dense.id].value["run_id"] == listener.run_id
    assert ("started", DENSE) not in listener.heard
    assert listener.heard.count(("waiting", DENSE)) == 1
    assert outcomes[planned[2].id].status == "done", "its baseline was finished elsewhere"


def test_a_finished_cell_takes_no_folder_that_others_write_to(planned):
    """Another process may be about to open its log while the winner of a cell tidies up."""
    dense, log = planned[0], log_path(planned[0])
    for folder in (work_path(dense), log.parent):
        folder.mkdir(parents=True)
    log.write_text("of the winner")
    tidy(dense)
    assert not work_path(dense).exists()
    assert not log.exists()
    log.touch()


def test_two_at_once(planned):
    outcomes, _ = run(planned, orders={DENSE: "meet", OTHER: "meet"}, jobs=2)
    for name in (DENSE, OTHER):
        assert outcomes[name].value["metrics"]["met"] < 100, "they ran one after the other"


def test_one_at_once(planned):
    _, heard = run(planned, jobs=1)
    running = 0
    for what, _ in heard:
        running += {"started": 1, "done": -1}.get(what, 0)
        assert 0 <= running <= 1


def test_a_trained_cell_lets_the_next_one_start(planned):
    outcomes, heard = run(planned, orders={DENSE: "trail"}, jobs=1)
    assert {outcome.status for outcome in outcomes.values()} == {"done"}
    assert outcomes[DENSE].value["metrics"]["met"] < 15, "nothing ran beside it"
    assert heard.index(("started", OTHER)) < heard.index(("done", DENSE))


def test_a_sparse_cell_starts_once_its_dense_baseline_is_trained(planned):
    planned = [cell for cell in planned if cell.name in (DENSE, HALF)]
    outcomes, heard = run(planned, orders={DENSE: "trail"}, jobs=1)
    assert {outcome.status for outcome in outcomes.values()} == {"done"}
    assert heard.index(("started", HALF)) < heard.index(("done", DENSE))
    assert outcomes[DENSE].value["metrics"]["met"] < 15, "nothing ran beside it"


def test_a_sparse_cell_that_has_begun_outlives_its_dense_baseline(planned):
    planned = [cell for cell in planned if cell.name in (DENSE, HALF)]
    outcomes, _ = run(planned, orders={DENSE: "trail and fail"}, jobs=1)
    told = {name: outcome.status for name, outcome in outcomes.items()}
    assert told == {DENSE: "failed", HALF: "done"}


def test_what_fails_once_the_next_cell_runs_is_its_own_failure(planned):
    outcomes, heard = run(planned, orders={DENSE: "trail and fail"}, jobs=1)
    assert heard.index(("started", OTHER)) < heard.index(("failed", DENSE))
    assert outcomes[DENSE].message == "RuntimeError: on purpose"
    assert outcomes[OTHER].status == "done"


def test_an_interrupted_plan_leaves_no_process(planned):
    class Interrupting(Listener):
        def event(self, cell, event):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(planned, {}, Interrupting(), run=functools.partial(jobs.cell, {}))
    assert not multiprocessing.active_children()
