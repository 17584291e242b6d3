r"""Training the dense weights behind a sparse network (straight-through estimation)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from harness.options import choice
from harness.pruning.method.base import Method, MethodOptions

if TYPE_CHECKING:
    from harness.pruning.schedule.base import Schedule


@choice
@dataclass
class StraightThroughOptions(MethodOptions):
    """Dense weights are trained behind the mask; off it they learn if `update_pruned`.

    Without it weights off the mask get no gradient; momentum and decay still move them.
    """

    words: ClassVar[str] = "straight-through"
    schedules: ClassVar[tuple[str, ...] | None] = ("constant", "cosine", "polynomial")
    kind: str = "straight_through"
    update_pruned: bool = True

    def method(self, last_step: int) -> StraightThrough:
        """The method."""
        return StraightThrough(self.update_pruned)


class StraightThrough(Method):
    r"""Forward passes see masked weights, the optimizer updates dense ones.

    .. math:: W_{t+1} = W_t - \gamma\, g(m_t \odot W_t)

    The gradient at the masked weights is applied to the dense weights as if there were no
    mask, so a weight off the mask goes on learning and may return with the value it has
    reached. Source: Bengio et al. (https://arxiv.org/abs/1308.3432); for N:M masks Zhou et al.
    (https://arxiv.org/abs/2102.04010).

    Masks follow every step only if the schedule refreshes them at every step
    (`frequency=1`), as both papers do. The model's own variables are sparse between steps;
    the weights off the mask are kept aside, at one float32 a weight.

    Args:
        update_pruned: whether weights off the mask get their gradient. With False they get
            none; momentum and decay still move them, so only plain SGD without either leaves
            them at the value they had when they were pruned.
    """

    uses_gradients = True
    refresh_reads_gradient = False
    slots = ("aside",)

    def __init__(self, update_pruned: bool = True) -> None:
        self.update_pruned = bool(update_pruned)

    def schedule(self, sparsity: float) -> Schedule:
        """Masks that follow every step, as both papers' do."""
        from harness.pruning.schedule.constant import Constant

        return Constant(sparsity, frequency=1)

    def restore(self, weight: Any) -> None:
        """Puts the dense weights back into the variable."""
        import tensorflow as tf

        value = weight.value
        aside = tf.cast(weight.slots["aside"], value.dtype)
        # Off the mask only zeros are ours: anything else was loaded since, and counts.
        weight.variable.assign(tf.where(weight.mask | tf.not_equal(value, 0), value, aside))

    def transform(self, weight: Any, gradient: Any) -> Any:
        """The gradient itself, or its part on the mask."""
        return gradient if self.update_pruned else weight.masked(gradient)

    def settle(self, weight: Any, value: Any) -> Any:
        """Keeps the weights off the mask aside; the rest is the weight's value."""
        import tensorflow as tf

        masked = weight.masked(value)
        weight.slots["aside"].assign(tf.cast(value - masked, tf.float32))
        return masked
