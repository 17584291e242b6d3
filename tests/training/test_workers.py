"""Two processes, and two devices, train what one device does."""

import json
import os
import socket
import subprocess
import sys

import pytest

pytestmark = pytest.mark.anywhere

WAIT = 600


def start(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.training.workers", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", **environment},
    )


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def result(process):
    try:
        out, err = process.communicate(timeout=WAIT)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    lines = [line for line in out.splitlines() if line.startswith("RESULT ")]
    assert lines, err[-3000:]
    return json.loads(lines[0].removeprefix("RESULT "))


def cluster(*arguments):
    """What two worker processes on this machine found, the chief's first."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = [
        start(
            "multi_worker",
            *arguments,
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index in range(2)
    ]
    return [result(process) for process in processes]


def assert_alike(some, others, tolerance):
    assert (some["zeros"], some["masks"]) == (others["zeros"], others["masks"])
    for key in ("norms", "sums"):
        assert some[key] == pytest.approx(others[key], rel=tolerance, abs=tolerance)
    for mine, theirs in zip(some["history"], others["history"], strict=True):
        assert mine == pytest.approx(theirs, rel=tolerance, abs=tolerance)


def test_two_processes_train_what_one_device_does():
    """Normalized by moments of the batch, with dropout, pruned on the way, with an L2 penalty.

    In float64, where summing in another order cannot show.
    """
    chief, other = cluster("small", "pruned", "exact")
    alone = result(start("single", "small", "pruned", "exact"))
    assert (chief["replicas"], alone["replicas"]) == (2, 1)
    assert (chief["chief"], other["chief"]) == (True, False)
    assert {**chief, "chief": None} == {**other, "chief": None}
    assert chief["zeros"] > 500
    assert_alike(chief, alone, 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "precision", "tolerance"),
    [
        ("mobilenet_v1", "exact", 1e-5),
        ("inception_v3", "exact", 1e-5),
        ("mobilenet_v1", "mixed", 0.05),
    ],
)
def test_an_image_model_in_two_processes_and_over_two_devices(model, precision, tolerance):
    """Trained with its own moments in float64; in mixed precision, with those held."""
    chief, other = cluster(model, "2:4", precision)
    mirrored = result(start("mirrored", model, "2:4", precision))
    alone = result(start("single", model, "2:4", precision))
    assert {**chief, "chief": None} == {**other, "chief": None}
    assert mirrored["replicas"] == 2
    for found in (chief, mirrored):
        assert_alike(found, alone, tolerance)
