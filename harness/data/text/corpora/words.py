"""From two text files to words: tokenised, sorted out and counted, in one pass.

Chunks of lines go to processes of their own and come back in the files' order, a few at a
time, so that millions of pairs never stand in memory. The folder that is written has, for each
split and language, `.words` (one sentence a line, words joined by spaces) and, of held-out
splits, `.sentences` (as they came); and how often each word occurs in `counts.tsv`.
"""

import json
import multiprocessing
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from hashlib import blake2b
from itertools import chain, compress, islice, product
from pathlib import Path
from typing import Any, TypeVar

from harness.data.text.corpora import lines, tokens
from harness.data.text.corpora.lines import Pair
from harness.system.cores import usable

#: Raised when the same files would give other words.
FORMAT = 2
SPLITS = ("train", "validation", "test")
COUNTS = "counts.tsv"
_REPORT = "report.json"
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
        languages: The two, sorted: either direction reads the same words.
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


@dataclass
class Report:
    """What became of the lines of the training files."""

    pairs: int = 0
    empty: int = 0
    too_long: int = 0
    held_out: int = 0
    repeated: int = 0

    @property
    def kept(self) -> int:
        """Pairs to train on."""
        return self.pairs - self.empty - self.too_long - self.held_out - self.repeated

    def add(self, other: "Report") -> None:
        """Counts another part's lines too."""
        for name, count in asdict(other).items():
            setattr(self, name, getattr(self, name) + count)

    def __str__(self) -> str:
        repeated = f", {self.repeated:,} with a sentence of those" if self.repeated else ""
        return (
            f"{self.kept:,} of {self.pairs:,} training pairs ({self.empty:,} empty,"
            f" {self.too_long:,} too long, {self.held_out:,} held out{repeated})"
        )


def write(files: dict[str, Pair], rules: Rules, folder: Path) -> Report:
    """Writes the words of the files to a folder, and returns what became of the lines.

    Args:
        files: by split; `train`, and what of `validation` and `test` is not held out of it.
        rules: how.
        folder: an empty one.
    """
    report, counts = Report(), Counter[str]()
    with ExitStack() as stack:
        opened = {
            (split, language, kind): stack.enter_context(
                _path(folder, split, language, kind).open("wb")
            )
            for split in SPLITS
            for language in rules.languages
            for kind in _kinds(split)
        }
        for split, pair in files.items():
            for done in _over(pair, _sort_out, rules, split):
                report.add(done.report)
                counts.update(done.counts)
                for place, text in done.text.items():
                    opened[place].write(text)
    _leave_out_repeats(folder, rules, report, counts)
    # Sorted, for a vocabulary's learner breaks ties by the order of its input.
    with (folder / COUNTS).open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{word}\t{n}\n" for word, n in sorted(counts.items()) if n)
    (folder / _REPORT).write_text(json.dumps(asdict(report)), encoding="utf-8")
    return report


def report(folder: Path) -> Report:
    """What became of the lines, from a folder of `write`."""
    return Report(**json.loads((folder / _REPORT).read_text("utf-8")))


def read(folder: Path, split: str, language: str, kind: str = "words") -> Iterator[str]:
    """The lines of a folder of `write`.

    Args:
        folder: written by `write`.
        split: train, validation or test.
        language: its code.
        kind: words, or sentences of a held-out split.
    """
    with _path(folder, split, language, kind).open("rb") as file:
        for line in file:
            yield line.decode("utf-8").removesuffix("\n")


def _path(folder: Path, split: str, language: str, kind: str) -> Path:
    return folder / f"{split}.{language}.{kind}"


# No sentence of either language may be in two splits, or the test would leak. Equal sentences
# of the first language are drawn alike; of the second, those of the test are left out of
# the other splits, and those of the validation split of training.


def _leave_out_repeats(folder: Path, rules: Rules, report: Report, counts: Counter[str]) -> None:
    """Takes pairs that share their second sentence with a drawn split out of the next ones."""
    drawn = [name for name, share in zip(SPLITS[1:], rules.shares, strict=True) if share]
    second, taken = rules.languages[1], set[int]()
    for split in ("test", "validation", "train"):
        if taken and (split == "train" or split in drawn):
            repeated = [_hash(words) in taken for words in read(folder, split, second)]
            report.repeated += sum(repeated)
            if split == "train":
                counts.subtract(_trained_words(folder, rules, repeated))
            else:
                report.held_out -= sum(repeated)
            if any(repeated):
                for language, kind in product(rules.languages, _kinds(split)):
                    _rewrite(_path(folder, split, language, kind), repeated)
        if split in drawn:
            taken |= {_hash(words) for words in read(folder, split, second)}


def _trained_words(folder: Path, rules: Rules, chosen: list[bool]) -> Iterator[str]:
    for language in rules.languages:
        for sentence in compress(read(folder, "train", language), chosen):
            yield from sentence.split(" ")


def _rewrite(path: Path, without: list[bool]) -> None:
    kept = path.with_suffix(".kept")
    with path.open("rb") as file, kept.open("wb") as left:
        left.writelines(line for line, out in zip(file, without, strict=True) if not out)
    kept.replace(path)


def _kinds(split: str) -> tuple[str, ...]:
    return ("words",) if split == "train" else ("words", "sentences")


# Reading and sharing out ---------------------------------------------------------------


def processes() -> int:
    """How many count words side by side."""
    return min(len(usable()), _MOST_PROCESSES)


def _over(pair: Pair, work: Callable[..., T], *arguments: Any) -> Iterator[T]:
    """`work(chunk, *arguments)` of each chunk of a pair's lines, in order."""
    chunks = _chunks(pair)
    first = list(islice(chunks, _WORTH_PROCESSES))
    workers = processes()
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
class _Done:
    """A chunk sorted out: text for the files, word counts, and what became of its lines."""

    text: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    report: Report = field(default_factory=Report)


def _sort_out(chunk: Chunk, rules: Rules, split: str) -> _Done:
    """Tokenises a chunk's pairs; only those of training files are left out or held out."""
    to_words = [_tokenizer(rules.tokenizer, language) for language in rules.languages]
    kept: dict[tuple[str, str, str], list[str]] = {}
    done = _Done()
    for pair in chunk:
        sentences = [side.decode("utf-8") for side in pair]  # `lines.scan` has seen to it
        words = [to(sentence) for to, sentence in zip(to_words, sentences, strict=True)]
        name: str | None = split
        if split == "train":
            name = _training_split(words, rules, done.report)
        if not name:
            continue
        for side, language in enumerate(rules.languages):
            kept.setdefault((name, language, "words"), []).append(words[side])
            if name != "train":
                kept.setdefault((name, language, "sentences"), []).append(sentences[side])
            else:
                done.counts.update(words[side].split(" "))
    done.text = {
        place: "".join(f"{line}\n" for line in text).encode() for place, text in kept.items()
    }
    return done


def _training_split(words: list[str], rules: Rules, report: Report) -> str | None:
    """Where a pair of the training files goes, if anywhere; counts it."""
    report.pairs += 1
    if not all(words):
        report.empty += 1
        return None
    if max(side.count(" ") for side in words) >= rules.filter_length:
        report.too_long += 1
        return None
    name = _drawn(words[0], rules)
    report.held_out += name != "train"
    return name


def _drawn(words: str, rules: Rules) -> str:
    """The split that is drawn for a sentence of the first language."""
    validation, test = rules.shares
    if not validation and not test:
        return "train"
    place = _hash(f"{rules.split_seed}:{words}") / 2**64
    if place < validation:
        return "validation"
    return "test" if place < validation + test else "train"


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


@lru_cache(maxsize=8)
def _tokenizer(kind: str, language: str) -> Callable[[str], str]:
    return tokens.tokenizer(kind, language)
