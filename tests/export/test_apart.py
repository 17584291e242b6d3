"""An interpreter that dies of a file dies in a copy of the process, which goes on."""

import os
import signal
import time

import pytest

from harness.errors import ExportError
from harness.export import ExportOptions, apart, export, tflite
from tests.training import small


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_what_dies_is_refused(number):
    with pytest.raises(ExportError, match=rf"^f: its interpreter died of signal {int(number)}$"):
        apart.require_survival(lambda: os.kill(os.getpid(), number), "f")


def test_what_raises_is_left_to_the_process_itself():
    apart.require_survival(lambda: 1 // 0, "f")
    apart.require_survival(lambda: os._exit(3), "f")


def test_what_stands_still_tells_nothing(monkeypatch):
    monkeypatch.setattr(apart, "PATIENCE", 0.2)
    begin = time.monotonic()
    apart.require_survival(lambda: time.sleep(60), "f")
    assert time.monotonic() - begin < 30


def test_a_format_that_kills_its_interpreter_fails_alone(tmp_path, monkeypatch):
    run, here = tflite.Runner._run, os.getpid()

    def dies(runner, values):
        if runner._name == "model_sparse.tflite":
            assert os.getpid() != here, "it was run in the cell's own process"
            os.kill(os.getpid(), signal.SIGSEGV)
        return run(runner, values)

    monkeypatch.setattr(tflite.Runner, "_run", dies)
    options = ExportOptions(formats=["tflite", "tflite_sparse", "tflite_float16"])
    inputs = next(iter(small.data().test(4)))[0].numpy()
    found = export(small.model(), options, tmp_path, inputs)
    assert [one.kind for one in found.artifacts] == ["keras", "tflite", "tflite_float16"]
    (failure,) = found.failures
    assert failure.reason == "model_sparse.tflite: its interpreter died of signal 11"
    assert not (tmp_path / "model_sparse.tflite").exists()
