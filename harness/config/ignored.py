"""Settings that were asked for and that no cell reads."""

from collections.abc import Sequence
from operator import attrgetter

from harness.config.identity import flat, identity, is_dense
from harness.config.kinds import decides_nothing, kinds
from harness.config.overrides import key_of
from harness.config.schema import Config
from harness.errors import ConfigError


def refuse_ignored(cells: Sequence[tuple[Config, Sequence[str]]]) -> None:
    """Refuses an override that every cell which has it ignores: it was meant to do something.

    One that a later override of the cell takes back, as a sweep's own may be, asks for nothing.
    The recipe of the fine-tuning may stand with a dense cell, whose sparse ones share it, and that
    of the dense phase beside weights that take its place.

    Args:
        cells: what was asked for, each with its overrides.

    Raises:
        ConfigError: names the key, the value, and the choice that ignores it.
    """
    reading: dict[str, bool] = {}
    last: dict[str, Config] = {}
    for config, overrides in cells:
        config.dataset.check_folder()
        decided = [key for key, _ in flat(identity(config, fingerprint=""))]
        for override in {key_of(each): each for each in overrides}.values():  # the last of each key
            reading[override] = reading.get(override, False) or _reads(config, decided, override)
            last[override] = config
    for override, read in reading.items():
        if not read:
            key, value = key_of(override), override.partition("=")[2]
            raise ConfigError(f"{key}: received {value} {_why(last[override], key)}")


def _reads(config: Config, decided: Sequence[str], override: str) -> bool:
    key, value = key_of(override), override.partition("=")[2]
    if "." not in key or not kinds(key) or key.startswith("hydra.") or decides_nothing(key):
        return True
    if value == "null" or _is_unset(config, key) or key == "sparsity.target":
        return True  # nothing is set; refused where it cannot be
    if key.startswith("training.finetune") and is_dense(config):
        return True
    if key.startswith("training.dense.") and config.training.dense_weights is not None:
        return True
    return any(each == key or each.startswith(f"{key}.") for each in decided)


def _is_unset(config: Config, key: str) -> bool:
    """Whether a key that the cell has is null, as it is where false says no more than that."""
    try:
        return attrgetter(key)(config) is None
    except AttributeError:
        return False


def _why(config: Config, key: str) -> str:
    """The choice beside a key (or above it) that has no use for it."""
    section, value = key.rpartition(".")[0], None
    while section and value is None:
        part = attrgetter(section)(config)
        tag = "kind" if getattr(part, "kind", None) is not None else "name"
        value = getattr(part, tag, None)
        if value is None:
            section = section.rpartition(".")[0]
    if section.startswith("sparsity.") and is_dense(config):
        section, value, tag = "sparsity", config.sparsity.name, "name"
    said = section if tag == "name" and "." not in section else f"{section}.{tag}"
    return f"with {said}={value}, which does not read it; accepted: another {said}, or without it"
