"""How training steps are run: compiled by XLA or not, and how many a call from Python."""

import dataclasses

from harness.training.options import TrainingOptions


def resolve(setting: str) -> bool:
    """Decides `jit_compile` for this machine; does not start TensorFlow's runtime.

    `auto` is on where there is a GPU and off on the CPU, where XLA gains nothing: measured by
    `benchmarks/xla.py` on 2 cores (TensorFlow 2.21, Keras 3.15), its step takes 9.3 times as
    long for MobileNetV1's separable convolutions, 1.9 times for mnist_cnn, and .9 to 1.1 of
    the time for an LSTM, whose first step takes twice as long.

    Keras itself leaves XLA out for models with a layer that forbids it (GNMT's last one; an LSTM
    by cuDNN), and while deterministic kernels are on. The former train by deterministic kernels
    (`harness.training.seeds`).

    Args:
        setting: training.jit_compile: auto, always or never.
    """
    import tensorflow as tf

    if setting != "auto":
        return setting == "always"
    return bool(tf.config.list_physical_devices("GPU"))


def settle(training: TrainingOptions, strategy: str) -> TrainingOptions:
    """The recipe with `jit_compile` and `steps_per_execution` decided, by machine and strategy.

    All cells of a table are compiled alike, whatever their pattern: masks are refreshed beside
    the compiled step (`harness.pruning.compiled`). Cells of several devices train without XLA:
    Keras compiles the steps of all of them as one program, which XLA refuses, as their variables
    lie on other devices than it runs on. They take one step a call, too, for Keras fails to run
    several over more than one device (3.15), and how many decides no result.

    Args:
        training: the cell's recipe.
        strategy: strategy.name.
    """
    alone = strategy == "single"
    return dataclasses.replace(
        training,
        jit_compile="always" if alone and resolve(training.jit_compile) else "never",
        steps_per_execution=training.steps_per_execution if alone else None,
    )
