"""What files weigh."""

import gzip
import os
import random
import subprocess
import sys
import time

from harness.export.size import measure


def test_sizes_are_those_of_the_file_and_of_its_gzip(tmp_path):
    content = random.Random(0).randbytes(5000) + bytes(5000)
    path = tmp_path / "file"
    path.write_bytes(content)
    found = measure(path)
    assert found.bytes == 10_000
    assert 5000 < found.gzip_bytes < 5200
    assert found.gzip_bytes == len(gzip.compress(content, 9))


def test_name_and_time_do_not_count(tmp_path, monkeypatch):
    for name in ("a", "a_much_longer_name"):
        (tmp_path / name).write_bytes(b"the same" * 100)
    first = measure(tmp_path / "a")
    os.utime(tmp_path / "a", (0, 0))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1e6)
    assert first == measure(tmp_path / "a") == measure(tmp_path / "a_much_longer_name")


def test_measuring_imports_nothing_heavy():
    code = """
import sys
import harness.export, harness.export.size
assert not {"tensorflow", "keras"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
