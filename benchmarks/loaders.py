"""What `benchmarks.input_pipeline` loads by the harness' own code: small sets of real layouts."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import text_loading
from harness.data.base import Split
from harness.data.images.base import CropOptions
from harness.data.images.photos import index, records
from harness.data.images.photos.data import Part, PhotoData
from harness.data.images.photos.pipeline import FilePhotos, Photos
from harness.data.speech.sound.clips import SpeechData
from harness.data.speech.sound.options import AugmentationOptions
from harness.data.text.parallel_text import ParallelText

#: Clips of a second, and pairs of sentences of some 25 words.
CLIPS, PAIRS = 1_000, 20_000
#: As Arm trains on Speech Commands (conf/dataset/speech_commands.yaml).
_VARIED = AugmentationOptions(time_shift_ms=100, noise_probability=0.8, noise_volume=0.1)


def in_records(photos: FilePhotos, folder: Path) -> Photos:
    """The same photographs in a TFRecord, as TFDS' imagenet2012 has them."""
    import tensorflow as tf

    folder.mkdir(parents=True, exist_ok=True)
    shard = folder / "imagenet2012-train.tfrecord-00000-of-00001"

    def feature(value: Any) -> Any:
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    with tf.io.TFRecordWriter(str(shard)) as writer:
        for number, name in enumerate(photos.names):
            features = {
                "file_name": feature(bytes(name)),
                "image": feature(photos.content(number)),
                "label": feature(number),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    found, groups = index.packed([shard], records.tfds_shard)
    return found.labelled(groups.astype(np.int64))


def photo_data(
    photos: Photos, size: int, augmentation: CropOptions, cache: str | None = None
) -> PhotoData:
    """The photographs, eight times over."""
    part = Part(photos, np.tile(np.arange(len(photos.labels)), 8))
    names = tuple(map(str, photos.labels))
    of = ("photographs", "0", "made here", names, part, part, part)
    return PhotoData(*of, size, augmentation, cache)


def clips(*, varied: bool) -> SpeechData:
    """Noise, as loud as speech, to MFCC."""
    random = np.random.default_rng(0)
    sounds = random.normal(0, 2_000, (CLIPS, 16_000)).astype(np.int16)
    split = Split(sounds, random.integers(0, 12, CLIPS))
    noise = (random.normal(0, 2_000, 960_000).astype(np.int16),)
    given = _VARIED if varied else AugmentationOptions()
    of = ("noise", "0", "made here", tuple(map(str, range(12))), split, split, split)
    return SpeechData(*of, features="mfcc", augmentation=given, noise=noise)


def pairs(folder: Path) -> Any:
    """Generated sentences, in WMT16's way: in files, encoded once, bucketed by length."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, language in enumerate(("en", "de")):
        file = folder / f"train.{language}"
        if not file.exists():
            text_loading.write(file, PAIRS, number)
    limits = text_loading.BUCKETS
    options = ParallelText(
        name="parallel_text",
        data_dir=str(folder),
        cache_dir=str(folder / "cache"),
        tokenizer="none",
        vocabulary_size=8_000,
        validation_share=0.01,
        test_share=0.01,
        buckets=limits,
        max_length=limits[-1],
    )
    return options.load()
