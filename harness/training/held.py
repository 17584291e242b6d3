"""The bytes that are held at once while a graph of TensorFlow runs, foreseen without running it.

Operations are gone through in the order in which they can begin, loops turn by turn: a tensor is
held from the operation that makes it to the last one that reads it. Shapes that tracing left open
follow from those of the inputs. What an executor that runs operations side by side holds may be a
little more, what a compiler that orders and merges them a little less; the workspaces of kernels
are not counted.
"""

import inspect
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

#: Operations whose output is their input, seen otherwise: no memory of its own.
_ALIASES = {
    "ExpandDims", "Identity", "IdentityN", "PreventGradient", "Reshape", "Squeeze", "StopGradient",
}  # fmt: skip
#: Those that may write into an input that nothing else reads any more.
_IN_PLACE = {
    "Add", "AddV2", "AddN", "BiasAdd", "Cast", "Exp", "Maximum", "Minimum", "Mul", "Neg", "RealDiv",
    "Relu", "Relu6", "Relu6Grad", "ReluGrad", "Rsqrt", "RsqrtGrad", "Select", "SelectV2", "Sigmoid",
    "SigmoidGrad", "Sqrt", "Square", "Sub", "Tanh", "TanhGrad", "Softmax", "LogSoftmax",
}  # fmt: skip
#: Integers that loops and shapes are made of are followed up to so many at once.
_FOLLOWED = 64
#: Turns of a loop that is taken for endless.
_TURNS = 100_000


class UnknownError(Exception):
    """What a graph does not tell: how often a loop turns, or how large a tensor is."""


@dataclass(eq=False)
class _Buffer:
    """Memory that tensors lie in, and how many places hold it."""

    size: int = 0
    holders: int = 0


@dataclass(eq=False)
class _List(_Buffer):
    """A list of tensors, as loops keep them; None where nothing was put yet."""

    elements: "list[_Value | None]" = field(default_factory=list)


@dataclass(frozen=True)
class _Value:
    """A tensor: where it lies, its shape, and its integers where they are followed."""

    buffer: _Buffer
    shape: tuple[int, ...] = ()
    known: Any = None


def most(graph: Any) -> int:
    """Bytes of tensors held at most at once, the graph's inputs among them.

    Args:
        graph: of a concrete function.

    Raises:
        UnknownError: a size that only the data decide.
    """
    return _Run().whole(graph)


class _Run:
    def __init__(self) -> None:
        self.held = self.peak = 0

    def whole(self, graph: Any) -> int:
        inputs = [self._new(_static(tensor), tensor.dtype) for tensor in graph.inputs]
        for each in inputs:
            self._hold(each.buffer)
        self._graph(graph, inputs)
        return self.peak

    def _graph(self, graph: Any, inputs: Sequence[_Value], given_up: bool = False) -> list[_Value]:
        """Runs a graph, or the body of a function.

        Args:
            graph: whose operations run.
            inputs: of its placeholders, in their order.
            given_up: whether the caller needs the inputs no more, and leaves its hold on them.

        Returns:
            The outputs, held once for the caller.
        """
        operations, reads = _order(graph)
        values: dict[str, _Value] = {}

        def begin(name: str, value: _Value) -> None:
            values[name] = value
            self._hold(value.buffer, reads[name])

        for tensor, value in zip(graph.inputs, inputs, strict=True):
            begin(tensor.name, value)
        for value in inputs if given_up else ():
            self._let_go(value.buffer)
        for operation in operations:
            names = [tensor.name for tensor in operation.inputs]
            given = [values[name] for name in names]
            made = self._operation(graph, operation, given)
            for tensor, value in zip(operation.outputs, made, strict=True):
                begin(tensor.name, value)
            for value in (*made, *given):
                self._let_go(value.buffer)
        return [values[tensor.name] for tensor in graph.outputs]

    def _operation(self, graph: Any, operation: Any, given: list[_Value]) -> list[_Value]:
        """What an operation makes of its inputs, held once; or what they become."""
        kind = operation.type
        if kind in ("While", "StatelessWhile"):
            return self._loop(graph, operation, given)
        if kind in ("PartitionedCall", "StatefulPartitionedCall"):
            return self._graph(_function(graph, operation.get_attr("f")), given)
        if kind in ("If", "StatelessIf"):
            self._branches(graph, operation, given[1:])
            made = self._outputs(operation, given)
        elif kind.startswith("TensorList") or kind == "EmptyTensorList":
            made = self._list(operation, given)
        else:
            made = self._outputs(operation, given)
        for value in made:
            self._hold(value.buffer)
        return made

    def _loop(self, graph: Any, operation: Any, given: list[_Value]) -> list[_Value]:
        condition, body = (_function(graph, operation.get_attr(key)) for key in ("cond", "body"))
        state = given
        for value in state:
            self._hold(value.buffer)
        for _ in range(_TURNS):
            (goes_on,) = self._graph(condition, state)
            if goes_on.known is None:
                raise UnknownError(f"{operation.name}: the data decide how often it turns")
            self._let_go(goes_on.buffer)
            if not goes_on.known:
                return state
            state = self._graph(body, state, given_up=True)
        raise UnknownError(f"{operation.name}: a loop of more than {_TURNS} turns")

    def _branches(self, graph: Any, operation: Any, given: list[_Value]) -> None:
        """Either may be taken: the peak is that of the larger."""
        for key in ("then_branch", "else_branch"):
            for value in self._graph(_function(graph, operation.get_attr(key)), given):
                self._let_go(value.buffer)

    def _outputs(self, operation: Any, given: list[_Value]) -> list[_Value]:
        """What an operation makes: new tensors, or its inputs written over or seen otherwise."""
        kind, free = operation.type, list(given) if operation.type in _IN_PLACE else []
        made = []
        for number, (shape, known) in enumerate(_inferred(operation, given)):
            dtype = operation.outputs[number].dtype
            size = _bytes(shape, dtype)
            over = [value for value in free if _last(value.buffer, size)]
            if kind == "ReadVariableOp":
                made.append(_Value(_Buffer(), shape))
            elif kind in _ALIASES:
                made.append(_Value(given[number].buffer, shape, known))
            elif over:
                made.append(_Value(over[0].buffer, shape, known))
            else:
                made.append(self._new(shape, dtype, known))
        return made

    def _list(self, operation: Any, given: list[_Value]) -> list[_Value]:
        """Lists of tensors, which hold what is put into them; each is written over if it can be."""
        kind = operation.type.removeprefix("TensorList")
        if kind == "FromTensor":
            of = given[0]
            dtype = operation.get_attr("element_dtype")
            return [self._listed([self._new(of.shape[1:], dtype) for _ in range(of.shape[0])])]
        if kind in ("Reserve", "EmptyTensorList"):
            count = 0 if kind == "EmptyTensorList" else _number(operation, given[1])
            return [self._listed([None] * count)]
        if kind not in _LISTS:
            return self._outputs(operation, given)
        buffer = given[0].buffer
        assert isinstance(buffer, _List)
        elements = buffer.elements
        if kind == "Stack":
            shapes = {each.shape for each in elements if each is not None}
            (shape,) = shapes or {()}
            return [self._new((len(elements), *shape), operation.outputs[0].dtype)]
        if kind == "Length":
            return [self._new((), tf.int32, np.int32(len(elements)))]
        if kind == "GetItem":
            found = elements[_number(operation, given[1])]
            return [found if found is not None else self._outputs(operation, given)[0]]
        if kind == "PushBack":
            return [self._listed([*elements, given[1]])]
        if kind == "PopBack":
            *rest, last = elements
            assert last is not None
            return [self._listed(rest), last]
        number = _number(operation, given[1])  # SetItem
        return [self._listed([*elements[:number], given[2], *elements[number + 1 :]])]

    def _listed(self, elements: "list[_Value | None]") -> _Value:
        for element in elements:
            if element is not None:
                self._hold(element.buffer)
        return _Value(_List(elements=elements))

    def _new(self, shape: tuple[int, ...], dtype: Any, known: Any = None) -> _Value:
        if dtype == tf.variant:
            return _Value(_List())
        size = _bytes(shape, dtype)
        self.held += size
        self.peak = max(self.peak, self.held)
        return _Value(_Buffer(size), shape, known)

    def _hold(self, buffer: _Buffer, times: int = 1) -> None:
        buffer.holders += times

    def _let_go(self, buffer: _Buffer) -> None:
        buffer.holders -= 1
        if not buffer.holders:
            self.held -= buffer.size
            for element in getattr(buffer, "elements", ()):
                if element is not None:
                    self._let_go(element.buffer)


_LISTS = {"Stack", "Length", "GetItem", "PushBack", "PopBack", "SetItem"}


def _last(buffer: _Buffer, size: int) -> bool:
    """Whether a buffer has a last reader, and fits."""
    return buffer.holders == 1 and buffer.size == size and not isinstance(buffer, _List)


def _number(operation: Any, value: _Value) -> int:
    if value.known is None:
        raise UnknownError(f"{operation.name}: the data decide which element of a list it takes")
    return int(value.known)


def _bytes(shape: tuple[int, ...], dtype: Any) -> int:
    return 0 if dtype in (tf.resource, tf.variant, tf.string) else math.prod(shape) * dtype.size


def _static(tensor: Any) -> tuple[int, ...]:
    if not tensor.shape.is_fully_defined():
        raise UnknownError(f"{tensor.name}: of shape {tensor.shape}")
    return tuple(tensor.shape)


def _function(graph: Any, attribute: Any) -> Any:
    """The graph of a function that an operation calls."""
    found = graph._get_function(attribute.name)
    while found is None and graph.outer_graph is not None:
        graph = graph.outer_graph
        found = graph._get_function(attribute.name)
    inner = getattr(found, "graph", None)
    if inner is None:
        raise UnknownError(f"{attribute.name}: a function whose graph is not here")
    return inner


def _order(graph: Any) -> tuple[list[Any], Counter[str]]:
    """What outputs and effects need, in the order in which it can begin, and how often it is read.

    As TensorFlow's executor takes it: what waits for nothing is first in line, and what an
    operation lets begin lines up behind. So what an optimizer makes of its own variables and the
    weights alone is made at once, and held until the gradients come.
    """
    wanted, given = {}, {tensor.op.name for tensor in graph.inputs}
    todo = [tensor.op for tensor in graph.outputs]
    todo.extend(each for each in graph.get_operations() if each.op_def.is_stateful)
    while todo:
        operation = todo.pop()
        if operation.name not in wanted and operation.name not in given:
            wanted[operation.name] = operation
            todo.extend(_before(operation))
    waiting, after = {}, defaultdict(list)
    traced = [each for each in graph.get_operations() if each.name in wanted]
    for operation in traced:
        before = {each.name for each in _before(operation)} & wanted.keys()
        waiting[operation.name] = len(before)
        for each in before:
            after[each].append(operation)
    operations = [each for each in traced if not waiting[each.name]]
    for operation in operations:  # which grows meanwhile
        for each in after[operation.name]:
            waiting[each.name] -= 1
            if not waiting[each.name]:
                operations.append(each)
    reads = Counter(tensor.name for operation in operations for tensor in operation.inputs)
    reads.update(tensor.name for tensor in graph.outputs)
    return operations, reads


def _before(operation: Any) -> list[Any]:
    """What has to run first."""
    return [*(tensor.op for tensor in operation.inputs), *operation.control_inputs]


def _inferred(operation: Any, given: list[_Value]) -> list[tuple[tuple[int, ...], Any]]:
    """Shape of each output, and its numbers where it is a few integers that follow."""
    shapes, known = [value.shape for value in given], [value.known for value in given]
    outputs = operation.outputs
    followed = [
        each.dtype in (tf.int32, tf.int64, tf.bool)
        and (each.shape.num_elements() or 0) <= _FOLLOWED
        for each in outputs
    ]
    if operation.type == "Const" and followed[0]:
        return [(tuple(outputs[0].shape), tf.make_ndarray(operation.get_attr("value")))]
    if operation.type in ("Shape", "Size", "Rank") and None not in shapes:
        dtype = outputs[0].dtype.as_numpy_dtype
        found = {"Shape": shapes[0], "Size": math.prod(shapes[0]), "Rank": len(shapes[0])}
        value = np.array(found[operation.type], dtype)
        return [(value.shape, value)]
    if operation.type == "ShapeN" and None not in shapes:
        dtype = outputs[0].dtype.as_numpy_dtype
        return [((len(shape),), np.array(shape, dtype)) for shape in shapes]
    follows = bool(known) and all(value is not None for value in known)
    if outputs and all(followed) and follows and not operation.op_def.is_stateful:
        values = [np.asarray(each) for each in _again(operation, known)]
        return [(value.shape, value) for value in values]
    if all(each.shape.is_fully_defined() for each in outputs):
        return [(tuple(each.shape), None) for each in outputs]
    if operation.type == "Where":  # as many as there may be
        return [((math.prod(shapes[0]), len(shapes[0])), None)]
    with tf.Graph().as_default():
        places = [
            tf.constant(value)
            if value is not None
            else tf.compat.v1.placeholder(tensor.dtype, shape)
            for tensor, shape, value in zip(operation.inputs, shapes, known, strict=True)
        ]
        again = _again(operation, places)
        return [
            ((0,) if (operation.type, at) in _UNTOLD else _static(each), None)
            for at, each in enumerate(again)
        ]


_RESERVED = "what cuDNN's recurrent layers reserve for their gradients, which only it tells"
#: Outputs of no known shape, counted as nothing, and what to say of them, if anything.
_UNTOLD = {
    ("FusedBatchNormV3", 5): "",
    ("CudnnRNNV3", 3): _RESERVED,
    ("CudnnRNNV3", 4): _RESERVED,
}


def untold(graph: Any) -> tuple[str, ...]:
    """What `most` leaves out of a graph and of what it calls, in words, each once."""
    graphs = (graph, *_called(graph))
    kinds = {operation.type for each in graphs for operation in each.get_operations()}
    return tuple(sorted({said for (kind, _), said in _UNTOLD.items() if said and kind in kinds}))


def _called(graph: Any) -> Iterator[Any]:
    """The graphs of functions that a graph calls, and that those call."""
    for operation in graph.get_operations():
        for attribute in (each for each in operation.op_def.attr if each.type == "func"):
            with suppress(UnknownError):  # `most` says so, if it is needed
                inner = _function(graph, operation.get_attr(attribute.name))
                yield inner
                yield from _called(inner)


def _again(operation: Any, inputs: Sequence[Any]) -> list[Any]:
    """An operation's outputs for other inputs."""
    raw = getattr(tf.raw_ops, operation.type)
    left, given = list(inputs), {}
    for each in operation.op_def.input_arg:
        several = each.number_attr or each.type_list_attr
        of = operation.get_attr(several) if several else 1
        count = of if isinstance(of, int) else len(of)
        given[each.name], left = left[:count] if several else left[0], left[count:]
    names = [name for name in inspect.signature(raw).parameters if name != "name"]
    arguments = {name: given.pop(name) for name in names if name in given}
    attributes = {each.name: each.type for each in operation.op_def.attr}
    unnamed = (each for each, kind in attributes.items() if kind != "type" and each not in names)
    for name in (each for each in names if each not in arguments):
        # Python has other names for some inputs and attributes: the axis of a sum.
        if name in attributes:
            arguments[name] = operation.get_attr(name)
        elif given:
            arguments[name] = given.pop(next(iter(given)))
        else:
            arguments[name] = operation.get_attr(next(unnamed))
    found = raw(**arguments)
    return list(found) if isinstance(found, list | tuple) else [found]
