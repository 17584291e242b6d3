"""Everything that training goes on from, in one file that is whole or absent."""

import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.training.errors import TrainingError


@dataclass
class State:
    """A moment of training.

    Attributes:
        step: Optimizer steps done.
        variables: Values of the model's variables (the states of its random layers among
            them), then of the optimizer's.
        pruner: What the pruner wants back.
        history: One record of metrics a segment done.
        seconds: Time spent in training so far, over all processes.
    """

    step: int
    variables: list[np.ndarray]
    pruner: dict[str, np.ndarray] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0


class Checkpoint:
    """The latest checkpoint of one phase of one cell, in the file `path`.

    A save replaces the last one in a single rename: a process killed at any instant leaves
    either the old state or the new one. Of several processes that share the file, one `writes`.
    """

    def __init__(self, path: Path | str, writes: bool = True):
        self.path = Path(path)
        self._writes = writes

    def save(self, state: State) -> None:
        """Writes `state` in place of the last one."""
        if not self._writes:
            return
        notes = {"step": state.step, "history": state.history, "seconds": state.seconds}
        arrays: dict[str, Any] = {f"variable/{i}": v for i, v in enumerate(state.variables)}
        arrays |= {f"pruner/{name}": value for name, value in state.pruner.items()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(self.path.name + ".partial")
        with partial.open("wb") as file:
            np.savez(file, notes=np.array(json.dumps(notes)), **arrays)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)

    def load(self) -> State | None:
        """The last state saved, or None.

        Raises:
            TrainingError: If the file is damaged.
        """
        if not self.path.exists():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as file:
                stored = {name: file[name] for name in file.files}
            notes = json.loads(str(stored.pop("notes")))
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise TrainingError(
                f"{self.path}: damaged checkpoint ({error}); delete it to train this phase anew"
            ) from error
        count = sum(name.startswith("variable/") for name in stored)
        pruner = {
            name.removeprefix("pruner/"): value
            for name, value in stored.items()
            if name.startswith("pruner/")
        }
        variables = [stored[f"variable/{i}"] for i in range(count)]
        return State(variables=variables, pruner=pruner, **notes)

    def delete(self) -> None:
        """Removes the file, once the phase's result is safe elsewhere."""
        self.path.unlink(missing_ok=True)


def snapshot(variables: Sequence[Any]) -> list[np.ndarray]:
    """Copies of the values of Keras variables."""
    import keras

    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def restore(variables: Sequence[Any], values: Sequence[np.ndarray], origin: object) -> None:
    """Assigns stored values to Keras variables, in order.

    Raises:
        TrainingError: If they are not those of this model; nothing is assigned then.
    """
    wanted = [(tuple(variable.shape), str(variable.dtype)) for variable in variables]
    stored = [(value.shape, str(value.dtype)) for value in values]
    if len(wanted) != len(stored):
        raise TrainingError(
            f"{origin}: checkpoint of another model ({len(stored)} variables where this one has"
            f" {len(wanted)}); delete it to train anew"
        )
    for variable, ours, theirs in zip(variables, wanted, stored, strict=True):
        if ours != theirs:
            raise TrainingError(
                f"{origin}: checkpoint of another model ({variable.path} is {theirs} there and"
                f" {ours} here); delete it to train anew"
            )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
