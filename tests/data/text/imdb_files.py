"""A few film reviews in the layout of each source."""

import csv
import hashlib
from pathlib import Path

import numpy as np

from tests.data.prepared import write_prepared

GOOD, BAD = ("good", "great", "fine"), ("bad", "poor", "dull")


def reviews(count: int, seed: int = 0) -> list[tuple[str, int]]:
    """Texts that a word tells apart, alternately for and against."""
    rng = np.random.RandomState(seed)
    made = []
    for number in range(count):
        label = number % 2
        word = (BAD, GOOD)[label][rng.randint(3)]
        filler = " ".join(f"word{i}" for i in rng.randint(0, 30, rng.randint(3, 12)))
        made.append((f"A {word} film.<br /><br />It's {filler}, No. {seed}{number:03d}!", label))
    return made


def write_package(path: Path, texts: list[tuple[str, int]]) -> str:
    """The package's csv, with reviews of another source; returns its sha256."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "source"])
        writer.writerows([text, label, "imdb"] for text, label in texts)
        writer.writerow(["not of imdb", 1, "rotten_tomatoes"])
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_tfds(root: Path, splits: dict[str, list[tuple[str, int]]]) -> Path:
    """Prepared TFRecords, as `tfds build imdb_reviews/plain_text` leaves them."""
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict(
        {"text": tfds.features.Text(), "label": tfds.features.ClassLabel(num_classes=2)}
    )
    examples = {
        split: [{"text": text, "label": label} for text, label in texts]
        for split, texts in splits.items()
    }
    folder = root / "imdb_reviews/plain_text/1.0.0"
    write_prepared(folder, "imdb_reviews", features, examples)
    return folder
