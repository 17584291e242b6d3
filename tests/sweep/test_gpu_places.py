"""A device a cell: what each process is told, and what is refused."""

import os

import pytest

from harness.cli.commands import main
from harness.config import compose
from harness.errors import ConfigError
from harness.sweep import cores, detached, gpu_places, launch, rehearse, worker
from harness.sweep.execute import execute
from harness.sweep.gpu_places import Devices
from harness.sweep.plan import plan
from harness.sweep.preflight import on_cpu, preflight
from harness.sweep.worker import Outcome
from harness.training.gpus import MEMORY, VISIBLE, Gpu
from harness.training.options import StrategyOptions
from tests import jobs
from tests.sweep.test_execute import Listener
from tests.training.test_gpus import fake_driver

FOUR = [Gpu(str(number), "A100", 40960) for number in range(4)]
SINGLE = StrategyOptions(name="single")


def ids(place):
    return [gpu.id for gpu in place.gpus]


def test_each_cell_has_a_gpu_of_its_own_until_it_ends():
    two = Devices(FOUR[:2])
    first, second = two.take(SINGLE), two.take(SINGLE)
    assert [ids(first), ids(second)] == [["0"], ["1"]]
    assert two.take(SINGLE) is None
    two.give_back(first)
    assert ids(two.take(SINGLE)) == ["0"]
    assert first.environment() == {VISIBLE: "0"}


def test_cells_that_share_a_gpu_share_its_memory():
    shared = Devices(FOUR[:2], per_device=2)
    places = [shared.take(SINGLE) for _ in range(4)]
    assert [ids(place) for place in places] == [["0"], ["1"], ["0"], ["1"]]
    assert shared.take(SINGLE) is None
    told = places[0].environment()
    assert told["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert 0.9 * 40960 / 2 < int(told[MEMORY]) < 40960 / 2
    shared.give_back(places[2])
    assert ids(shared.take(SINGLE)) == ["0"]
    unknown = Devices([Gpu("MIG-1")], per_device=2).take(SINGLE)
    assert MEMORY not in unknown.environment()


def test_a_cell_of_several_gpus_waits_until_they_are_free():
    four = Devices(FOUR)
    single = four.take(SINGLE)
    two = four.take(StrategyOptions(name="mirrored", devices=2))
    assert two.environment() == {VISIBLE: "1,2"}
    assert four.take(StrategyOptions(name="mirrored")) is None
    four.give_back(two)
    four.give_back(single)
    assert len(ids(four.take(StrategyOptions(name="multi_worker", devices=8)))) == 4


def test_jobs_are_as_many_as_the_gpus_hold():
    assert Devices(FOUR).jobs(None) == 4
    assert Devices(FOUR, per_device=2).jobs(None) == 8
    assert Devices(FOUR).jobs(3) == 3
    assert Devices().jobs(3) == 3
    assert Devices().jobs(None) == cores.at_once()


@pytest.mark.parametrize(
    ("given", "asked", "complaint"),
    [
        (Devices(FOUR), 6, r"--jobs: received 6 with 4 GPUs; accepted: up to 4, .*device 2"),
        (Devices(FOUR[:1]), 2, "--jobs: received 2 with 1 GPU; "),
        (Devices(per_device=2), 2, "--jobs-per-device: received 2 on a machine without a GPU"),
        (Devices(FOUR, per_device=60), None, "--jobs-per-device: received 60 .*up to 47$"),
    ],
)
def test_more_than_there_is_is_refused(given, asked, complaint):
    with pytest.raises(ConfigError, match=complaint):
        given.jobs(asked)


@pytest.fixture
def planned(store_uri, tmp_path):
    where = (f"tracking.uri={store_uri}", f"work_dir={tmp_path}")
    return plan([(compose([f"seed={seed}", *where]), (f"seed={seed}",)) for seed in (1, 2, 3)])


def test_the_processes_of_cells_are_told_their_gpus_and_the_server_looked_for_none(planned):
    given = Devices(FOUR[:2])
    outcomes = execute(planned, {}, Listener(), run=jobs.tell_devices, jobs=2, devices=given)
    values = [outcomes[cell.id].value for cell in planned]
    assert {value["told"][VISIBLE] for value in values[:2]} == {"0", "1"}
    assert values[2]["told"][VISIBLE] in ("0", "1")
    assert not any(value["looked"] for value in values)
    shared = Devices(FOUR[:1], per_device=2)
    outcomes = execute(planned[:1], {}, Listener(), run=jobs.tell_devices, devices=shared)
    told = outcomes[planned[0].id].value["told"]
    assert told[VISIBLE] == "0"
    assert told["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert told[MEMORY] == str(40960 // 2 - gpu_places._CONTEXT_MIB)


class ToldError(Exception):
    """What the cells of a command were told, by their names; it goes no further."""


@pytest.mark.parametrize(
    ("flags", "given", "ids", "share"),
    [
        (("--jobs", "auto"), None, {"GPU-aa11", "GPU-bb22"}, None),
        (("--jobs", "auto"), "1", {"1"}, None),
        # which of the two a number names is for CUDA to say: the smaller one's memory
        (("--jobs", "auto", "--jobs-per-device", "2"), "0", {"0"}, str(40960 // 2 - 600)),
        (("--jobs-per-device", "2"), "0", {"0"}, str(40960 // 2 - 600)),
    ],
)
def test_jobs_auto_asks_the_driver(flags, given, ids, share, tmp_path, store_uri, monkeypatch):
    """The whole command, but for what its cells do: they tell what reached their process."""

    def told(cells, finished, listener, **options):
        outcomes = execute(cells, finished, listener, run=jobs.tell_devices, **options)
        raise ToldError(options["jobs"], [outcomes[cell.id].value for cell in cells])

    worker.warm()  # other tests' processes are forked of it, too, in surroundings as they were
    fake_driver(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv(VISIBLE)
    if given is not None:
        monkeypatch.setenv(VISIBLE, given)
    monkeypatch.setattr(launch, "execute", told)
    where = (f"tracking.uri={store_uri}", f"work_dir={tmp_path}/work")
    with pytest.raises(ToldError) as found:
        main(["run", "seed=1,2", *flags, *where])
    at_once, values = found.value.args
    assert at_once == (2 if share or len(ids) == 2 else 1)
    assert {value["told"][VISIBLE] for value in values} == ids
    assert {value["told"][MEMORY] for value in values} == {share}
    assert not any(value["looked"] for value in values)


def test_the_most_that_a_refusal_accepts_is_accepted():
    assert Devices(FOUR, per_device=47).jobs(None) == 4 * 47


@pytest.fixture
def two_gpus(tmp_path, monkeypatch):
    """A driver that tells of two GPUs."""
    fake_driver(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv(VISIBLE)


def given_away(module, monkeypatch):
    """Ends a command where it would run cells; the list has the devices that it gives them."""
    found = []

    def told(cells, *arguments, devices=None, **options):
        found.append(devices)
        raise ToldError

    monkeypatch.setattr(module, "execute", told)
    return found


def test_a_rehearsal_gives_each_cell_its_gpu(two_gpus, tmp_path, store_uri, monkeypatch):
    found = given_away(rehearse, monkeypatch)
    monkeypatch.setattr(rehearse, "foresee", lambda *asked: {})
    where = (f"tracking.uri={store_uri}", f"work_dir={tmp_path}/work")
    with pytest.raises(ToldError):
        main(["sweep", "demo", "--rehearse", "--jobs-per-device", "2", *where])
    assert ids(found[0]) == ["GPU-aa11", "GPU-bb22"]
    assert found[0].per_device == 2


def test_a_cell_of_an_engine_is_given_a_gpu(two_gpus, planned, tmp_path, store_uri, monkeypatch):
    found = given_away(detached, monkeypatch)
    where = ("seed=1", f"tracking.uri={store_uri}", f"work_dir={tmp_path}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ToldError):
        detached.run_one(str(tmp_path), planned[0].id, where, "parent")
    assert ids(found[0].take(SINGLE)) == ["GPU-aa11"]


@pytest.mark.parametrize("way", [("--on", "slurm"), ("--status",), ("--cancel",)])
@pytest.mark.parametrize("flag", ["--jobs", "--jobs-per-device"])
def test_what_is_not_run_here_takes_no_jobs(flag, way, capsys):
    assert main(["sweep", "demo", flag, "2", *way]) == 2
    assert f"{flag}: received 2 with {way[0]}; accepted: without it" in capsys.readouterr().err


def test_workers_that_meet_take_one_cell_at_once_by_themselves():
    alone, together = ([(compose(given), ())] for given in ([], ["strategy=multi_worker"]))
    assert Devices(FOUR).at_once(together, None) == 1
    assert Devices(FOUR).at_once(together, 2) == 2  # which is refused
    assert Devices(FOUR).at_once(alone, None) == 4


def test_a_later_worker_shares_its_gpus_as_it_was_told(two_gpus, monkeypatch):
    told = []
    monkeypatch.setattr(launch, "_leads", lambda *asked: False)
    monkeypatch.setattr(launch, "launch", lambda configs, **options: told.append(options) or 0)
    assert main(["sweep", "demo", "--jobs", "auto", "--jobs-per-device", "2"]) == 0
    assert told == [{"jobs": None, "per_device": 2}]


def test_describe_opens_no_gpu(monkeypatch, capsys):
    from harness.cell import description

    monkeypatch.setenv(VISIBLE, "0")
    monkeypatch.setattr(description, "describe", lambda *asked, **how: os.environ[VISIBLE])
    assert main(["describe"]) == 0
    assert capsys.readouterr().out == "-1\n"


def test_without_gpus_nothing_is_said(planned):
    outcomes = execute(planned[:1], {}, Listener(), run=jobs.tell_devices)
    told = outcomes[planned[0].id].value["told"]
    assert told == {**dict.fromkeys(told), VISIBLE: os.environ[VISIBLE]}


def test_preflight_opens_no_gpu(monkeypatch):
    started = []

    def start(*arguments):
        started.append(arguments)
        return

    monkeypatch.setattr(worker, "start", start)
    monkeypatch.setattr(worker, "poll", lambda jobs, timeout: [(None, Outcome("done"))])
    monkeypatch.setattr(worker, "stop", lambda jobs: None)
    preflight([compose([])], gpus=2)
    assert started[0][-1] == {VISIBLE: "-1"}


def test_parts_of_the_cpu_stand_for_gpus_in_preflight():
    mirrored = compose(["strategy=mirrored"])
    assert on_cpu(mirrored, 4).strategy.virtual_cpus == 4
    assert on_cpu(mirrored, 0) is mirrored
    workers = compose(["strategy=multi_worker"])  # of which each process has all of its machine
    assert on_cpu(workers, 4).strategy.virtual_cpus == 4
    assert on_cpu(compose([]), 4).strategy.virtual_cpus == 0
