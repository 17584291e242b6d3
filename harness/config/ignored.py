"""Settings that were asked for and that no cell reads."""

from collections.abc import Sequence

from harness.config.identity import NOT_IDENTITY, is_dense
from harness.config.kinds import keys
from harness.config.label import deciding
from harness.config.overrides import split
from harness.config.schema import Config
from harness.errors import ConfigError

_IDLE = {f"{group}.{key}" for group, names in NOT_IDENTITY.items() for key in names}


def refuse_ignored(cells: Sequence[tuple[Config, Sequence[str]]]) -> None:
    """Refuses an override that every cell which has it ignores: it was meant to do something.

    The recipe of the fine-tuning may stand with a dense cell, whose sparse ones share it.

    Args:
        cells: what was asked for, each with its overrides.

    Raises:
        ConfigError: names the key, the value, and the choice that ignores it.
    """
    reading: dict[str, bool] = {}
    last: dict[str, Config] = {}
    for config, overrides in cells:
        decided = {*deciding(config), *_IDLE}
        for override in overrides:
            reading[override] = reading.get(override, False) or _reads(config, decided, override)
            last[override] = config
    for override, read in reading.items():
        if not read:
            _, key, value = split(override) or ("", override, "")
            raise ConfigError(f"{key}: received {value} {_why(last[override], key)}")


def _reads(config: Config, decided: set[str], override: str) -> bool:
    found = split(override)
    key = found[1] if found else ""
    group = key.partition(".")[0]
    if key.endswith(".name") or group in ("tracking", "hydra") or key not in keys():
        return True
    if key.startswith("training.finetune.") and is_dense(config):
        return True
    if key == "sparsity.target" and not is_dense(config):
        return True  # an N:M pattern refuses it by itself, unless it is null
    return "." not in key or any(each == key or each.startswith(f"{key}.") for each in decided)


def _why(config: Config, key: str) -> str:
    """The choice beside a key (or above it) that has no use for it."""
    section, value = key.rpartition(".")[0], None
    while section and value is None:
        part: object = config
        for name in section.split("."):
            part = getattr(part, name)
        tag = "kind" if getattr(part, "kind", None) is not None else "name"
        value = getattr(part, tag, None)
        if value is None:
            section = section.rpartition(".")[0]
    if section.startswith("sparsity.") and is_dense(config):
        section, value, tag = "sparsity", config.sparsity.name, "name"
    said = section if tag == "name" and "." not in section else f"{section}.{tag}"
    return f"with {said}={value}, which does not read it; accepted: another {said}, or without it"
