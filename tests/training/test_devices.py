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
