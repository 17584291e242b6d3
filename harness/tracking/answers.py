"""What a run said of each test example: read from its files, and kept with a few bits each."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import numpy as np

#: Names under which `harness.tracking.collected` keeps them.
PARTS = ("right", "said", "reference")
_CLASSES, _TEXTS = "predictions.csv", "translations.csv"


@dataclass(frozen=True)
class Answers:
    """Of one run, in the test split's order.

    Attributes:
        right: whether the class was the label's, shape `(examples,)`; None for translations.
        said: the translations, detokenised; empty for classes.
        reference: what they are compared with.
    """

    right: np.ndarray | None = None
    said: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()


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
        return {**empty, "said": said, "reference": reference, "examples": len(rows)}
    return empty


def of(run: Mapping[str, Any]) -> Answers | None:
    """The answers that `read` made parts of; None where there are none."""
    if run["right"] is not None:
        bits = np.frombuffer(run["right"], np.uint8)
        return Answers(np.unpackbits(bits, count=run["examples"]).astype(bool))
    if run["said"] is not None:
        return Answers(None, tuple(run["said"]), tuple(run["reference"]))
    return None


def _folder(uri: str) -> Path | None:
    """A folder of this machine; None for any other place."""
    place = urlparse(uri)
    return Path(unquote(place.path)) if place.scheme in ("", "file") else None


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
