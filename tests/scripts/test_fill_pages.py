"""The numbers in the pages are those of the committed files."""

import importlib.util
import json
import subprocess
import sys

import pytest

from tests.settings import ROOT

_SPEC = importlib.util.spec_from_file_location("fill_pages", ROOT / "scripts" / "fill_pages.py")
fill_pages = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fill_pages)

CSV = """\
model,sparsity,variant,unit,seeds,seeds_planned,mean,half_width_95,values,difference_from_dense,\
difference_half_width_95,difference_from_control,control_difference_half_width_95,\
control_difference_values,gzip_reduction
mnist_cnn,dense,n/a,%,3,3,98.1,0.2,98.0 98.1 98.2,n/a,n/a,n/a,n/a,n/a,1.0
mnist_cnn,random 50%,n/a,%,3,3,98.4,0.3,98.3 98.4 98.5,0.3,0.1,-0.1,0.2,n/a,1.75
mnist_cnn,random 75%,n/a,%,2,3,98.4,n/a,98.3 98.5,0.3,n/a,-0.1,n/a,'-0.3 0.1,3.2
mnist_cnn,2 by 4,n/a,%,0,3,not run,n/a,n/a,n/a,n/a,n/a,n/a,n/a,n/a
imdb_lstm,dense,n/a,%,0,3,not run,n/a,n/a,n/a,n/a,n/a,n/a,n/a,n/a
"""
KEPT = {
    "command": "python -m benchmarks.x", "date": "2026-01-02", "commit": "c" * 40, "changed": False,
    "cpu": "A processor", "cores": 2, "load_before": [0.1], "load_after": [1.9],
    "output": ["one line"],
}  # fmt: skip


def test_the_pages_say_what_is_committed():
    done = subprocess.run(
        [sys.executable, "scripts/fill_pages.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), "run `python scripts/fill_pages.py`"


def test_some_page_is_filled():
    text = (ROOT / "README.md").read_text() + (ROOT / "docs" / "images.md").read_text()
    assert text.count("<!-- filled: results ") >= 2


@pytest.fixture
def root(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "t.csv").write_text(CSV)
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    (tmp_path / "benchmarks" / "results" / "x.json").write_text(json.dumps(KEPT))
    return tmp_path


def test_measured_rows_and_how_many_are_missing(root):
    page = "A\n<!-- filled: results t mnist_cnn -->\nold\n<!-- /filled -->\nB\n"
    text = fill_pages.filled(page, root)
    row = "| mnist_cnn | random 50% | 3 of 3 | 98.40 ± 0.30 | −0.10 ± 0.20 | +0.30 ± 0.10 | 1.75 |"
    assert row in text.splitlines()
    assert (
        "| mnist_cnn | random 75% | 2 of 3 | 98.30, 98.50 | −0.30, +0.10 | +0.30 | 3.20 |" in text
    )
    assert "From `results/t.csv`. 1 planned row has no runs yet." in text
    assert "old" not in text
    assert text.startswith("A\n<!-- filled")
    assert text.endswith("<!-- /filled -->\nB\n")
    assert fill_pages.filled(text, root) == text


@pytest.mark.parametrize(
    ("text", "number"),
    [("-0.004", "0.00"), ("0.004", "0.00"), ("-0.006", "−0.01"), ("0.1", "+0.10")],
)
def test_what_rounds_to_nothing_has_no_sign(root, text, number):
    path = root / "results" / "t.csv"
    path.write_text(CSV.replace("0.3,0.1,-0.1,0.2,n/a", f"0.3,0.1,{text},0.2,n/a"))
    page = "<!-- filled: results t mnist_cnn -->\n<!-- /filled -->\n"
    assert f"| {number} ± 0.20 | +0.30 ± 0.10 |" in fill_pages.filled(page, root)


def test_a_table_without_runs_says_so(root):
    page = "<!-- filled: results t imdb -->\n<!-- /filled -->\n"
    assert "Not measured yet: none of 1 rows" in fill_pages.filled(page, root)


def test_a_benchmark_says_on_what_machine(root):
    text = fill_pages.filled("<!-- filled: benchmark x -->\n<!-- /filled -->\n", root)
    assert "A processor, 2 cores; load 0.1 before, 1.9 after." in text
    assert "```text\none line\n```" in text


def test_a_block_of_another_kind_is_refused(root):
    with pytest.raises(SystemExit, match="accepted: results TABLE"):
        fill_pages.filled("<!-- filled: nothing t -->\n<!-- /filled -->\n", root)


def test_what_is_not_recorded_is_said(root):
    text = fill_pages.filled("# <!-- filled: cores clips -->\n# <!-- /filled -->\n", root)
    assert "# Cores     not recorded yet: python -m benchmarks.record input_pipeline\n" in text
    text = fill_pages.filled("<!-- filled: benchmark other -->\n<!-- /filled -->\n", root)
    assert "Not recorded yet: benchmarks/record.py makes `benchmarks/results/other.json`." in text


def test_a_sweep_says_what_memory_and_how_many_cores(root):
    def kept(name, lines):
        path = root / "benchmarks" / "results" / f"{name}.json"
        path.write_text(json.dumps({**KEPT, "output": lines}))

    parts = "(weights 0.02, optimizer 0.02, masks 0.00, activations 3.00)"
    kept(
        "step_memory",
        [
            f"images   net_imagenet     64 at once   3.04 GB {parts}: fits cards of 24, 40, 80 GB",
            f"words    lstm_words      128 at once  30.04 GB {parts}: fits cards of 40, 80 GB",
        ],
    )
    kept("input_pipeline", ["loaded   examples/s/core", "photographs 224 folders      1,200"])
    page = (
        "# <!-- filled: memory images -->\n# <!-- /filled -->\n"
        "# <!-- filled: cores photographs_224_folders -->\n# stale\n# <!-- /filled -->\ntitle: T\n"
    )
    text = fill_pages.filled(page, root)
    assert "#           net_imagenet, 64 at once: 3.04 GB, fits cards of 24, 40, 80 GB\n" in text
    assert "lstm_words" not in text
    assert "# Cores     that load the 2,500 examples a second that a GPU takes\n" in text
    assert "#           photographs 224 folders: 3, of 1,200 each\n" in text
    assert "stale" not in text
    assert text.endswith("# <!-- /filled -->\ntitle: T\n")
    assert fill_pages.filled(text, root) == text
    with pytest.raises(SystemExit, match="nothing of clips; accepted: loaded"):
        fill_pages.filled("<!-- filled: cores clips -->\n<!-- /filled -->\n", root)


FILES = """\
model,sparsity,variant,unit,seeds,seeds_planned,mean,half_width_95,values,best_bytes,best_quality,\
best_reduction
mnist_cnn,dense,export.formats=['tflite'],%,2,2,98.1,n/a,98.0 98.2,12000000,98.1,1.02
mnist_cnn,random 75%,training.finetune.quantize=int8 export.formats=['tflite_int8'],%,2,2,98.4,\
n/a,98.3 98.5,600000,98.2,20.4
mnist_cnn,random 90%,n/a,%,0,2,not run,n/a,n/a,n/a,n/a,n/a
"""


def test_rows_by_their_smallest_files(root):
    (root / "results" / "t.csv").write_text(FILES)
    text = fill_pages.filled("<!-- filled: files t -->\n<!-- /filled -->\n", root)
    assert (
        "| dense | `formats=[tflite]` | 2 of 2 | 98.00, 98.20 | 98.10 | 12,000,000 | 1.02 |" in text
    )
    row = "| random 75% | `quantize=int8 formats=[tflite_int8]` | 2 of 2 | 98.30, 98.50 | 98.20 |"
    assert f"{row} 600,000 | 20.40 |" in text
    assert "random 90%" not in text


TIMES = """\
model,sparsity,variant,unit,seeds,seeds_planned,mean,half_width_95,values,dense_ms,dense_int8_speedup,\
tflite_speedup,tflite_sparse_speedup,fastest_speedup,packed_speedup
imdb_lstm,dense,n/a,%,1,1,83.5,n/a,83.5,2.3,n/a,1,n/a,1.9,n/a
imdb_lstm,block 1 by 4 90%,n/a,%,1,1,83,n/a,83,2.2,n/a,0.99,1.9,1.9,n/a
"""


def test_rows_by_what_their_files_take(root):
    (root / "results" / "t.csv").write_text(TIMES)
    text = fill_pages.filled("<!-- filled: latency t -->\n<!-- /filled -->\n", root).splitlines()
    assert "| sparsity | seeds | the model | dense (ms) | × `tflite` | × `tflite_sparse` |" in text
    assert "| dense | 1 of 1 | 83.50 | 2.30 | 1.00 | – |" in text
    assert "| block 1 by 4 90% | 1 of 1 | 83.00 | 2.20 | 0.99 | 1.90 |" in text


def test_a_statement_is_told_as_the_results_page_has_it(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "README.md").write_text(
        "# Measured\n\n## A is free: holds\n\nThe guide: so.\n\n- net, 50%: +0.1: holds\n\n"
        "![A is free](a.svg)\n\n## B is free: cannot be told\n\n- net, 90%: -9: cannot be told\n"
    )
    text = fill_pages.filled("<!-- filled: statement A is -->\nold\n<!-- /filled -->\n", tmp_path)
    assert text.splitlines()[1:-1] == ["A is free: holds.", "", "- net, 50%: +0.1: holds"]
    with pytest.raises(SystemExit, match=r"statement C is: README\.md has none that begins so"):
        fill_pages.filled("<!-- filled: statement C is -->\n<!-- /filled -->\n", tmp_path)
