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
        units: Sentences, or padded tokens, of an epoch: an epoch is `units // batch_size` steps.

    Args:
        lengths: of the pairs, as trained on: the longer of source and target, [n].
        limits: the buckets' largest lengths, ascending.
        batch_size: sentences in a batch, or the most padded target tokens.
        by_tokens: which of the two it is.
        seed: an integer in [0, 2**62).

    Raises:
        ConfigError: a batch cannot be filled, or no sentence fits in one.
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
        padded = [padded_target(limit) for limit in limits]
        self._sizes = [batch_size // width if by_tokens else batch_size for width in padded]
        sizes = [len(members) for members in self._members]
        self.units = units(sizes, limits, by_tokens=by_tokens)
        self.steps_per_epoch = self.units // batch_size
        if not self.steps_per_epoch or not min(self._sizes):
            least = (
                f"from {padded[-1]} to {self.units} tokens" if by_tokens else f"up to {self.units}"
            )
            raise ConfigError(
                f"training.batch_size={batch_size}: {len(lengths)} training pairs, batches by"
                f" {'tokens' if by_tokens else 'sentences'}; accepted: {least}"
            )
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


def units(sizes: Sequence[int], limits: Sequence[int], *, by_tokens: bool) -> int:
    """What an epoch is counted in: the pairs, or their target tokens padded to the bucket.

    Args:
        sizes: pairs in each bucket.
        limits: the buckets' largest lengths.
        by_tokens: which of the two.
    """
    if not by_tokens:
        return sum(sizes)
    return sum(size * padded_target(limit) for size, limit in zip(sizes, limits, strict=True))
