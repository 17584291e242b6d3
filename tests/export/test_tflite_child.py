"""Files run in a process of their own: what dies, hangs or is refused takes nothing with it."""

import os
import signal
import sys

import keras
import numpy as np
import pytest

from harness.errors import ExportError
from harness.export import FORMATS, ExportOptions, export, tflite, tflite_child
from tests.training import small

#: What a file ends with that is the end of whoever runs it: behind all that a runtime reads.
MARK = b"DEADLY"
#: Serves as the other process does, but for files with the mark.
DEADLY = """
import os, signal, sys, time
from harness.export import tflite_child

right = tflite_child._Opened

class Deadly(right):
    def run(self, values):
        {what}

tflite_child._Opened = lambda content: (Deadly if content.endswith({mark}) else right)(content)
tflite_child.main()
"""
DIES, HANGS = "os.kill(os.getpid(), signal.SIGSEGV)", "time.sleep(600)"
TELLS = "print('Check failed: rows', file=sys.stderr, flush=True); os.abort()"


@pytest.fixture(scope="module")
def inputs():
    return next(small.data().test(10).as_numpy_iterator())[0]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return small.model()


@pytest.fixture(scope="module")
def content(model):
    return tflite.convert(model)


@pytest.fixture
def deadly(monkeypatch):
    """Has files with the mark do this to whoever runs them."""
    monkeypatch.setattr(tflite_child, "_servers", [])

    def does(what):
        code = DEADLY.format(what=what, mark=MARK)
        monkeypatch.setattr(tflite_child, "_COMMAND", [sys.executable, "-c", code])

    yield does
    for server in tflite_child._servers:
        server.end()


def test_formats_that_kill_their_interpreter_fail_and_no_others(
    tmp_path, monkeypatch, model, inputs, deadly
):
    deadly(DIES)
    right, bad = tflite.convert, ["tflite_float16", "tflite_dynamic", "tflite_clustered"]
    files = {kind: FORMATS.find(kind).file for kind in bad}
    monkeypatch.setattr(
        tflite, "convert",
        lambda shipped, name, *more: right(shipped, name, *more) + MARK * (name in files.values()),
    )  # fmt: skip
    formats = ["tflite_float16", "tflite", "tflite_dynamic", "tflite_clustered", "tflite_sparse"]
    found = export(model, ExportOptions(formats=formats), tmp_path, inputs)
    assert [one.kind for one in found.artifacts] == ["keras", "tflite", "tflite_sparse"]
    assert {one.kind: one.reason for one in found.failures} == {
        kind: f"{name}: its interpreter died of signal 11" for kind, name in files.items()
    }
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"model.keras", "model.tflite", "model_sparse.tflite"}


def test_the_next_question_gets_another_process(content, inputs, deadly):
    deadly(TELLS)
    file = tflite.opened(content)
    before = file(inputs)
    with pytest.raises(
        ExportError, match=r"^bad\.tflite: its interpreter died of signal 6: Check failed: rows$"
    ):
        tflite.run(content + MARK, inputs, "bad.tflite")
    np.testing.assert_array_equal(file(inputs), before)
    (server,) = tflite_child._servers
    os.kill(server._process.pid, signal.SIGKILL)  # as a system short of memory does
    server._process.wait()
    np.testing.assert_array_equal(file(inputs), before)


def test_one_that_does_not_answer_is_given_up(content, inputs, deadly, monkeypatch):
    deadly(HANGS)
    file = tflite.opened(content + MARK, "slow.tflite")
    monkeypatch.setattr(tflite_child, "PATIENCE", 0.3)
    with pytest.raises(
        ExportError, match=r"^slow\.tflite: its interpreter gave no answer in 0\.3 s$"
    ):
        file(inputs)


def test_one_process_serves_all_files_and_forgets_those_that_nobody_has(content, inputs, deadly):
    deadly(DIES)
    first = tflite.opened(content)
    (server,) = tflite_child._servers
    for _ in range(3):
        tflite.run(content, inputs)
    assert tflite_child._servers == [server]
    assert len(server.forgotten) == 1, "told with the next question"
    first(inputs)
    assert not server.forgotten


def test_what_a_file_is_for_one_is_seen_beside_a_batch(content, inputs, monkeypatch):
    """A device gives it one example; kernels, and what they refuse, are others for many."""
    sizes = []
    right = tflite_child.File.run

    def run(file, values):
        sizes.append(len(values))
        return right(file, values)

    monkeypatch.setattr(tflite_child.File, "run", run)
    np.testing.assert_allclose(
        tflite.run(content, inputs), tflite.opened(content)(inputs), rtol=1e-4, atol=1e-6
    )
    assert sizes == [1, 9, 10]


def test_inputs_that_a_file_does_not_take_are_told_in_a_line(content, inputs):
    with pytest.raises(ExportError, match=r"^x\.tflite: does not run: [^\n]+$"):
        tflite.run(content, inputs[:, :3], "x.tflite")
