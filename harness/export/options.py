"""Which files are made of a trained model: refused before TensorFlow is imported."""

from dataclasses import dataclass

from harness.data.base import DatasetOptions
from harness.errors import ConfigError
from harness.options import MEASUREMENT, NOTHING, UNNAMED, Options, decides, need, one_of

FORMATS = ("tflite", "tflite_int8", "tflite_waveform")
#: What the data sets of classifiers with real numbers as inputs hold.
_REAL = ("images", "speech")


@dataclass
class ExportOptions(Options):
    """Which files are made of a trained model and measured in bytes.

    `tolerance` bounds the difference between a converted model's outputs and the Keras
    model's, relative to the largest output; a conversion beyond it is refused. Files of
    8-bit integers have a check of their own (`harness.export.int8`).
    """

    name: str = decides(NOTHING, UNNAMED)
    formats: list[str] = decides(MEASUREMENT, default_factory=lambda: ["tflite"])
    tolerance: float = decides(MEASUREMENT, 1e-3)

    def check(self, dataset: DatasetOptions) -> None:
        """Refuses unknown formats, and those that a model of such data cannot have.

        Raises:
            ConfigError: naming the key, what was received and what is accepted.
        """
        for kind in self.formats:
            one_of("export.formats", kind, FORMATS)
        formats = list(self.formats)
        need("export.formats", formats, len(set(formats)) == len(formats), "each format once")
        need("export.tolerance", self.tolerance, self.tolerance > 0, "a number above 0")
        if formats and dataset.holds == "text pairs":
            raise ConfigError(
                f"export.formats: received {formats} with dataset={dataset.name}; accepted there: "
                "[] (export=keras), for TensorFlow Lite takes models of one input"
            )
        features = getattr(dataset, "features", None)
        if "tflite_int8" in formats and dataset.holds not in _REAL:
            raise ConfigError(
                f"export.formats: received tflite_int8 with dataset={dataset.name}; accepted there:"
                " tflite (8-bit integers are for classifiers of images and speech)"
            )
        if "tflite_int8" in formats and features == "waveform":
            raise ConfigError(
                "export.formats: received tflite_int8 with dataset.features=waveform, but the front"
                " end has no 8-bit form; accepted: tflite, or dataset.features=mfcc"
            )
        if "tflite_waveform" in formats and features != "mfcc":
            given = f"dataset={dataset.name}"
            if features == "waveform":
                given = "dataset.features=waveform, whose tflite takes waveforms already"
            raise ConfigError(
                f"export.formats: received tflite_waveform with {given}; accepted: tflite, or "
                "speech with dataset.features=mfcc"
            )
