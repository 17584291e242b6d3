"""Where a training begins: masks, step and weights are brought together.

Weights may have been loaded since the pruner last saw them, by whatever loads weights:
`load_weights`, `set_weights`, `BackupAndRestore`, a checkpoint of the optimizer. They arrive beside
the masks, which belong to other weights, and beside the step, which the optimizer may count
otherwise now.
"""

from __future__ import annotations

import warnings
import weakref
from typing import Any

import tensorflow as tf

from harness.pruning.engine import Engine
from harness.pruning.errors import PruningWarning
from harness.pruning.optimizers import updates
from harness.pruning.prunable import Rows, plan
from harness.pruning.schedule.frozen import Frozen
from harness.pruning.scope.base import Scope
from harness.pruning.state import local

#: A share of zeros on the masks that no dense training leaves.
_SPARSE = 0.05
#: Weights off the masks that are as large as this share of those on them were not trained there.
_ALIKE = 0.5


class Count:
    """Tells whether somebody else has set the optimizer's count of updates.

    Args:
        engine: whose step should keep pace with it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._optimizer: Any = lambda: None
        self.updates = self._step = 0

    def note(self) -> None:
        """Takes the present counts for right."""
        optimizer = self._engine.optimizer
        self._optimizer = (lambda: None) if optimizer is None else weakref.ref(optimizer)
        self.updates = updates(optimizer, self._engine.variables) or 0
        self._step = int(local(self._engine.step))

    def ahead(self) -> int:
        """Updates by which the optimizer's count has moved further than the pruner's step."""
        optimizer, step = self._engine.optimizer, int(local(self._engine.step))
        counted = updates(optimizer, self._engine.variables)
        if counted is None or counted == step:
            return 0
        if self._optimizer() is not optimizer:  # a new one, which begins at nought
            return counted
        moved = counted - self.updates
        return moved - (step - self._step) if moved else 0  # else trained by something else


def begin(engine: Engine, count: Count) -> None:
    """Makes masks and step fit the present weights, wherever those came from.

    Weights that are as sparse as the schedule makes them at the optimizer's count were pruned
    so: the pruner goes on from that step, their zeros being the masks. Other weights that
    the masks do not fit get new ones, as of the pruner's own step.
    """
    engine.begun = True
    step, ahead = int(local(engine.step)), count.ahead()
    loaded = sum(weight.count_off_mask() for weight in engine.weights)
    if ahead or loaded or (step == 0 and isinstance(engine.schedule, Frozen)):
        if step == 0:
            engine.forget()  # what scores and methods keep is of other weights
        follows = ahead != 0 and step + ahead >= 0 and _take_up(engine, step + ahead)
        if follows:
            engine.step.assign(step + ahead)
        elif not _take_up(engine, step):
            engine.refresh_now(engine.schedule.last_update(step))
        if ahead or step:
            _warn(engine, step, ahead, loaded, follows)
    engine.apply_masks()
    count.note()


def _take_up(engine: Engine, step: int) -> bool:
    """Makes the largest weights the masks if, as of `step`, the others are all zero already."""
    last = engine.schedule.last_update(step)
    if isinstance(engine.schedule, Frozen):
        masks = engine.choice.by_zeros()
        if int(local(engine.step)) and _size(masks) > _size([w.mask for w in engine.weights]):
            return True  # denser weights come under the masks there are
    elif last is None:
        masks = [tf.ones(weight.shape, tf.bool) for weight in engine.weights]
    else:
        masks = engine.choice.by_magnitude(float(engine.schedule.sparsity(last)))
    fits = not any(w.count_off_mask(mask) for w, mask in zip(engine.weights, masks, strict=True))
    for weight, mask in zip(engine.weights, masks, strict=True) if fits else ():
        weight.mask.assign(mask)
    return fits


def _size(masks: list[Any]) -> int:
    return sum(int(tf.math.count_nonzero(local(mask))) for mask in masks)


def _warn(engine: Engine, step: int, ahead: int, loaded: int, follows: bool) -> None:
    if not ahead:
        text = (
            f"Weights were loaded since step {step}: {loaded:,} non-zero ones were off the masks, "
            "which are made anew from them."
        )
    elif follows:
        text = (
            f"The optimizer counts {ahead:+d} updates that the pruner, at step {step}, has not "
            "seen: its state was loaded. The weights are as sparse as the schedule makes them "
            f"by step {step + ahead}, so pruning goes on from there with their zeros as the masks."
        )
    else:
        text = (
            f"The optimizer counts {ahead:+d} updates that the pruner, at step {step}, has not "
            "seen: its state was loaded. The weights are not as sparse as the schedule makes them "
            f"by step {step + ahead}, so pruning goes on from step {step}, with masks made from "
            "the present weights."
        )
    to_the_bit = " To go on to the same bits, load the state that pruner.save() wrote as well."
    warnings.warn(text + to_the_bit, PruningWarning, stacklevel=4)


def warn_of_zeros(engine: Engine) -> None:
    """Warns if weights that are to be pruned from step 0 on are sparse already, and sparser."""
    size = sum(weight.kernel.size for weight in engine.counted)
    zeros = sum(weight.count() - weight.count_nonzero() for weight in engine.counted)
    if zeros > _SPARSE * size:
        warnings.warn(
            f"{zeros:,} of the {size:,} weights to prune are zero already, and the masks of step 0 "
            "let them return. To go on with a pruned model's training, give attach() the state "
            "that pruner.save() wrote; else begin the schedule as sparse as the weights are.",
            PruningWarning,
            stacklevel=3,
        )


def warn_of_unseen(count: Count) -> None:
    """Warns if the optimizer has made updates that the pruner has not seen."""
    ahead = count.ahead()
    if ahead > 0:
        warnings.warn(
            f"The optimizer counts {ahead} updates that the pruner has not seen, and that pruned "
            "nothing: a tf.function traced before attach() knows no masks; make it anew after it.",
            PruningWarning,
            stacklevel=3,
        )


def warn_of_thawed(engine: Engine, rows: Rows, scope: Scope) -> None:
    """Warns of weights that were frozen when the pruner was attached, and are trained now."""
    if not any(note == "frozen" and kernel.variable.trainable for kernel, note in rows):
        return
    held = {weight.path for weight in engine.weights}
    now, _ = plan(engine.model, scope, engine.pattern)
    thawed = [weight.path for weight in now if weight.path not in held]
    if thawed:
        warnings.warn(
            f"Not pruned, for they were frozen at attach(): {', '.join(thawed)}. To prune them, "
            "detach the pruner and attach it again.",
            PruningWarning,
            stacklevel=3,
        )


def warn_of_strangers(engine: Engine) -> None:
    """Warns if weights seem to have been loaded before an optimizer's first update.

    Of an optimizer that the pruner does not know, the first update is seen when it is done. It
    moves weights off the masks, but not to the size of those on them.
    """
    values = [tf.abs(local(weight.value)) for weight in engine.counted]
    masks = [tf.cast(local(weight.mask), tf.float32) for weight in engine.counted]
    sizes = []
    for chosen in (masks, [1 - mask for mask in masks]):
        count = sum(float(tf.reduce_sum(mask)) for mask in chosen)
        total = sum(float(tf.reduce_sum(v * m)) for v, m in zip(values, chosen, strict=True))
        sizes.append(total / count if count else 0.0)
    if sizes[1] > _ALIKE * sizes[0]:
        warnings.warn(
            "Weights off the masks are about as large as those on them at the first update of an "
            "optimizer that the pruner does not know: if weights were loaded after attach(), the "
            "masks are of other ones. Name the optimizer, attach(model, optimizer=…), or call "
            "pruner.begin_training() once they are loaded.",
            PruningWarning,
            stacklevel=2,
        )
