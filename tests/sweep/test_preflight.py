"""What only the built model can refuse is refused before anything is written."""

import pytest

from tests.settings import TINY, harness


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["sparsity=random", "sparsity.scope.include=[nosuch*]"], "matches 'nosuch*'"),
        (
            ["sparsity=random", "sparsity.schedule.unit=step", "sparsity.schedule.end=41"],
            "sparsity.schedule.end: received step 41 with a fine-tuning of 40 steps",
        ),
        (["training.batch_size=5000"], "training.batch_size=5000: mnist has 4000 training"),
        (["strategy=mirrored", "strategy.devices=64"], "strategy.devices=64: this machine has"),
    ],
)
def test_refused_before_the_first_cell(tmp_path, overrides, complaint):
    done = harness("run", *TINY, *overrides, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("harness: ")
    assert complaint in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_rewound_phase_is_measured_in_the_dense_one_s_steps(tmp_path):
    dense = [line for line in TINY if "finetune" not in line]
    given = ["training.finetune.decay.kind=rewind", "training.finetune.epochs=2"]
    done = harness("run", *dense, *given, "sparsity=random", cwd=tmp_path)
    assert done.returncode == 2
    assert "received 62 steps; accepted: up to the dense phase's 40" in done.stderr
    assert list(tmp_path.iterdir()) == []
