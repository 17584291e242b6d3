"""What a cell computes on."""

import os
from collections.abc import Mapping
from typing import Any

from harness.training import gpus


def names() -> str:
    """The machine's accelerators by name, or `CPU`; does not start TensorFlow's runtime."""
    import tensorflow as tf

    found = [device for device in tf.config.list_physical_devices() if device.device_type != "CPU"]
    described = [tf.config.experimental.get_device_details(device) for device in found]
    labels = [
        str(details.get("device_name", device.device_type))
        for device, details in zip(found, described, strict=True)
    ]
    return ", ".join(labels) or "CPU"


def share(environment: Mapping[str, str] = os.environ) -> None:
    """Keeps this process to its share of a GPU's memory, if it has one; before TensorFlow runs.

    Within it memory grows as it is needed (TF_FORCE_GPU_ALLOW_GROWTH, which TensorFlow reads).
    """
    bound = environment.get(gpus.MEMORY)
    if bound is None:
        return
    import tensorflow as tf

    limit = tf.config.LogicalDeviceConfiguration(memory_limit=int(bound))
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.set_logical_device_configuration(gpu, [limit])


def given(environment: Mapping[str, str] = os.environ) -> str:
    """The devices of this process as it was told of them, e.g. `GPU 0`; `CPU` without a GPU."""
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return "CPU"
    return f"GPU {environment.get(gpus.VISIBLE, 'all')}"


def unseen() -> str | None:
    """A warning if there is a GPU that TensorFlow does not see; None if all is well."""
    import tensorflow as tf

    seen = len(tf.config.list_physical_devices("GPU"))
    told = os.environ.get(gpus.VISIBLE)
    return gpus.unseen(seen, not seen and gpus.has_driver(), told)


def capabilities() -> list[tuple[int, int] | None]:
    """The compute capability of each GPU that TensorFlow sees; None where it does not tell."""
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in found]
    return [detail.get("compute_capability") for detail in details]


#: Batches that lie ready on a device while one is computed.
_READY = 2


def accelerator() -> str | None:
    """The device that a model of one device trains on, if it is not the CPU."""
    import tensorflow as tf

    return "/device:GPU:0" if tf.config.list_physical_devices("GPU") else None


def ahead(batches: Any, device: str | None) -> Any:
    """The same batches, copied to a device while those before are computed.

    Strategies of several devices copy theirs themselves.

    Args:
        batches: a data set; nothing may be done to it afterwards.
        device: None leaves them where they are, as on a CPU.
    """
    import tensorflow as tf

    if device is None:
        return batches
    return batches.apply(tf.data.experimental.prefetch_to_device(device, _READY))
