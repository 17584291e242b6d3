"""What a cell is called: run names and parameters, readable without reading code."""

import dataclasses
from typing import Any

from harness.config import Config
from harness.config.files import digest
from harness.config.sparsity import N_OF_M
from harness.config.wording import group, technique

_PARAM_LIMIT = 6000  # MLflow cuts longer parameters


def run_name(config: Config) -> str:
    """What the run is called in the UI, e.g. `mnist_cnn · random 75% · seed 2`."""
    return f"{config.model.name} · {sparsity_label(config)} · seed {config.seed}"


def sparsity_label(config: Config) -> str:
    """The cell's sparsity in words: `dense`, `random 75%`, `2 by 4 SR-STE`, as the tables do."""
    sparsity = config.sparsity
    pattern = sparsity.pattern
    if pattern.kind == "none":
        return "dense"
    words = technique(pattern.kind, sparsity.score, sparsity.method.kind)
    if pattern.kind in N_OF_M:
        return f"{pattern.n} by {pattern.m} {words}".rstrip()
    assert sparsity.target is not None  # refused by validate otherwise
    amount = f"{sparsity.target:.4%}".rstrip("%").rstrip("0").rstrip(".") + "%"
    name = group(sparsity.name, words).replace("_", " ")
    if pattern.kind == "block":
        inputs, outputs = pattern.shape
        name = f"block {outputs} by {inputs}"
    return " ".join(filter(None, (name, words, amount)))


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
    # the UI shows them in this order: what tells cells apart, then the sections
    first = ("seed", "scale")
    walk("", {**{key: plain[key] for key in first}, **plain})
    return params
