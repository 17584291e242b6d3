"""What the terminal shows of cells under way."""

import io
import time
from types import SimpleNamespace

import pytest
from rich.console import Console

from harness.config import compose
from harness.sweep.progress import ProgressView

pytestmark = pytest.mark.anywhere


def test_a_warning_that_every_cell_gives_is_written_once():
    text = io.StringIO()
    cells = [SimpleNamespace(id=name, name=name, config=compose([])) for name in ("one", "two")]
    with ProgressView(cells, Console(file=text, width=40), cells) as view:
        for cell in cells:
            view.started(cell)
            view.event(
                cell, {"kind": "warning", "text": "no GPU is seen: make [setup] GPU=1, please"}
            )
    assert text.getvalue().count("WARNING: no GPU is seen: make [setup] GPU=1, please") == 1


def test_a_name_is_written_as_it_is():
    text = io.StringIO()
    cells = [
        SimpleNamespace(id=name, name=f"{name} formats=[tflite_int8]", config=compose([]))
        for name in ("one", "two")
    ]
    with ProgressView(cells, Console(file=text, width=160), cells) as view:
        for cell, status in zip(cells, ("done", "failed"), strict=True):
            view.started(cell)
            view.ended(cell, SimpleNamespace(status=status, value={}, message="[why]"))
    assert "✓ one formats=[tflite_int8]" in text.getvalue()
    assert "✗ two formats=[tflite_int8]: failed: [why]" in text.getvalue()


def test_a_cell_that_is_only_measured_weighs_little(monkeypatch):
    text = io.StringIO()
    cells = [SimpleNamespace(id=name, name=name, config=compose([])) for name in ("one", "two")]
    monkeypatch.setattr(time, "monotonic", iter([0.0, 60.0]).__next__)
    with ProgressView(cells, Console(file=text, width=160), cells[:1]) as view:
        view._done["one"] = 0.5
        # six of twelve epochs took a minute; six are left, and an evaluation
        assert view._time_left() == "[cyan]about 1 min 1 s left"
