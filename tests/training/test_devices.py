"""What a cell computes on, by name."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from harness.training import devices

pytestmark = pytest.mark.anywhere


def test_a_machine_without_accelerators_computes_on_its_cpu(monkeypatch):
    cpu = SimpleNamespace(device_type="CPU")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda: [cpu])
    assert devices.names() == "CPU"


def test_accelerators_are_named(monkeypatch):
    found = [SimpleNamespace(device_type=kind) for kind in ("CPU", "GPU", "TPU")]
    details = {"GPU": {"device_name": "NVIDIA A100"}, "TPU": {}}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda: found)
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda device: details[device.device_type]
    )
    assert devices.names() == "NVIDIA A100, TPU"


@pytest.mark.parametrize(
    ("environment", "limits"),
    [({"HARNESS_GPU_MEMORY_MIB": "19880"}, [("GPU:0", [19880])]), ({}, [])],
)
def test_a_process_that_shares_a_gpu_keeps_to_its_memory(monkeypatch, environment, limits):
    set_so = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind}:0"])
    monkeypatch.setattr(
        tf.config,
        "set_logical_device_configuration",
        lambda gpu, logical: set_so.append((gpu, [one.memory_limit for one in logical])),
    )
    devices.share(environment)
    assert set_so == limits


@pytest.mark.parametrize(
    ("gpus", "environment", "told"),
    [
        ([], {"CUDA_VISIBLE_DEVICES": "-1"}, "CPU"),
        (["GPU:0"], {"CUDA_VISIBLE_DEVICES": "3"}, "GPU 3"),
        (["GPU:0", "GPU:1"], {}, "GPU all"),
    ],
)
def test_the_device_that_a_cell_was_given_is_told(monkeypatch, gpus, environment, told):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    assert devices.given(environment) == told
