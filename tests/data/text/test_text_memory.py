"""Ten times the pairs must not need ten times the memory."""

import subprocess
import sys

import pytest

from tests.data.text import pair_files

LOAD = """
import resource, sys
from pathlib import Path
from harness import data
from tests.data.text.pair_files import config
options = {"tokenizer": "none", "validation_files": None, "test_files": None}
shares = {"validation_share": 0.01, "test_share": 0.01}
loaded = data.load(config(Path(sys.argv[1]), **options, **shares))
print(loaded.num_train, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def megabytes(folder, count):
    """Pairs to train on, and the most memory that loading them needed."""
    hundred = pair_files.sentences(100, longest=40)
    pair_files.write(folder, "train", hundred * (count // 100))
    done = subprocess.run(
        [sys.executable, "-c", LOAD, folder], check=True, capture_output=True, text=True
    )
    kept, peak = map(int, done.stdout.split())
    assert kept > 0.9 * count
    return peak


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_pairs(tmp_path):
    few = megabytes(tmp_path / "few" / "text", 30_000)
    many = megabytes(tmp_path / "many" / "text", 300_000)
    assert many < 2 * few, "196 and 302 MB when this was written; processes need buffers of chunks"
