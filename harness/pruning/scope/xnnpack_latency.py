"""The scope whose sparsity makes a TFLite model faster on a CPU.

XNNPACK, TFLite's CPU backend, has sparse kernels for 1×1 convolutions only, and uses them only
where the whole stretch of the network from its stem to its pooling fits its channel-first
layout. The rules below are those of its README, section "Sparse Inference"
(https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/delegates/xnnpack/README.md):

* the stretch starts with a 3×3 convolution of stride 2, padded by 1 on each side, that takes
  3 channels;
* it holds 1×1 convolutions, 3×3 and 5×5 depthwise convolutions padded evenly, additions,
  multiplications, elementwise activations and bilinear resizing;
* it ends with a mean over the image (global average pooling).

tfmot's `PruneForLatencyOnXNNPack` checks the same and raises; here each layer gets its
reason. Sparsity pays off from about 2/3 on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.options import choice
from harness.pruning.errors import PruningError
from harness.pruning.scope.base import Scope, ScopeOptions, Verdicts

if TYPE_CHECKING:
    from harness.pruning.kernels import Kernel

_ACTIVATIONS = {"linear", "relu", "relu6", "elu", "leaky_relu", "sigmoid", "silu", "hard_silu"}
_ELEMENTWISE = (
    *("Activation", "ReLU", "LeakyReLU", "ELU", "Add", "Multiply"),
    # Folded into the convolution before it, or gone at inference:
    *("BatchNormalization", "Dropout", "SpatialDropout2D"),
    # Folded into the convolution after it, which is where it is judged:
    "ZeroPadding2D",
)


@choice
@dataclass
class XNNPACKLatencyOptions(ScopeOptions):
    """The 1×1 convolutions that TensorFlow Lite's CPU backend runs with its sparse kernels."""

    kind: str = "xnnpack_latency"

    def scope(self) -> XNNPACKLatency:
        """The scope."""
        return XNNPACKLatency()


class XNNPACKLatency(Scope):
    """1×1 convolutions that XNNPACK runs with its sparse kernels (see the module's rules).

    For Sequential and Functional models. `pruner.preview(model)` shows for each layer why it
    is in or out.

    Example:
        >>> Pruner(Unstructured(), OneShot(0.8), scope=XNNPACKLatency()).preview(model)
    """

    def verdicts(self, model: Any, kernels: Sequence[Kernel]) -> Verdicts:
        """Accepts pointwise convolutions in a stretch that fits, whole."""
        graph = _Graph(model)
        stems = [layer for layer in graph.layers if not _stem_misfit(layer, graph)]
        if not stems:
            reason = f"no stem for sparse inference: {_nearest_stem(graph)}"
            return {kernel.path: reason for kernel in kernels}
        verdicts = {}
        stretches = [(stem, *_stretch(stem, graph)) for stem in stems]
        for kernel in kernels:
            verdicts[kernel.path] = _verdict(kernel.layer, stretches)
        return verdicts


class _Graph:
    """The layers of a Functional or Sequential model with what feeds what."""

    def __init__(self, model: Any) -> None:
        functional = getattr(model, "_functional", None) or model  # a Sequential's inner model
        if not hasattr(functional, "_nodes_by_depth"):
            raise PruningError(
                f"XNNPACKLatency reads the layer graph of Sequential and Functional models; "
                f"{model.name!r} is a {type(model).__name__}. Use ByType or ByName."
            )
        self.layers: list[Any] = list(functional.layers)
        self.before: dict[int, list[Any]] = {id(layer): [] for layer in self.layers}
        self.after: dict[int, list[Any]] = {id(layer): [] for layer in self.layers}
        for node in (n for depth in functional._nodes_by_depth.values() for n in depth):
            for parent in node.parent_nodes:
                if id(node.operation) in self.before and id(parent.operation) in self.after:
                    self.before[id(node.operation)].append(parent.operation)
                    self.after[id(parent.operation)].append(node.operation)


def _is_a(layer: Any, *names: str) -> bool:
    """Whether a layer is of one of Keras' classes by name, or of a class derived from one."""
    return any(kind.__name__ in names for kind in type(layer).__mro__)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _padding(layer: Any, graph: _Graph) -> set[int] | None:
    """The different paddings on the four sides of a convolution; None if unknown."""
    kernel, stride = _pair(layer.kernel_size), _pair(layer.strides)
    if layer.padding == "valid":
        before = graph.before[id(layer)]
        if len(before) != 1 or not _is_a(before[0], "ZeroPadding2D"):
            return {0}
        return {int(side) for sides in before[0].padding for side in sides}
    sides: set[int] = set()
    for size, width, step in zip(layer.input.shape[1:3], kernel, stride, strict=True):
        if step == 1:
            total = width - 1
        elif size is None:
            return None
        else:
            total = max((-(-size // step) - 1) * step + width - size, 0)
        sides |= {total // 2, total - total // 2}
    return sides


def _stem_misfit(layer: Any, graph: _Graph) -> str:
    """Why a layer cannot be the stem; "" if it can."""
    if not _is_a(layer, "Conv2D") or _pair(layer.kernel_size) != (3, 3):
        return "no 3×3 Conv2D"
    if layer.input.shape[-1] != 3:
        return f"{layer.name!r} takes {layer.input.shape[-1]} channels, not 3"
    if _pair(layer.strides) != (2, 2):
        return f"{layer.name!r} has stride {_pair(layer.strides)}, not 2"
    if layer.groups != 1 or _pair(layer.dilation_rate) != (1, 1):
        return f"{layer.name!r} is grouped or dilated"
    sides = _padding(layer, graph)
    if sides != {1}:
        return (
            f"{layer.name!r} pads its sides by {sorted(sides or [])}, not by 1 each: put "
            "ZeroPadding2D(1) before it and padding='valid'"
        )
    return ""


def _nearest_stem(graph: _Graph) -> str:
    """What is wrong with the layer that comes nearest to a stem."""
    reasons = [_stem_misfit(layer, graph) for layer in graph.layers]
    close = [reason for reason in reasons if reason != "no 3×3 Conv2D"]
    return close[0] if close else "the model has no 3×3 Conv2D"


def _body_misfit(layer: Any, graph: _Graph) -> str:
    """Why a layer between stem and pooling cannot run channel-first; "" if it can."""
    name = f"{type(layer).__name__} {layer.name!r}"
    activation = getattr(layer, "activation", None)
    if activation is not None and getattr(activation, "__name__", "") not in _ACTIVATIONS:
        return f"{name} has activation {getattr(activation, '__name__', activation)}"
    if _is_a(layer, "DepthwiseConv2D"):
        kernel, stride = _pair(layer.kernel_size), _pair(layer.strides)
        fits = kernel in ((3, 3), (5, 5)) and stride in ((1, 1), (2, 2))
        if not fits or layer.depth_multiplier != 1 or _pair(layer.dilation_rate) != (1, 1):
            return f"{name} is not 3×3 or 5×5 of stride 1 or 2"
        even = _padding(layer, graph) == {kernel[0] // 2}
        return "" if even else f"{name} does not pad all sides by {kernel[0] // 2}"
    if _is_a(layer, "Conv2D"):
        return "" if _is_pointwise(layer) else f"{name} is no 1×1 convolution of stride 1"
    if _is_a(layer, "UpSampling2D"):
        return "" if layer.interpolation == "bilinear" else f"{name} is not bilinear"
    return "" if _is_a(layer, *_ELEMENTWISE) else f"{name} is not supported"


def _is_pointwise(layer: Any) -> bool:
    return (
        _is_a(layer, "Conv2D")
        and not _is_a(layer, "DepthwiseConv2D")
        and _pair(layer.kernel_size) == (1, 1)
        and _pair(layer.strides) == (1, 1)
        and layer.groups == 1
    )


def _stretch(stem: Any, graph: _Graph) -> tuple[set[int], str]:
    """Layers from a stem to its poolings (by id), and what in there does not fit."""
    inside: set[int] = set()
    misfit = ""
    for layer in _downstream(stem, graph, inside):
        misfit = misfit or _body_misfit(layer, graph)
        if not graph.after[id(layer)]:
            misfit = misfit or f"{layer.name!r} ends the model without GlobalAveragePooling2D"
        for source in graph.before[id(layer)]:
            if id(source) not in inside and source is not stem:
                misfit = misfit or f"{layer.name!r} is also fed from {source.name!r}"
    return inside, misfit


def _downstream(stem: Any, graph: _Graph, inside: set[int]) -> Iterator[Any]:
    """Yields the layers after `stem` up to the poolings; fills `inside` with all of them first."""
    found = []
    queue = list(graph.after[id(stem)])
    while queue:
        layer = queue.pop(0)
        if id(layer) in inside or _is_a(layer, "GlobalAveragePooling2D"):
            continue
        inside.add(id(layer))
        found.append(layer)
        queue.extend(graph.after[id(layer)])
    yield from found


def _verdict(layer: Any, stretches: list[tuple[Any, set[int], str]]) -> str:
    if not _is_pointwise(layer):
        return "XNNPACK has sparse kernels for 1×1 convolutions only"
    for stem, inside, misfit in stretches:
        if id(layer) in inside:
            return f"no sparse inference after {stem.name!r}: {misfit}" if misfit else ""
    return "not between a stem and a global average pooling"
