"""Trains the small cell in forked processes, some of which are killed on the way.

Forking after the import of TensorFlow (and before it runs anything) is how the harness
isolates cells, and saves this check most of its time.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness.training import loop, seeds
from harness.training.checkpoint import Checkpoint
from harness.training.requests import Requests
from tests.training import small


class Stop(Exception):  # noqa: N818 - no failure
    """Ends a process that has been asked to stop."""


class Asked(Requests):
    """Wants a checkpoint at the steps asked for, and an end at the last of them."""

    def __init__(self, steps: list[int], counted: Callable[[], int]):
        self._steps, self._counted = list(steps), counted

    def wanted(self) -> bool:
        return self._counted() in self._steps

    def checkpointed(self) -> None:
        if self._counted() == self._steps[-1]:
            raise Stop
        self._steps.remove(self._counted())


def train(folder: Path, name: str, kill_at: int | None, ask_at: list[int] | None = None) -> None:
    seeds.seed_everything(5)
    model = small.model()
    pruner = small.StubPruner(model.layers[-3].kernel)
    logged: dict[str, dict[str, float]] = {}
    logs = folder / f"{name}.json"
    if logs.exists():
        logged = json.loads(logs.read_text())
    taken = 0
    after_step = pruner.after_step

    def count_and_die() -> None:
        nonlocal taken
        after_step()
        taken += 1
        if taken == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    pruner.after_step = count_and_die  # type: ignore[method-assign]

    def flush() -> None:
        logs.write_text(json.dumps(logged))

    def log(step: int, metrics: dict[str, float]) -> None:
        logged.setdefault(str(step), {}).update(metrics)

    result = loop.fit(
        model,
        small.data(),
        small.phase(epochs=5),
        small.recipe(),
        seed=9,
        pruner=pruner,
        checkpoint=Checkpoint(folder / f"{name}.npz"),
        on_log=log,
        before_checkpoint=flush,
        requests=Asked(ask_at, lambda: taken) if ask_at else None,
    )
    np.savez(folder / f"{name}-weights.npz", *model.get_weights())
    (folder / f"{name}-history.json").write_text(json.dumps(result.history))


def in_a_process(
    folder: Path, name: str, kill_at: int | None, ask_at: list[int] | None = None
) -> int:
    """Runs `train` in a fork; returns the signal that ended it, or 0."""
    child = os.fork()
    if child == 0:
        try:
            train(folder, name, kill_at, ask_at)
        except Stop:
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"{name}: failed")
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def stopped(folder: Path, asks: list[list[int]]) -> list[int]:
    """Trains in processes that are asked for checkpoints at steps of theirs, and then to end.

    Returns:
        The steps done by each process's end, and in all.
    """
    ends = []
    for ask_at in asks:
        assert in_a_process(folder, "stopped", None, ask_at) == 0
        state = Checkpoint(folder / "stopped.npz").load()
        assert state is not None
        ends.append(state.step)
    assert in_a_process(folder, "stopped", None) == 0
    return ends


def main(folder: Path, kills: list[int]) -> None:
    """Trains in processes, of which each but the last kills itself with SIGKILL at a step.

    A run that is never killed is made too, for comparison. Both leave their weights and what
    they logged in the folder.
    """
    assert in_a_process(folder, "whole", None) == 0
    for kill_at in kills:
        assert in_a_process(folder, "killed", kill_at) == signal.SIGKILL
    assert in_a_process(folder, "killed", None) == 0
