"""Opens MLflow's user interface on a sweep, for this machine only."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import webbrowser
from contextlib import suppress

from harness.config import credentials
from harness.errors import TrackingError
from harness.tracking import store
from harness.tracking.landing import Landing, find_landing

HOST = "127.0.0.1"
#: Seconds that the server gets to end before it is killed.
STOP_SECONDS = 10.0
#: Seconds that the server gets to answer: it imports for a while on a busy machine.
START_SECONDS = 180.0


def show(uri: str, sweep: str | None, port: int, *, opened: bool = False) -> int:
    """Prints the link to a sweep's runs and, unless a server has the store, serves them.

    Args:
        uri: the store.
        sweep: its name; None for the one with the newest run.
        port: at 127.0.0.1, of the server that is started for a store without one.
        opened: also opens the link in a browser.

    Returns:
        The exit code: 0 for a link to a server that runs already; else the server's own.

    Raises:
        TrackingError: there is no store or no such sweep yet, or the port is taken.
    """
    database = store.sqlite_path(uri)
    if database is not None and not database.exists():
        raise TrackingError(f"there is no store at {uri} yet; `harness sweep demo` makes one")
    landing = find_landing(uri, sweep)
    if uri.startswith(("http://", "https://")):
        _announce(landing, uri.rstrip("/"), opened)
        return 0
    _refuse_taken(port)
    server = _start(uri, port)
    keeper = _keep(server)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        address = f"http://{HOST}:{port}"
        if _answers(server, address):
            _announce(landing, address, opened)
            _say("MLflow opens its assistant beside a new browser's first page: its × closes it.")
            _say("Ctrl-C stops it.")
        return server.wait()
    finally:
        keeper.kill()
        keeper.wait()
        _end(server)


def _announce(landing: Landing, address: str, opened: bool) -> None:
    link = landing.link(address)
    _say(f"{landing.name}, runs:   {link}")
    _say(f"{landing.name}, charts: {landing.link(address, charts=True)}")
    if opened and not webbrowser.open(link):
        _say("No browser could be opened from here; open the link in yours.")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise TrackingError(
                f"--port: {port} is taken at {HOST}; choose another: --port {port + 1}"
            ) from None


def _start(uri: str, port: int) -> subprocess.Popen[bytes]:
    # One worker and no job runner: the defaults take 3 GB and lose 40 ms a request.
    command = [sys.executable, "-m", "mlflow", "server"]
    command += ["--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--uvicorn-opts", "--log-level=warning"]
    settings = {
        "MLFLOW_BACKEND_STORE_URI": credentials.whole(uri),  # not for everybody's process list
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "PYTHONWARNINGS": "ignore",
    }
    return subprocess.Popen(
        command,
        env={**os.environ, **settings},
        stdout=sys.stderr,  # standard output is for the links
        start_new_session=True,  # Ctrl-C is ours to pass on, to its workers too
    )


def _keep(server: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """Starts what ends the server and its workers if we are killed and cannot do so ourselves.

    It waits for the end of its input, which comes when the last process that may write to it,
    this one, is no more.
    """
    group = f"-{server.pid}"
    script = f"read _; kill -TERM {group}; sleep {STOP_SECONDS:g}; kill -KILL {group}"
    return subprocess.Popen(
        ["/bin/sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _answers(server: subprocess.Popen[bytes], address: str) -> bool:
    """Waits until the server answers; False if it has ended, or does not come up."""
    end = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < end:
        with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5):
            return True
        time.sleep(0.2)
    return False


def _end(server: subprocess.Popen[bytes]) -> None:
    """Ends the server and the workers that it has started, however we were stopped."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
