"""What logging to MLflow costs a training step, beside the same training that logs nothing.

    python -m benchmarks.logged [--rounds 5] [--steps 400] [--quick]

The MNIST network of the demo trains as in a cell, with its checkpoints, from the same weights: by
turns with a run in a fresh SQLite store, as cells have one, and without. Step metrics go out in
batches (`harness.tracking.cell_run`), in the thread that trains: what those calls take is measured
beside the whole. Target: at most 1 % of a step.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

TARGET = 0.01


class Clocked:
    """Calls functions and adds up the seconds that they take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, function: Callable[..., None]) -> Callable[..., None]:
        """The function, timed."""

        def timed(*given: Any) -> None:
            began = time.perf_counter()
            function(*given)
            self.seconds += time.perf_counter() - began

        return timed


def measure(rounds: int, steps: int) -> tuple[list[float], list[float]]:
    """Trains by turns with logging and without.

    Args:
        rounds: of one training each; one more before them, which traces and counts for nothing.
        steps: of each training.

    Returns:
        For each round, the time of logging as a share of the steps' (their median's, for the
        first ones trace), and how much longer the training took than the one without, as a share.
    """
    from harness import data, tasks
    from harness.config import compose
    from harness.tracking.cell_run import CellRun
    from harness.tracking.journal import Journal
    from harness.training import loop
    from harness.training.checkpoint import Checkpoint

    shares, longer = [], []
    with tempfile.TemporaryDirectory() as folder:
        overrides = ["experiment=mnist_cnn", f"tracking.uri=sqlite:///{folder}/mlflow.db"]
        overrides += ["training.dense.epochs=null", f"training.dense.steps={steps}"]
        config = compose([*overrides, f"work_dir={folder}/work"])
        task, examples = tasks.of(config), data.load(config.dataset)
        model = task.build(config, examples)
        initial = model.get_weights()

        def trained(number: int, run: Any) -> tuple[float, float]:  # seconds, share
            model.set_weights(initial)
            clocked, path = Clocked(), Path(folder, f"{number}.npz")
            began = time.perf_counter()
            fitted = loop.fit(
                model, examples, config.training.dense, config.training, seed=1,
                objective=task.objective, checkpoint=Checkpoint(path),
                on_log=clocked(run.log) if run else lambda step, metrics: None,
                before_checkpoint=clocked(run.flush) if run else lambda: None,
            )  # fmt: skip
            whole = time.perf_counter() - began
            path.unlink()
            return whole, clocked.seconds / (steps * (fitted.step_ms or 0) / 1e3)

        for turn in range(rounds + 1):
            journal = Journal(Path(folder, f"journal{turn}"))
            run = CellRun.begin(config, f"{turn}", {}, journal=journal)
            both = {}
            for logs in (True, False) if turn % 2 else (False, True):
                both[logs] = trained(2 * turn + logs, run if logs else None)
            run.fail("a benchmark", "KILLED")
            if turn:
                shares.append(both[True][1])
                longer.append(both[True][0] / both[False][0] - 1)
        print(f"{steps} steps a training, metrics every {config.training.log_every}")
    return shares, longer


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the shares, and whether the target is met.

    Args:
        arguments: of the command line; by default this process's.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--quick", action="store_true", help="one round of fewer steps")
    given = parser.parse_args(arguments)
    shares, longer = measure(*((1, 60) if given.quick else (given.rounds, given.steps)))
    middle = statistics.median(shares)
    met = "met" if middle <= TARGET else "missed"
    spread = f"{min(shares):.2%} to {max(shares):.2%}"
    print(f"calls that log: {middle:.2%} of the steps' time ({spread}); target {TARGET:.0%}: {met}")
    print(
        f"with logging beside without: {statistics.median(longer):+.1%}"
        f" ({min(longer):+.1%} to {max(longer):+.1%})"
    )


if __name__ == "__main__":
    main()
