"""Which models and data sets go together, refused before either is loaded."""

from harness.data.base import DATASETS, DatasetOptions
from harness.errors import ConfigError
from harness.models.base import ModelOptions


def check_task(model: ModelOptions, dataset: DatasetOptions) -> None:
    """Refuses a model that cannot take what the data set holds.

    Raises:
        ConfigError: names both, and the data sets that the model takes.
    """
    if model.takes != dataset.holds:
        suited = ", ".join(
            f"dataset={name}" for name, other in DATASETS if other.holds == model.takes
        )
        raise ConfigError(
            f"dataset: received {dataset.name} ({dataset.holds}) with model={model.name};"
            f" accepted: {model.takes} ({suited})"
        )
