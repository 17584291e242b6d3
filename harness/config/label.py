"""What a cell is called: run names and parameters, readable without reading code."""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from harness.config import Config, compose, identity
from harness.config.wording import cell_label
from harness.digest import digest
from harness.errors import ConfigError

#: Options that an identity leaves out while they are not set, which then decides too.
_ABSENT = ("sparsity.method.kind", "training.dense_weights", "training.l2")
#: The groups whose presets a cell is compared with.
_PRESETS = ("model", "dataset", "sparsity", "training", "strategy", "export")
#: What a run's name says by itself.
_SAID = (
    "seed",
    "scale",
    "model.name",
    "dataset.name",
    "sparsity.name",
    "training.name",
    "strategy.name",
    "export.name",
    "dataset.data_dir",
    "sparsity.target",
    "sparsity.pattern.kind",
    "sparsity.pattern.n",
    "sparsity.pattern.m",
    "sparsity.pattern.shape",
    "sparsity.method.kind",
)
_USUAL = ("single", "tflite")
#: So many settings stand in a name.
_SHOWN = 3
_PARAM_LIMIT = 6000  # MLflow cuts longer parameters


def run_name(config: Config, overrides: Sequence[str] = ()) -> str:
    """What the run is called in the UI, e.g. `mnist_cnn · random 75% · seed 2`.

    What is not as in its presets stands before the seed: `… · finetune.epochs=3 · seed 2`.

    Args:
        config: the cell.
        overrides: those that made it; of several settings, the last ones are said first, for
            those are what a sweep was given beyond its file.
    """
    told = difference(config, overrides)
    words = [config.model.name, sparsity_label(config), told, f"seed {config.seed}"]
    return " · ".join(filter(None, words))


def difference(config: Config, overrides: Sequence[str] = ()) -> str:
    """What decides the cell and is not its presets', in a few words; empty if nothing is.

    More than a few settings are counted, and told from others by a digest of them all.

    Example: `finetune.epochs=3`, `small filters=[4,8] +2 ~a73f`
    """
    presets = {group: getattr(config, group).name for group in _PRESETS}
    plain = _preset_values(tuple(f"{group}={name}" for group, name in presets.items()))
    decided = deciding(config)
    found = {
        key: value or "null"
        for key, value in decided.items()
        if key not in _SAID and value != plain.get(key)
    }
    given = [override.lstrip("+").partition("=")[0] for override in overrides]
    rank = {key: place for place, key in enumerate(given)}
    ordered = sorted(found, key=lambda key: -rank.get(key, -1))  # stable for those not given
    words = [_short(key, found[key]) for key in ordered]
    if len(words) > _SHOWN:
        told = hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()[:4]
        words = [*words[:_SHOWN], f"+{len(words) - _SHOWN}", f"~{told}"]
    return " ".join([*_preset_words(config), *words])


def _preset_words(config: Config) -> list[str]:
    """The presets that are not those which the model's name makes one expect."""
    recipe = config.training.name
    own = "" if recipe == config.model.name else recipe.removeprefix(f"{config.model.name}_")
    data = config.dataset.name
    words = [own, "" if data == "mnist" or data in recipe else data]
    words += [name for name in (config.strategy.name, config.export.name) if name not in _USUAL]
    return [word for word in words if word]


@cache
def _preset_values(presets: tuple[str, ...]) -> dict[str, str | None]:
    """The settings of a cell that is nothing but its presets; none if there is no such cell."""
    try:
        return deciding(compose(presets))
    except ConfigError:  # presets of one's own that are gone, or that only go with overrides
        return {}


def _short(key: str, value: str) -> str:
    """A setting by the last part of its key, and the phase before it where there are two."""
    parts = key.split(".")
    shown = parts[1:] if parts[0] == "training" else parts[-1:]
    value = value.removesuffix(".0").replace("'", "").replace(", ", ",")
    return f"{'.'.join(shown)}={value.lower() if value in ('True', 'False') else value}"


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


def deciding(config: Config) -> dict[str, str | None]:
    """The parameters that tell a cell's run from others': those of its identity, and its label.

    A parameter that the cell ignores must not keep its finished run out of the table: the
    dense baseline of two fine-tuning recipes is one run, which logged the recipe that came
    first.
    """
    decided = {*_paths(identity(config, fingerprint=""), ""), *_ABSENT}
    return {
        key: value or None
        for key, value in flat(config).items()
        if key in decided
        or key == "sparsity.name"
        or (not value and key.rpartition(".")[0] in decided)  # an option left out
    }


def _paths(section: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """The dotted paths of all settings, and of the optimizers, which leave out unset ones."""
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{key}.")
            if key == "optimizer":
                yield f"{prefix}{key}"
        else:
            yield f"{prefix}{key}"
