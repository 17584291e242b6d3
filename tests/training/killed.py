"""Trains the small cell in forked processes, some of which are killed on the way.

Forking after the import of TensorFlow (and before it runs anything) is how the harness
isolates cells, and saves this check most of its time.
"""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

from harness.training import loop, seeds
from harness.training.checkpoint import Checkpoint
from tests.training import small


def train(folder: Path, name: str, kill_at: int | None) -> None:
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
    )
    np.savez(folder / f"{name}-weights.npz", *model.get_weights())
    (folder / f"{name}-history.json").write_text(json.dumps(result.history))


def in_a_process(folder: Path, name: str, kill_at: int | None) -> int:
    """Runs `train` in a fork; returns the signal that ended it, or 0."""
    child = os.fork()
    if child == 0:
        try:
            train(folder, name, kill_at)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"{name}: failed")
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def main(folder: Path, kills: list[int]) -> None:
    """Trains in processes, of which each but the last kills itself with SIGKILL at a step.

    A run that is never killed is made too, for comparison. Both leave their weights and what
    they logged in the folder.
    """
    assert in_a_process(folder, "whole", None) == 0
    for kill_at in kills:
        assert in_a_process(folder, "killed", kill_at) == signal.SIGKILL
    assert in_a_process(folder, "killed", None) == 0
