"""A real MLflow server that keeps the artifacts as well: started, killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from tests.settings import environment

START_SECONDS = 240
#: One worker and no job runner, as `harness ui` has it.
SETTINGS = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "PYTHONWARNINGS": "ignore",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """Over the store of a folder, or over a database."""

    def __init__(self, folder: Path, backend: str | None = None):
        self._folder = folder
        self._backend = backend or f"sqlite:///{folder / 'server.db'}"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Server":
        words = [sys.executable, "-m", "mlflow", "server"]
        words += ["--host", "127.0.0.1", "--port", str(self.port)]
        words += ["--backend-store-uri", self._backend, "--workers", "1", "--serve-artifacts"]
        words += ["--artifacts-destination", (self._folder / "artifacts").as_uri()]
        with (self._folder / "server.txt").open("ab") as log:
            self._process = subprocess.Popen(
                words, env=environment() | SETTINGS, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                return self
            time.sleep(0.2)
        raise AssertionError((self._folder / "server.txt").read_text())

    def kill(self) -> None:
        """As a machine that goes down: nothing is said goodbye to."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
