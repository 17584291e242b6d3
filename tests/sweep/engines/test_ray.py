"""Ray: what its driver leaves word of, and what it does not know."""

import json
import os

import pytest

from harness.config.schema import EngineOptions
from harness.errors import ConfigError
from harness.sweep.engines import ray
from harness.sweep.engines.base import ENDED, FAILED, RUNNING, WAITING, Order, Work


def test_a_ray_task_that_has_begun_is_running(tmp_path, monkeypatch):
    seen = {}
    driver = ray._described(os.getpid())
    (tmp_path / "states.json").write_text(json.dumps({"a": WAITING, "b": WAITING}))

    def looked(*_):
        seen.update(ray.Ray().states({"a": driver, "b": driver}, tmp_path))

    monkeypatch.setattr("harness.sweep.detached.run_one", looked)
    ray._cell(str(tmp_path), str(tmp_path), "a", (), "", None, {}, {})
    assert seen == {"a": RUNNING, "b": WAITING}
    assert ray.Ray().states({"a": "1@0"}, tmp_path) == {"a": FAILED}


def test_a_worker_of_another_machine_logs_in_as_the_driver_does(tmp_path, monkeypatch):
    """By MLflow's variables, which it did not inherit; one that is set there stays."""
    seen = {}
    monkeypatch.setattr(
        "harness.sweep.detached.run_one",
        lambda *_: seen.update({name: os.environ.get(name) for name in ray._LOGIN}),
    )
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "here")
    for name in ("PASSWORD", "TOKEN"):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "")
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}")
    told = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "s3cret"}
    ray._cell(str(tmp_path), str(tmp_path), "a", (), "", None, {}, told)
    assert list(seen.values()) == ["here", "s3cret", None]


def test_what_a_dead_driver_had_under_way_has_failed(tmp_path):
    (tmp_path / "states.json").write_text(json.dumps({"a": ENDED, "b": WAITING}))
    gone = {"a": "1@0", "b": "1@0"}
    assert ray.Ray().states(gone, tmp_path) == {"a": ENDED, "b": FAILED}
    assert ray.Ray().states({"a": "1@0"}, tmp_path / "no") == {}


def test_the_table_is_under_way_while_the_driver_is(tmp_path):
    (tmp_path / "states.json").write_text(json.dumps({"a": ENDED}))
    driver = ray._described(os.getpid())
    assert ray.Ray().states({"a": driver, "table": driver}, tmp_path)["table"] == WAITING
    assert ray.Ray().states({"a": "1@0", "table": "1@0"}, tmp_path)["table"] == ENDED


@pytest.mark.parametrize(("key", "value"), [("time", 5), ("partition", "short")])
def test_what_ray_does_not_know_is_refused(tmp_path, key, value):
    work = Work("a", "dense", (), None, EngineOptions(**{key: value}))
    order = Order([work], {}, "run", "tiny.yaml", (), None, tmp_path / "engine")
    with pytest.raises(ConfigError, match=f"engine.{key}: received {value} with --on ray"):
        ray.Ray().submit(order, lambda jobs: None)
    assert not order.folder.exists()
