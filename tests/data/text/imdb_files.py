"""A few film reviews in the layout of each source."""

import csv
import hashlib
from pathlib import Path

import numpy as np

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
    return write_prepared(root / "imdb_reviews/plain_text/1.0.0", features, examples)


def write_prepared(folder: Path, features, examples: dict[str, list[dict]]) -> Path:
    """A prepared folder of TFDS: name/variant/version."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    folder.mkdir(parents=True)
    name, infos = folder.parent.parent.name, []
    for split, rows in examples.items():
        records = [features.serialize_example(row) for row in rows]
        path = folder / f"{name}-{split}.tfrecord-00000-of-00001"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for record in records:
                writer.write(record)
        template = tfds.core.ShardedFileTemplate(
            data_dir=folder, dataset_name=name, split=split, filetype_suffix="tfrecord"
        )
        infos.append(
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[len(rows)],
                num_bytes=sum(map(len, records)),
                filename_template=template,
            )
        )
    tfds.folder_dataset.write_metadata(
        data_dir=folder, features=features, split_infos=infos, check_data=False
    )
    return folder
