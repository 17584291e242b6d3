"""A score that knows nothing: the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from harness.options import choice
from harness.pruning.errors import PruningError
from harness.pruning.score.base import Score, ScoreOptions


@choice
@dataclass
class RandomOptions(ScoreOptions):
    """Weights are kept by lot: what any score has to beat."""

    words: ClassVar[str] = "by lot"
    kind: str = "random"

    def score(self, seed: int) -> Random:
        """A draw that the cell's seed decides."""
        return Random(seed)


class Random(Score):
    """A uniform number per weight, drawn once: the baseline any score has to beat.

    The draw depends on the seed and the weight's place in the model only, so that masks of
    rising sparsity are nested and all replicas agree.

    Args:
        seed: an int.
    """

    def __init__(self, seed: int = 0) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
            raise PruningError(f"seed must be an int, received {seed!r}.")
        self.seed = int(seed)

    def scores(self, weight: Any, step: Any) -> Any:
        """Uniform in [0, 1), the same at every step."""
        import tensorflow as tf

        return tf.random.stateless_uniform(weight.shape, seed=[self.seed, weight.index])
