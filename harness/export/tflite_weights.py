"""The kernels in a TensorFlow Lite file, read and changed where they lie."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from harness.export.zeros import is_kernel, told

#: Smaller kernels are left as they are: what they would save weighs little.
LEAST_SIZE = 1024
_KINDS = {"FLOAT32": np.float32, "FLOAT16": np.float16, "INT8": np.int8}


def kernels(content: bytes | bytearray) -> Iterator[np.ndarray]:
    """Constants of two axes or more that are stored densely; views into the content, flat.

    Batch normalizations are folded into convolutions by now. Of 8-bit integers a zero is 0: the
    specification has kernels symmetric (https://ai.google.dev/edge/litert/models/quantization_spec).
    """
    return (values for values, _, sparse in _stored(content) if not sparse)


def zeros(path: Path, model: Any) -> dict[str, float]:
    """`zeros`: the share of zeros among the kernels of a file; nothing if it has none.

    Raises:
        ExportError: they are fewer than the model's.
    """
    found = _stored(path.read_bytes())
    # what is stored sparsely lacks its zeros, but for those within a block
    counted = ((size, int(np.count_nonzero(values))) for values, size, _ in found)
    return told(path.name, model, counted)


def _stored(content: bytes | bytearray) -> Iterator[tuple[np.ndarray, int, bool]]:
    """What is stored of each kernel, flat; how many weights it has; whether zeros are left out."""
    from tensorflow.lite.python import schema_py_generated as schema

    kinds = {getattr(schema.TensorType, name): kind for name, kind in _KINDS.items()}
    model: Any = schema.Model.GetRootAsModel(content, 0)
    seen: set[int] = set()
    for graph in map(model.Subgraphs, range(model.SubgraphsLength())):
        for tensor in map(graph.Tensors, range(graph.TensorsLength())):
            place, shape = tensor.Buffer(), tensor.ShapeAsNumpy()
            if place in seen or tensor.Type() not in kinds:
                continue
            buffer = model.Buffers(place)
            if buffer.DataIsNone() or not is_kernel(shape):
                continue
            seen.add(place)
            values = buffer.DataAsNumpy().view(kinds[tensor.Type()])
            yield values, math.prod(shape.tolist()), tensor.Sparsity() is not None
