"""Which pairs make the batch of a step: pairs of about one length, shuffled every epoch.

Everything is decided by index arrays that a seed and an epoch's number make, so that any
step can be taken up at once.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np

from harness.errors import ConfigError


@dataclass(frozen=True)
class _Epoch:
    """The pairs' numbers in order, and the batches cut from them: (first, stop, bucket)."""

    order: np.ndarray
    batches: np.ndarray


class Batches:
    """The batches of endless epochs; the one of step t depends on (seed, t) alone.

    The shortest pairs come first in the making of an epoch: what is left of a bucket when its
    batches are full joins the next longer one, so that only the last bucket can leave pairs
    over (others every epoch). Then the batches are shuffled.

    By sentences, an epoch has as many batches as the pairs fill. By tokens, it has as many as
    all padded tokens fill; there are at least that many batches, the rest is left over.

    Attributes:
        steps_per_epoch: see the function of that name.

    Args:
        lengths: of the pairs, as trained on: the longer of source and target, [n].
        limits: the buckets' largest lengths, ascending.
        batch_size: sentences in a batch, or the most padded target tokens.
        by_tokens: which of the two it is.
        seed: an integer in [0, 2**62).

    Raises:
        ConfigError: see `steps_per_epoch`.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        limits: Sequence[int],
        batch_size: int,
        *,
        by_tokens: bool,
        seed: int,
    ):
        self._limits = tuple(limits)
        bucket = np.searchsorted(limits, lengths).astype(np.uint8)
        self._members = [
            np.flatnonzero(bucket == number).astype(np.int32) for number in range(len(limits))
        ]
        self._sizes = [
            batch_size // padded_target(limit) if by_tokens else batch_size for limit in limits
        ]
        self.steps_per_epoch = steps_per_epoch(lengths, limits, batch_size, by_tokens=by_tokens)
        # 32 bits of the seed at a time: what RandomState takes.
        self._seed = [seed & 0x7FFFFFFF, seed >> 31 & 0x7FFFFFFF]
        self._epochs: OrderedDict[int, _Epoch] = OrderedDict()
        self._lock = Lock()

    def at(self, step: int) -> tuple[int, np.ndarray]:
        """The batch of a step: its bucket's largest length, and its pairs' numbers."""
        epoch = self._epoch(step // self.steps_per_epoch)
        first, stop, bucket = epoch.batches[step % self.steps_per_epoch]
        return self._limits[bucket], epoch.order[first:stop]

    def _epoch(self, number: int) -> _Epoch:
        with self._lock:
            if number not in self._epochs:
                self._epochs[number] = self._make(number)
                if len(self._epochs) > 2:  # this one, and the one that is prepared ahead
                    self._epochs.popitem(last=False)
            return self._epochs[number]

    def _make(self, number: int) -> _Epoch:
        # RandomState's stream is frozen by NumPy's policy; that of newer generators is not.
        rng = np.random.RandomState([*self._seed, number & 0xFFFFFFFF])
        ordered, batches = [], []
        left, first = np.zeros(0, np.int32), 0
        for bucket, size in enumerate(self._sizes):
            members = self._members[bucket].copy()
            rng.shuffle(members)
            members = np.concatenate([left, members])
            full = len(members) // size
            starts = first + size * np.arange(full)
            batches.append(np.stack([starts, starts + size, np.full(full, bucket)], axis=1))
            ordered.append(members[: full * size])
            left = members[full * size :]
            first += full * size
        every = np.concatenate(batches)
        chosen = rng.permutation(len(every))[: self.steps_per_epoch]
        return _Epoch(np.concatenate(ordered), every[chosen])


def padded_target(limit: int) -> int:
    """Target tokens of a sentence in a bucket: its length, and the end of the sentence."""
    return limit + 1


def steps_per_epoch(
    lengths: np.ndarray, limits: Sequence[int], batch_size: int, *, by_tokens: bool
) -> int:
    """Batches that all pairs fill, or all their target tokens, padded to their buckets.

    Args:
        lengths: of the pairs, as trained on: the longer of source and target, [n].
        limits: the buckets' largest lengths, ascending.
        batch_size: sentences in a batch, or the most padded target tokens.
        by_tokens: which of the two it is.

    Raises:
        ConfigError: a batch cannot be filled, or the longest sentence does not fit in one.
    """
    least, units = 1, len(lengths)
    if by_tokens:
        sizes = np.bincount(np.searchsorted(limits, lengths), minlength=len(limits)).tolist()
        least = padded_target(limits[-1])
        units = sum(n * padded_target(limit) for n, limit in zip(sizes, limits, strict=True))
    unit = "tokens" if by_tokens else "sentences"
    if units < least:
        raise ConfigError(
            f"{len(lengths)} training pairs, {units} {unit} in all; accepted: {least} or more"
        )
    if not least <= batch_size <= units:
        raise ConfigError(
            f"training.batch_size={batch_size}: {len(lengths)} training pairs, batches by {unit};"
            f" accepted: from {least} to {units} {unit}"
        )
    return units // batch_size
