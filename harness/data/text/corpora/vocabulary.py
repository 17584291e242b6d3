"""The joint subword vocabulary of two languages: byte-pair encoding within words.

The words are tokenised first and merges never cross them, as in Sennrich et al.
(https://arxiv.org/abs/1508.07909); trained and applied by sentencepiece
(https://github.com/google/sentencepiece) from the words' counts, so that millions of
sentences need no more memory than their distinct words.
"""

import hashlib
import io
import re
from collections.abc import Iterable
from itertools import compress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from harness.errors import DataError

PAD, UNK, BOS, EOS = 0, 1, 2, 3
#: The special ids, as every vocabulary must have them.
SPECIAL = {"pad": PAD, "unk": UNK, "bos": BOS, "eos": EOS}
#: Words that a vocabulary is learned of at most, the most frequent: the learner keeps all of
#: them in memory, and those beyond occur once or twice in millions of sentences.
_LEARNED_OF = 1_000_000
#: Words whose subwords are remembered while encoding.
_KNOWN = 500_000


class Vocabulary:
    """Subwords and their ids.

    Attributes:
        size: Number of ids.
        sha256: Of the sentencepiece model.

    Args:
        model: a sentencepiece model's bytes.
        origin: where it comes from, for a refusal.

    Raises:
        DataError: it is none, has other special ids, or does not tell where words begin.
    """

    def __init__(self, model: bytes, origin: object):
        from sentencepiece import SentencePieceProcessor, sentencepiece_model_pb2

        try:
            self._pieces = SentencePieceProcessor(model_proto=model)
        except RuntimeError:
            raise DataError(f"{origin}: not a sentencepiece model") from None
        found = {name: getattr(self._pieces, f"{name}_id")() for name in SPECIAL}
        if found != SPECIAL:
            raise DataError(
                f"{origin}: its special ids are {_named(found)}; accepted: {_named(SPECIAL)}"
                " (spm_train --pad_id=0 --unk_id=1 --bos_id=2 --eos_id=3)"
            )
        parsed = sentencepiece_model_pb2.ModelProto.FromString(model)
        if not parsed.normalizer_spec.add_dummy_prefix:
            raise DataError(
                f"{origin}: its subwords do not tell where a word begins; accepted: a model made"
                " with spm_train --add_dummy_prefix=true, its default"
            )
        self._known: dict[str, list[int]] = {}
        self.size: int = self._pieces.get_piece_size()
        self.sha256 = hashlib.sha256(model).hexdigest()

    def encode(self, sentence: str) -> list[int]:
        """The ids of a tokenised sentence, without special ones.

        Subwords never cross words, so each word is looked up: most have been seen before.
        """
        ids: list[int] = []
        for word in sentence.split():
            known = self._known.get(word)
            if known is None:
                known = self._pieces.encode(word)
                if len(self._known) < _KNOWN:
                    self._known[word] = known
            ids += known
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The words that ids spell, joined by spaces, up to the first end of sentence."""
        spoken = []
        for number in map(int, ids):
            if number == EOS:
                break
            if number not in (PAD, BOS):
                spoken.append(number)
        return self._pieces.decode(spoken)


def _named(ids: dict[str, int]) -> str:
    return ", ".join(f"{name}={number}" for name, number in ids.items())


def read(path: Path) -> Vocabulary:
    """The vocabulary in a sentencepiece model file.

    Raises:
        DataError: it is not there, or not one.
    """
    if not path.is_file():
        raise DataError(f"dataset.vocabulary_file={path}: no such file")
    return Vocabulary(path.read_bytes(), path)


def train(counts: Path, size: int) -> bytes:
    """Learns a vocabulary of `size` subwords; the same counts always give the same bytes.

    Args:
        counts: a file of words and how often each occurs, tab-separated.
        size: of the vocabulary, special ids included.

    Returns:
        The sentencepiece model.

    Raises:
        DataError: the text is too small for so many subwords, or has more characters.
    """
    from sentencepiece import sentencepiece_model_pb2

    model = io.BytesIO()
    with TemporaryDirectory() as folder:
        words = Path(folder, "words.tsv")
        _write_most_frequent(counts, words)
        _learn(words, size, model)
    learned = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    learned.trainer_spec.ClearField("input")  # where the words lay
    return learned.SerializeToString(deterministic=True)


def _write_most_frequent(counts: Path, path: Path) -> None:
    """The lines of the most frequent words, in the same order; among equals the first."""
    with counts.open(encoding="utf-8", newline="\n") as file:
        frequencies = np.fromiter((int(line.rpartition("\t")[2]) for line in file), np.int64)
    kept = np.zeros(len(frequencies), bool)
    kept[np.argsort(-frequencies, kind="stable")[:_LEARNED_OF]] = True
    with (
        counts.open(encoding="utf-8", newline="\n") as file,
        path.open("w", encoding="utf-8", newline="\n") as chosen,
    ):
        chosen.writelines(compress(file, kept))


def _learn(words: Path, size: int, model: io.BytesIO) -> None:
    from sentencepiece import SentencePieceTrainer

    try:
        SentencePieceTrainer.train(
            input=str(words),
            input_format="tsv",
            model_writer=model,
            model_type="bpe",
            vocab_size=size,
            character_coverage=1.0,
            normalization_rule_name="identity",
            split_by_unicode_script=False,
            split_by_number=False,
            unk_surface="<unk>",
            max_sentence_length=1 << 20,
            num_threads=1,
            minloglevel=2,
            pad_id=PAD,
            unk_id=UNK,
            bos_id=BOS,
            eos_id=EOS,
        )
    except RuntimeError as error:
        raise DataError(_too_large_or_small(size, str(error))) from None


def _too_large_or_small(size: int, error: str) -> str:
    most = re.search(r"value <= (\d+)", error)
    least = re.search(r"required_chars\. \d+ vs (\d+)", error)
    key = f"dataset.vocabulary_size: received {size}"
    if most:
        return f"{key}; accepted: up to {most[1]}, for this text holds no more subwords"
    if least:
        return f"{key}; accepted: more than {least[1]}, the characters of this text"
    return f"{key}; sentencepiece refuses: {error.splitlines()[0]}"
