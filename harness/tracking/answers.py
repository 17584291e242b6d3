"""What a run said of each test example: read from its files, and kept with a few bits each."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import numpy as np

#: Names under which `harness.tracking.collected` keeps them.
PARTS = ("right", "said", "reference", "counts")
TEXTS = ("said", "reference")
_COUNT = np.dtype("<i4")  # of words of a sentence
_COUNTS = 10
_CLASSES, _TEXTS = "predictions.csv", "translations.csv"


@dataclass(frozen=True)
class Answers:
    """Of one run, in the test split's order.

    Attributes:
        right: whether the class was the label's, shape `(examples,)`; None for translations.
        said: the translations, detokenised; empty for classes.
        reference: what they are compared with.
        counts: what sacrebleu's BLEU counts of each of them, whole numbers of shape
            `(examples, 10)`: words, the reference's words, n-grams right of 1 to 4 words, and in
            all. None without sacrebleu.
    """

    right: np.ndarray | None = None
    said: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()
    counts: np.ndarray | None = field(default=None, compare=False, repr=False)


def read(place: str) -> dict[str, Any]:
    """The parts kept of a run's answers; None for what it has not.

    Args:
        place: the URI of the run's files; those that a server keeps are not fetched.
    """
    empty: dict[str, Any] = {**dict.fromkeys(PARTS), "examples": None}
    folder = _folder(place)
    if folder is None:
        return empty
    if (folder / _CLASSES).is_file():
        rows = _rows(folder / _CLASSES)
        right = np.array([row["label"] == row["prediction"] for row in rows])
        return {**empty, "right": np.packbits(right).tobytes(), "examples": len(rows)}
    if (folder / _TEXTS).is_file():
        rows = _rows(folder / _TEXTS)
        said, reference = ([row[name] for row in rows] for name in ("hypothesis", "reference"))
        counted = counts(said, tuple(reference))
        kept = None if counted is None else counted.astype(_COUNT).tobytes()
        texts = {"said": said, "reference": reference, "counts": kept}
        return {**empty, **texts, "examples": len(rows)}
    return empty


def of(run: Mapping[str, Any]) -> Answers | None:
    """The answers that `read` made parts of; None where there are none."""
    if run["right"] is not None:
        bits = np.frombuffer(run["right"], np.uint8)
        return Answers(np.unpackbits(bits, count=run["examples"]).astype(bool))
    if run["said"] is not None:
        said, reference = tuple(run["said"]), tuple(run["reference"])
        if run.get("counts") is None:  # it was collected without sacrebleu
            return Answers(None, said, reference, counts(said, reference))
        kept = np.frombuffer(run["counts"], _COUNT).reshape(len(said), _COUNTS)
        return Answers(None, said, reference, kept.astype(int))
    return None


def available() -> bool:
    """Whether sacrebleu is installed."""
    return find_spec("sacrebleu") is not None


def counts(said: Sequence[str], reference: tuple[str, ...]) -> np.ndarray | None:
    """The `counts` of `Answers`, of detokenised text (13a); None without sacrebleu."""
    if not available():
        return None
    scorer, known = _scorer(reference)
    for each in enumerate(said):
        if each not in known:
            number, text = each
            words, right = scorer._preprocess_segment(text), scorer._ref_cache[number]
            known[each] = scorer._compute_segment_statistics(words, right)
    found = [known[each] for each in enumerate(said)]
    return np.array(found, int).reshape(len(said), _COUNTS)


@lru_cache(maxsize=8)
def _scorer(reference: tuple[str, ...]) -> tuple[Any, dict[tuple[int, str], list[int]]]:
    """sacrebleu's BLEU against a reference, and what it counted of translations of a sentence.

    The n-grams of a reference are counted once, and of a sentence that several runs translate
    alike, which of a network and its sparse ones is a third of all.
    """
    from sacrebleu.metrics import BLEU

    return BLEU(references=[reference]), {}


def _folder(uri: str) -> Path | None:
    """A folder of this machine; None for any other place."""
    place = urlparse(uri)
    return Path(unquote(place.path)) if place.scheme in ("", "file") else None


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
