"""What a cell is called: run names and parameters, readable without reading code."""

import dataclasses
from typing import Any

from harness.config import Config
from harness.config.wording import cell_label
from harness.digest import digest

_PARAM_LIMIT = 6000  # MLflow cuts longer parameters


def run_name(config: Config) -> str:
    """What the run is called in the UI, e.g. `mnist_cnn · random 75% · seed 2`."""
    return f"{config.model.name} · {sparsity_label(config)} · seed {config.seed}"


def sparsity_label(config: Config) -> str:
    """The cell's sparsity in words: `dense`, `random 75%`, `2 by 4 SR-STE`, as the tables do."""
    sparsity, pattern = config.sparsity, config.sparsity.pattern
    return cell_label(
        sparsity.name,
        kind=pattern.kind,
        target=sparsity.target,
        n_of_m=(pattern.n, pattern.m),
        shape=pattern.shape,
        score=sparsity.score,
        method=sparsity.method.kind,
    )


def flat(config: Config) -> dict[str, str]:
    """The config as MLflow parameters: dotted keys, text values."""
    params: dict[str, str] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                walk(f"{prefix}.{key}" if prefix else key, item)
        else:
            params[prefix] = "" if value is None else str(value)[:_PARAM_LIMIT]

    # tracking and paths say where the run is kept, not what it is
    plain = dataclasses.asdict(config)
    del plain["tracking"], plain["work_dir"]
    if config.training.dense_weights is not None:
        plain["training"]["dense_weights"] = digest(config.training.dense_weights)
    if config.strategy.name == "single":
        del plain["strategy"]["synchronized_batch_norm"]  # means nothing there
    # the UI shows them in this order: what tells cells apart, then the sections
    first = ("seed", "scale")
    walk("", {**{key: plain[key] for key in first}, **plain})
    return params
