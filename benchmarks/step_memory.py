"""The memory that the cells of the full-scale sweeps need to train, as `harness describe` tells it.

    python -m benchmarks.step_memory [SWEEP …]

A line for each experiment of a sweep: of its dense cell and its first pruned one, whichever needs
more. Nothing is trained, and no data are read. `python -m benchmarks.record step_memory` keeps it,
and `python scripts/fill_pages.py` puts it into the sweep files.
"""

import argparse
import json
import os
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from harness.cell.description import describe
from harness.cell.step_memory import card_for
from harness.config import Config, is_dense
from harness.sweep import spec

#: What adds up to the total.
KINDS = ("weights", "optimizer", "masks", "activations")


def cells(sweep: str) -> Iterator[tuple[str, list[Config]]]:
    """Of each experiment, the dense cell and the first that is pruned."""
    found: dict[str, list[Config]] = {}
    for config, _ in spec.load(sweep).configs():
        here = found.setdefault(config.experiment or config.model.name, [])
        if not any(is_dense(each) == is_dense(config) for each in here) and (
            is_dense(config) or config.sparsity.pruned
        ):
            here.append(config)
    yield from found.items()


def line(sweep: str, experiment: str, configs: list[Config]) -> str:
    """What an experiment of a sweep needs."""
    needed = [json.loads(describe(each, as_json=True, memory=True)) for each in configs]
    most = max((each["memory_bytes"] for each in needed), key=lambda each: each["total"])
    parts = ", ".join(f"{name} {most[name] / 1e9:.2f}" for name in KINDS)
    return (
        f"{sweep:22} {experiment:26} {configs[0].training.part_size:5} at once "
        f"{most['total'] / 1e9:6.2f} GB ({parts}): {card_for(most['total'])}"
    )


def main() -> None:
    """Prints the lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sweeps", nargs="*", default=full_scale())
    for sweep in parser.parse_args().sweeps:
        for experiment, configs in cells(sweep):
            print(line(sweep, experiment, configs), flush=True)


def full_scale() -> list[str]:
    """The sweeps of the published models and data sets."""
    return [name for name in spec.names() if spec.load(name).scale == "full"]


if __name__ == "__main__":
    main()
