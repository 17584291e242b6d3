"""TensorFlow Lite files run in a process of its own: one that dies takes nothing with it.

One process serves all files of this one, for TensorFlow takes seconds to import; after a file that
kills it the next one gets another. LiteRT runs them if it is installed, else the interpreter that
TensorFlow brings: what a file is compared, scored and timed by is one runtime.

`python -m harness.export.tflite_child` has its end of the connection as its standard input. It
reads (files to forget, a file's number, a method of `_Opened`, its arguments) and answers with (why
the runtime refused, None) or (None, the result).
"""

import itertools
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from collections import deque
from contextlib import closing
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any, NoReturn
from weakref import finalize

import numpy as np

from harness.errors import ExportError, first_line
from harness.export.ended import PATIENCE, ended, remarks_in, said
from harness.models.gnmt import ENCODE, STEP

_COMMAND = [sys.executable, "-m", __name__]
_OPEN = "open"
_numbers = itertools.count()
_starting = Lock()
_servers: "list[_Server]" = []


class File:
    """A file that another process has opened.

    Args:
        content: the file's bytes.
        name: what to call it in a refusal.

    Attributes:
        name: the same.
        inputs: what an interpreter tells of its inputs.
        outputs: what it tells of its outputs.
        signatures: of a file of several graphs, what it tells of their outputs, by name.

    Raises:
        ExportError: the runtime refuses it, or died of it.
    """

    def __init__(self, content: bytes, name: str):
        self.name = name
        self._content, self._number = content, next(_numbers)
        self._server: _Server | None = None
        self.inputs, self.outputs, self.signatures = self._ask("told")

    def run(self, values: np.ndarray) -> np.ndarray:
        """The output for a batch, both as the file has them.

        Raises:
            ExportError: the runtime refuses the batch, or died of it.
        """
        found: np.ndarray = self._ask("run", values)
        return found

    def call(self, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs of one of several graphs.

        Raises:
            ExportError: the runtime refuses the inputs, or died of them.
        """
        found: dict[str, np.ndarray] = self._ask("call", signature, inputs)
        return found

    def _ask(self, method: str, *given: Any) -> Any:
        server = _running()
        if server is not self._server:  # the first, or the one after a file that killed it
            server.ask(self.name, self._number, _OPEN, self._content)
            finalize(self, server.forgotten.append, self._number)
            self._server = server
        return server.ask(self.name, self._number, method, *given)


class _Server:
    """The other process.

    Attributes:
        forgotten: files that it need not keep any longer.
    """

    def __init__(self) -> None:
        self.forgotten: deque[int] = deque()
        self._lock = Lock()
        self._connection, theirs = Pipe()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed by `_end`
        with closing(theirs):
            self._process = subprocess.Popen(
                _COMMAND, stdin=theirs.fileno(), stdout=self._log, stderr=self._log
            )
        self._end = finalize(self, _end, self._process, self._connection, self._log)

    @property
    def serves(self) -> bool:
        """Whether it can be asked."""
        return self._end.alive and self._process.poll() is None

    def end(self) -> None:
        """Lets the process go."""
        self._end()

    def ask(self, name: str, number: int, method: str, *given: Any) -> Any:
        """What a method of a file gives."""
        with self._lock:
            forgotten = [self.forgotten.popleft() for _ in range(len(self.forgotten))]
            start = os.fstat(self._log.fileno()).st_size
            try:
                self._connection.send((forgotten, number, method, given))
                if not self._connection.poll(PATIENCE):
                    raise TimeoutError
                refused, answer = self._connection.recv()
            except TimeoutError:
                self._fail(name, start, f"gave no answer in {PATIENCE:g} s")
            except (EOFError, OSError):
                self._fail(name, start)
            except BaseException:  # its answer would be taken for that to the next question
                self.end()
                raise
        if refused is not None:
            raise ExportError(f"{name}: does not run: {refused}")
        return answer

    def _fail(self, name: str, start: int, how: str = "") -> NoReturn:
        if how:
            self._process.kill()
        code = self._process.wait()
        remarks = remarks_in(self._log, start)
        self.end()
        raise ExportError(
            f"{name}: its interpreter {said(how, remarks) if how else ended(code, remarks)}"
        )


def _running() -> _Server:
    """The process that serves, started if there is none or the last one died."""
    with _starting:
        if not _servers or not _servers[-1].serves:
            _servers[:] = [_Server()]
        return _servers[-1]


def _end(process: "subprocess.Popen[bytes]", connection: "Connection[Any, Any]", log: Any) -> None:
    connection.close()
    process.kill()
    process.wait()
    log.close()


# --- in the other process ---------------------------------------------------------------------


def interpreter(content: bytes) -> Any:
    """An interpreter of a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow's announces that it will move
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            import tensorflow as tf

            Interpreter = tf.lite.Interpreter
        return Interpreter(model_content=content)


def takes_turns(interpreter: Any) -> bool:
    """Whether a file is a translation model's two graphs, by its signatures."""
    return {ENCODE, STEP} <= interpreter.get_signature_list().keys()


class _Opened:
    """A file and its interpreter."""

    def __init__(self, content: bytes):
        self._interpreter = interpreter(content)
        # As it is shipped, for one example: this lets delegates take over what they can, and some
        # refuse here what they would not refuse of a batch.
        self._interpreter.allocate_tensors()
        (self._input, *_), (self._output, *_) = self._details()
        self._shape = tuple(self._input["shape"])
        names = self._interpreter.get_signature_list() if takes_turns(self._interpreter) else ()
        self._graphs = {name: self._interpreter.get_signature_runner(name) for name in names}

    def _details(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return self._interpreter.get_input_details(), self._interpreter.get_output_details()

    def told(self) -> tuple[Any, Any, dict[str, Any]]:
        """Of inputs, outputs and graphs."""
        graphs = {name: graph.get_output_details() for name, graph in self._graphs.items()}
        return *self._details(), graphs

    def run(self, values: np.ndarray) -> np.ndarray:
        """The output for a batch; of a file for one example one by one."""
        if self._input["shape_signature"][0] == 1:  # a recurrent model
            return np.concatenate([self._run(values[i : i + 1]) for i in range(len(values))])
        return self._run(values)

    def _run(self, values: np.ndarray) -> np.ndarray:
        if values.shape != self._shape:
            self._interpreter.resize_tensor_input(self._input["index"], values.shape)
            self._interpreter.allocate_tensors()
            self._shape = values.shape
        self._interpreter.set_tensor(self._input["index"], values)
        self._interpreter.invoke()
        found: np.ndarray = self._interpreter.get_tensor(self._output["index"])
        return found

    def call(self, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs of a graph."""
        found: dict[str, np.ndarray] = self._graphs[signature](**inputs)
        return found


def main() -> None:
    """Serves until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asks decides what Ctrl-C ends
    files: dict[int, _Opened] = {}
    with Connection(os.dup(0)) as connection:
        while True:
            try:
                forgotten, number, method, given = connection.recv()
            except EOFError:
                return
            for each in forgotten:
                files.pop(each, None)
            connection.send(_answer(files, number, method, given))


def _answer(files: dict[int, _Opened], number: int, method: str, given: Any) -> tuple[Any, Any]:
    try:
        if method == _OPEN:
            files[number] = _Opened(*given)
            return None, None
        return None, getattr(files[number], method)(*given)
    except (RuntimeError, ValueError) as error:
        return first_line(error), None


if __name__ == "__main__":
    main()
