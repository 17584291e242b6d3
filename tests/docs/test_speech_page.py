"""The commands of docs/speech.md run, in order, in one folder, on tiny data.

Those that train get a narrow net and a few steps, and the synthetic set few voices; sweeps are
composed, not run.
"""

import contextlib
import io
import shlex

import pytest

from harness.cli.commands import main
from harness.sweep import spec as sweep
from tests.data.speech.speech_files import write_words
from tests.data.speech.test_speech_commands import SPEAKERS
from tests.docs.test_readme import commands
from tests.runs import runs
from tests.settings import harness

PAGE = commands("docs/speech.md")
COMMANDS = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
#: What makes a command quick, by how it starts.
SMALLER = {
    "harness run": (
        "model.filters=8",
        "training.batch_size=16",
        "training.dense.epochs=null",
        "training.dense.steps=12",
    ),
    "harness data prepare": ("--voices", "5", "--takes", "1"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The data that the page speaks of."""
    place = tmp_path_factory.mktemp("page")
    write_words(place / "speech_commands_v0.02", [*COMMANDS, "bed"], SPEAKERS[::2])
    write_words(place / "my_words", ["hallo", "danke"], [f"s{n}" for n in range(10)])
    return place


@pytest.fixture(scope="module")
def shown(folder):
    """What each command printed: cells in processes of their own, as ever, the others here."""
    outputs = {}
    for command in PAGE:
        words = shlex.split(command)[1:]
        words += [
            word for begin, more in SMALLER.items() if command.startswith(begin) for word in more
        ]
        if words[0] == "data":
            with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as printed:
                assert main(words) == 0, command
            outputs[command] = printed.getvalue()
        elif words[0] == "run":
            done = harness(*words, cwd=folder)
            assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    return outputs


@pytest.fixture(scope="module")
def run(folder, shown):
    (found,) = runs(f"sqlite:///{folder / 'mlflow.db'}")
    return found


def test_every_kind_of_data_is_checked(shown):
    checks = [text for command, text in shown.items() if " data dataset=" in command]
    assert len(checks) == 3
    for text in checks:
        assert "input shape        49×10×1" in text
    assert "speech_commands from Speech Commands: " in checks[0]
    assert "split by recording" in checks[1]
    assert "split by speaker" in checks[2]


def test_numbers_on_synthetic_speech_are_named_so(run, folder):
    prepared = "synthetic speech (espeak-ng 1.52.0): "
    assert run.tags["harness.data"].startswith(prepared)
    assert f"\nData: {prepared}" in run.tags["mlflow.note.content"]
    (folder / "page.yaml").write_text(
        "title: Words\nscale: small\nseeds: [1]\nblocks: [{overrides: [model=ds_cnn_l,"
        " model.momentum=0.9, training=ds_cnn_l_small, dataset=speech_commands, "
        "'export.formats=[tflite,tflite_int8,tflite_waveform]', "
        f"{', '.join(SMALLER['harness run'])}], cells: [sparsity=dense]}}]\n"
    )
    done = harness("report", "page.yaml", "tracking.experiment=cells", cwd=folder)
    assert f"Data: SYNTHETIC, {prepared}" in done.stdout, done.stdout + done.stderr


def test_the_run_has_every_file_and_the_accuracy_in_8_bits(run):
    names = {"model.keras", "model.tflite", "model_int8.tflite", "model_waveform.tflite"}
    assert {f"model/{name}" for name in names} <= run.files("model")
    metrics = run.metrics
    difference = metrics["test_int8/accuracy"] - metrics["test/accuracy"]
    assert metrics["test_int8/accuracy_difference"] == pytest.approx(difference, abs=1e-6)
    assert metrics["size/tflite_int8_agreement"] >= 0.9
    assert metrics["size/tflite_int8_bytes"] == run.path("model/model_int8.tflite").stat().st_size
    assert metrics["size/tflite_waveform_max_error"] < 1e-3


@pytest.mark.parametrize("command", [command for command in PAGE if " sweep " in command])
def test_the_sweeps_are_as_described(command):
    _, _, name, *extra = shlex.split(command)
    configs = [config for config, _ in sweep.load(name).configs(extra)]
    # six rows of three seeds; of the recordings, once for each speaker who is held out
    assert len(configs) == (108 if name == "keyword_spotting_small" else 18)
    assert {config.dataset.data_dir for config in configs} == {
        "data/speech" if name.endswith("synthetic") else extra[0].partition("=")[2]
    }
