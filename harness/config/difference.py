"""What a cell is beyond its presets, in a few words: how runs of one sparsity are told apart."""

import dataclasses
import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any

from harness.config.identity import flat, identity
from harness.config.schema import Config
from harness.errors import ConfigError

#: The groups whose presets a cell is compared with.
_PRESETS = ("model", "dataset", "sparsity", "training", "strategy", "export")
#: What a run's name says by itself, and what is no setting.
_SAID = (
    "format",
    "data",
    "seed",
    "scale",
    "model.name",
    "dataset.name",
    "strategy.name",
    "sparsity.target",
    "sparsity.finetuned",
    "sparsity.pattern.kind",
    "sparsity.pattern.n",
    "sparsity.pattern.m",
    "sparsity.pattern.shape",
    "sparsity.method.kind",
)
_USUAL = ("single", "tflite")
#: So many settings stand in a name.
_SHOWN = 3


def difference(config: Config, overrides: Sequence[str] = ()) -> str:
    """What decides the cell and is not its presets', in a few words; empty if nothing is.

    More than a few settings are counted, and told from others by a digest of them all.

    Args:
        config: the cell.
        overrides: those that made it; the last ones are said first.

    Example: `finetune.epochs=3`, `small filters=[4,8] units=16 batch_size=64 +2 ~a73f`
    """
    presets = tuple(f"{group}={getattr(config, group).name}" for group in _PRESETS)
    plain = _preset_values(config.experiment, presets)
    decided = dict(flat(identity(config, fingerprint="")))
    found = {
        key: value
        for key, value in decided.items()
        if key not in _SAID and not _is_usual(config, key, value, plain)
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
def _preset_values(experiment: str | None, presets: tuple[str, ...]) -> dict[str, Any]:
    """The settings of a cell that is nothing but its presets; none if there is no such cell."""
    from harness.config.compose import compose

    try:
        of_experiment = (f"experiment={experiment}",) if experiment else ()
        return dict(flat(identity(compose((*of_experiment, *presets)), fingerprint="")))
    except ConfigError:  # presets of one's own that are gone, or that only go with overrides
        return _preset_values(None, presets) if experiment else {}


def _is_usual(config: Config, key: str, value: Any, plain: dict[str, Any]) -> bool:
    """Whether a setting is its preset's, or its choice's own where the preset has none."""
    if key in plain:
        return bool(plain[key] == value)
    *sections, name = key.split(".")
    options: Any = config
    for section in sections:
        options = getattr(options, section)
    return all(
        field.name != name or field.default == value
        for field in dataclasses.fields(options)
        if field.default is not dataclasses.MISSING
    )


def _short(key: str, value: Any) -> str:
    """A setting by the last part of its key, and the phase before it where there are two."""
    parts = key.split(".")
    kind = ["kind"] if parts[-1] == "kind" else []
    shown = parts[1:] if parts[0] == "training" else parts[-1 - len(kind) :]
    text = str(value).removesuffix(".0").replace("'", "").replace(", ", ",")
    text = text.lower() if isinstance(value, bool) else text
    return f"{'.'.join(shown[: -1 if kind else None])}={text}"
