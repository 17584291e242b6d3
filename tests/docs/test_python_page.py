"""The script of docs/python.md runs; one without its guard is told so in a line."""

import re
import subprocess
import sys
from pathlib import Path

from tests.settings import TINY, environment

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def ran(script, folder):
    (folder / "script.py").write_text(script)
    return subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )


def of_page():
    (script,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    small = ", ".join(repr(each) for each in (*TINY, "tracking.experiment=tiny"))
    script = script.replace('("sparsity=random"', f'({small}, "sparsity=random"')
    return script.replace('"cells"', '"tiny"').replace("(0.5, 0.75)", "(0.75,)")


def test_the_script_runs(swept):
    done = ran(of_page(), swept.folder)
    assert done.returncode == 0, done.stderr
    assert "Nothing to do: 2 cells are finished." in done.stdout
    assert re.search(r"^0 \d+$", done.stdout, re.MULTILINE)


def test_without_its_guard_it_is_told_what_to_do(tmp_path):
    bare = of_page().replace('if __name__ == "__main__":\n    main()', "main()")
    done = ran(bare, tmp_path)
    assert done.returncode == 1
    assert "bootstrapping" not in done.stdout + done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("harness.errors.HarnessError: the script that launches cells")
    assert last.endswith('put its last lines below `if __name__ == "__main__":`')
    assert done.stderr.count("Traceback") == 1, "the script's own, and none of its cells'"
