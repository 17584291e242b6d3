"""Which models and data sets go together, refused before either is loaded."""

from harness.errors import ConfigError
from harness.models.base import ModelOptions

#: dataset.name -> what it holds
DATASETS = {
    "mnist": "images",
    "cifar10": "images",
    "imagenet": "images",
    "image_folder": "images",
    "fsdd": "speech",
    "imdb": "reviews",
    "multi30k": "text pairs",
    "parallel_text": "text pairs",
    "speech_commands": "speech",
    "speech_folder": "speech",
    "wmt16": "text pairs",
}


def check_task(model: ModelOptions, dataset: str) -> None:
    """Refuses a model that cannot take what the data set holds.

    Raises:
        ConfigError: names both, and the data sets that the model takes.
    """
    takes, holds = model.takes, DATASETS[dataset]
    if takes != holds:
        suited = ", ".join(f"dataset={name}" for name, held in DATASETS.items() if held == takes)
        raise ConfigError(
            f"dataset: received {dataset} ({holds}) with model={model.name}; accepted: {takes}"
            f" ({suited})"
        )
