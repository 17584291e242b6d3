"""How much each weight is worth: larger scores are kept.

A score sees a `weight` (see `harness.pruning.state.Weight`): its `value`, its `slots` (one
float32 variable of the weight's shape for each name in `Score.slots`, zero at the start and
part of the pruner's saved state) and its `index` among the pruner's weights. A score that
learns from gradients sets `uses_gradients` and implements `observe`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from harness.pruning.errors import PruningError


class Score(ABC):
    """Base of all scores."""

    uses_gradients: bool = False
    slots: tuple[str, ...] = ()

    def __repr__(self) -> str:
        values = ", ".join(f"{k}={v!r}" for k, v in vars(self).items())
        return f"{type(self).__name__}({values})"

    @abstractmethod
    def scores(self, weight: Any, step: Any) -> Any:
        """Scores of a weight at a refresh: float32 tensor of the weight's shape, without NaN
        for a weight without NaN.
        """

    def observe(self, weight: Any, gradient: Any) -> None:  # noqa: B027 - an optional hook
        """Takes in a weight's gradient, before every optimizer update.

        Args:
            weight: the weight; its value is that of the forward pass.
            gradient: dense float32 tensor, summed over replicas.
        """


class Magnitude(Score):
    """The absolute value |w|."""

    def scores(self, weight: Any, step: Any) -> Any:
        """|w| in float32."""
        import tensorflow as tf

        return tf.abs(tf.cast(weight.value, tf.float32))


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


class Taylor(Score):
    r"""First-order estimate of the squared change of the loss when a weight is removed.

    .. math:: I_w = \left(g_w\, w\right)^2

    averaged over steps with exponential decay. Source: Molchanov et al., "Importance
    Estimation for Neural Network Pruning" (https://arxiv.org/abs/1906.10771), equation 8.
    Costs one float a weight. Needs gradients, so its first refresh is at step 1 or later.

    Args:
        decay: weight of the past in the average, in [0, 1); 0 uses the last batch alone.
    """

    uses_gradients = True
    slots = ("taylor",)

    def __init__(self, decay: float = 0.9) -> None:
        if not 0 <= decay < 1:
            raise PruningError(f"decay must be in [0, 1), received {decay!r}.")
        self.decay = float(decay)

    def observe(self, weight: Any, gradient: Any) -> None:
        """Updates the average of (g·w)²."""
        import tensorflow as tf

        slot = weight.slots["taylor"]
        importance = tf.square(gradient * tf.cast(weight.value, tf.float32))
        slot.assign(self.decay * slot + (1 - self.decay) * importance)

    def scores(self, weight: Any, step: Any) -> Any:
        """The average of (g·w)²."""
        return weight.slots["taylor"].read_value()
