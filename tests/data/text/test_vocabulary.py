"""Learning, applying and refusing subword vocabularies."""

import io

import pytest
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

from harness.data.text.corpora import vocabulary
from harness.data.text.corpora.vocabulary import Vocabulary
from harness.errors import DataError
from tests.data.text.pair_files import WORDS


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    path = tmp_path_factory.mktemp("counts") / "counts.tsv"
    words = sorted({*WORDS, *WORDS.values(), "@-@", "&apos;s"})
    path.write_text("".join(f"{word}\t{1 + i % 5}\n" for i, word in enumerate(words)), "utf-8")
    return path


@pytest.fixture(scope="module")
def model(counts):
    return vocabulary.train(counts, 60)


def test_the_same_counts_give_the_same_bytes_wherever_they_lie(counts, model, tmp_path):
    elsewhere = tmp_path / "other.tsv"
    elsewhere.write_bytes(counts.read_bytes())
    assert vocabulary.train(elsewhere, 60) == model


def test_a_vocabulary_is_learned_of_the_most_frequent_words(counts, monkeypatch, tmp_path):
    monkeypatch.setattr(vocabulary, "_LEARNED_OF", 3)
    few = tmp_path / "few.tsv"
    few.write_text("aa\t5\nbb\t1\ncc\t9\ndd\t5\nee\t5\n")
    vocabulary._write_most_frequent(few, tmp_path / "kept.tsv")
    assert (tmp_path / "kept.tsv").read_text() == "aa\t5\ncc\t9\ndd\t5\n"
    assert 1 in Vocabulary(vocabulary.train(few, 8), "it").encode("ee")


def test_sentences_come_back_from_their_ids(model):
    subwords = Vocabulary(model, "it")
    sentence = "small dog &apos;s red @-@ Katze"
    ids = subwords.encode(sentence)
    assert subwords.size == 60
    assert all(4 <= number < 60 for number in ids)
    assert subwords.decode(ids) == sentence
    assert 1 in subwords.encode("日本")


def test_looked_up_words_are_encoded_as_whole_sentences(model):
    subwords, pieces = Vocabulary(model, "it"), SentencePieceProcessor(model_proto=model)
    for sentence in ("dog", "small dogs Hunde dog 日本 dog", ""):
        assert subwords.encode(sentence) == subwords.encode(sentence) == pieces.encode(sentence)


def test_more_words_than_are_remembered_are_encoded_too(model, monkeypatch):
    monkeypatch.setattr(vocabulary, "_KNOWN", 1)
    subwords, pieces = Vocabulary(model, "it"), SentencePieceProcessor(model_proto=model)
    assert subwords.encode("dog cat dog cat") == pieces.encode("dog cat dog cat")


@pytest.mark.parametrize(
    ("size", "complaint"),
    [
        (500, r"vocabulary_size: received 500; accepted: up to \d+, for this text"),
        (10, r"vocabulary_size: received 10; accepted: more than \d+, the characters"),
    ],
)
def test_sizes_that_the_text_cannot_fill_are_refused(counts, size, complaint):
    with pytest.raises(DataError, match=complaint):
        vocabulary.train(counts, size)


def test_other_files_and_other_special_ids_are_refused(counts, tmp_path):
    path = tmp_path / "notes.model"
    path.write_bytes(b"not a model")
    with pytest.raises(DataError, match=r"notes\.model: not a sentencepiece model"):
        vocabulary.read(path)
    usual = io.BytesIO()
    SentencePieceTrainer.train(
        input=str(counts), input_format="tsv", model_writer=usual, vocab_size=60, minloglevel=2,
        model_type="bpe",
    )  # fmt: skip
    path.write_bytes(usual.getvalue())
    with pytest.raises(DataError, match=r"special ids are pad=-1, unk=0.*accepted: pad=0, unk=1"):
        vocabulary.read(path)


def test_a_model_that_does_not_tell_where_words_begin_is_refused(tmp_path):
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(["klein Haus", "kleine Katze", "Hund"] * 9),
        model_writer=model,
        model_type="bpe",
        vocab_size=40,
        hard_vocab_limit=False,
        add_dummy_prefix=False,
        minloglevel=2,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
    )
    with pytest.raises(DataError, match=r"^it: .*where a word begins; .*add_dummy_prefix=true"):
        Vocabulary(model.getvalue(), "it")
