"""From two text files to an encoded corpus, in one pass that holds a few chunks at a time.

Chunks of lines go to processes of their own, which tokenise, sort out and encode them; they
come back in the files' order. Before that, one pass counts words if a vocabulary is to be
learned.
"""

import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from harness.data import lines, tokens
from harness.data.corpus import SPLITS, Encoded, Report, Writer, dtype_of, write_report
from harness.data.lines import Pair
from harness.data.vocabulary import Vocabulary

#: Raised when the same files would be encoded otherwise.
FORMAT = 1
_CHUNK = 5_000
#: Fewer chunks than this are not worth starting processes for.
_WORTH_PROCESSES = 8
_MOST_PROCESSES = 16
T = TypeVar("T")

#: Lines of both languages, without what surrounds them.
Chunk = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Rules:
    """How lines become examples.

    Attributes:
        languages: The two, sorted: a corpus serves both directions.
        tokenizer: moses or none.
        filter_length: Training pairs with more words on a side are left out.
        shares: Of the training pairs, held out for validation and for test.
        split_seed: Decides which.
    """

    languages: tuple[str, str]
    tokenizer: str
    filter_length: int
    shares: tuple[float, float]
    split_seed: int


def count_words(pair: Pair, rules: Rules) -> Counter[str]:
    """How often each word occurs in the pairs to train on, in either language."""
    counts: Counter[str] = Counter()
    for counted in _over(pair, _count, rules):
        counts.update(counted)
    return counts


def encode(files: dict[str, Pair], rules: Rules, model: bytes, folder: Path) -> Report:
    """Writes the encoded splits of the files to a folder, and returns what became of them.

    Args:
        files: by split; `train`, and what of `validation` and `test` is not held out of it.
        rules: how.
        model: of the vocabulary.
        folder: an empty one.
    """
    report = Report()
    with ExitStack() as stack:
        writers = {
            (split, language): stack.enter_context(closing(Writer(folder, split, language)))
            for split in SPLITS
            for language in rules.languages
        }
        for split, pair in files.items():
            for encoded, counted in _over(pair, _encode, rules, split, model):
                report.add(counted)
                for place, part in encoded.items():
                    writers[place].add(part)
    write_report(folder, report)
    return report


# Reading and sharing out ---------------------------------------------------------------


def _over(pair: Pair, work: Callable[..., T], *arguments: Any) -> Iterator[T]:
    """`work(chunk, *arguments)` of each chunk of a pair's lines, in order."""
    chunks = _chunks(pair)
    first = list(islice(chunks, _WORTH_PROCESSES))
    workers = min(os.cpu_count() or 1, _MOST_PROCESSES)
    every = chain(first, chunks)
    if len(first) < _WORTH_PROCESSES or workers == 1:
        yield from (work(chunk, *arguments) for chunk in every)
        return
    # spawn: a process with TensorFlow's threads must not fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting: deque[Any] = deque()
        for chunk in every:
            waiting.append(pool.submit(work, chunk, *arguments))
            if len(waiting) > 2 * workers:  # all at once, the whole file would wait in memory
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _chunks(pair: Pair) -> Iterator[Chunk]:
    one, two = (lines.read(path) for _, path in sorted(pair.files.items()))
    both = zip(map(bytes.strip, one), map(bytes.strip, two), strict=True)
    while chunk := list(islice(both, _CHUNK)):
        yield chunk


# In the processes ------------------------------------------------------------------------


@dataclass
class _Part:
    """Pairs of one split, in both languages: words, and what they were made of."""

    words: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))
    sentences: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))


def _count(chunk: Chunk, rules: Rules) -> Counter[str]:
    parts, _ = _sorted_out(chunk, rules, "train")
    return Counter(
        word for side in parts["train"].words for words in side for word in words.split(" ")
    )


def _encode(
    chunk: Chunk, rules: Rules, split: str, model: bytes
) -> tuple[dict[tuple[str, str], Encoded], Report]:
    vocabulary = _vocabulary(model)
    parts, report = _sorted_out(chunk, rules, split)
    encoded = {}
    for name, part in parts.items():
        held_out = name != "train"
        for side, language in enumerate(rules.languages):
            ids = vocabulary.encode(part.words[side])
            encoded[name, language] = Encoded(
                ids=np.fromiter(chain.from_iterable(ids), dtype_of(vocabulary.size)),
                lengths=np.fromiter(map(len, ids), np.int32),
                sentences=part.sentences[side] if held_out else [],
                words=part.words[side] if held_out else [],
            )
    return encoded, report


def _sorted_out(chunk: Chunk, rules: Rules, split: str) -> tuple[dict[str, _Part], Report]:
    """A chunk's pairs by split; only of training files some are left out."""
    to_words = [_tokenizer(rules.tokenizer, language) for language in rules.languages]
    parts = {name: _Part() for name in (SPLITS if split == "train" else (split,))}
    report = Report()
    for pair in chunk:
        sentences = [side.decode("utf-8") for side in pair]  # `lines.scan` has seen to it
        words = [to(sentence) for to, sentence in zip(to_words, sentences, strict=True)]
        name = split
        if split == "train":
            report.pairs += 1
            if not all(words):
                report.empty += 1
                continue
            if max(side.count(" ") for side in words) >= rules.filter_length:
                report.too_long += 1
                continue
            name = _split_of(sentences[0], rules)
            report.held_out += name != "train"
        for side in (0, 1):
            parts[name].words[side].append(words[side])
            parts[name].sentences[side].append(sentences[side])
    return parts, report


def _split_of(sentence: str, rules: Rules) -> str:
    """Where a training pair goes; equal sentences go the same way, or the test would leak."""
    validation, test = rules.shares
    if not validation and not test:
        return "train"
    salted = f"{rules.split_seed}:{' '.join(sentence.split())}".encode()
    place = int.from_bytes(blake2b(salted, digest_size=8).digest()) / 2**64
    if place < validation:
        return "validation"
    return "test" if place < validation + test else "train"


@lru_cache(maxsize=8)
def _tokenizer(kind: str, language: str) -> Callable[[str], str]:
    return tokens.tokenizer(kind, language)


@lru_cache(maxsize=2)
def _vocabulary(model: bytes) -> Vocabulary:
    return Vocabulary(model, "the vocabulary")
