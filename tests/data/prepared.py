"""Folders of TFRecords as TensorFlow Datasets prepares them, of any tiny data set."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_prepared(
    folder: Path,
    name: str,
    features: Any,
    examples: Mapping[str, Sequence[dict[str, Any]]],
    shards: int = 1,
) -> None:
    """Writes a version's folder.

    Args:
        folder: NAME/VERSION or NAME/VARIANT/VERSION; must not be there yet.
        name: of the data set.
        features: its `FeaturesDict`.
        examples: split -> its examples.
        shards: files a split.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    folder.mkdir(parents=True)
    infos = []
    for split, rows in examples.items():
        records = [features.serialize_example(features.encode_example(row)) for row in rows]
        parts = [records[shard::shards] for shard in range(shards)]
        for shard, part in enumerate(parts):
            path = folder / f"{name}-{split}.tfrecord-{shard:05d}-of-{shards:05d}"
            with tf.io.TFRecordWriter(str(path)) as writer:
                for record in part:
                    writer.write(record)
        template = tfds.core.ShardedFileTemplate(
            data_dir=folder, dataset_name=name, split=split, filetype_suffix="tfrecord"
        )
        lengths, size = [len(part) for part in parts], sum(map(len, records))
        infos.append(tfds.core.SplitInfo(split, lengths, size, template))
    tfds.folder_dataset.write_metadata(
        data_dir=folder, features=features, split_infos=infos, check_data=False
    )
