"""Hydra's own launchers over our cells; docs/cluster.md says how they are installed."""

import importlib.util

import pytest

from tests.runs import by_sparsity
from tests.settings import TINY, shell

#: Two minutes, most of it processes that start; run where the plugins are.
pytestmark = pytest.mark.slow

LAUNCHERS = {
    "joblib": ("hydra_plugins.hydra_joblib_launcher", "hydra.launcher.n_jobs=2"),
    "submitit_local": ("hydra_plugins.hydra_submitit_launcher", "hydra.launcher.cpus_per_task=1"),
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_its_jobs_share_a_baseline_and_a_refused_one_ends_no_other(tmp_path, launcher):
    plugin, resources = LAUNCHERS[launcher]
    if importlib.util.find_spec(plugin) is None:
        pytest.skip(f"{plugin} is not installed")
    jobs = (
        "--multirun",
        f"hydra/launcher={launcher}",
        resources,
        *(each for each in TINY if not each.startswith("training.batch_size")),
        "export.formats=[]",
        "sparsity=random,structured_2x4",
    )
    done = shell(*jobs, "training.batch_size=128", cwd=tmp_path, module="harness.run")
    assert done.returncode == 0, done.stdout + done.stderr
    cells = by_sparsity(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert cells.keys() == {"dense", "random", "structured_2x4"}
    for run in cells.values():
        assert run.status == "FINISHED"
        assert "harness.resumed_on" not in run.tags, "it was run twice"
    done = shell(*jobs, "training.batch_size=128,100000", cwd=tmp_path, module="harness.run")
    assert done.returncode == 1, done.stdout + done.stderr
    assert by_sparsity(f"sqlite:///{tmp_path / 'mlflow.db'}").keys() == cells.keys()
