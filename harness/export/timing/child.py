"""The process that runs one TensorFlow Lite file and times it; started by `latency`.

`python -m harness.export.timing.child FILE THREADS` prints a line of JSON about the file, then,
for each number that it reads, the milliseconds of as many runs. LiteRT is used if it is
installed, else the interpreter that TensorFlow brings.
"""

import json
import sys
import time
from collections import Counter
from importlib.metadata import version
from typing import Any

import numpy as np


def main(path: str, threads: int) -> None:
    """Serves until its input ends."""
    interpreter, told = _opened(path, threads)
    print(json.dumps(told), flush=True)  # noqa: T201
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            interpreter.invoke()
            times.append(1000 * (time.perf_counter() - start))
        print(json.dumps(times), flush=True)  # noqa: T201


def _opened(path: str, threads: int) -> tuple[Any, dict[str, Any]]:
    try:
        from ai_edge_litert import interpreter as lite

        runtime = f"LiteRT {version('ai-edge-litert')}"
        make, plain = lite.Interpreter, lite.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    except ImportError:
        import tensorflow as tf

        runtime = f"TensorFlow Lite {tf.__version__}"
        make = tf.lite.Interpreter
        plain = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    ops, sparse = _operations(make(model_path=path, experimental_op_resolver_type=plain))
    interpreter = make(model_path=path, num_threads=threads)
    for slot in interpreter.get_input_details():
        if slot["shape_signature"][0] == -1:
            interpreter.resize_tensor_input(slot["index"], [1, *slot["shape"][1:]])
    interpreter.allocate_tensors()
    rng = np.random.default_rng(0)
    for slot in interpreter.get_input_details():
        real = np.dtype(slot["dtype"]).kind == "f"
        values = rng.normal(size=slot["shape"]) if real else np.ones(slot["shape"])
        interpreter.set_tensor(slot["index"], values.astype(slot["dtype"]))
    return interpreter, {"runtime": runtime, "ops": ops, "sparse": sparse}


def _operations(interpreter: Any) -> tuple[dict[str, int], dict[str, int]]:
    """How many there are of each, and of those that take a weight stored without its zeros.

    `DENSIFY` fills zeros in again once, before anything runs: what reads its output is dense.
    """
    stored = {
        tensor["index"]
        for tensor in interpreter.get_tensor_details()
        if tensor.get("sparsity_parameters")
    }
    ops: Counter[str] = Counter()
    sparse: Counter[str] = Counter()
    for op in interpreter._get_ops_details():
        ops[op["op_name"]] += 1
        if op["op_name"] != "DENSIFY" and stored & set(map(int, op["inputs"])):
            sparse[op["op_name"]] += 1
    return dict(ops), dict(sparse)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
