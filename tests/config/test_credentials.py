"""A user and a password in a store's URI are used, and written nowhere."""

import base64
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from harness.cell.cell import Cell
from harness.cli.commands import _parser
from harness.config import compose, credentials
from harness.tracking import store
from harness.tracking.provenance import tags
from tests.settings import harness

WHOLE = "http://ann:se%40cret@127.0.0.1:{port}"


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setenv(credentials.VARIABLE, "")


@pytest.mark.parametrize(
    ("uri", "public"),
    [
        ("http://ann:secret@host:5000", "http://host:5000"),
        ("https://token@host/path", "https://host/path"),
        ("postgresql+psycopg2://ann:s:e@host/db", "postgresql+psycopg2://host/db"),
        ("http://host:5000", "http://host:5000"),
        ("sqlite:////home/me@work/m.db", "sqlite:////home/me@work/m.db"),
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
    ],
)
def test_a_config_has_the_uri_without_them_and_the_store_the_whole(uri, public):
    config = compose([f"tracking.uri={uri}"])
    assert config.tracking.uri == public
    assert credentials.whole(public) == uri


def test_one_from_the_environment_is_taken_too(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:secret@host:1")
    assert compose(["tracking=server"]).tracking.uri == "http://host:1"


def test_commands_and_tags_have_none():
    overrides = ("tracking.uri=http://ann:secret@host:1", "seed=2")
    cell = Cell(compose(overrides), "c", "t", "f", None, None, overrides)
    assert "secret" not in cell.command
    assert "tracking.uri=http://host:1" in cell.command
    assert "secret" not in str(tags("harness run tracking.uri=http://ann:secret@host:1"))
    assert "secret" not in cell.name


def test_a_refusal_shows_none(tmp_path):
    done = harness("run", "tracking.uri=http://ann:secret@127.0.0.1:9", cwd=tmp_path)
    assert done.returncode == 2
    assert "no MLflow server answers at http://127.0.0.1:9 (" in done.stderr
    assert "secret" not in done.stdout + done.stderr


@pytest.mark.parametrize("given", ["uri", "variables"])
def test_a_server_is_asked_with_them(given, monkeypatch):
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *given):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    uri = WHOLE.format(port=server.server_port)
    if given == "variables":
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "se@cret")
        uri = credentials.hidden(uri)
    store.check(compose([f"tracking.uri={uri}"]).tracking.uri)
    server.shutdown()
    server.server_close()
    assert asked == ["Basic " + base64.b64encode(b"ann:se@cret").decode()]


@pytest.mark.parametrize(
    "words", [("collect", "demo"), ("store", "move"), ("report", "demo"), ("ui", "demo")]
)
def test_every_command_takes_them_from_its_uri(words, monkeypatch):
    monkeypatch.setenv(credentials.VARIABLE, "{}")
    parsed = _parser().parse_args([*words, "--uri", "http://ann:secret@tracking.example"])
    assert parsed.uri == "http://tracking.example"
    assert credentials.whole(parsed.uri) == "http://ann:secret@tracking.example"
