"""Training clips varied in the graph: shift, speed, equalizer, gain, background noise.

Shift and noise as Arm's keyword spotting example has them,
https://github.com/ARM-software/ML-examples/tree/69cc53c~1/tflu-kws-cortex-m/Training/data.py;
speed, which moves pitch and formants like another speaker's, after Ko et al., Audio augmentation
for speech recognition, Interspeech 2015.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from harness.data.speech.sound.options import AugmentationOptions
from harness.data.speech.sound.recordings import CLIP
from harness.data.speech.sound.wav import SAMPLE_RATE

#: The equalizer's bands, evenly spaced as pitch is heard, up to where the features end.
_BANDS = 8


def _band_shares() -> np.ndarray:
    """float32 [bands, frequencies]: each frequency between the two bands beside it."""
    hertz = np.linspace(0, SAMPLE_RATE / 2, CLIP // 2 + 1)
    mel = np.log1p(hertz / 700.0) / np.log1p(4_000 / 700.0)
    place = np.clip(mel, 0, 1) * (_BANDS - 1)
    return np.stack([np.interp(place, range(_BANDS), row) for row in np.eye(_BANDS)]).astype("f4")


_BAND_SHARES = _band_shares()


class Variation:
    """Varies a batch of clips by random numbers that depend on (seed, step) alone.

    Args:
        config: How much.
        noise: Recordings to mix in, int16 [samples] each, a clip long or longer.
        seed: An integer in [0, 2**62).
    """

    def __init__(self, config: AugmentationOptions, noise: tuple[np.ndarray, ...], seed: int):
        self._config = config
        self._shift = round(config.time_shift_ms * SAMPLE_RATE / 1000)
        self._key = tf.constant([seed & 0x7FFFFFFF, seed >> 31 & 0x7FFFFFFF], tf.int64)
        self._mixes = bool(noise) and config.noise_probability * config.noise_volume > 0
        if self._mixes:
            self._noise = tf.constant(_packed(np.concatenate(noise)))
            lengths = np.array([len(sound) for sound in noise], np.int64)
            self._starts = tf.constant(np.cumsum(lengths) - lengths)
            # Where a clip can begin in each recording.
            self._room = tf.constant(lengths - CLIP + 1)

    def __call__(self, waveforms: Any, step: Any) -> Any:
        """Varies float32 [batch, 16000] in [-1, 1], for the global step `step` (int64)."""
        seed = tf.random.fold_in(tf.random.fold_in(self._key, 0), step)
        kinds = tf.unstack(tf.random.split(seed, 8))
        if self._shift or self._config.speed:
            waveforms = self._moved(waveforms, kinds[0], kinds[1])
        if self._config.equalizer_db:
            waveforms = self._equalized(waveforms, kinds[7])
        if self._config.gain_db:
            waveforms = tf.clip_by_value(waveforms * self._gain(waveforms, kinds[6]), -1.0, 1.0)
        if self._mixes:
            waveforms = tf.clip_by_value(
                waveforms + self._mix(tf.shape(waveforms)[0], kinds[2:6]), -1, 1
            )
        return waveforms

    def _moved(self, waveforms: Any, shift_seed: Any, speed_seed: Any) -> Any:
        """Each clip later or earlier, faster or slower; what comes in from outside is zero."""
        batch = tf.shape(waveforms)[0]
        shift = tf.random.stateless_uniform(
            [batch, 1], shift_seed, -self._shift, self._shift + 1, tf.int32
        )
        most = self._config.speed
        if not most:
            return _at(waveforms, tf.range(CLIP)[tf.newaxis] - shift)
        speed = tf.random.stateless_uniform([batch, 1], speed_seed, 1 - most, 1 + most)
        return _resampled(waveforms, -tf.cast(shift, tf.float32) * speed, speed)

    def _equalized(self, waveforms: Any, seed: Any) -> Any:
        """Each band louder or softer, smoothly from band to band."""
        most = self._config.equalizer_db
        batch = tf.shape(waveforms)[0]
        decibels = tf.random.stateless_uniform([batch, _BANDS], seed, -most, most)
        gain = 10.0 ** (tf.matmul(decibels, tf.constant(_BAND_SHARES)) / 20.0)
        spectrum = tf.signal.rfft(waveforms, [CLIP])
        return tf.signal.irfft(spectrum * tf.cast(gain, tf.complex64), [CLIP])

    def _gain(self, waveforms: Any, seed: Any) -> Any:
        most = self._config.gain_db
        decibels = tf.random.stateless_uniform([tf.shape(waveforms)[0], 1], seed, -most, most)
        return 10.0 ** (decibels / 20.0)

    def _mix(self, batch: Any, seeds: list[Any]) -> Any:
        """Noise to add to each clip: a random second of a random recording, or none."""
        which_seed, offset_seed, chosen_seed, volume_seed = seeds
        count = self._room.shape[0]
        which = tf.random.stateless_uniform([batch], which_seed, 0, count, tf.int32)
        room = tf.gather(self._room, which)
        place = tf.random.stateless_uniform([batch], offset_seed, dtype=tf.float64)
        offset = tf.cast(place * tf.cast(room, tf.float64), tf.int64)
        begin = tf.gather(self._starts, which) + offset
        sounds = tf.cast(_unpacked(self._noise, begin), tf.float32)
        chosen = tf.random.stateless_uniform([batch, 1], chosen_seed)
        volume = tf.random.stateless_uniform(
            [batch, 1], volume_seed, 0.0, self._config.noise_volume
        )
        # Scaled to [-1, 1) along with the volume, in one pass.
        volume = tf.where(chosen < self._config.noise_probability, volume, 0.0) / 32768.0
        return sounds * volume


def _at(waveforms: Any, index: Any) -> Any:
    """Samples at `index` [batch, n]; zero outside the clip."""
    inside = (index >= 0) & (index < CLIP)
    found = tf.gather(waveforms, tf.clip_by_value(index, 0, CLIP - 1), batch_dims=1)
    return tf.where(inside, found, 0.0)


def _resampled(waveforms: Any, begin: Any, speed: Any) -> Any:
    """Samples at the times `begin` + i·`speed` ([batch, 1] each), between two neighbours.

    As the rows of images, which is one pass; zero outside the clip.
    """
    batch = tf.shape(waveforms)[0]
    # A zero at both ends, for times between the clip and what is outside.
    rows = tf.pad(waveforms, [[0, 0], [1, 1]])[:, tf.newaxis, :, tf.newaxis]
    first = (begin + 1) / (CLIP + 1)  # boxes count in widths of the image
    last = (begin + (CLIP - 1) * speed + 1) / (CLIP + 1)
    none = tf.zeros_like(first)
    boxes = tf.concat([none, first, none, last], 1)
    found = tf.image.crop_and_resize(rows, boxes, tf.range(batch), [1, CLIP])
    return tf.reshape(found, [batch, CLIP])


# A gather costs by the element, so noise is gathered by four samples at once, out of four
# copies that begin a sample apart.
_PACK = 4


def _packed(sounds: np.ndarray) -> np.ndarray:
    """int16 [n] as int64 [4, m]: row r holds the samples from r on, four in each."""
    padded = np.concatenate([sounds, np.zeros(2 * _PACK, np.int16)])
    count = len(sounds) // _PACK + 1
    copies = [padded[first : first + count * _PACK] for first in range(_PACK)]
    return np.stack(copies).view(np.int64)


def _unpacked(packed: Any, begin: Any) -> Any:
    """A clip's length of int16 samples from each of `begin` [batch] on."""
    row = begin % _PACK * packed.shape[1] + begin // _PACK
    index = row[:, tf.newaxis] + tf.range(CLIP // _PACK, dtype=tf.int64)
    found = tf.bitcast(tf.gather(tf.reshape(packed, [-1]), index), tf.int16)
    return tf.reshape(found, [-1, CLIP])
