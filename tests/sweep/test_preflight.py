"""What only the built model can refuse is refused before anything is written."""

import pytest

from tests.settings import TINY, harness


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["sparsity=random", "sparsity.scope.include=[nosuch*]"], "matches 'nosuch*'"),
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
