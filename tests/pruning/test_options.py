"""From a cell's sparsity config to the pruner it asks for."""

import numpy as np
import pytest

from harness.config import compose
from harness.models import build

SMALL = [
    "model.filters=[2,4]",
    "model.units=8",
    "sparsity=random",
    "sparsity.schedule.kind=one_shot",
]


def mask(seed, *overrides):
    """The zeros of the first kernel, of the same weights whatever the seed."""
    config = compose([*SMALL, *overrides])
    model = build(config.model, (28, 28, 1), 10)
    kernel = model.trainable_variables[0]
    kernel.assign(np.linspace(-1, 1.1, kernel.shape.num_elements()).reshape(kernel.shape))
    pruner = config.sparsity.pruner(4, seed)
    pruner.attach(model)
    pruner.update(0)
    zeros = np.asarray(kernel) == 0
    pruner.detach(model)
    return zeros


@pytest.mark.parametrize(("score", "same"), [("random", False), ("magnitude", True)])
def test_random_scores_follow_the_seed(score, same):
    first, again, other = (mask(seed, f"sparsity.score={score}") for seed in (1, 1, 2))
    assert first.sum() == other.sum() > 0
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) is same
