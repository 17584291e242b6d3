"""The run of a sweep: one, whoever asks and however often."""

import pytest
from mlflow import MlflowClient

from harness.config.schema import TrackingOptions
from harness.tracking import cell_run
from harness.tracking.sweep_run import SweepRun


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
