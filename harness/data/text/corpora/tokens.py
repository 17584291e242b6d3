"""From sentences to words and back: Moses' tokenisation, or what spaces separate.

Published BLEU scores of translation models are of such words; sacremoses is the Python port
of Moses' scripts (https://github.com/hplt-project/sacremoses).
"""

import importlib.util
from collections.abc import Callable

from harness.errors import DataError

INSTALL = "pip install 'sparsity-harness[text]'"


def require(tokenizer: str) -> None:
    """Refuses to go on without the packages that text needs.

    Raises:
        DataError: names the one that is missing.
    """
    needed = {"sentencepiece": "subwords"}
    if tokenizer == "moses":
        needed["sacremoses"] = "dataset.tokenizer=moses"
    for package, what in needed.items():
        if importlib.util.find_spec(package) is None:
            raise DataError(f"{what}: the {package} package is not installed; {INSTALL}")


def tokenizer(kind: str, language: str) -> Callable[[str], str]:
    """A function from a sentence to its words, joined by single spaces.

    Args:
        kind: moses or none.
        language: its code, e.g. de.
    """
    if kind == "none":
        return lambda sentence: " ".join(sentence.split())
    from sacremoses import MosesTokenizer

    moses = MosesTokenizer(language)
    # Other spaces than " " would end a word for some readers and not for others.
    return lambda sentence: " ".join(
        moses.tokenize(" ".join(sentence.split()), return_str=True).split()
    )


def detokenizer(kind: str, language: str) -> Callable[[str], str]:
    """A function from words joined by spaces to a sentence as people write it."""
    if kind == "none":
        return lambda words: words
    from sacremoses import MosesDetokenizer

    moses = MosesDetokenizer(language)
    return lambda words: moses.detokenize(words.split())
