"""Sentence pairs from text files: checked, told apart, and encoded once for the cache."""

from dataclasses import asdict
from pathlib import Path

from harness.data import cache
from harness.data.text.corpora import corpus, lines, tokens, vocabulary, words
from harness.data.text.corpora.lines import Pair
from harness.data.text.corpora.options import PairOptions, languages
from harness.data.text.corpora.pairs import PairData
from harness.data.text.corpora.vocabulary import Vocabulary
from harness.data.text.corpora.words import Rules
from harness.errors import DataError

_MODEL = "subwords.model"


def check(config: PairOptions) -> None:
    """Refuses missing, unaligned or damaged files, and packages that are not installed.

    Raises:
        DataError: names the file, the line counts, or what to install.
    """
    tokens.require(config.tokenizer)
    for split, pair in _files(config).items():
        lines.check_aligned(pair)
        if split != "train":
            lines.check_complete(pair)
    if config.vocabulary_file is not None:
        _given_vocabulary(config)


def fingerprint(config: PairOptions) -> str:
    """sha256 over the sentences of all files, and the vocabulary; in either direction the same.

    Raises:
        DataError: see `check`.
    """
    return _fingerprint(config, _vocabulary(config))


def load(config: PairOptions) -> PairData:
    """The pairs, encoded (once: the cache keeps them).

    Raises:
        DataError: see `check`.
    """
    check(config)
    text, subwords = _words(config), _vocabulary(config)
    both = _rules(config).languages
    folder = cache.built(
        cache.folder_of(config.cache_dir),
        f"ids-{cache.key(text.name, subwords.sha256)[:24]}",
        lambda unfinished: corpus.encode(text, both, subwords, unfinished),
    )
    return PairData(config, _fingerprint(config, subwords), text, folder, subwords)


def _words(config: PairOptions) -> Path:
    """The folder of the files' words (made once: the cache keeps it)."""
    files, rules = _files(config), _rules(config)

    def write(folder: Path) -> None:
        report = words.write(files, rules, folder)
        if not report.kept:
            raise DataError(f"{report}; accepted: one pair to train on, or more")
        _check_drawn(folder, config)

    made_of = cache.key(words.FORMAT, _content(files), asdict(rules))
    return cache.built(cache.folder_of(config.cache_dir), f"words-{made_of[:24]}", write)


def _check_drawn(folder: Path, config: PairOptions) -> None:
    language = languages(config.direction)[0]
    for split, share in (("validation", config.validation_share), ("test", config.test_share)):
        if share and not any(words.read(folder, split, language)):
            raise DataError(
                f"dataset.{split}_share={share:g}: draws none of these pairs; accepted: a larger"
                f" share, or dataset.{split}_files"
            )


def _vocabulary(config: PairOptions) -> Vocabulary:
    """The one given, or the one learned of the training pairs (once: the cache keeps it)."""
    if config.vocabulary_file is not None:
        return _given_vocabulary(config)
    text, size = _words(config), config.vocabulary_size

    def learn(folder: Path) -> None:
        (folder / _MODEL).write_bytes(vocabulary.train(text / words.COUNTS, size))

    name = f"vocabulary-{cache.key(text.name, size)[:24]}"
    return vocabulary.read(cache.built(cache.folder_of(config.cache_dir), name, learn) / _MODEL)


def _given_vocabulary(config: PairOptions) -> Vocabulary:
    path = Path(str(config.vocabulary_file)).expanduser()
    found = vocabulary.read(path)
    if found.size != config.vocabulary_size:
        raise DataError(
            f"dataset.vocabulary_size={config.vocabulary_size}: {path} has {found.size:,}"
            f" subwords; accepted: {found.size}"
        )
    return found


def _files(config: PairOptions) -> dict[str, Pair]:
    one, two = sorted(languages(config.direction))
    names = {
        "train": config.train_files,
        "validation": config.validation_files,
        "test": config.test_files,
    }
    return {
        split: lines.find(config.data_dir, name, (one, two))
        for split, name in names.items()
        if name is not None
    }


def _rules(config: PairOptions) -> Rules:
    one, two = sorted(languages(config.direction))
    return Rules(
        languages=(one, two),
        tokenizer=config.tokenizer,
        filter_length=config.filter_length,
        shares=(config.validation_share, config.test_share),
        split_seed=config.split_seed,
    )


def _content(files: dict[str, Pair]) -> dict[str, dict[str, str]]:
    return {
        split: {language: lines.scan(path).sha256 for language, path in pair.files.items()}
        for split, pair in files.items()
    }


def _fingerprint(config: PairOptions, subwords: Vocabulary) -> str:
    return cache.key(words.FORMAT, _content(_files(config)), subwords.sha256)
