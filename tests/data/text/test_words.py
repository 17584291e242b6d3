"""Sorting out lines in processes, a few at a time, and holding out what tests must not meet."""

import itertools
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.text.corpora import lines, words
from harness.data.text.corpora.words import Rules
from tests.data.text import pair_files

RULES = Rules(("de", "en"), "none", 80, (0.0, 0.0), 0)


def pair(folder, pairs):
    pair_files.write(folder, "train", pairs)
    return lines.find(str(folder), "train", ("de", "en"))


def everything(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_processes_give_what_one_gives(tmp_path, monkeypatch):
    files = {"train": pair(tmp_path / "text", pair_files.sentences(500))}
    shares = Rules(("de", "en"), "none", 8, (0.1, 0.1), 0)
    (tmp_path / "one").mkdir()
    one = words.write(files, shares, tmp_path / "one")
    monkeypatch.setattr(words, "_CHUNK", 20)
    monkeypatch.setattr(words, "usable", lambda: [0, 1])
    (tmp_path / "two").mkdir()
    two = words.write(files, shares, tmp_path / "two")
    assert one == two == words.report(tmp_path / "two")
    assert min(one.kept, one.too_long, one.held_out) > 0
    assert everything(tmp_path / "one") == everything(tmp_path / "two")


def test_chunks_are_read_as_they_are_needed(tmp_path, monkeypatch):
    files = pair(tmp_path, pair_files.sentences(400))
    monkeypatch.setattr(words, "_CHUNK", 2)
    monkeypatch.setattr(words, "usable", lambda: [0, 1])
    chunks, taken = words._chunks, []

    def counted(pair):
        for chunk in chunks(pair):
            taken.append(chunk)
            yield chunk

    monkeypatch.setattr(words, "_chunks", counted)
    results = words._over(files, len)
    assert list(itertools.islice(results, 3)) == [2, 2, 2]
    assert len(taken) <= words._WORTH_PROCESSES + 2, "not all 200"
    results.close()


def test_equal_sentences_are_held_out_together(tmp_path):
    repeated = [pair for pair in pair_files.sentences(40, longest=4) for _ in range(3)]
    folder = tmp_path / "out"
    folder.mkdir()
    rules = Rules(("de", "en"), "none", 80, (0.2, 0.3), 3)
    words.write({"train": pair(tmp_path, repeated)}, rules, folder)
    train, validation, test = (set(words.read(folder, split, "de")) for split in words.SPLITS)
    assert train
    assert validation
    assert test
    assert len(train | validation | test) == len(train) + len(validation) + len(test)


@settings(deadline=None)
@given(
    links=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=40, max_size=90),
    seed=st.integers(0, 1000),
)
def test_no_sentence_of_either_language_is_in_two_splits(links, seed):
    with tempfile.TemporaryDirectory() as folder:
        rules = Rules(("de", "en"), "none", 80, (0.1, 0.1), seed)
        files = {"train": pair(Path(folder), [(f"e {one}", f"d  {two}") for one, two in links])}
        out = Path(folder, "out")
        out.mkdir()
        report = words.write(files, rules, out)
        seen, count = {}, 0
        for split in words.SPLITS:
            for language in ("de", "en"):
                for sentence in words.read(out, split, language):
                    assert seen.setdefault(sentence, split) == split
                    count += 1
        assert count == 2 * (report.kept + report.held_out)
        assert report.pairs == len(links)
        english = Counter(one for one, _ in links)
        once = [f"e {one}" for one, times in english.items() if times == 1]
        assert all(sentence in seen for sentence in once), "what shares nothing stays"
        counted = sum(int(line.split("\t")[1]) for line in (out / words.COUNTS).open())
        trained = [words.read(out, "train", language) for language in ("de", "en")]
        assert counted == sum(len(line.split()) for line in itertools.chain(*trained))


def test_pairs_that_are_left_out_hold_no_others_out(tmp_path):
    good = [(f"e {number}", "Danke") for number in range(40)]
    # By the German side all are drawn alike; these would be drawn for themselves.
    bad = [(f"e {number}", f"d {number} " + "zu lang " * 40) for number in range(40)]
    out = tmp_path / "out"
    out.mkdir()
    shares = Rules(("de", "en"), "none", 8, (0.3, 0.3), 0)
    report = words.write({"train": pair(tmp_path, [*good, *bad])}, shares, out)
    assert report.too_long == 40
    assert report.kept + report.held_out == 40
    assert report.repeated == 0
    assert str(report).endswith(f"40 too long, {report.held_out} held out)")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("moses", "It &apos;s a dog , Mr. Smith ."), ("none", "It's a dog, Mr. Smith.")],
)
def test_words_are_moses_or_what_spaces_separate(tmp_path, kind, expected):
    folder = tmp_path / "out"
    folder.mkdir()
    files = {"train": pair(tmp_path, [("It's  a\u00a0dog, Mr. Smith.", "ja")])}
    words.write(files, Rules(("de", "en"), kind, 80, (0.0, 0.0), 0), folder)
    assert list(words.read(folder, "train", "en")) == [expected]
    counts = (folder / words.COUNTS).read_text("utf-8").splitlines()
    assert counts == sorted(f"{word}\t1" for word in ["ja", *expected.split()])
