"""One command in two processes: one run a cell, kept by the chief."""

import json
import subprocess

import pytest

from tests.runs import by_sparsity
from tests.settings import TINY, command, environment
from tests.training.test_workers import free_ports

pytestmark = pytest.mark.slow


def test_two_processes_run_a_sparse_cell_and_its_baseline(store_uri, tmp_path):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    arguments = ("strategy=multi_worker", "sparsity=structured_2x4", f"tracking.uri={store_uri}")
    processes = [
        subprocess.Popen(
            command("run", *TINY, *arguments),
            cwd=tmp_path,
            env={
                **environment(),
                "TF_CONFIG": json.dumps(
                    {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
                ),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in range(2)
    ]
    printed = [process.communicate(timeout=600)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], printed
    cells = by_sparsity(store_uri)  # fails if a cell has two runs
    assert cells.keys() == {"dense", "structured_2x4"}
    for run in cells.values():
        assert run.status == "FINISHED"
        assert run.id in printed[0]
        assert len(run.history("train/loss")) == 40 // 10
    assert cells["structured_2x4"].metrics["sparsity/prunable"] > 0.45
    assert not list((tmp_path / "work" / "cells").iterdir())
