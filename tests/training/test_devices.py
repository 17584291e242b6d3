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


#: A CPU split in two, the second taken for a GPU: the batches lie there, and the weights that come
#: of them are those that come of batches on the first.
AHEAD = """
import keras, numpy as np, tensorflow as tf
from harness.training import devices

cpu, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
x = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")
batches = tf.data.Dataset.from_tensor_slices((x, x[:, :1])).repeat().batch(8)
there = devices.ahead(batches, "/device:CPU:1")
first = next(iter(there))
print([tensor.device.rpartition(":")[2] for tensor in first], end=" ")
print(np.array_equal(first[0], x[:8]), devices.ahead(batches, None) is batches, end=" ")
weights = []
for stream in (batches, there):
    for each in (1, 3):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse", steps_per_execution=each, jit_compile=False)
        model.fit(stream, steps_per_epoch=6, verbose=0)
        weights.append(model.get_weights()[0])
print(all(np.array_equal(each, weights[0]) for each in weights))
"""


def test_batches_lie_ready_on_the_device_and_are_the_same():
    from tests.settings import python

    assert python(AHEAD).strip() == "['1', '1'] True True True"


def test_on_a_cpu_they_stay_where_they_are(monkeypatch):
    assert devices.accelerator() is None
    gpu = SimpleNamespace(device_type="GPU")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [gpu])
    assert devices.accelerator() == "/device:GPU:0"


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


@pytest.mark.parametrize(("seen", "warned"), [([], True), (["GPU:0"], False)])
def test_a_driver_is_looked_for_only_where_no_gpu_is_seen(monkeypatch, seen, warned):
    looked = []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: seen)
    monkeypatch.setattr(devices.gpus, "has_driver", lambda: looked.append(True) or True)
    assert (devices.unseen() is not None) == bool(looked) == warned
