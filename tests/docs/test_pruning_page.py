"""The code of docs/pruning.md runs, as one session, and prints what the page shows."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "pruning.md"


@pytest.mark.filterwarnings("ignore::harness.pruning.PruningWarning")
def test_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) >= 6
    session = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, "<page>", "exec"), session)
    (shown,) = re.findall(r"```text\n(.*?)\n```", text, flags=re.DOTALL)
    assert shown in capsys.readouterr().out
