"""What a sparsity is called beyond its pattern and amount: one wording for runs and tables."""

#: sparsity.method.kind -> what it is called
METHODS = {
    "permutation": "permuted",
    "straight_through": "straight-through",
    "sr_ste": "SR-STE",
    "rigl": "RigL",
}


def technique(pattern: str, score: str, method: str | None) -> str:
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
