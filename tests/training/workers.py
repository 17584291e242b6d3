"""Trains in one of two processes (TF_CONFIG), or alone; prints what the test compares.

python -m tests.training.workers multi_worker|mirrored|single small|image pruned|2:4 full|mixed
"""

import json
import sys

import keras
import numpy as np

from harness.config.schema import ImageModelConfig, StrategyConfig
from harness.data.base import ArrayData, Split
from harness.models import build
from harness.models.layers import BatchNorm
from harness.pruning import NM, OneShot, Polynomial, Pruner, Unstructured
from harness.training import loop, recipe, seeds, strategy
from tests.training import small


def net(kind: str) -> keras.Model:
    """A net of two layers, or MobileNetV1, without what depends on the share of a batch."""
    if kind == "image":
        model = build(ImageModelConfig(name="mobilenet_v1", width=0.125), (32, 32, 3), 2)
    else:
        layers = [keras.layers.Conv2D(8, 3, 4, use_bias=False), BatchNorm(), keras.layers.Flatten()]
        model = keras.Sequential([keras.Input((32, 32, 3)), *layers, keras.layers.Dense(2)])
    for layer in model.layers:
        # A share's moments are not those of the whole batch: keep the moving ones.
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    return model


def photographs() -> ArrayData:
    """Noise of two brightnesses, as images of 32×32."""
    rng = np.random.RandomState(0)

    def split(size: int) -> Split:
        labels = np.arange(size) % 2
        noise = rng.randint(0, 160, (size, 32, 32, 3))
        return Split((noise + 80 * labels[:, None, None, None]).astype(np.uint8), labels)

    return ArrayData("photographs", "0", "made here", 2, split(40), split(8), split(8))


def main(kind: str, model_kind: str, sparsity: str, precision: str) -> None:
    config = StrategyConfig(name=kind, virtual_cpus=2 if kind == "mirrored" else 0)
    strategy.connect(config)
    seeds.seed_everything(4)
    with strategy.scope(config, 8) as replicas, recipe.precision(precision == "mixed"):
        model = net(model_kind)
        pruner = None
        if sparsity == "pruned":
            pruner = Pruner(Unstructured(), Polynomial(0.2, 0.5, 0, 6, frequency=2))
        elif sparsity == "2:4":
            pruner = Pruner(NM(2, 4), OneShot(0.5))
        if pruner is not None:
            pruner.attach(model)
        phase = small.phase(epochs=2)
        phase.optimizer.name = "sgd"
        result = loop.fit(model, photographs(), phase, small.recipe(l2=1e-3), seed=6, pruner=pruner)
    strategy.barrier(config)
    weights = [np.asarray(weight, np.float64) for weight in model.get_weights()]
    zeros = sum(int((weight == 0).sum()) for weight in weights if weight.ndim > 1)
    found = {
        "replicas": replicas,
        "chief": strategy.is_chief(config),
        "zeros": zeros,
        "history": result.history,
        "norms": [float(np.linalg.norm(weight)) for weight in weights],
        "sums": [float(weight.sum()) for weight in weights],
    }
    sys.stdout.write("RESULT " + json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
