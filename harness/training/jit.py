"""Whether training steps are compiled by XLA."""

SETTINGS = ("auto", "always", "never")


def resolve(setting: str) -> bool:
    """Decides `jit_compile` for this machine; does not start TensorFlow's runtime.

    `auto` is on where there is a GPU and off on the CPU. Measured on 2 CPU cores with
    TensorFlow 2.21 and Keras 3.15, XLA's step takes 6 to 11 times as long for convolutional
    nets; for LSTMs it takes between .72 of the time and all of it, at three times the
    compile time. `benchmarks/xla.py` repeats the measurement.

    Keras itself leaves XLA out for models with a layer that forbids it, and while
    deterministic kernels are on (`harness.training.seeds`).

    Args:
        setting: training.jit_compile: auto, always or never.
    """
    import tensorflow as tf

    if setting != "auto":
        return setting == "always"
    return bool(tf.config.list_physical_devices("GPU"))
