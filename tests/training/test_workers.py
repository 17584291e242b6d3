"""Two processes, and two devices, train what one device does."""

import json
import socket

import pytest

from tests.forked import begin, result
from tests.training.workers import main

pytestmark = pytest.mark.anywhere


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def cluster(folder, *arguments):
    """What two worker processes on this machine found, the chief's first."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = [
        begin(
            main,
            "multi_worker",
            *arguments,
            log=folder / f"log {index}",
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index in range(2)
    ]
    return [result(process, 600) for process in processes]


def assert_alike(some, others, tolerance):
    assert (some["zeros"], some["masks"]) == (others["zeros"], others["masks"])
    for key in ("norms", "sums"):
        assert some[key] == pytest.approx(others[key], rel=tolerance, abs=tolerance)
    for mine, theirs in zip(some["history"], others["history"], strict=True):
        assert mine == pytest.approx(theirs, rel=tolerance, abs=tolerance)


def test_two_processes_train_what_one_device_does(tmp_path):
    """Normalized by moments of the batch, with dropout, pruned on the way, with an L2 penalty.

    In float64, where summing in another order cannot show.
    """
    chief, other = cluster(tmp_path, "small", "pruned", "exact")
    alone = result(begin(main, "single", "small", "pruned", "exact", log=tmp_path / "alone"))
    assert (chief["replicas"], alone["replicas"]) == (2, 1)
    assert (chief["chief"], other["chief"]) == (True, False)
    assert {**chief, "chief": None} == {**other, "chief": None}
    assert chief["zeros"] > 500
    assert_alike(chief, alone, 1e-12)


@pytest.mark.parametrize(
    ("pattern", "precision", "tolerance"),
    [("pruned", "exact", 1e-12), pytest.param("2:4", "mixed", 0.05, marks=pytest.mark.slow)],
)
def test_two_processes_take_a_batch_in_parts_as_one_device_does(
    pattern, precision, tolerance, tmp_path
):
    """Clipped by the norm of whole gradients, pruned by updates; mixed, with masks of the start."""
    arguments = ("small", pattern, precision, 2)
    chief, other = cluster(tmp_path, *arguments)
    alone = result(begin(main, "single", *arguments, log=tmp_path / "alone"))
    assert {**chief, "chief": None} == {**other, "chief": None}
    assert_alike(chief, alone, tolerance)


@pytest.mark.slow
def test_what_one_process_is_asked_for_both_do(tmp_path):
    """Asked at step 7 of 10, within the second segment, at a step at which nothing is logged."""
    arguments = ("small", "pruned", "exact", None)
    whole, _ = cluster(tmp_path, *arguments)
    ends = cluster(tmp_path, *arguments, tmp_path, 7)
    assert ends == [{"step": 8, "begun": 5}] * 2
    resumed, _ = cluster(tmp_path, *arguments, tmp_path)
    assert resumed == whole


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "precision", "tolerance"),
    [
        ("mobilenet_v1", "exact", 1e-5),
        ("inception_v3", "exact", 1e-5),
        ("mobilenet_v1", "mixed", 0.05),
    ],
)
def test_an_image_model_in_two_processes_and_over_two_devices(
    model, precision, tolerance, tmp_path
):
    """Trained with its own moments in float64; in mixed precision, with those held."""
    chief, other = cluster(tmp_path, model, "2:4", precision)
    mirrored, alone = (
        result(begin(main, kind, model, "2:4", precision, log=tmp_path / kind))
        for kind in ("mirrored", "single")
    )
    assert {**chief, "chief": None} == {**other, "chief": None}
    assert mirrored["replicas"] == 2
    for found in (chief, mirrored):
        assert_alike(found, alone, tolerance)
