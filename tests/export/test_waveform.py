"""Spotters trained on MFCC, exported to take the sound itself."""

import re

import keras
import numpy as np
import pytest

from harness import data, models
from harness.data.speech.fsdd import Fsdd
from harness.export import ExportOptions, Samples, export, tflite
from harness.models.ds_cnn_l import DsCnnL
from tests.data.speech.speech_files import write_fsdd

CONFIG = ExportOptions(name="x", formats=["tflite_waveform"])


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = write_fsdd(tmp_path_factory.mktemp("fsdd"), each=5)
    return data.load(Fsdd(name="fsdd", source="recordings", data_dir=str(folder)))


@pytest.fixture(scope="module")
def spotter(digits):
    keras.utils.set_random_seed(0)
    return models.build(DsCnnL(filters=4), digits.input_shape, 10)


@pytest.fixture(scope="module")
def samples(digits):
    return Samples(digits.sampled(8), {"waveforms": digits.waveforms(8)})


def test_the_file_takes_sounds_and_gives_what_the_model_gives_for_their_features(
    tmp_path, spotter, samples
):
    _, made = export(spotter, CONFIG, tmp_path, samples).artifacts
    assert (made.kind, made.path.name) == ("tflite_waveform", "model_waveform.tflite")
    assert made.compared.error < 1e-3
    outputs = tflite.run(made.path.read_bytes(), samples.more["waveforms"])
    expected = spotter(samples.inputs).numpy()
    assert np.ptp(expected, axis=0).max() > 0, "the samples are told apart"
    np.testing.assert_allclose(outputs, expected, atol=1e-3 * np.abs(expected).max())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "model.keras",
        "model_waveform.tflite",
    ]


def test_features_of_other_sounds_are_noticed(tmp_path, spotter, samples):
    mixed = Samples(samples.inputs, {"waveforms": samples.more["waveforms"][::-1]})
    (failure,) = export(spotter, CONFIG, tmp_path, mixed).failures
    assert re.match(r"model_waveform\.tflite: .* outputs differ", failure.reason)
    assert failure.correlation < 0.9995
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
