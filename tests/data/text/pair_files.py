"""Small parallel text: sentences of a toy English and a toy German, aligned."""

import gzip
from pathlib import Path

import numpy as np

from harness.data import DATASETS
from harness.data.text.base import PairFileOptions

WORDS = {
    "dog": "Hund",
    "cat": "Katze",
    "house": "Haus",
    "tree": "Baum",
    "child": "Kind",
    "ball": "Ball",
    "water": "Wasser",
    "street": "Straße",
    "red": "rot",
    "small": "klein",
    "fast": "schnell",
    "old": "alt",
}


def sentences(count: int, seed: int = 0, longest: int = 12) -> list[tuple[str, str]]:
    """English and German, each word its translation; "." stands apart only when tokenised."""
    rng = np.random.RandomState(seed)
    english = list(WORDS)
    pairs = []
    for _ in range(count):
        words = [english[i] for i in rng.randint(0, len(english), rng.randint(1, longest + 1))]
        pairs.append((" ".join(words) + ".", " ".join(WORDS[word] for word in words) + "."))
    return pairs


def write(folder: Path, name: str, pairs: list[tuple[str, str]], zipped: bool = False) -> None:
    """`name.en` and `name.de`, with `.gz` if zipped."""
    folder.mkdir(parents=True, exist_ok=True)
    for side, language in enumerate(("en", "de")):
        content = "".join(f"{pair[side]}\n" for pair in pairs).encode()
        path = folder / f"{name}.{language}"
        if zipped:
            Path(f"{path}.gz").write_bytes(gzip.compress(content))
        else:
            path.write_bytes(content)


def write_multi30k(folder: Path, count: int = 60) -> Path:
    """The files of Multi30k, with few sentences."""
    for seed, (name, size) in enumerate(
        (("train", count), ("val", count // 6), ("test_2016_flickr", count // 6))
    ):
        write(folder, name, sentences(size, seed), zipped=True)
    return folder


def config(folder: Path, **options) -> PairFileOptions:
    """Multi30k's config with a vocabulary that fits these files; the cache is beside them."""
    given = {
        "name": "multi30k",
        "source": "files",
        "data_dir": str(folder),
        "cache_dir": str(folder.parent / "cache"),
        "train_files": "train",
        "validation_files": "val",
        "test_files": "test_2016_flickr",
        "vocabulary_size": 48,
        "max_length": 20,
        "buckets": [8, 20],
    }
    given |= options
    return DATASETS.find(given["name"])(**given)
