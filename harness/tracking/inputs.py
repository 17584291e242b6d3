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
        data: what was loaded: has `source`, `input_shape` and `num_classes`.
        sizes: examples in each part of `CONTEXTS`; a part whose size is unknown is left out.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"description": data.source, **_source(config)})
    shape = [int(length) for length in data.input_shape]
    datasets = [
        DatasetInput(
            Dataset(
                name=f"{config.dataset.name} {part}",
                digest=fingerprint[:_DIGEST],
                source_type="harness",
                source=source,
                schema=json.dumps(_schema(shape)),
                profile=json.dumps(
                    {
                        "examples": sizes[part],
                        "input_shape": "×".join(map(str, shape)),
                        "classes": int(data.num_classes),
                        "source": data.source,
                        "fingerprint": fingerprint,
                    },
                    ensure_ascii=False,
                ),
            ),
            [InputTag("mlflow.data.context", CONTEXTS[part])],
        )
        for part in CONTEXTS
        if part in sizes
    ]
    run.log_inputs(datasets)


def _source(config: Config) -> dict[str, str]:
    """How to have the data set again: the harness's own names for it."""
    return {"dataset": config.dataset.name, "source": config.dataset.source}


def _schema(shape: list[int]) -> dict[str, Any]:
    """The schema of a batch, in the form that MLflow gives to arrays."""
    from mlflow.data.schema import TensorDatasetSchema
    from mlflow.types import Schema, TensorSpec

    return TensorDatasetSchema(
        features=Schema([TensorSpec(np.dtype("float32"), (-1, *shape))]),
        targets=Schema([TensorSpec(np.dtype("int64"), (-1,))]),
    ).to_dict()
