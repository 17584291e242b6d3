"""Replicas hold the same masks: two devices in a process, and two processes."""

import json
import socket

import pytest

from tests.forked import begin, result
from tests.pruning.distributed_worker import main

pytestmark = pytest.mark.anywhere


def assert_same(results):
    for found in results:
        assert found["step"] == 12
        assert found["sparsity"] == pytest.approx(0.8, abs=2e-3)
    for kind in ("mask", "value"):
        for copies in zip(*(found[kind] for found in results), strict=True):
            assert len({digest for local in copies for digest in local}) == 1


@pytest.mark.parametrize("score", ["magnitude", "taylor"])
def test_mirrored_strategy(score, tmp_path):
    found = result(begin(main, "mirrored", score, log=tmp_path / "log"))
    assert all(len(copies) == 2 for copies in found["mask"])
    assert_same([found])


@pytest.mark.slow
def test_mirrored_strategy_under_mixed_precision(tmp_path):
    assert_same([result(begin(main, "mirrored", "magnitude", True, log=tmp_path / "log"))])


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_two_worker_processes(tmp_path):
    workers = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    processes = [
        begin(
            main,
            "workers",
            "taylor",
            log=tmp_path / f"log {index}",
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index in range(2)
    ]
    assert_same([result(process) for process in processes])
