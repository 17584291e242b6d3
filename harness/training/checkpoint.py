"""Everything that training goes on from, in one file that is whole or absent."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.training.errors import TrainingError


@dataclass
class Segment:
    """How far a segment of training has come, whose end validates and checkpoints.

    Attributes:
        begun: The step at which it began.
        stop: The step at which it ends, whatever the interval of checkpoints has become since.
        steps: Its steps that are in `means`.
        stretch: Its steps since metrics were logged last: those in `metrics`.
        logged: Whether any were logged in it.
        means: Sums of the metrics over `steps`.
        metrics: Values of the variables in which Keras keeps its running means.
    """

    begun: int
    stop: int
    steps: int = 0
    stretch: int = 0
    logged: bool = False
    means: dict[str, float] = field(default_factory=dict)
    metrics: list[np.ndarray] = field(default_factory=list)


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
        validating: Time spent in validation so far, seconds, over all processes.
        step_times: Seconds of a step in the latest stretches.
        segment: The segment under way; None at one's end.
    """

    step: int
    variables: list[np.ndarray]
    pruner: dict[str, np.ndarray] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    validating: float = 0.0
    step_times: list[float] = field(default_factory=list)
    segment: Segment | None = None


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
        notes = {
            "step": state.step,
            "history": state.history,
            "seconds": state.seconds,
            "validating": state.validating,
            "step_times": state.step_times,
        }
        arrays: dict[str, Any] = {f"variable/{i}": v for i, v in enumerate(state.variables)}
        if state.segment is not None:
            arrays |= {f"metric/{i}": v for i, v in enumerate(state.segment.metrics)}
            notes["segment"] = {**vars(state.segment), "metrics": []}
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
                return _state({name: file[name] for name in file.files})
        except Exception as error:  # a damaged archive can bring about any
            line = str(error).partition("\n")[0] or type(error).__name__
            raise TrainingError(
                f"{self.path}: damaged checkpoint ({line}); delete it to train this phase anew"
            ) from error

    def delete(self) -> None:
        """Removes the file, once the phase's result is safe elsewhere."""
        self.path.unlink(missing_ok=True)


def _state(stored: dict[str, np.ndarray]) -> State:
    """What `save` put into a file; any exception if it is something else."""
    notes = json.loads(str(stored.pop("notes")))
    parts: dict[str, dict[str, np.ndarray]] = {"variable": {}, "metric": {}, "pruner": {}}
    for name, value in stored.items():
        part, _, rest = name.partition("/")
        parts[part][rest] = value
    lists = {
        part: [parts[part][str(i)] for i in range(len(parts[part]))]
        for part in ("variable", "metric")
    }
    segment = notes.pop("segment", None)
    if segment is not None:
        segment = Segment(**{**segment, "metrics": lists["metric"]})
    state = State(variables=lists["variable"], pruner=parts["pruner"], segment=segment, **notes)
    if not (isinstance(state.step, int) and state.step > 0 and isinstance(state.history, list)):
        raise ValueError(f"its notes say step {state.step!r}")
    if not state.variables:
        raise ValueError("it holds no variables")
    return state


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
