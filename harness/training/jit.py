"""Whether a model's training step is compiled by XLA."""

from typing import Any

SETTINGS = ("auto", "always", "never")


def resolve(setting: str, model: Any) -> bool:
    """Decides `jit_compile` for a model on this machine's devices.

    `auto` is on where there is a GPU and off on the CPU. Measured on 2 CPU cores with
    TensorFlow 2.21 and Keras 3.15, XLA's step takes 6 to 11 times as long for convolutional
    nets; for LSTMs it takes between .72 of the time and all of it, at three times the
    compile time. `benchmarks/xla.py` repeats the measurement.

    Args:
        setting: training.jit_compile: auto, always or never.
        model: The `keras.Model` to be trained. A model whose layers forbid XLA
            (`supports_jit`) is never compiled by `auto`.
    """
    import tensorflow as tf

    if setting != "auto":
        return setting == "always"
    return bool(tf.config.list_logical_devices("GPU")) and getattr(model, "supports_jit", True)
