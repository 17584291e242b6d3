"""What a cell computes on."""

import os

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


def unseen() -> str | None:
    """A warning if there is a GPU that TensorFlow does not see; None if all is well."""
    import tensorflow as tf

    seen = len(tf.config.list_physical_devices("GPU"))
    given = os.environ.get(gpus.VISIBLE)
    return gpus.unseen(seen, not seen and gpus.has_driver(), given)


def capabilities() -> list[tuple[int, int] | None]:
    """The compute capability of each GPU that TensorFlow sees; None where it does not tell."""
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in found]
    return [detail.get("compute_capability") for detail in details]
