"""A user and a password in a store's URI are used, and written nowhere."""

import base64
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from harness.cell.cell import Cell
from harness.cli.commands import _parser
from harness.config import compose, credentials
from harness.errors import TrackingError
from harness.sweep.plan import plan
from harness.tracking import store
from harness.tracking.provenance import tags
from harness.tracking.runs import read_runs
from tests.settings import harness, shell

WHOLE = "http://ann:se%40cret@127.0.0.1:{port}"


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setenv(credentials.VARIABLE, "")


@pytest.mark.parametrize(
    ("uri", "public"),
    [
        ("http://ann:secret@host:5000", "http://host:5000"),
        ("https://token@host/path", "https://host/path"),
        ("http://ann:s,e@[::1]:5000", "http://[::1]:5000"),
        ("postgresql://ann:s/e?c#r@host/db", "postgresql://host/db"),
        ("postgresql://host/db?user=ann&password=secret", "postgresql://host/db?user=ann"),
        ("mysql+mysqldb://host/db?passwd=secret", "mysql+mysqldb://host/db"),
        ("postgresql+psycopg2://ann:s:e@host/db", "postgresql+psycopg2://host/db"),
        ("http://host:5000", "http://host:5000"),
        ("sqlite:////home/me@work/m.db", "sqlite:////home/me@work/m.db"),
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
    ],
)
def test_a_config_has_the_uri_without_them_and_the_store_the_whole(uri, public):
    config = compose([f"tracking.uri='{uri}'"])
    assert config.tracking.uri == public
    assert credentials.whole(public) == uri


@pytest.mark.parametrize(
    ("word", "public", "uri"),
    [
        ("tracking.uri=http://ann:s,e@h:1", "tracking.uri=http://h:1", "http://ann:s,e@h:1"),
        ("++tracking.uri='http://ann:s@h:1'", "++tracking.uri='http://h:1'", "http://ann:s@h:1"),
        (r"tracking.uri='http://ann:o\'e@h:1'", "tracking.uri='http://h:1'", "http://ann:o'e@h:1"),
        (
            "tracking={uri:http://ann:s@h:1,experiment:e}",
            "tracking={uri:http://h:1,experiment:e}",
            "http://ann:s@h:1",
        ),
        (
            "tracking.uri=choice(http://ann:s@h:1,http://[::1]:5)",
            "tracking.uri=choice(http://h:1,http://[::1]:5)",
            "http://ann:s@h:1",
        ),
        (
            'tracking.uri=${oc.env:MLFLOW_TRACKING_URI,"http://ann:s@h:1"}',
            'tracking.uri=${oc.env:MLFLOW_TRACKING_URI,"http://h:1"}',
            "http://ann:s@h:1",
        ),
        ("--uri=http://ann:s@h:1", "--uri=http://h:1", "http://ann:s@h:1"),
        ("http://ann:s@h:1", "http://h:1", "http://ann:s@h:1"),
    ],
)
def test_words_of_a_command_line_have_none(word, public, uri):
    assert credentials.taken_from(["run", word, "seed=1"]) == ["run", public, "seed=1"]
    assert credentials.whole(credentials.hidden(uri)) == uri


@pytest.mark.parametrize(
    "word",
    [
        "hydra.searchpath=[pkg://hydra_plugins.a,file:///home/me@work]",
        "tracking.uri=sqlite:////home/me@work/m.db",
        "tracking.uri=http://h:1,http://h:2",
        "tracking.uri=postgresql://h/db?sslmode=require",
    ],
)
def test_words_without_any_stay_as_they_are(word):
    assert credentials.taken_from([word]) == [word]
    assert credentials.known() == {}


def test_a_text_has_none_wherever_it_stands():
    credentials.taken("http://ann:o'e x@h:1")
    said = "of (http://ann:o'e x@h:1), postgresql://ann:s/e@h/db?password=s and 'http://a:s@h'"
    assert credentials.hidden(said) == "of (http://h:1), postgresql://h/db and 'http://h'"


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


def test_cells_have_none_whoever_gives_their_overrides():
    overrides = ("tracking.uri='http://ann:secret@host:1'", "sparsity=random")
    for cell in plan([(compose(overrides), overrides)]):
        assert cell.overrides[0] == "tracking.uri='http://host:1'"
        assert "secret" not in repr(cell)


def without_secrets(folder, done):
    """What a command printed and left in its folder has no password."""
    assert "secret" not in done.stdout + done.stderr
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert [path for path in files if b"secret" in path.read_bytes()] == []
    return files


@pytest.mark.parametrize("given", ["word", "environment", "preset"])
def test_hydra_writes_and_prints_none(tmp_path, monkeypatch, given):
    uri = "http://ann:secret@127.0.0.1:9"
    here, presets = tmp_path / "here", tmp_path / "presets"
    here.mkdir()
    (presets / "tracking").mkdir(parents=True)
    content = f"defaults: [base, _self_]\nname: mine\nuri: {uri}\nexperiment: cells\n"
    (presets / "tracking" / "mine.yaml").write_text(content)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri if given == "environment" else "")
    words = {
        "word": [f"tracking.uri={uri}"],
        "environment": ["tracking=server"],
        "preset": ["--config-dir", str(presets), "tracking=mine"],
    }[given]
    app = "harness.run"
    jobs = ("seed=1,2", "hydra.output_subdir=h")
    done = shell(*words, *jobs, "--multirun", cwd=here, module=app)
    assert done.returncode == 1
    refusal = "harness: tracking.uri: no MLflow server answers at http://127.0.0.1:9 ("
    assert done.stderr.count(refusal) == 2
    written = without_secrets(here, done)
    assert {"multirun.yaml", "overrides.yaml"} <= {path.name for path in written}
    done = shell(*words, "--cfg", "job", "--resolve", cwd=here, module=app)
    assert done.returncode == 0, done.stderr
    assert "uri: http://127.0.0.1:9" in done.stdout
    without_secrets(here, done)


def test_a_search_is_refused_without_any(tmp_path):
    pytest.importorskip("optuna")
    uri = "tracking.uri=http://ann:secret@127.0.0.1:9"
    done = harness("search", uri, "sparsity=random", "sparsity.target=0.5,0.75", cwd=tmp_path)
    assert done.returncode == 2
    assert "no MLflow server answers at http://127.0.0.1:9 (" in done.stderr
    assert "search.db" in {path.name for path in without_secrets(tmp_path, done)}


def test_tables_link_to_servers_without_any(swept, tmp_path):
    words = ("report", "tiny.yaml", "--ui", "http://ann:secret@host:1", "--out", str(tmp_path))
    done = harness(*words, cwd=swept.folder)
    assert done.returncode == 0, done.stderr
    assert without_secrets(tmp_path, done)
    assert 'href="http://host:1/' in (tmp_path / "table.html").read_text()


def test_a_program_that_reads_a_store_is_told_none():
    with pytest.raises(TrackingError, match=r"answers at http://127\.0\.0\.1:9 \("):
        read_runs("http://ann:secret@127.0.0.1:9", "cells")


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
    "words",
    [("collect", "demo"), ("store", "move"), ("report", "demo"), ("ui", "demo"), ("deliver",)],
)
def test_every_command_takes_them_from_its_uri(words, monkeypatch):
    monkeypatch.setenv(credentials.VARIABLE, "{}")
    parsed = _parser().parse_args([*words, "--uri", "http://ann:secret@tracking.example"])
    assert parsed.uri == "http://tracking.example"
    assert credentials.whole(parsed.uri) == "http://ann:secret@tracking.example"
