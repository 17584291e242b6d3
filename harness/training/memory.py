"""The memory that a training step needs, from its graph, before anything is trained.

The forward and the backward pass are traced for one batch and gone through in the order of the
graph: a tensor is held from the operation that makes it to the last one that reads it. What is
held at most, beside the variables, is what a device must have. An executor that runs operations
side by side, or a compiler, may hold a little more or less; workspaces of convolutions are not
counted, nor what a framework and its libraries take for themselves.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

#: Operations whose output is their input, seen otherwise: no memory of its own.
_ALIASES = {
    "ExpandDims", "Identity", "IdentityN", "NoOp", "PreventGradient", "ReadVariableOp", "Reshape",
    "Squeeze", "StopGradient",
}  # fmt: skip
#: Those that may write into an input that nothing else reads any more.
_IN_PLACE = {
    "Add", "AddV2", "AddN", "BiasAdd", "Cast", "Exp", "Maximum", "Minimum", "Mul", "Neg", "Relu",
    "Relu6", "Relu6Grad", "ReluGrad", "Rsqrt", "Select", "SelectV2", "Sigmoid", "Sqrt", "Square",
    "Sub", "Tanh",
}  # fmt: skip
#: Loops, whose tensors have a size for each turn that the graph does not tell.
_LOOPS = {"While", "StatelessWhile", "TensorListReserve", "CudnnRNNV3"}


@dataclass(frozen=True)
class Memory:
    """Bytes of a training step.

    Attributes:
        weights: the model's variables.
        optimizer: what the optimizer keeps, loss scaling and accumulated gradients included.
        masks: what the pruner keeps; 0 in a dense cell.
        activations: of tensors held at once at most, gradients and the batch among them; None
            where the model has loops, which its graph does not bound.
    """

    weights: int
    optimizer: int
    masks: int
    activations: int | None

    @property
    def total(self) -> int | None:
        """All together; None if it is not known."""
        if self.activations is None:
            return None
        return self.weights + self.optimizer + self.masks + self.activations


def of_step(
    model: keras.Model, batch_size: int, loss: Callable[[Any, Any], Any], masks: int = 0
) -> Memory:
    """What a compiled model needs to train on batches of a size.

    Args:
        model: built, with its optimizer, whose variables are counted.
        batch_size: examples computed at once.
        loss: of (labels, outputs), as it was compiled; labels are one int64 an example.
        masks: bytes of a pruner's variables.
    """
    return Memory(
        weights=size_of(model.variables),
        optimizer=size_of(model.optimizer.variables),
        masks=masks,
        activations=_activations(model, batch_size, loss),
    )


def size_of(variables: Iterable[Any]) -> int:
    """Bytes of variables."""
    return sum(math.prod(v.shape) * tf.as_dtype(v.dtype).size for v in variables)


def _activations(model: keras.Model, batch_size: int, loss: Callable[[Any, Any], Any]) -> Any:
    if any(side is None for x in model.inputs for side in x.shape[1:]):
        return None
    return _held(_graph(model, batch_size, loss))


def _graph(model: keras.Model, batch_size: int, loss: Callable[[Any, Any], Any]) -> Any:
    def step(inputs: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(tf.cast(loss(labels, model(inputs, training=True)), tf.float32))
            if model.losses:
                value += tf.add_n([tf.cast(each, tf.float32) for each in model.losses])
        return tape.gradient(value, [v.value for v in model.trainable_variables])

    specs = [tf.TensorSpec((batch_size, *x.shape[1:]), x.dtype) for x in model.inputs]
    given = specs[0] if len(specs) == 1 else specs
    labels = tf.TensorSpec((batch_size,), tf.int64)
    return tf.function(step, autograph=False).get_concrete_function(given, labels).graph


def _held(graph: Any) -> int | None:
    """Bytes held at most while a graph runs; None if it has loops, or shapes that are not known."""
    operations = graph.get_operations()
    reads = Counter(tensor.name for operation in operations for tensor in operation.inputs)
    reads.update(tensor.name for tensor in (*graph.inputs, *graph.outputs))  # held to the end
    buffers = _Buffers()
    for operation in operations:
        sizes = [_bytes(tensor) for tensor in operation.outputs]
        if operation.type == "FusedBatchNormV3":
            sizes[5] = 0  # cuDNN's workspace, of no known shape, and empty on a CPU
        if operation.type in _LOOPS or None in sizes:
            return None
        inputs = [tensor.name for tensor in operation.inputs]
        for number, tensor in enumerate(operation.outputs):
            source = buffers.reused(operation.type, inputs, number, sizes[number])
            buffers.make(tensor.name, sizes[number] or 0, reads[tensor.name], source)
        for name in inputs:
            buffers.read(name)
    return buffers.peak


def _bytes(tensor: Any) -> int | None:
    if tensor.dtype in (tf.resource, tf.variant, tf.string):
        return 0
    if not tensor.shape.is_fully_defined():
        return None
    return math.prod(tensor.shape) * tensor.dtype.size


class _Buffers:
    """Memory in use while operations run one after the other."""

    def __init__(self) -> None:
        self.held = self.peak = 0
        self._of: dict[str, int] = {}  # tensor -> buffer
        self._size: list[int] = []
        self._reads: list[int] = []  # still to come

    def reused(self, kind: str, inputs: list[str], number: int, size: int | None) -> int | None:
        """The buffer that an operation's output lies in already; None if it needs a new one."""
        if kind in _ALIASES and number < len(inputs):
            return self._of[inputs[number]]
        last = [self._of[name] for name in inputs] if kind in _IN_PLACE else []
        fitting = [b for b in last if self._reads[b] == 1 and self._size[b] == size]
        return fitting[0] if fitting else None

    def make(self, name: str, size: int, reads: int, source: int | None) -> None:
        """Takes memory for an output, unless it lies in a buffer that there is."""
        if source is None:
            source = len(self._size)
            self._size.append(size if reads else 0)
            self._reads.append(0)
            self.held += self._size[source]
            self.peak = max(self.peak, self.held)
        self._of[name] = source
        self._reads[source] += reads

    def read(self, name: str) -> None:
        """One reader fewer; the last one frees the memory."""
        buffer = self._of[name]
        self._reads[buffer] -= 1
        if not self._reads[buffer]:
            self.held -= self._size[buffer]
