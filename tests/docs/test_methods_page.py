"""The code of docs/methods.md runs, as one session."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"


@pytest.mark.filterwarnings("error::harness.pruning.PruningWarning")
def test_the_page_runs():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 7
    session = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, "<page>", "exec"), session)
