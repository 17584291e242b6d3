"""What a cell is called: run names and parameters, readable without reading code."""

import dataclasses
from typing import Any

from harness.config import Config

_PARAM_LIMIT = 6000  # MLflow cuts longer parameters


def run_name(config: Config) -> str:
    """What the run is called in the UI, e.g. `mnist_cnn · random 75% · seed 2`."""
    return f"{config.model.name} · {sparsity_label(config)} · seed {config.seed}"


def sparsity_label(config: Config) -> str:
    """The cell's sparsity in words: `dense`, `random 75%`, `2 by 4`, as the tables do."""
    sparsity = config.sparsity
    if sparsity.pattern.kind == "none":
        return "dense"
    if sparsity.pattern.kind == "n_m":
        return f"{sparsity.pattern.n} by {sparsity.pattern.m}"
    assert sparsity.target is not None  # refused by validate otherwise
    label = f"{sparsity.target:.4%}".rstrip("%").rstrip("0").rstrip(".") + "%"
    if sparsity.pattern.kind == "block":
        inputs, outputs = sparsity.pattern.shape
        return f"block {outputs} by {inputs} {label}"
    return f"{sparsity.name.replace('_', ' ')} {label}"


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
    # the UI shows them in this order: what tells cells apart, then the sections
    first = ("seed", "scale")
    walk("", {**{key: plain[key] for key in first}, **plain})
    return params
