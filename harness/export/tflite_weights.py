"""The kernels in a TensorFlow Lite file, read and changed where they lie."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

#: Smaller kernels are left as they are: what they would save weighs little.
LEAST_SIZE = 1024
_KINDS = {"FLOAT32": np.float32, "FLOAT16": np.float16, "INT8": np.int8}


def kernels(content: bytes | bytearray) -> Iterator[np.ndarray]:
    """Constants of two axes or more that are stored densely; views into the content, flat.

    Batch normalizations are folded into convolutions by now. Of 8-bit integers a zero is 0: the
    specification has kernels symmetric (https://ai.google.dev/edge/litert/models/quantization_spec).
    """
    from tensorflow.lite.python import schema_py_generated as schema

    kinds = {getattr(schema.TensorType, name): kind for name, kind in _KINDS.items()}
    model: Any = schema.Model.GetRootAsModel(content, 0)
    seen: set[int] = set()
    for graph in map(model.Subgraphs, range(model.SubgraphsLength())):
        for tensor in map(graph.Tensors, range(graph.TensorsLength())):
            place, shape = tensor.Buffer(), tensor.ShapeAsNumpy()
            if place in seen or tensor.Type() not in kinds or tensor.Sparsity() is not None:
                continue
            buffer = model.Buffers(place)
            if buffer.DataIsNone() or np.sum(np.asarray(shape) > 1) < 2:
                continue
            seen.add(place)
            yield buffer.DataAsNumpy().view(kinds[tensor.Type()])


def zeros(path: Path) -> dict[str, float]:
    """`zeros`: the share of zeros among the kernels of a file; nothing if it has none."""
    found = list(kernels(path.read_bytes()))
    size = sum(kernel.size for kernel in found)
    if not size:
        return {}
    return {"zeros": round(1 - sum(map(np.count_nonzero, found)) / size, 6)}
