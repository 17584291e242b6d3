"""The process that runs one TensorFlow Lite file and times it; started by `latency`.

`python -m harness.export.timing.child FILE THREADS` prints a line of JSON about the file, then,
for each number that it reads, the milliseconds of as many runs, one for each part of a run. LiteRT
is used if it is installed, else the interpreter that TensorFlow brings.

A run of a translation model is a sentence of `WORDS` words: encoded, then as many steps of its
decoder, each of one hypothesis (a greedy search). Of any other it is one example.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from harness.export.tflite_child import takes_turns
from harness.models.gnmt import ENCODE, STEP, WORDS


def main(path: str, threads: int) -> None:
    """Serves until its input ends."""
    parts, told = _opened(path, threads)
    print(json.dumps(told), flush=True)  # noqa: T201
    for line in sys.stdin:
        times = [
            [_milliseconds(invoke, count) for invoke, count in parts] for _ in range(int(line))
        ]
        print(json.dumps(times), flush=True)  # noqa: T201


def _milliseconds(invoke: Callable[[], None], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        invoke()
    return 1000 * (time.perf_counter() - start)


def _opened(path: str, threads: int) -> tuple[list[tuple[Callable[[], None], int]], dict[str, Any]]:
    """What runs the file's graphs, how often each, and what to tell of the file."""
    try:
        from ai_edge_litert import schema_py_generated as schema
        from ai_edge_litert.interpreter import Interpreter

        runtime = f"LiteRT {version('ai-edge-litert')}"
    except ImportError:
        import tensorflow as tf
        from tensorflow.lite.python import schema_py_generated as schema

        runtime, Interpreter = f"TensorFlow Lite {tf.__version__}", tf.lite.Interpreter
    ops, sparse = _operations(Path(path).read_bytes(), schema)
    told: dict[str, Any] = {"runtime": runtime, "ops": ops, "sparse": sparse}
    interpreter = Interpreter(model_path=path, num_threads=threads)
    if not takes_turns(interpreter):
        (run,) = _ready(interpreter, {0: interpreter.get_input_details()})
        return [(run, 1)], told
    counts = {ENCODE: 1, STEP: WORDS}
    runners = [interpreter.get_signature_runner(name) for name in counts]
    inputs = {one._subgraph_index: list(one.get_input_details().values()) for one in runners}
    told["parts"] = counts
    return list(zip(_ready(interpreter, inputs), counts.values(), strict=True)), told


def _ready(interpreter: Any, inputs: Mapping[int, list[Any]]) -> list[Callable[[], None]]:
    """Gives graphs, by their numbers, one example of noise each; returns what runs them."""
    wrapper = interpreter._interpreter  # whose methods take a graph's number
    for graph, slots in inputs.items():
        for slot in slots:
            if -1 in slot["shape_signature"]:
                ends = (1, *[WORDS] * (len(slot["shape"]) - 1))
                slot["shape"] = np.where(slot["shape_signature"] == -1, ends, slot["shape"])
                shape = slot["shape"].astype(np.int32)
                wrapper.ResizeInputTensor(slot["index"], shape, False, graph)
    wrapper.AllocateTensors()  # which lets delegates take over what they can, in all graphs
    rng = np.random.default_rng(0)
    for graph, slots in inputs.items():
        wrapper.AllocateTensors(graph)
        for slot in slots:
            real = np.dtype(slot["dtype"]).kind == "f"
            values = rng.normal(size=slot["shape"]) if real else np.ones(slot["shape"])
            wrapper.SetTensor(slot["index"], values.astype(slot["dtype"]), graph)
    return [partial(wrapper.Invoke, graph) for graph in inputs]


def _operations(content: bytes, schema: Any) -> tuple[dict[str, int], dict[str, int]]:
    """How many there are of each, and of those that take a weight stored without its zeros.

    Of all graphs of the file, for a recurrent layer's are in the body of its loop. `DENSIFY`
    fills zeros in again once, before anything runs: what reads its output is dense.
    """
    model = schema.Model.GetRootAsModel(content, 0)
    names = {number: name for name, number in vars(schema.BuiltinOperator).items()}
    ops: Counter[str] = Counter()
    sparse: Counter[str] = Counter()
    for graph in map(model.Subgraphs, range(model.SubgraphsLength())):
        for op in map(graph.Operators, range(graph.OperatorsLength())):
            code = model.OperatorCodes(op.OpcodeIndex())
            custom = code.CustomCode()
            number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            name = custom.decode() if custom else names[number]
            ops[name] += 1
            if name != "DENSIFY" and any(_stored_sparse(graph, op)):
                sparse[name] += 1
    return dict(ops), dict(sparse)


def _stored_sparse(graph: Any, op: Any) -> Iterator[bool]:
    for number in op.InputsAsNumpy():
        yield number >= 0 and graph.Tensors(int(number)).Sparsity() is not None


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
