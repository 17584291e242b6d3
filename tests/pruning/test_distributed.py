"""Replicas hold the same masks: two devices in a process, and two processes."""

import json
import os
import socket
import subprocess
import sys

import pytest

pytestmark = pytest.mark.anywhere

TIMEOUT = 240


def start(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.pruning.distributed_worker", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": os.getcwd(), **environment},
    )


def result(process):
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    lines = [line for line in out.splitlines() if line.startswith("RESULT ")]
    assert lines, err[-3000:]
    return json.loads(lines[0].removeprefix("RESULT "))


def assert_same(results):
    for found in results:
        assert found["step"] == 12
        assert found["sparsity"] == pytest.approx(0.8, abs=2e-3)
    for kind in ("mask", "value"):
        for copies in zip(*(found[kind] for found in results), strict=True):
            assert len({digest for local in copies for digest in local}) == 1


@pytest.mark.parametrize("score", ["magnitude", "taylor"])
def test_mirrored_strategy(score):
    found = result(start("mirrored", score, "full"))
    assert all(len(copies) == 2 for copies in found["mask"])
    assert_same([found])


@pytest.mark.slow
def test_mirrored_strategy_under_mixed_precision():
    assert_same([result(start("mirrored", "magnitude", "mixed"))])


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_two_worker_processes():
    workers = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    processes = [
        start(
            "workers",
            "taylor",
            "full",
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index in range(2)
    ]
    assert_same([result(process) for process in processes])
