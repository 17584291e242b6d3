"""The data set of a cell as its run's input: what MLflow's UI shows under "Datasets".

Made of MLflow's plain entities: its `mlflow.data` classes would digest the arrays again,
and know nothing of a data set that is read from files as it goes.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.config import Config
from harness.tracking.cell_run import CellRun

#: A part of a data set -> MLflow's word for what a run uses it for.
CONTEXTS = {"train": "training", "validation": "validation", "test": "test"}
_DIGEST = 16  # MLflow keeps 36 characters; messages say so many of an id


def log_data(
    run: CellRun, config: Config, fingerprint: str, data: Any, sizes: Mapping[str, int]
) -> None:
    """Logs each part of the data set as an input of the run, with its size and shape.

    Args:
        run: an open run.
        config: of its cell.
        fingerprint: of the data set: its digest.
        data: what was loaded, a `harness.data.base.Data` or of that kind.
        sizes: examples in each part of `CONTEXTS`; a part whose size is unknown is left out.
    """
    source = json.dumps({"description": data.source, **_source(config)})
    inputs, labels = data.test(1).element_spec
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    schema = json.dumps(_schema(inputs, labels))
    datasets = [
        {
            "dataset": {
                "name": f"{config.dataset.name} {part}",
                "digest": fingerprint[:_DIGEST],
                "source_type": "harness",
                "source": source,
                "schema": schema,
                "profile": json.dumps(
                    {
                        "examples": sizes[part],
                        "input_shape": ", ".join(_shown(one) for one in inputs),
                        "classes": int(data.num_classes),
                        "source": data.source,
                        "fingerprint": fingerprint,
                    },
                    ensure_ascii=False,
                ),
            },
            "tags": {"mlflow.data.context": CONTEXTS[part]},
        }
        for part in CONTEXTS
        if part in sizes
    ]
    run.log_inputs(datasets)


def _source(config: Config) -> dict[str, str]:
    """How to have the data set again: the harness's own names for it."""
    return {"dataset": config.dataset.name, "source": config.dataset.source}


def _schema(inputs: tuple[Any, ...], labels: Any) -> dict[str, Any]:
    """The schema of a batch, in the form that MLflow gives to arrays."""
    from mlflow.data.schema import TensorDatasetSchema
    from mlflow.types import Schema, TensorSpec

    def described(one: Any, name: str | None) -> TensorSpec:
        open_ended = [-1 if length is None else int(length) for length in one.shape]
        return TensorSpec(np.dtype(one.dtype.as_numpy_dtype), tuple(open_ended), name)

    names: list[str | None] = [None]
    if len(inputs) > 1:
        names = [f"input_{i + 1}" for i in range(len(inputs))]
    features: list[Any] = [described(one, name) for one, name in zip(inputs, names, strict=True)]
    return TensorDatasetSchema(
        features=Schema(features), targets=Schema([described(labels, None)])
    ).to_dict()


def _shown(one: Any) -> str:
    """The shape of one example: 28×28×1; a length that varies is n."""
    return "×".join("n" if length is None else str(length) for length in one.shape[1:])
