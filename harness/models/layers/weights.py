"""Dense weights by path: of a model's like, in any of the files that Keras writes."""

from pathlib import Path
from typing import Any

import keras

from harness.errors import ConfigError, ExportError
from harness.models.layers.plain import load_weights, plain, vocabulary_of


def load_file(model: keras.Model, path: Path | str) -> None:
    """Gives a model the weights of a file.

    Args:
        model: built.
        path: a whole model (`.keras`, or the older `.h5`), or weights alone (`.weights.h5`, or
            the older `.h5`, as `keras.applications` downloads them) of this architecture. A
            softmax at its end does not matter.

    Raises:
        ConfigError: the file is of another architecture, width or number of classes, or is
            none of these. Some weights may have been taken over by then. Or it is weights alone
            for a model of a vocabulary, which they do not name.
        ExportError: the file's model was trained with another vocabulary.
    """
    if Path(path).suffix != ".keras" and vocabulary_of(model):
        raise ConfigError(
            f"training.dense_weights: received {path}, which does not say what vocabulary it was"
            f" trained with; accepted for {model.name}: a whole model (.keras)"
        )
    try:
        if Path(path).suffix == ".keras":
            load_weights(model, path)
        else:
            copy = plain(model)
            copy.load_weights(path)
            model.set_weights(copy.get_weights())
    except ExportError:
        raise
    except (ValueError, OSError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(_refusal(model, path, error)) from None


def _refusal(model: Any, path: Path | str, error: Exception) -> str:
    said = " ".join(str(error).split())
    classes = model.output_shape[-1]
    return (
        f"training.dense_weights: received {path}, which does not fit {model.name} with "
        f"{len(model.weights)} weights and {classes} classes ({said[:300]}); accepted: a file of "
        "the same architecture and width that tells as many classes apart (a file for 1,000 "
        "classes fits a data set of 1,000, not its subsets)"
    )
