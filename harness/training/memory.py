"""The memory that a training step needs, from its graph, before anything is trained.

The step is traced as Keras takes it, with its metrics and its update of the weights, and what it
holds at most is foreseen by `harness.training.held`. What a framework and its libraries take for
themselves, kernels' workspaces among it, is not counted.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from harness.training import held


@dataclass(frozen=True)
class Memory:
    """Bytes of a training step.

    Attributes:
        weights: the model's variables.
        optimizer: what the optimizer keeps, loss scaling and accumulated gradients included.
        masks: what the pruner keeps; 0 in a dense cell.
        activations: of tensors held at once at most, gradients and the batch among them; None
            where the graph does not tell.
        left_out: what activations do not count, for nothing tells its size.
    """

    weights: int
    optimizer: int
    masks: int
    activations: int | None
    left_out: tuple[str, ...] = ()

    @property
    def total(self) -> int | None:
        """All together; None if it is not known."""
        if self.activations is None:
            return None
        return self.weights + self.optimizer + self.masks + self.activations


#: Shapes of a model's inputs and of their labels, whole batches.
Shapes = tuple[Sequence[tuple[int, ...]], tuple[int, ...]]


def of_step(model: keras.Model, shapes: Shapes, masks: int = 0) -> Memory:
    """What a compiled model needs to train on batches of some shapes.

    Args:
        model: built and compiled, on one device.
        shapes: of the largest batch.
        masks: bytes of a pruner's variables.
    """
    graph = _graph(model, shapes)
    try:
        activations = held.most(graph)
    except held.UnknownError:
        activations = None
    return Memory(
        weights=size_of(model.variables),
        optimizer=size_of(model.optimizer.variables),
        masks=masks,
        activations=activations,
        left_out=held.untold(graph),
    )


def size_of(variables: Iterable[Any]) -> int:
    """Bytes of variables."""
    return sum(math.prod(v.shape) * tf.as_dtype(v.dtype).size for v in variables)


def _graph(model: keras.Model, shapes: Shapes) -> Any:
    """The graph of a step, in which no variable is made."""
    inputs = [
        keras.KerasTensor(shape, x.dtype) for shape, x in zip(shapes[0], model.inputs, strict=True)
    ]
    batch = (
        inputs[0] if len(inputs) == 1 else tuple(inputs),
        keras.KerasTensor(shapes[1], "int64"),
    )
    model.optimizer.build(model.trainable_variables)
    model._symbolic_build(data_batch=batch)
    specs = keras.tree.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), batch)
    step = tf.function(lambda *batch: model.train_step(batch), autograph=False)
    return step.get_concrete_function(*specs).graph
