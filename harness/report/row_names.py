"""What tables call the models and sparsities of logged cells, and what such a name says."""

from collections.abc import Mapping
from typing import Any

from harness.report.values import canonical

#: Config name of a model -> its name on the pruning guide's page, and the settings with which it
#: is that network.
GUIDE_MODELS: dict[str, tuple[str, dict[str, str]]] = {
    "inception_v3": ("InceptionV3", {"model.width": "1", "dataset.size": "299"}),
    "mobilenet_v1": ("MobilenetV1 224", {"model.width": "1", "dataset.size": "224"}),
    "mobilenet_v2": ("MobilenetV2 224", {"model.width": "1", "dataset.size": "224"}),
    "ds_cnn_l": ("DS-CNN-L", {"model.filters": "276"}),
    "gnmt": ("GNMT", {"model.layers": "4", "model.units": "1024"}),
}
#: A setting in which a network differs from the guide's -> what its name says of it.
_WORDS = {
    "model.width": "width {}",
    "dataset.size": "{} pixels",
    "model.filters": "{} filters",
    "model.layers": "{} layers",
    "model.units": "{} units",
}


def guide_model(params: Mapping[str, Any]) -> str:
    """Names a cell's model as the guide does; by its config's name where the guide has it not.

    A translation model's name ends with its direction: `GNMT EN-DE`.
    """
    model = str(params["model.name"])
    name = GUIDE_MODELS[model][0] if model in GUIDE_MODELS else model
    direction = _text(params.get("dataset.direction"))
    return name if direction is None else f"{name} {direction.upper().replace('_', '-')}"


def model_label(params: Mapping[str, Any]) -> str:
    """Names a cell's model by what it is: the guide's name belongs to the guide's network.

    Example:
        >>> model_label({"model.name": "mobilenet_v1", "model.width": "0.5", "dataset.size": "32"})
        'MobilenetV1, width 0.5, 32 pixels'
    """
    name = guide_model(params)
    _, published = GUIDE_MODELS.get(str(params["model.name"]), ("", {}))
    unlike = [
        key
        for key, value in published.items()
        if _text(params.get(key)) is not None and canonical(params[key]) != canonical(value)
    ]
    if "dataset.size" in unlike:
        name = name.removesuffix(f" {published['dataset.size']}")
    return ", ".join([name, *(_WORDS[key].format(params[key]) for key in unlike)])


def label_of(params: Mapping[str, Any]) -> str:
    """The sparsity of a cell in words, as its run has it among its parameters."""
    return str(params["sparsity.label"])


def _text(value: Any) -> str | None:
    return None if value is None or str(value) in ("", "None") else str(value)
