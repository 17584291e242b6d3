"""An ONNX file run by ONNX Runtime in a process of its own: one that dies takes nothing with it.

`python -m harness.export.onnx_child FILE` answers each array that it reads with the outputs, both
as the bytes of a `.npy` file after their number, 8 bytes, lowest first.
"""

import io
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from weakref import finalize

import numpy as np

from harness.errors import ExportError
from harness.export.ended import ended

_LENGTH = struct.Struct("<Q")


class OnnxRunner:
    """Outputs of an ONNX file of one input and one output, batch by batch.

    Args:
        path: the file.
        name: what to call it in a refusal.

    Example:
        >>> logits = OnnxRunner(Path("model.onnx"), "model.onnx")(images)
    """

    def __init__(self, path: Path, name: str):
        self._name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        finalize(self, _end, self._process)

    def __call__(self, inputs: Any) -> np.ndarray:
        """Outputs for a batch, [n, ...].

        Raises:
            ExportError: the runtime refuses the file or the inputs, or died.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):  # it died: its answer says how
            _send(self._process.stdin, np.asarray(inputs))
        found = _receive(self._process.stdout)
        if found is None:
            _, remarks = self._process.communicate()
            how = ended(self._process.returncode, remarks.decode(errors="replace"))
            raise ExportError(f"{self._name}: its runtime {how}")
        return found


def main(path: str) -> None:
    """Serves until its input ends."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (slot,) = session.get_inputs()
    kinds = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(int64)": np.int64}
    while (inputs := _receive(sys.stdin.buffer)) is not None:
        (outputs,) = session.run(None, {slot.name: inputs.astype(kinds[slot.type])})
        _send(sys.stdout.buffer, outputs)


def _send(stream: IO[bytes], array: np.ndarray) -> None:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    stream.write(_LENGTH.pack(content.tell()) + content.getvalue())
    stream.flush()


def _receive(stream: IO[bytes]) -> np.ndarray | None:
    """The next array; None where there is none any more."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    return np.load(io.BytesIO(stream.read(*_LENGTH.unpack(head))), allow_pickle=False)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.communicate()


if __name__ == "__main__":
    main(sys.argv[1])
