"""What a cell is called: run names, sparsities in words and parameters, one wording for all."""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

from harness.config.difference import difference
from harness.config.identity import canonical, flat, identity, is_control
from harness.config.schema import Config
from harness.pruning.options import SparsityOptions

_PARAM_LIMIT = 6000  # MLflow cuts longer parameters


def run_name(config: Config, overrides: Sequence[str] = ()) -> str:
    """What the run is called in the UI, e.g. `mnist_cnn · random 75% · seed 2`.

    What is not as in its presets stands before the seed: `… · finetune.epochs=3 · seed 2`.

    Args:
        config: the cell.
        overrides: those that made it; of several settings, the last ones are said first, for
            those are what a sweep was given beyond its file.
    """
    words = [config.model.name, sparsity_label(config)]
    words += [difference(config, overrides), f"seed {config.seed}"]
    return " · ".join(filter(None, words))


def sparsity_label(config: Config) -> str:
    """The cell's sparsity in words: `dense`, `control`, `random 75%`, `2 by 4 SR-STE`.

    What decides the cell says it, not what its preset is called: unstructured magnitude pruning
    is `random`, as in the published tables.
    """
    sparsity = config.sparsity
    if not sparsity.pruned:
        return "control" if is_control(config) else "dense"
    name = " ".join([sparsity.pattern.label, *_technique(sparsity)])
    if sparsity.pattern.sparsity is not None:
        return name
    return f"{name} {percentage(sparsity.final)}"


def percentage(share: float) -> str:
    """A share as tables say it.

    Example:
        >>> percentage(0.875), percentage(0.5)
        ('87.5%', '50%')
    """
    return f"{share:.4%}".rstrip("%").rstrip("0").rstrip(".") + "%"


def _technique(sparsity: SparsityOptions) -> list[str]:
    """The words for all that goes beyond masks by magnitude; none for those."""
    score = sparsity.score.words if sparsity.method.scored else ""
    return [words for words in (sparsity.pattern.words, score, sparsity.method.words) if words]


def params(config: Config) -> dict[str, str]:
    """What decides a cell's result as MLflow parameters: dotted keys, text values.

    Nothing else is a parameter, for a cell is one run however often it is taken up again, and
    MLflow lets no parameter change. The data's fingerprint is a tag.
    """
    decided = dict(flat(identity(config, fingerprint="")))
    del decided["format"], decided["data"]
    # the UI shows them in this order: what tells cells apart, then the sections
    first = {
        "seed": config.seed,
        "scale": config.scale,
        "sparsity.label": sparsity_label(config),
        "settings": settings(config),
    }
    return {key: _text(value) for key, value in {**first, **decided}.items()}


def settings(config: Config) -> str:
    """One word for all that decides a cell but its seed and its data: cells of a row share it."""
    decided = {**identity(config, fingerprint=""), "seed": None}
    return "s" + hashlib.sha256(canonical(decided).encode()).hexdigest()[:12]


def labels(config: Config) -> dict[str, str]:
    """What a config says that decides nothing, as tags: `harness.config.training.name` and so on.

    Where the run itself is kept, and where its work lies, is left out.
    """
    every = flat(dataclasses.asdict(config))
    decided = params(config)
    return {
        f"harness.config.{key}": _text(value)
        for key, value in every
        if value is not None
        and key not in decided
        and not key.startswith(("tracking.", "work_dir"))
    }


def _text(value: Any) -> str:
    return str(value)[:_PARAM_LIMIT]
