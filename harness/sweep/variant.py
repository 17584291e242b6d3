"""What a sweep was asked for beyond its file: such a sweep is one of its own."""

import hashlib
import re
from collections.abc import Sequence

from harness.config import kinds
from harness.config.overrides import key_of
from harness.sweep.spec import Sweep

#: Letters of a folder's name that say the variant, before those that tell it from all others.
_WORDS, _DIGITS = 40, 6


def variant(sweep: Sweep, extra: Sequence[str]) -> str:
    """The overrides that make other cells than the file's, in words; empty if none do.

    Where cells lie, are kept or how often they are looked at makes no others.

    Args:
        sweep: as its file says.
        extra: the overrides.

    Example: `model.units=32, seed=1,2` of `["work_dir=/tmp", "model.units=32", "seed=1,2"]`
    """
    said: dict[str, str] = {}
    for override in map(sweep.unaliased, extra):
        key = key_of(override)
        if key == "experiment" or (kinds.kinds(key) and not kinds.decides_nothing(key)):
            said[key] = override.partition("=")[2]
    if said.get("seed") == ",".join(map(str, sweep.seeds)):
        del said["seed"]
    return ", ".join(f"{key}={value}" for key, value in sorted(said.items()))


def folder_name(sweep: str, variant: str) -> str:
    """The name of a table's folder: its own for each variant of a sweep.

    Example:
        >>> folder_name("demo", ""), folder_name("demo", "training.finetune.epochs=3")
        ('demo', 'demo-epochs=3-981c03')
    """
    if not variant:
        return sweep
    parts = re.split(r", (?=[\w.]+=)", variant)
    short = ",".join(part[part.partition("=")[0].rfind(".") + 1 :] for part in parts)
    words = re.sub(r"[^A-Za-z0-9_=.,+-]+", "_", short)[:_WORDS]
    return f"{sweep}-{words}-{hashlib.sha256(variant.encode()).hexdigest()[:_DIGITS]}"
