"""Clips of one second in memory, and the features that a keyword spotter reads.

Without augmentation a clip's features never change: they are computed once and the batches
are gathered from them. With it, every training batch is varied and computed anew, from
random numbers that depend on (seed, step) alone; validation and test clips are never varied.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from harness.config.schema import AugmentationConfig
from harness.data.base import batch_order, steps_from, whole_batches
from harness.data.speech.sound.recordings import CLIP

_CHUNK = 256  # clips whose features are computed together


@dataclass(frozen=True)
class Clips:
    """int16 clips [n, 16000] and int64 labels [n]."""

    sounds: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class SpeechData:
    """A `Data` of spoken words, held in memory as int16.

    Attributes:
        name: Of the data set.
        fingerprint: Of its recordings.
        source: Where they came from, in words.
        classes: Name of each class.
        train_split: Clips to train on.
        validation_split: Clips to watch training by.
        test_split: Clips that the result is measured on.
        features: mfcc or waveform.
        augmentation: How training clips are varied.
        noise: Recordings to mix in, int16 [samples] each, a clip long or longer.
    """

    name: str
    fingerprint: str
    source: str
    classes: tuple[str, ...]
    train_split: Clips
    validation_split: Clips
    test_split: Clips
    features: str = "mfcc"
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    noise: tuple[np.ndarray, ...] = ()

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(49, 10, 1) MFCC, or (16000,) samples."""
        from harness.models.layers.front_end import features_shape

        return (CLIP,) if self.features == "waveform" else features_shape(CLIP)

    @property
    def num_train(self) -> int:
        """Number of training clips."""
        return len(self.train_split)

    def steps_per_epoch(self, batch_size: int) -> int:
        """Whole batches in an epoch; see `whole_batches`."""
        return whole_batches(self.name, self.num_train, batch_size)

    def train(self, batch_size: int, seed: int, start_step: int = 0) -> Any:
        """Infinite stream of batches; the one at step t depends on (seed, t) alone.

        Args:
            batch_size: Examples in a batch (the global batch, under a strategy).
            seed: Decides order and variation; an integer in [0, 2**62).
            start_step: Global step of the first batch.

        Raises:
            ConfigError: If a batch does not fit in the training split.
        """
        import tensorflow as tf

        order = batch_order(self.name, self.num_train, batch_size, seed)
        labels = tf.constant(self.train_split.labels)
        if not self._varied():
            inputs = tf.constant(self._train_inputs)

            def batch(step: Any) -> tuple[Any, Any]:
                index = order(step)
                return tf.gather(inputs, index), tf.gather(labels, index)
        else:
            sounds, vary = tf.constant(self.train_split.sounds), self._variation(seed)

            def batch(step: Any) -> tuple[Any, Any]:
                index = order(step)
                waveforms = vary(scaled(tf.gather(sounds, index)), step)
                return self._inputs(waveforms), tf.gather(labels, index)

        return steps_from(start_step, batch)

    def validation(self, batch_size: int) -> Any:
        """Every validation clip in a fixed order, the last batch short."""
        return _finite(self._validation_inputs, self.validation_split.labels, batch_size)

    def test(self, batch_size: int) -> Any:
        """Every test clip in a fixed order, the last batch short."""
        return _finite(self._test_inputs, self.test_split.labels, batch_size)

    def waveforms(self, count: int) -> np.ndarray:
        """The sounds of the first `count` test clips, float32 [count, 16000] in [-1, 1)."""
        return np.asarray(scaled(self.test_split.sounds[:count]))

    @cached_property
    def _train_inputs(self) -> np.ndarray:
        return self._computed(self.train_split)

    @cached_property
    def _validation_inputs(self) -> np.ndarray:
        return self._computed(self.validation_split)

    @cached_property
    def _test_inputs(self) -> np.ndarray:
        return self._computed(self.test_split)

    def _varied(self) -> bool:
        given = self.augmentation
        mixed = given.noise_probability * given.noise_volume > 0 and len(self.noise) > 0
        amounts = (given.time_shift_ms, given.speed, given.gain_db, given.equalizer_db)
        return mixed or max(amounts) > 0

    def _variation(self, seed: int) -> Any:
        from harness.data.speech.sound.augment import Variation

        return Variation(self.augmentation, self.noise, seed)

    def _inputs(self, waveforms: Any) -> Any:
        from harness.models.layers.front_end import Mfcc

        return waveforms if self.features == "waveform" else Mfcc()(waveforms)

    def _computed(self, split: Clips) -> np.ndarray:
        starts = range(0, len(split), _CHUNK)
        chunks = (scaled(split.sounds[start : start + _CHUNK]) for start in starts)
        return np.concatenate([np.asarray(self._inputs(chunk)) for chunk in chunks])


def scaled(sounds: Any) -> Any:
    """int16 samples as float32 in [-1, 1)."""
    import tensorflow as tf

    return tf.cast(sounds, tf.float32) / 32768.0


def _finite(inputs: np.ndarray, labels: np.ndarray, batch_size: int) -> Any:
    import tensorflow as tf

    examples = tf.data.Dataset.from_tensor_slices((inputs, labels))
    return examples.batch(batch_size).prefetch(tf.data.AUTOTUNE)
