"""What the terminal shows of cells under way."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from harness.config import compose
from harness.sweep.progress import ProgressView

pytestmark = pytest.mark.anywhere


def test_a_warning_that_every_cell_gives_is_written_once():
    text = io.StringIO()
    cells = [SimpleNamespace(id=name, name=name, config=compose([])) for name in ("one", "two")]
    with ProgressView(cells, Console(file=text, width=40)) as view:
        for cell in cells:
            view.started(cell)
            view.event(
                cell, {"kind": "warning", "text": "no GPU is seen: make [setup] GPU=1, please"}
            )
    assert text.getvalue().count("WARNING: no GPU is seen: make [setup] GPU=1, please") == 1
