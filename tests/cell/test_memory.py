"""Memory, as a cell watches it."""

from harness.cell import memory
from harness.data import space
from harness.sweep import worker
from tests import jobs


def test_what_the_system_tells_is_plausible():
    assert 0 < memory.available() <= memory.total()
    # the system counts a process's pages in batches of each processor, so nearly
    assert 0 < 0.9 * memory.resident() <= memory.peak() <= memory.total()


def test_a_container_s_limit_is_what_there_is(tmp_path, monkeypatch):
    monkeypatch.setattr(space, "_CGROUP", tmp_path)
    for name, content in {
        "memory.max": "1000000\n",
        "memory.current": "900000\n",
        "memory.stat": "anon 1\ninactive_file 300000\n",
    }.items():
        (tmp_path / name).write_text(content)
    assert (memory.total(), memory.available()) == (1_000_000, 400_000)
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.total() > 1_000_000


def test_the_least_limit_of_all_groups_around_counts(tmp_path, monkeypatch):
    """As SLURM and systemd have it: a job's group within one of the user's."""
    monkeypatch.setattr(space, "_CGROUP", tmp_path)
    own = tmp_path / "own"
    monkeypatch.setattr(space, "_OWN", own)
    own.write_text("3:cpu:/elsewhere\n0::/user/job/step\n")
    for group, limit, used in (
        ("user", 2_000_000, 1_900_000),
        ("user/job", 1_000_000, 300_000),
        ("user/job/step", "max", 300_000),
    ):
        (tmp_path / group).mkdir()
        (tmp_path / group / "memory.max").write_text(f"{limit}\n")
        (tmp_path / group / "memory.current").write_text(f"{used}\n")
    assert memory.total() == 1_000_000
    assert memory.available() == 100_000, "what others in the user's group have is gone"
    own.write_text("0::/../../user/job\n")
    assert memory.total() == 1_000_000
    own.write_text("0::/of/the/host\n")
    assert memory.total() > 2_000_000


def test_a_process_that_would_take_the_last_memory_says_so_and_ends(tmp_path):
    job = worker.start(jobs.starve, (), tmp_path / "log.txt")
    said = []
    try:
        while not said or isinstance(said[-1], dict):
            said += [news for _, news in worker.poll([job], timeout=20.0)]
    finally:
        worker.stop([job])
    event, outcome = said
    assert event["kind"] == "memory"
    assert 0 < event["bytes"] < event["total"]
    assert outcome.status == "failed"
    assert "SIGKILL" in outcome.message
