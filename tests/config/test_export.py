"""Formats of exported models: what goes with which data."""

import pytest

from harness.config import compose
from harness.data.images.mnist import Mnist
from harness.errors import ConfigError
from harness.export import ExportOptions

SPEECH = ["model=ds_cnn_l", "dataset=fsdd"]


def test_classifiers_have_an_8_bit_form():
    assert compose(["export=tflite_int8"]).export.formats == ["tflite", "tflite_int8"]
    given = compose([*SPEECH, "export.formats=[tflite,tflite_int8,tflite_waveform]"])
    assert len(given.export.formats) == 3


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["export.formats=[torch]"], "accepted: .*tflite, .*tflite_int8, .*tflite_waveform"),
        (["export.formats=[tflite,tflite]"], "each format once"),
        (
            ["export.formats=[tflite_waveform]"],
            "with dataset=mnist; accepted: tflite, or speech",
        ),
        (
            [*SPEECH, "export.formats=[tflite_waveform]", "dataset.features=waveform"],
            "whose tflite takes waveforms already; accepted: tflite, or speech",
        ),
        (
            [*SPEECH, "export=tflite_int8", "dataset.features=waveform"],
            "the front end has no 8-bit form; accepted: tflite, or dataset.features=mfcc",
        ),
    ],
)
def test_formats_that_a_model_cannot_have_are_refused(overrides, complaint):
    with pytest.raises(ConfigError, match=r"export\.formats: received .*" + complaint):
        compose(overrides)


class Letters(Mnist):
    """Of another kind than pictures."""

    real = False


def test_words_and_sentences_have_no_8_bit_form():
    export = ExportOptions(name="tflite_int8", formats=["tflite", "tflite_int8"])
    with pytest.raises(ConfigError, match="received tflite_int8 with dataset=letters"):
        export.check(Letters(name="letters"))
