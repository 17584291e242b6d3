"""The run of a sweep: one, whoever asks and however often."""

import subprocess
import sys

import pytest
from mlflow import MlflowClient

from harness.config.schema import TrackingOptions
from harness.tracking import cell_run
from harness.tracking.sweep_run import SweepRun
from tests.runs import runs
from tests.servers import Server
from tests.settings import environment


@pytest.fixture
def tracking(store_uri):
    return TrackingOptions("local", store_uri, "demo")


def begin(tracking, name="demo"):
    return SweepRun.begin(tracking, name, "A title", "harness sweep demo")


def test_a_sweep_has_one_run_and_closes_it(tracking, tmp_path):
    client = MlflowClient(tracking_uri=tracking.uri)
    with begin(tracking) as first:
        assert client.get_run(first.run_id).info.status == "RUNNING"
    assert client.get_run(first.run_id).info.status == "FINISHED"

    def interrupted():
        with begin(tracking) as again:
            assert again.run_id == first.run_id
            assert client.get_run(first.run_id).info.status == "RUNNING"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert client.get_run(first.run_id).info.status == "KILLED"

    with begin(tracking, "other") as other:
        assert other.run_id != first.run_id

    found = client.get_run(first.run_id).data.tags
    assert found["harness.kind"] == "sweep"
    assert found["harness.command"] == "harness sweep demo"
    assert "A title" in found["mlflow.note.content"]

    (tmp_path / "table.md").write_text("| a |")
    with begin(tracking) as last:
        last.add([tmp_path / "table.md"], "# Page\n\nWords.\n\n| a |\n|---|\n| 1 |\n\n| b |\n")
    note = client.get_run(first.run_id).data.tags["mlflow.note.content"]
    assert note.startswith("**A title**\n\n`harness sweep demo`\n\n| a |\n|---|\n| 1 |\n\n")
    assert "Words" not in note
    assert "| b |" not in note
    assert f"runs/{first.run_id}?" in last.summary()
    assert [a.path for a in client.list_artifacts(first.run_id, "table")] == ["table/table.md"]


def test_finished_cells_are_hung_below_it(tracking):
    client = MlflowClient(tracking_uri=tracking.uri)
    with begin(tracking) as parent:
        experiment = client.get_run(parent.run_id).info.experiment_id
        run = client.create_run(experiment).info.run_id
        cell_run.adopt(tracking.uri, parent.run_id, [run])
        cell_run.adopt(tracking.uri, parent.run_id, [run])
    assert client.get_run(run).data.tags["mlflow.parentRunId"] == parent.run_id


#: Begins a sweep's run, as soon as there is a line to read.
BEGINNING = """
import sys
import harness.tracking.preload
from harness.config.schema import TrackingOptions
from harness.tracking.sweep_run import SweepRun
print("ready", flush=True)
input()
tracking = TrackingOptions("server", sys.argv[1], "demo")
print(SweepRun.begin(tracking, "demo", "A title", "harness sweep demo", work_dir="work").run_id)
"""


@pytest.mark.slow
def test_sweeps_that_start_together_on_a_server_share_one_run(tmp_path):
    server = Server(tmp_path).start()
    try:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", BEGINNING, server.uri],
                cwd=tmp_path,
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        said = {process.communicate(timeout=120)[0].strip() for process in processes}
        assert [process.returncode for process in processes] == [0] * 4
        assert said == {run.id for run in runs(server.uri, "sweep")}
        assert len(said) == 1
    finally:
        server.kill()
