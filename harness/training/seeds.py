"""Seeds that make a run repeatable to the bit on the CPU.

One seed a cell decides everything random. Each use (initial weights, data order, dropout;
dense phase, fine-tuning phase) draws from a stream of its own, derived by name, so that
adding one never moves another.
"""

import hashlib
from typing import Any

from harness.training import jit

_MAX_SEED = 2**31


def derive(seed: int, stream: str) -> int:
    """A seed for one named use of randomness, in [0, 2**31).

    Example:
        >>> derive(1, "dense") != derive(1, "finetune")
        True
    """
    named = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return int.from_bytes(named[:4]) % _MAX_SEED


def seed_everything(seed: int, jit_compile: str = "auto") -> None:
    """Seeds Python, NumPy, TensorFlow and Keras, and makes TensorFlow's kernels deterministic.

    Weights initialized after this depend on the seed alone. On the CPU the deterministic
    kernels cost nothing measurable (65 ms a step of mnist_cnn with and without them, batch
    128, 2 cores, TensorFlow 2.21). They are left off where steps are compiled by XLA, which
    Keras refuses to use with them; there, a run is repeatable only as far as XLA's kernels
    are (and where it leaves XLA out: `deterministic_unless_compiled`).

    Args:
        seed: Any integer.
        jit_compile: training.jit_compile: auto, always or never.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(derive(seed, "global"))
    if not jit.resolve(jit_compile):
        tf.config.experimental.enable_op_determinism()


def deterministic_unless_compiled(model: Any) -> None:
    """Makes TensorFlow's kernels deterministic if XLA does not compile a model's steps after all.

    `seed_everything` goes by what was asked for, before there is a model. Keras leaves XLA out for
    models with a layer that forbids it, which without this would get neither.

    Args:
        model: compiled.
    """
    import tensorflow as tf

    if not model.jit_compile:
        tf.config.experimental.enable_op_determinism()


def reseed(model: Any, seed: int) -> None:
    """Restarts the random streams of a model's layers (dropout and the like).

    A fine-tuned model would otherwise go on with the streams that the dense phase left, or
    with those it was built with, depending on how it came about.

    Args:
        model: A built `keras.Model`.
        seed: Decides the streams; layers are told apart by their order.
    """
    states = [variable for variable in model.variables if variable.name == "seed_generator_state"]
    for number, state in enumerate(states):
        state.assign([derive(seed, f"layer {number}"), 0])
