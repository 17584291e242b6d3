"""What people mean who write something that a config does not have: "did you mean …?"."""

import difflib
import re
from collections.abc import Sequence

from harness.config import kinds

#: Words for a sparsity that are in use elsewhere -> the overrides that say it here.
_SPARSITIES = {
    "unstructured": "sparsity=random",
    "magnitude": "sparsity=random",
    "structured": "sparsity=structured_2x4",
    "none": "sparsity=dense",
    "no": "sparsity=dense",
    "false": "sparsity=dense",
    "null": "sparsity=dense",
}


def group_hint(group: str, value: str, names: Sequence[str]) -> str:
    """The overrides that were probably meant by `group=value`; empty if nothing is near.

    Args:
        group: a group of configs, e.g. sparsity.
        value: what was received; none of its names.
        names: those that it accepts.

    Example:
        >>> group_hint("sparsity", "0.5", ["dense", "random"])
        'sparsity=random sparsity.target=0.5'
    """
    word = value.strip().lower()
    if group == "sparsity" and (meant := _sparsity(word)):
        return meant
    if group == "tracking" and ("://" in value or value.endswith(".db")):
        return f"tracking.uri={value if '://' in value else f'sqlite:///{value}'}"
    if group == "dataset" and "/" in value:
        return f"dataset.data_dir={value}"
    # a part of a name says it, the shortest name first: sr_ste, mobilenet, int8
    holding = sorted((name for name in names if word in name.lower() and len(word) > 1), key=len)
    near = holding or difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if not near and group == "experiment":  # MLflow's word for something else
        return f"tracking.experiment={value}"
    return f"{group}={near[0]}" if near else ""


def _sparsity(word: str) -> str:
    if word in _SPARSITIES:
        return _SPARSITIES[word]
    if kept := re.fullmatch(r"(?:structured_)?(\d+)\s*(?:x|:|of|by|_)\s*(\d+)", word):
        n, m = int(kept[1]), int(kept[2])
        if (n, m) == (2, 4):
            return "sparsity=structured_2x4"
        own = f"sparsity=structured_2x4 sparsity.pattern.n={n} sparsity.pattern.m={m}"
        return own if 1 <= n < m else ""
    share = re.fullmatch(r"(?:random_?)?(\d*\.?\d+)\s*(%?)", word)
    if share is None:
        return ""
    target = float(share[1]) / (100 if share[2] or float(share[1]) > 1 else 1)
    if target == 0:
        return "sparsity=dense"
    return f"sparsity=random sparsity.target={target:g}" if target < 1 else ""


def key_hint(key: str) -> str:
    """The key, or keys, that were probably meant by one that there is not; empty if none is near.

    Example:
        >>> key_hint("sparsity.tarqet"), key_hint("target")
        ('sparsity.target', 'sparsity.target')
    """
    known = kinds.keys()
    last = key.rpartition(".")[2]
    same = [each for each in known if each.rpartition(".")[2] == last]
    if same and len(same) <= 3:
        return " or ".join(same)
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.8)
    return near[0] if near else ""
