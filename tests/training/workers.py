"""Trains in one of two processes (TF_CONFIG), or alone; tells what the test compares.

In mixed precision, or exactly, which is float64: workers sum in another order than one
process does, and through the many normalizations of an untrained image model, a rounding error of
float32 grows a millionfold within a step.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.data.base import ArrayData, Split
from harness.models import MODELS, build
from harness.models.layers.standard import BatchNorm, Dropout
from harness.pruning import NM, OneShot, Polynomial, Pruner, Unstructured
from harness.training import loop, recipe, seeds, strategy
from harness.training.checkpoint import Checkpoint
from harness.training.optimizer.adam import AdamOptions
from harness.training.optimizer.sgd import SGDOptions
from harness.training.options import StrategyOptions
from harness.training.requests import Requests
from tests.rounding import in_float64
from tests.training import small


def net(kind: str, precision: str) -> keras.Model:
    """A net with all that could depend on a device's share of a batch, or an image model."""
    layers = keras.layers
    if kind == "small":
        convolution = layers.Conv2D(8, 3, 4, use_bias=False)
        hidden = [convolution, BatchNorm(), layers.ReLU(), layers.Flatten(), Dropout(0.3)]
        model = keras.Sequential([keras.Input((32, 32, 3)), *hidden, layers.Dense(2)])
    else:
        options: Any = {"dropout": 0.1, "small_images": kind == "inception_v3"}
        model = build(MODELS.find(kind)(width=0.125, **options), (32, 32, 3), 2)
    if precision == "exact":
        return in_float64(model)
    for layer in model.layers:
        # No two orders of computing agree for long where moments are trained with (see above).
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
    return model


def photographs() -> ArrayData:
    """Noise of two brightnesses, as images of 32×32."""
    rng = np.random.RandomState(0)

    def split(size: int) -> Split:
        labels = np.arange(size) % 2
        noise = rng.randint(0, 160, (size, 32, 32, 3))
        return Split((noise + 80 * labels[:, None, None, None]).astype(np.uint8), labels)

    return ArrayData("photographs", "0", "made here", ("a", "b"), split(40), split(8), split(8))


class Asked(Requests):
    """Asked at one step, by a signal, to end."""

    def __init__(self, at: int, counted: Callable[[], int]):
        self._at, self._counted = at, counted

    def wanted(self) -> bool:
        return self._counted() >= self._at

    def ending(self) -> bool:
        return self.wanted()


def main(
    kind: str,
    model_kind: str,
    sparsity: str,
    precision: str,
    parts: int | None = None,
    folder: Path | None = None,
    ask_at: int | None = None,
) -> dict[str, Any]:
    """Trains once, in a process of its own.

    Args:
        kind: multi_worker, mirrored or single.
        model_kind: small, or an image model's name.
        sparsity: pruned or 2:4.
        precision: mixed or exact.
        parts: of each batch (`training.gradient_accumulation`).
        folder: of the checkpoint; None keeps none.
        ask_at: the step at which the process that is not the chief is asked to end; what is told
            is then the step of the checkpoint.
    """
    config = StrategyOptions(name=kind, virtual_cpus=2 if kind == "mirrored" else 0)
    strategy.connect(config)
    seeds.seed_everything(4)
    exact = precision == "exact"
    if exact:
        keras.config.set_floatx("float64")  # of losses
    with strategy.scope(config, 8) as replicas, recipe.precision(precision == "mixed"):
        model = net(model_kind, precision)
        strategy.synchronize(model, config)
        pruner = None
        if sparsity == "pruned":
            pruner = Pruner(Unstructured(), Polynomial(0.2, 0.5, 0, 6, frequency=2))
        elif sparsity == "2:4":
            pruner = Pruner(NM(2, 4), OneShot(0.5))
        if pruner is not None:
            pruner.attach(model)
        short = exact and model_kind != "small"
        phase = small.phase(epochs=None, steps=3) if short else small.phase(epochs=2)
        phase.optimizer = AdamOptions(learning_rate=1e-3 if short else 1e-2)
        if parts is not None:
            phase.optimizer = SGDOptions(learning_rate=0.3, clip_norm=0.5)
        chief = strategy.is_chief(config)
        checkpoint = folder and Checkpoint(folder / "state.npz", writes=chief)
        asked = None
        if ask_at is not None and not chief:
            asked = Asked(
                ask_at, lambda: int(tf.convert_to_tensor(model.optimizer.iterations.value))
            )
        try:
            result = loop.fit(
                model, photographs(), phase, small.recipe(l2=1e-3, gradient_accumulation=parts),
                seed=6, pruner=pruner, checkpoint=checkpoint, requests=asked,
            )  # fmt: skip
        except KeyboardInterrupt:
            strategy.barrier(config)
            state = checkpoint.load()
            return {"step": state.step, "begun": state.segment.begun}
    strategy.barrier(config)
    weights = [np.asarray(weight, np.float64) for weight in model.get_weights()]
    masks = [(weight != 0).tobytes() for weight in weights if weight.ndim > 1]
    return {
        "replicas": replicas,
        "chief": strategy.is_chief(config),
        "zeros": sum(int((weight == 0).sum()) for weight in weights if weight.ndim > 1),
        "masks": hashlib.sha256(b"".join(masks)).hexdigest(),
        "history": result.history,
        "norms": [float(np.linalg.norm(weight)) for weight in weights],
        "sums": [float(weight.sum()) for weight in weights],
    }
