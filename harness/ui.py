"""Opens MLflow's user interface on the harness's store, for this machine only."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress

from harness.config import compose
from harness.errors import TrackingError
from harness.tracking import store

HOST = "127.0.0.1"
#: Seconds that the server gets to end before it is killed.
STOP_SECONDS = 10.0


def serve(uri: str | None, port: int) -> int:
    """Runs MLflow's server until it is interrupted; prints where to look.

    Args:
        uri: the store; None for the default of `tracking=local`.
        port: at 127.0.0.1.

    Raises:
        TrackingError: there is no store yet, or the port is taken.
    """
    uri = uri or compose().tracking.uri
    database = store.sqlite_path(uri)
    if database is not None and not database.exists():
        raise TrackingError(f"there is no store at {uri} yet; `harness sweep demo` makes one")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise TrackingError(
                f"--port: {port} is taken at {HOST}; choose another: --port {port + 1}"
            ) from None
    # without workflowType a browser that is new to MLflow opens on its page for LLM traces
    print(f"MLflow: http://{HOST}:{port}/#/experiments?workflowType=machine_learning", flush=True)  # noqa: T201
    # One worker and no job runner: the defaults take 3 GB and lose 40 ms a request.
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    command += ["--host", HOST, "--port", str(port), "--workers", "1"]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = subprocess.Popen(command, env=environment, start_new_session=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return server.wait()
    finally:
        _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    """Ends the server and the workers that it has started, however we were stopped."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
