"""What makes a folder with `model.keras` in it a model in MLflow's format.

`mlflow.keras.log_model` would write a second copy of the weights, and take seconds to guess
the packages; the format is a few small files that point to the `.keras` file that is there.
The model is made of Keras' own layers, so loading it needs nothing of the harness.
"""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml

#: The artifact folder of a run's model: `runs:/RUN_ID/model`.
FOLDER = "model"
#: The weights in it: what the sparse cells of a dense baseline start from.
KERAS_FILE = "model.keras"
_PACKAGES = ("mlflow", "tensorflow", "keras", "numpy")


def write_model_files(folder: Path, run_id: str, model: Any) -> Any:
    """Writes `MLmodel` and the environment's files beside `model.keras`.

    Args:
        folder: holds the files of the model already.
        run_id: the run whose artifacts they become, under `FOLDER`.
        model: the `keras.Model`: has `inputs` and `outputs`.

    Returns:
        The `mlflow.models.Model` that was written.
    """
    from mlflow.models import Model

    keras_version = version("keras")
    packaged = Model(
        artifact_path=FOLDER,
        run_id=run_id,
        signature=_signature(model),
        model_size_bytes=(folder / KERAS_FILE).stat().st_size,
    )
    packaged.add_flavor(
        "keras",
        data=KERAS_FILE.removesuffix(".keras"),  # MLflow's loader appends it again
        keras_version=keras_version,
        keras_backend="tensorflow",
        save_exported_model=False,
    )
    packaged.add_flavor(
        "python_function",
        loader_module="mlflow.keras",
        python_version=platform.python_version(),
        env={"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
    )
    packaged.save(str(folder / "MLmodel"))
    _write_environment(folder)
    return packaged


def _signature(model: Any) -> Any:
    """Names, types and shapes of what goes in and comes out; the batch is open."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    def schema(tensors: list[Any]) -> Any:
        return Schema(
            [
                TensorSpec(
                    _dtype(tensor),
                    tuple(-1 if length is None else int(length) for length in tensor.shape),
                    name=tensor.name if len(tensors) > 1 else None,
                )
                for tensor in tensors
            ]
        )

    return ModelSignature(inputs=schema(model.inputs), outputs=schema(model.outputs))


def _dtype(tensor: Any) -> np.dtype[Any]:
    """As in the file: mixed precision is left behind there."""
    name = str(tensor.dtype)
    return np.dtype("float32" if "float" in name else name)


def _write_environment(folder: Path) -> None:
    requirements = [f"{package}=={version(package)}" for package in _PACKAGES]
    python = platform.python_version()
    (folder / "requirements.txt").write_text("\n".join(requirements) + "\n")
    conda = {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": requirements}],
    }
    (folder / "conda.yaml").write_text(yaml.safe_dump(conda, sort_keys=False))
    environment = {"python": python, "dependencies": ["-r requirements.txt"]}
    (folder / "python_env.yaml").write_text(yaml.safe_dump(environment, sort_keys=False))
