"""What a sparsity is called: one wording for runs and tables."""

import re
from collections.abc import Sequence

from harness.config.sparsity import N_OF_M

#: sparsity.method.kind -> what it is called
METHODS = {
    "permutation": "permuted",
    "straight_through": "straight-through",
    "sr_ste": "SR-STE",
    "rigl": "RigL",
}


def cell_label(
    name: str,
    *,
    kind: str | None,
    target: float | None,
    n_of_m: tuple[object, object],
    shape: Sequence[int],
    score: str,
    method: str | None,
) -> str:
    """Names the sparsity of a cell, as runs and tables do.

    What a pattern keeps says it better than the group's name, which an override of the
    pattern leaves as it was.

    Args:
        name: sparsity.name.
        kind: sparsity.pattern.kind; None where it is not known.
        target: sparsity.target.
        n_of_m: sparsity.pattern.n and .m.
        shape: sparsity.pattern.shape, inputs first; empty where it is not known.
        score: sparsity.score.
        method: sparsity.method.kind.
    """
    words = technique(kind, score, method)
    if kind == "none":
        return "dense"
    if kind in N_OF_M:
        return sparsity_label("{} by {}".format(*n_of_m), None, words)
    name = group(name, words)
    if kind == "block" and shape:
        name = f"block {' by '.join(map(str, reversed(shape)))}"
    return sparsity_label(name, target, words)


def sparsity_label(name: str, target: float | None, technique: str = "") -> str:
    """Names a sparsity by the config's name for it.

    Args:
        name: dense, random, structured_2x4, block_1x4 (outputs first), …
        target: The fraction of prunable weights set to zero; None where the name says it.
        technique: What goes beyond masks by magnitude, in words.

    Example:
        >>> sparsity_label("random", 0.875), sparsity_label("structured_2x4", None, "SR-STE")
        ('random 87.5%', '2 by 4 SR-STE')
    """
    words = re.sub(r"(\d)x(\d)", r"\1 by \2", name.removeprefix("structured_"))
    words = f"{words.replace('_', ' ')} {technique}".rstrip()
    if target is None:
        return words
    return f"{words} {f'{target:.4%}'.rstrip('%').rstrip('0').rstrip('.')}%"


def technique(pattern: str | None, score: str, method: str | None) -> str:
    """The words for all that goes beyond masks by magnitude; empty for those.

    Args:
        pattern: sparsity.pattern.kind.
        score: sparsity.score.
        method: sparsity.method.kind.

    Example:
        >>> technique("n_m", "magnitude", "sr_ste"), technique("gradual_n_m", "magnitude", None)
        ('SR-STE', 'gradual')
    """
    words = [
        "gradual" if pattern == "gradual_n_m" else "",
        score if score == "movement" else "",
        METHODS.get(method or "", ""),
    ]
    return " ".join(filter(None, words))


def group(name: str, words: str) -> str:
    """A sparsity's name without its technique, which is said apart.

    Example:
        >>> group("random_rigl", "RigL"), group("random", "RigL")
        ('random', 'random')
    """
    for word in words.lower().split():
        name = name.removesuffix(f"_{word.replace('-', '_')}")
    return name
