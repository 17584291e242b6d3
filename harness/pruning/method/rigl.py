r"""RigL: a sparse network whose connections move to where the gradient wants them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.errors import ConfigError
from harness.options import choice, need
from harness.pruning.errors import PruningError
from harness.pruning.method.base import Method, MethodOptions
from harness.pruning.schedule.frozen import Frozen


@choice
@dataclass
class RigLOptions(MethodOptions):
    """Weights move to where the gradient is: `alpha` of them at first, none at the end."""

    words: ClassVar[str] = "RigL"
    patterns: ClassVar[tuple[str, ...] | None] = ("unstructured", "block")
    schedules: ClassVar[tuple[str, ...] | None] = ("constant", "cosine", "polynomial")
    scored: ClassVar[bool] = False
    kind: str = "rigl"
    alpha: float = 0.3

    def check(self, key: str, sparsity: Any, start: str) -> None:
        """Needs a network that is sparse from its first step on, and an end."""
        super().check(key, sparsity, start)
        need(f"{key}.alpha", self.alpha, 0 < self.alpha <= 1, "a share in (0, 1]")
        begin, end = sparsity.schedule.begin, getattr(sparsity.schedule, "end", 0.0)
        if begin != 0 or end <= 0:
            raise ConfigError(
                f"sparsity.schedule: received begin={begin:g}, end={end:g} with "
                "sparsity.method.kind=rigl, whose network is sparse from its first step until "
                "nothing moves any more; accepted: begin=0 and an end above it"
            )

    def method(self, last_step: int) -> RigL:
        """The method."""
        if last_step < 1:
            raise ConfigError(
                "sparsity.schedule.end: received an end that rounds to step 0 with sparsity.method."
                "kind=rigl, which moves weights until then; accepted: a later end, or a longer "
                "training.finetune"
            )
        return RigL(last_step, self.alpha)


class RigL(Method):
    r"""Drop the smallest weights, grow where the gradient is largest; the count stays.

    At every refresh of a weight tensor with k weights kept, the share

    .. math:: f(t) = \frac{\alpha}{2}\left(1 + \cos\frac{t\,\pi}{T_{end}}\right)

    of them is exchanged: the round(k·f) smallest |w| on the mask are dropped, then as many
    weights that did not survive are grown where the |gradient| of this batch is largest. (With
    gradient accumulation by Keras' optimizer it is that of the batch's last part.)
    Newly grown weights start at zero, and only weights on the mask get gradients. Source:
    Evci et al., "Rigging the Lottery: Making All Tickets Winners"
    (https://arxiv.org/abs/1911.11134), section 3.

    What the optimizer has learned about a weight before it left (momentum, squared gradients)
    is forgotten when it is grown anew, as in the authors' later code (`reset_momentum` of
    `rigl/rigl_tf2/mask_updaters.py`, https://github.com/google-research/rigl) and in jaxpruner;
    the paper does not say.

    The score of the pruner chooses the first mask only, at a schedule that begins at step 0:
    `Random()` is the paper's, with the `ERK` allocation. The paper skips the optimizer's
    update on the batch of an exchange; here that batch updates the old network first.

    Args:
        end_step: T_end, the step after which nothing moves; the paper ends at 3/4 of the
            training.
        alpha: the share exchanged at first, in (0, 1].

    Example:
        >>> Pruner(Unstructured(), Constant(0.9, 0, 7500, frequency=100), score=Random(),
        ...        allocation=ERK(), method=RigL(end_step=7500))
    """

    uses_gradients = True
    restarts_moments = True

    def __init__(self, end_step: int, alpha: float = 0.3) -> None:
        if isinstance(end_step, bool) or not isinstance(end_step, int) or end_step < 1:
            raise PruningError(f"end_step must be an int of at least 1, received {end_step!r}.")
        if not 0 < alpha <= 1:
            raise PruningError(f"alpha must be in (0, 1], received {alpha!r}.")
        self.end_step, self.alpha = end_step, float(alpha)

    def check(self, pattern: Any, schedule: Any, score: Any) -> None:
        """Needs a pattern whose count is free to move, and a first mask to start from."""
        if isinstance(schedule, Frozen):
            raise PruningError(f"RigL moves masks, and {schedule} never does: use Constant(…).")
        if pattern.ties != "index":
            raise PruningError(
                f"RigL exchanges counted weights, zeros among them, and {pattern} keeps all that "
                'are equal: use ties="index".'
            )
        if pattern.final_sparsity is not None:
            raise PruningError(
                f"RigL moves weights freely within a tensor, which {pattern} does not allow: use "
                "Unstructured() or Block()."
            )
        if not bool(schedule.updates_at(0)):
            raise PruningError(
                f"RigL trains a network that is sparse from the start, but {schedule} makes no "
                "mask at step 0: give it begin_step=0."
            )

    def share(self, step: Any) -> Any:
        """f(t): the share of kept weights exchanged at a step, float32."""
        import tensorflow as tf

        done = tf.minimum(tf.cast(step, tf.float32) / float(self.end_step), 1.0)
        return self.alpha / 2 * (1.0 + tf.cos(math.pi * done))

    def transform(self, weight: Any, gradient: Any) -> Any:
        """The gradient on the mask: the sparse network's own."""
        return weight.masked(gradient)

    def refresh(
        self, weight: Any, pattern: Any, scores: Any, kept: Any, gradient: Any, step: Any
    ) -> Any:
        """Exchanges weights; without a gradient (step 0), the first mask by score."""
        import tensorflow as tf

        if gradient is None:
            return pattern.keep(scores, kept, weight.axes)
        # Off the mask momentum may have moved a dropped weight: what grows starts at zero.
        value = weight.masked(weight.value)
        weight.variable.assign(value)
        count = tf.cast(tf.round(tf.cast(kept, tf.float32) * self.share(step)), tf.int64)
        count = tf.minimum(count, kept - 1)

        on_mask = tf.where(weight.mask, tf.abs(weight.cast(value)), -1.0)

        def exchange() -> Any:
            stay = pattern.keep(on_mask, kept - count, weight.axes)
            elsewhere = tf.where(stay, -1.0, tf.abs(gradient))
            return stay | pattern.keep(elsewhere, count, weight.axes)

        # Nothing to exchange: the mask as it is, unless the schedule wants fewer weights now.
        return tf.cond(count > 0, exchange, lambda: pattern.keep(on_mask, kept, weight.axes))
