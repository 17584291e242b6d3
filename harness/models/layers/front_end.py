"""The front end of keyword spotting: from a second of sound to its MFCC image.

One layer computes it wherever it is needed, in the input pipeline and in exported models,
so that training, evaluation and deployment cannot drift apart. Window, stride and
coefficients after Arm's keyword spotting example,
https://github.com/ARM-software/ML-examples/tree/69cc53c~1/tflu-kws-cortex-m/Training.
"""

from typing import Any

import keras
import tensorflow as tf

SAMPLE_RATE = 16_000
WINDOW = 640
STRIDE = 320
COEFFICIENTS = 10
LOWEST_HZ, HIGHEST_HZ = 20, 4_000
MEL_BINS = 40


@keras.saving.register_keras_serializable(package="harness")
class Mfcc(keras.layers.Layer):
    """Waveforms to mel-frequency cepstral coefficients; it has no weights.

    Input [batch, samples], 16 kHz, in [-1, 1]; output [batch, frames, 10, 1], a frame every
    20 ms over windows of 40 ms: 49×10 for one second.

    The two TensorFlow operations run on the CPU only, and TensorFlow Lite has them as
    custom operations of the same names.
    """

    def __init__(self, **options: Any):
        # float32 whatever the policy: half precision cannot hold a power spectrum.
        super().__init__(**{**options, "dtype": "float32", "trainable": False})

    def call(self, waveforms: Any) -> Any:
        """Computes the coefficients of [batch, samples]."""
        # The operation takes one sound of many channels: here, a batch of sounds.
        spectrogram = tf.raw_ops.AudioSpectrogram(
            input=tf.transpose(waveforms),
            window_size=WINDOW,
            stride=STRIDE,
            magnitude_squared=True,
        )
        coefficients = tf.raw_ops.Mfcc(
            spectrogram=spectrogram,
            sample_rate=SAMPLE_RATE,
            upper_frequency_limit=HIGHEST_HZ,
            lower_frequency_limit=LOWEST_HZ,
            filterbank_channel_count=MEL_BINS,
            dct_coefficient_count=COEFFICIENTS,
        )
        return coefficients[..., tf.newaxis]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """[batch, samples] to [batch, frames, 10, 1]."""
        batch, samples = input_shape
        if samples is None:
            return (batch, None, COEFFICIENTS, 1)
        return (batch, *features_shape(samples))


def features_shape(samples: int) -> tuple[int, int, int]:
    """(frames, coefficients, 1) of so many samples.

    Example:
        >>> features_shape(16_000)
        (49, 10, 1)
    """
    return ((samples - WINDOW) // STRIDE + 1, COEFFICIENTS, 1)


def with_front_end(model: keras.Model, samples: int = SAMPLE_RATE) -> keras.Model:
    """A model of MFCC as a model of raw waveforms, with the same weights.

    Args:
        model: Takes [batch, 49, 10, 1].
        samples: Length of the waveforms; one second by default.

    Example:
        >>> spotter = with_front_end(keras.saving.load_model("model.keras"))
        >>> tflite.to_tflite(plain(spotter), Path("spotter.tflite"), waveforms, 1e-3)
    """
    waveform = keras.Input((samples,), name="waveform")
    return keras.Model(waveform, model(Mfcc(name="front_end")(waveform)), name=model.name)


def takes_waveforms(model: keras.Model) -> bool:
    """Whether the front end is part of the model."""
    return any(isinstance(layer, Mfcc) for layer in model.layers)
