"""Which weights of which layers can be pruned, and what their axes mean.

Keras' own layers are listed here. A custom layer joins by one of two ways:

* a method `prunable_weights()` that returns `{attribute name: (input axis, output axis)}`;
* `register(MyLayer, {attribute name: (input axis, output axis)})` from outside.

Layers are matched with `isinstance`, so a subclass of `Dense` prunes like `Dense`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from harness.pruning.errors import PruningError

Axes = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Kernel:
    """One trainable or frozen weight of a model, and whether it can be pruned.

    Attributes:
        path: unique name within the model, `layer path/weight name`.
        layer: the layer that owns the weight.
        parents: the layers around it, from the model inwards (an LSTM around its cell, a
            MultiHeadAttention around its projections).
        variable: the Keras variable.
        axes: input-channel axis and output-channel axis, None for a weight that is no kernel.
        role: "kernel", "depthwise", "embedding", "recurrent" or "other".
        note: why a weight without axes cannot be pruned.
    """

    path: str
    layer: Any
    parents: tuple[Any, ...]
    variable: Any
    axes: Axes | None
    role: str
    note: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """The weight's shape."""
        return tuple(int(d) for d in self.variable.shape)

    @property
    def size(self) -> int:
        """The number of weights in it."""
        size = 1
        for dimension in self.shape:
            size *= dimension
        return size

    @property
    def name(self) -> str:
        """The weight's own name, such as `kernel`."""
        return str(self.variable.name)


def _einsum_axes(layer: Any) -> Axes:
    """Axes of an EinsumDense kernel: input axes are contracted, output axes survive."""
    left, output = layer.equation.split("->")
    kernel = left.split(",")[1]
    contracted = [i for i, letter in enumerate(kernel) if letter not in output]
    surviving = [i for i, letter in enumerate(kernel) if letter in output]
    # Several axes may be contracted (heads and head size): the innermost one is contiguous.
    return (contracted[-1] if contracted else 0, surviving[-1] if surviving else -1)


_IN_OUT: Axes = (-2, -1)
_OUT_IN: Axes = (-1, -2)

# (class, weight attribute, role, axes); the first class that matches a layer decides.
_BUILT_IN: list[tuple[type, dict[str, tuple[str, Axes | Callable[[Any], Axes]]]]] = [
    (
        keras.layers.SeparableConv1D,
        {"depthwise_kernel": ("depthwise", _IN_OUT), "pointwise_kernel": ("kernel", _IN_OUT)},
    ),
    (
        keras.layers.SeparableConv2D,
        {"depthwise_kernel": ("depthwise", _IN_OUT), "pointwise_kernel": ("kernel", _IN_OUT)},
    ),
    (keras.layers.DepthwiseConv1D, {"kernel": ("depthwise", _IN_OUT)}),
    (keras.layers.DepthwiseConv2D, {"kernel": ("depthwise", _IN_OUT)}),
    (keras.layers.Conv1DTranspose, {"kernel": ("kernel", _OUT_IN)}),
    (keras.layers.Conv2DTranspose, {"kernel": ("kernel", _OUT_IN)}),
    (keras.layers.Conv3DTranspose, {"kernel": ("kernel", _OUT_IN)}),
    (keras.layers.Conv1D, {"kernel": ("kernel", _IN_OUT)}),
    (keras.layers.Conv2D, {"kernel": ("kernel", _IN_OUT)}),
    (keras.layers.Conv3D, {"kernel": ("kernel", _IN_OUT)}),
    (keras.layers.EinsumDense, {"kernel": ("kernel", _einsum_axes)}),
    (keras.layers.Dense, {"kernel": ("kernel", _IN_OUT)}),
    # A row is what the next layer multiplies, so its elements are the input channels.
    (keras.layers.Embedding, {"embeddings": ("embedding", _OUT_IN)}),
]
_RECURRENT = {"kernel": ("kernel", _IN_OUT), "recurrent_kernel": ("recurrent", _IN_OUT)}
_BUILT_IN += [
    (cell, dict(_RECURRENT))
    for cell in (keras.layers.LSTMCell, keras.layers.GRUCell, keras.layers.SimpleRNNCell)
]
_REGISTERED: list[tuple[type, dict[str, tuple[str, Axes | Callable[[Any], Axes]]]]] = []


def register(layer_class: type, weights: Mapping[str, Axes]) -> None:
    """Makes weights of a custom layer class (and its subclasses) prunable.

    Args:
        layer_class: a subclass of `keras.layers.Layer`.
        weights: for each attribute that holds a weight, its (input axis, output axis).

    Raises:
        PruningError: `layer_class` is no Keras layer class.

    Example:
        >>> register(MyBilinear, {"left": (0, 1), "right": (0, 1)})
    """
    if not (isinstance(layer_class, type) and issubclass(layer_class, keras.layers.Layer)):
        raise PruningError(
            f"register takes a keras.layers.Layer subclass, received {layer_class!r}."
        )
    _REGISTERED.insert(0, (layer_class, {name: ("kernel", ax) for name, ax in weights.items()}))


def _prunable_attributes(layer: Any) -> dict[str, tuple[str, Any]] | None:
    """{attribute: (role, axes)} of a layer, None for a layer that nothing is known about."""
    if callable(getattr(layer, "prunable_weights", None)):
        return {name: ("kernel", axes) for name, axes in layer.prunable_weights().items()}
    for known in (_REGISTERED, _BUILT_IN):
        for layer_class, weights in known:
            if isinstance(layer, layer_class):
                return weights
    if type(layer).__name__ == "ConvLSTMCell":  # Keras does not export it
        return dict(_RECURRENT)
    return None


def _attribute(layer: Any, name: str) -> Any:
    # With LoRA or quantization `layer.kernel` is computed; the variable is the private one.
    value = getattr(layer, f"_{name}", None)
    return value if isinstance(value, keras.Variable) else getattr(layer, name, None)


def _axes(layer: Any, name: str, axes: Any, rank: int) -> Axes:
    resolved = axes(layer) if callable(axes) else axes
    try:
        first, second = (int(axis) for axis in resolved)
        if not all(-rank <= axis < rank for axis in (first, second)):
            raise ValueError
    except (TypeError, ValueError):
        raise PruningError(
            f"layer {layer.name!r} names axes {resolved!r} for weight {name!r} of rank {rank}; "
            "give (input axis, output axis), two ints within the rank."
        ) from None
    return first % rank, second % rank


def _known(layer: Any) -> dict[int, tuple[str, Axes]]:
    """{id of variable: (role, axes)} for the prunable weights of one layer."""
    found = {}
    for name, (role, axes) in (_prunable_attributes(layer) or {}).items():
        variable = _attribute(layer, name)
        if variable is None:
            raise PruningError(
                f"layer {layer.name!r} ({type(layer).__name__}) has no weight {name!r}, which its "
                "prunable_weights() or register() names. Is the layer built?"
            )
        found[id(variable)] = (role, _axes(layer, name, axes, len(variable.shape)))
    return found


def _walk(layer: Any, parents: tuple[Any, ...], seen: set[int]) -> Iterator[tuple[Any, Any]]:
    """Yields each layer inside `layer`, itself first, once, with the layers around it."""
    if id(layer) in seen:
        return
    seen.add(id(layer))
    yield layer, parents
    for child in layer._flatten_layers(include_self=False, recursive=False):
        yield from _walk(child, (*parents, layer), seen)


def kernels_of(model: Any) -> Iterator[Kernel]:
    """Lists every weight that optimizers may train, frozen ones included, each once.

    A layer that a model uses several times, or that two submodels share, counts once.

    Args:
        model: a built Keras model or layer.

    Yields:
        A `Kernel` for each weight, in the order of the model's layers.

    Raises:
        PruningError: the model is not built, so it has no weights yet.
    """
    if not model.built or any(variable._value is None for variable in model.variables):
        raise PruningError(
            f"model {model.name!r} is not built, so it has no weights to prune. Call it on a "
            "batch, or model.build(input_shape), before the pruner sees it."
        )
    # Several layers may hold a variable (SpectralNormalization that of the layer inside it):
    # the one that knows it as a kernel owns it, else the first.
    held: dict[int, tuple[Any, Any, Any, str, Axes | None]] = {}
    for layer, parents in _walk(model, (), set()):
        known = _known(layer) if layer._trainable_variables else {}
        for variable in layer._trainable_variables:
            role, axes = known.get(id(variable), ("other", None))
            if id(variable) not in held or (axes and held[id(variable)][-1] is None):
                held[id(variable)] = (variable, layer, parents, role, axes)
    names: dict[str, int] = {}
    for variable, layer, parents, role, axes in held.values():
        path = str(variable.path)
        names[path] = names.get(path, 0) + 1
        if names[path] > 1:  # Keras' paths repeat when two layers share a name
            path = f"{path}#{names[path]}"
        note = "" if axes else _why_not(layer, variable)
        yield Kernel(path, layer, parents, variable, axes, role, note)


def _why_not(layer: Any, variable: Any) -> str:
    if len(variable.shape) < 2:
        return f"{variable.name} is no kernel: rank {len(variable.shape)}"
    if _prunable_attributes(layer) is None:
        return (
            f"no kernel is known for {type(layer).__name__}: give the layer a "
            "prunable_weights() method or register() its class"
        )
    return f"{variable.name} is not a kernel of {type(layer).__name__}"
