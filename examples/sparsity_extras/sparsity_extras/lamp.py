r"""Layer-adaptive magnitudes: with one threshold for all layers, each finds its own sparsity.

Source: Lee et al., https://arxiv.org/abs/2010.07611. Goes with `sparsity.allocation=global`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from harness.options import choice
from harness.pruning.score.base import Score, ScoreOptions


@choice
@dataclass
class LampOptions(ScoreOptions):
    """Weights that are large among those of their layer that would be left are kept."""

    words: ClassVar[str] = "LAMP"
    kind: str = "lamp"

    def score(self, seed: int) -> Lamp:
        """w² as a share of all that is as large or larger."""
        return Lamp()


class Lamp(Score):
    r"""A weight's square as a share of those of all weights of its layer that are no smaller.

    .. math:: S(w_u) = w_u^2 / \sum_{|w_v| \ge |w_u|} w_v^2

    The largest weight of every layer has score 1, so no layer is pruned away.
    """

    def scores(self, weight: Any, step: Any) -> Any:
        """In [0, 1]; among equal weights the later one has the larger score."""
        import tensorflow as tf

        squares = tf.reshape(tf.square(tf.cast(weight.value, tf.float32)), [-1])
        order = tf.argsort(squares, stable=True)
        ascending = tf.gather(squares, order)
        left = tf.cumsum(ascending, reverse=True)
        shares = tf.math.divide_no_nan(ascending, left)
        return tf.reshape(tf.scatter_nd(order[:, None], shares, tf.shape(squares)), weight.shape)
