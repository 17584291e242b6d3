"""Which formats a trained model can be exported in: refused before TensorFlow is imported."""

from harness.config.schema import DatasetConfig, ExportConfig, SpeechConfig
from harness.config.tasks import DATASETS
from harness.errors import ConfigError
from harness.options import need, one_of

FORMATS = ("tflite", "tflite_int8", "tflite_waveform")
#: What the data sets of classifiers with real numbers as inputs hold.
_REAL = ("images", "speech")


def check_export(export: ExportConfig, dataset: DatasetConfig) -> None:
    """Refuses unknown formats, and those that a model of such data cannot have.

    Raises:
        ConfigError: naming the key, what was received and what is accepted.
    """
    for kind in export.formats:
        one_of("export.formats", kind, FORMATS)
    formats = list(export.formats)
    need("export.formats", formats, len(set(formats)) == len(formats), "each format once")
    need("export.tolerance", export.tolerance, export.tolerance > 0, "a number above 0")
    if formats and DATASETS[dataset.name] == "text pairs":
        raise ConfigError(
            f"export.formats: received {formats} with dataset={dataset.name}; accepted there: []"
            " (export=keras), for TensorFlow Lite takes models of one input"
        )
    features = dataset.features if isinstance(dataset, SpeechConfig) else None
    if "tflite_int8" in formats and DATASETS[dataset.name] not in _REAL:
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
            f"export.formats: received tflite_waveform with {given}; accepted: tflite, or speech"
            " with dataset.features=mfcc"
        )
