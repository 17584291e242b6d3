"""Memory and speed of loading millions of sentence pairs, from text files to batches.

    python -m benchmarks.text_loading [--pairs 4500000] [--tokenizer moses] [--batches 2000]

Writes two files of generated sentences (WMT16's size: its number of pairs, about 25 words
each, Zipf-distributed over two million words a language), learns a vocabulary, encodes and
reads batches, in one process and its workers. Prints the peak of their resident memory, all
added up, by stage. Then batches are timed in turns with `tf.data`'s own bucketing of the
first pairs, held in memory (`bucket_by_sequence_length` behind a shuffle buffer).
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.text.corpora import pair_files, pairs, words
from harness.data.text.parallel_text import ParallelText

WORDS = 2_000_000
LENGTH = 25
BUCKETS = [10, 20, 30, 40, 50]
PEER_PAIRS = 200_000


def write(path: Path, count: int, seed: int) -> None:
    """Generated sentences, one a line."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlucmwfgypbvkjxqz"))
    # Frequent words are short, as Zipf found.
    longest = np.log2(np.arange(WORDS) + 2).astype(int) // 2 + 1
    words = ["".join(letters[rng.zipf(1.3, n) % 26]) for n in longest]
    with path.open("w", encoding="utf-8") as file:
        for first in range(0, count, 10_000):
            lengths = np.clip(rng.poisson(LENGTH, min(10_000, count - first)), 1, None)
            lengths = np.maximum(1, lengths * rng.uniform(0.2, 1.8, len(lengths))).astype(int)
            # P(rank) is proportional to 1 / rank
            ranks = (WORDS ** rng.uniform(0, 1, lengths.sum())).astype(int) - 1
            spoken = iter(ranks.tolist())
            for length in lengths:
                file.write(" ".join(words[next(spoken)] for _ in range(length)) + ".\n")


class Memory:
    """The most resident memory that this process and its children had, all added up."""

    def __init__(self) -> None:
        self.peak = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while True:
            pids = [os.getpid(), *(child.pid for child in multiprocessing.active_children())]
            total = 0
            for pid in pids:
                try:
                    total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
                except OSError:
                    continue  # it has ended
            self.peak = max(self.peak, total / 1e9)
            time.sleep(0.1)

    @contextmanager
    def stage(self, name: str, count: int) -> Iterator[None]:
        """Prints the peak, the seconds and the pairs a second of a block."""
        self.peak, begin = 0.0, time.perf_counter()
        yield
        time.sleep(0.2)
        seconds = time.perf_counter() - begin - 0.2
        print(
            f"{name:<28} {self.peak:6.2f} GB peak {seconds:8.1f} s"
            f" {count / seconds:12,.0f} pairs/s",
            flush=True,
        )


def peer(data: pairs.PairData, batch_size: int, count: int) -> Iterator[object]:
    """Batches of the first pairs by `tf.data`, which shuffles a buffer and buckets."""
    import tensorflow as tf

    sides = data._sides("train")
    kept = np.flatnonzero(np.maximum(sides[0].lengths, sides[1].lengths) <= BUCKETS[-1])[:count]
    ragged = []
    for side in sides:
        rows = [side.sentence(i, BUCKETS[-1]) for i in kept]
        ragged.append(tf.ragged.constant([row.tolist() for row in rows], tf.int32))
    dataset = tf.data.Dataset.from_tensor_slices(tuple(ragged)).repeat().shuffle(100_000)

    def framed(source: Any, target: Any) -> Any:
        ends = tf.constant([2]), tf.constant([3])
        return (source, tf.concat([ends[0], target], 0)), tf.concat([target, ends[1]], 0)

    framed_pairs = dataset.map(framed, num_parallel_calls=tf.data.AUTOTUNE)
    batches = framed_pairs.bucket_by_sequence_length(
        lambda inputs, target: tf.maximum(tf.size(inputs[0]), tf.size(target) - 1),
        [limit + 1 for limit in BUCKETS],
        [batch_size] * (len(BUCKETS) + 1),
    )
    return iter(batches.prefetch(tf.data.AUTOTUNE))


def seconds(batches: Iterator[object], count: int) -> float:
    """How long so many batches take."""
    begin = time.perf_counter()
    for _ in range(count):
        next(batches)
    return time.perf_counter() - begin


def main() -> None:
    """Prints memory and speed by stage, and the ratio beside the peer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=4_500_000)
    parser.add_argument("--tokenizer", choices=("moses", "none"), default="moses")
    parser.add_argument("--vocabulary", type=int, default=32_000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--batches", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--folder", type=Path, help="keeps the files there, and takes them up again"
    )
    options = parser.parse_args()
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        measure(options, options.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(options, Path(folder))


def measure(options: argparse.Namespace, folder: Path) -> None:
    """All stages, in a folder that may grow to some gigabytes."""
    config = ParallelText(
        name="parallel_text",
        source="files",
        data_dir=str(folder),
        cache_dir=str(folder / "cache"),
        tokenizer=options.tokenizer,
        vocabulary_size=options.vocabulary,
        validation_share=0.001,
        test_share=0.001,
        buckets=BUCKETS,
        max_length=BUCKETS[-1],
    )
    context = multiprocessing.get_context("spawn")
    if not (folder / "train.de").exists():
        with context.Pool(2) as pool:  # whose memory is not the loader's
            pool.starmap(
                write,
                [(folder / f"train.{one}", options.pairs, i) for i, one in enumerate(("en", "de"))],
            )
    size = sum(path.stat().st_size for path in folder.glob("train.*"))
    print(
        f"{options.pairs:,} pairs, {size / 1e9:.2f} GB of text, {words.processes()} workers",
        flush=True,
    )
    memory = Memory()
    with memory.stage("check", options.pairs):
        config.require()
    with memory.stage("tokenise, sort out, count", options.pairs):
        pair_files._words(config)
    with memory.stage("learn the vocabulary", options.pairs):
        config.fingerprint()
    with memory.stage("encode", options.pairs):
        data = config.load()
    assert isinstance(data, pairs.PairData)
    print(data.source, flush=True)
    import tensorflow as tf

    assert tf is not None  # its memory is part of the next stages
    with memory.stage("first batch, all pairs", options.pairs):
        batches = iter(data.train(options.batch, seed=1))
        next(batches)
    with memory.stage(f"{options.batches:,} batches", options.batches * options.batch):
        seconds(batches, options.batches)
    with memory.stage("batches by epochs 0 to 4", 5 * data.num_train):
        for epoch in range(5):
            start = epoch * (data.num_train // options.batch)
            next(iter(data.train(options.batch, seed=1, start_step=start)))
    with_peer = peer(data, options.batch, PEER_PAIRS)
    next(with_peer)
    ratios = [seconds(with_peer, 200) / seconds(batches, 200) for _ in range(options.rounds)]
    print(f"batches a second, of tf.data's: {statistics.median(ratios):.2f}×", flush=True)


if __name__ == "__main__":
    main()
