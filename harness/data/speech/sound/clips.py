"""Clips of one second in memory, and the features that a keyword spotter reads.

Without augmentation a clip's features never change: they are computed once and the batches
are gathered from them. With it, every training batch is varied and computed anew, from
random numbers that depend on (seed, step) alone; validation and test clips are never varied.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from harness.data import cache, space
from harness.data.base import ArrayData, Split, spread
from harness.data.speech.sound.options import AugmentationOptions
from harness.data.speech.sound.recordings import CLIP
from harness.digest import digest

_FEATURES = "features.npy"
_CHUNK = 256  # clips whose features are computed together


@dataclass(frozen=True)
class SpeechData(ArrayData):
    """A `Data` of spoken words, held in memory as int16.

    Attributes:
        name: Of the data set.
        fingerprint: Of its recordings.
        source: Where they came from, in words.
        classes: Name of each class.
        train_split: Clips to train on, int16 [n, 16000].
        validation_split: Clips to watch training by.
        test_split: Clips that the result is measured on.
        features: mfcc or waveform.
        augmentation: How training clips are varied.
        noise: Recordings to mix in, int16 [samples] each, a clip long or longer.
        cache: `file` where features are kept for other processes, too.
    """

    features: str = "mfcc"
    augmentation: AugmentationOptions = field(default_factory=AugmentationOptions)
    noise: tuple[np.ndarray, ...] = ()
    cache: str | None = None

    @property
    def input_shape(self) -> tuple[Any, ...]:
        """(49, 10, 1) MFCC, or (16000,) samples."""
        return shape(self.features)

    def waveforms(self, count: int) -> np.ndarray:
        """The sounds of the clips that are `sampled`, float32 [count, 16000] in [-1, 1)."""
        numbers = spread(len(self.test_split), count)
        return np.asarray(scaled(self.test_split.inputs[numbers]))

    def _held(self, split: Split) -> np.ndarray:
        if id(split) not in self._computed:
            kept = self.cache is not None and self.features != "waveform"
            found = self._from_file(split) if kept else self._features_of(split)
            self._computed[id(split)] = found
        return self._computed[id(split)]

    def _trained(self) -> np.ndarray:
        return self.train_split.inputs if self._augmented() else super()._trained()

    @cached_property
    def _computed(self) -> dict[int, np.ndarray]:
        """Features by the split that they are of, kept for the next stream."""
        return {}

    def _prepared(self, inputs: Any) -> Any:
        return inputs

    def _varied(self, seed: int) -> Callable[[Any, Any], Any]:
        if not self._augmented():
            return super()._varied(seed)
        from harness.data.speech.sound.augment import Variation

        vary = Variation(self.augmentation, self.noise, seed)
        return lambda sounds, step: self._inputs(vary(scaled(sounds), step))

    def _augmented(self) -> bool:
        given = self.augmentation
        mixed = given.noise_probability * given.noise_volume > 0 and len(self.noise) > 0
        amounts = (given.time_shift_ms, given.speed, given.gain_db, given.equalizer_db)
        return mixed or max(amounts) > 0

    def _inputs(self, waveforms: Any) -> Any:
        from harness.models.layers.front_end import Mfcc

        return waveforms if self.features == "waveform" else Mfcc()(waveforms)

    def _from_file(self, split: Split) -> np.ndarray:
        """The features of a split, from the cache's folder, where they are put if need be."""
        from harness.models.layers import front_end

        root, name = cache.folder_of(), "features-"
        sounds = hashlib.sha256(np.ascontiguousarray(split.inputs).data).hexdigest()
        name += cache.key(sounds, split.inputs.shape, digest(front_end.__file__))[:24]

        def build(folder: Path) -> None:
            wanted = 4 * len(split) * math.prod(self.input_shape)
            space.require("dataset.cache=file", wanted, root)
            np.save(folder / _FEATURES, self._features_of(split))

        return np.load(cache.built(root, name, build) / _FEATURES)

    def _features_of(self, split: Split) -> np.ndarray:
        starts = range(0, len(split), _CHUNK)
        chunks = (scaled(split.inputs[start : start + _CHUNK]) for start in starts)
        return np.concatenate([np.asarray(self._inputs(chunk)) for chunk in chunks])


def scaled(sounds: Any) -> Any:
    """int16 samples as float32 in [-1, 1)."""
    import tensorflow as tf

    return tf.cast(sounds, tf.float32) / 32768.0


def shape(features: str) -> tuple[Any, ...]:
    """Shape of what a model sees of a clip: (49, 10, 1) MFCC, or (16000,) samples."""
    from harness.models.layers.front_end import features_shape

    return (CLIP,) if features == "waveform" else features_shape(CLIP)
