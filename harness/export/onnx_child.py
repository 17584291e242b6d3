"""An ONNX file run by ONNX Runtime in a process of its own: one that dies takes nothing with it.

`python -m harness.export.onnx_child FILE` answers each array that it reads with the outputs, both
as the bytes of a `.npy` file after their number, 8 bytes, lowest first.
"""

import io
import struct
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from weakref import finalize

import numpy as np

from harness.errors import ExportError
from harness.export.ended import PATIENCE, ended, patiently, remarks_in, said

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
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed by `_end`
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        finalize(self, _end, self._process, self._log)

    def __call__(self, inputs: Any) -> np.ndarray:
        """Outputs for a batch, [n, ...].

        Raises:
            ExportError: the runtime refuses the file or the inputs, died, or gives no answer.
        """
        values = np.asarray(inputs)
        found, how = patiently(self._process, PATIENCE, lambda: self._answer(values))
        if found is None:
            self._process.communicate()
            remarks = remarks_in(self._log)
            how = said(how, remarks) if how else ended(self._process.returncode, remarks)
            raise ExportError(f"{self._name}: its runtime {how}")
        return found

    def _answer(self, inputs: np.ndarray) -> np.ndarray | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):  # it died: its answer says how
            _send(self._process.stdin, inputs)
        return _receive(self._process.stdout)


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
    (length,) = _LENGTH.unpack(head)
    content = stream.read(length)
    return np.load(io.BytesIO(content), allow_pickle=False) if len(content) == length else None


def _end(process: "subprocess.Popen[bytes]", log: Any) -> None:
    process.kill()
    process.communicate()
    log.close()


if __name__ == "__main__":
    main(sys.argv[1])
