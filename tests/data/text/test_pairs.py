"""Sentence pairs from files to padded batches, in both directions."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from harness import data
from harness.data.text.corpora.pairs import Sentences
from harness.errors import ConfigError, DataError
from tests.data.text import pair_files
from tests.data.text.pair_files import config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return pair_files.write_multi30k(tmp_path_factory.mktemp("text") / "multi30k")


@pytest.fixture(scope="module")
def loaded(folder):
    return data.load(config(folder))


def arrays(dataset, count=-1):
    return list(dataset.take(count).as_numpy_iterator())


def rows(batches):
    """Every pair of some batches without its padding, as hashable tuples."""
    found = []
    for (source, target_in), target_out in batches:
        for one, into, out in zip(source, target_in, target_out, strict=True):
            assert into[0] == 2
            assert out[np.count_nonzero(out) - 1] == 3
            found.append((tuple(one[one > 0]), tuple(into[into > 0]), tuple(out[out > 0])))
    return found


def test_batches_have_the_shapes_of_buckets(loaded):
    stream = loaded.train(batch_size=8, seed=1)
    (source, target_in), target_out = stream.element_spec
    assert [spec.shape.as_list() for spec in (source, target_in, target_out)] == [[None, None]] * 3
    for (source, target_in), target_out in arrays(stream, 30):
        assert source.dtype == target_in.dtype == target_out.dtype == np.int32
        assert source.shape in ((8, 8), (8, 20))
        assert target_in.shape == target_out.shape == (8, source.shape[1] + 1)
        assert (target_in[:, 1:] == np.where(target_out == 3, 0, target_out)[:, :-1]).all()


def test_an_epoch_visits_every_pair_at_most_once_and_the_next_in_another_order(loaded):
    steps = loaded.num_train // 8
    stream = arrays(loaded.train(8, seed=1), 2 * steps)
    one, two = rows(stream[:steps]), rows(stream[steps:])
    everything = rows(arrays(loaded.train(1, seed=1), loaded.num_train))
    assert len(everything) == loaded.num_train == 60
    for epoch in (one, two):
        assert len(epoch) == steps * 8
        for pair in set(epoch):
            assert epoch.count(pair) <= everything.count(pair)
    assert one != two


def test_a_stream_taken_up_at_a_step_is_the_same_stream(loaded):
    whole = arrays(loaded.train(8, seed=5), 20)
    for start in (0, 3, 7, 13):
        resumed = arrays(loaded.train(8, seed=5, start_step=start), 20 - start)
        for (inputs, out), (inputs_then, out_then) in zip(whole[start:], resumed, strict=True):
            np.testing.assert_array_equal(inputs[0], inputs_then[0])
            np.testing.assert_array_equal(inputs[1], inputs_then[1])
            np.testing.assert_array_equal(out, out_then)
    assert rows(whole) != rows(arrays(loaded.train(8, seed=6), 20))


def test_held_out_splits_come_whole_and_in_the_files_order(loaded, folder):
    for split, name in (("validation", "val"), ("test", "test_2016_flickr")):
        batches = arrays(getattr(loaded, split)(4))
        assert [len(out) for _, out in batches] == [4, 4, 2]
        text = loaded.sentences(split)
        expected = pair_files.sentences(10, seed={"val": 1, "test_2016_flickr": 2}[name])
        assert list(zip(text.source, text.reference, strict=True)) == expected
        assert text.reference_words == [two.replace(".", " .") for _, two in expected]
        spoken = [loaded.text(out).words for _, targets in batches for out in targets]
        assert spoken == text.reference_words
        sources = [row[0] for row in rows(batches)]
        assert sources == [tuple(loaded.ids(sentence)) for sentence in text.source]


def test_text_is_detokenised_and_ends_at_the_end(loaded):
    ids = loaded.subwords.encode("klein Haus .")
    assert loaded.text([2, *ids, 3, *ids]) == ("klein Haus .", "klein Haus.")
    assert loaded.text([2, *ids, 0, 0]).words == "klein Haus ."
    assert "<unk>" in loaded.text([1]).words


def test_directions_mirror_each_other_and_share_what_is_kept(folder, loaded):
    back = data.load(config(folder, direction="de_en"))
    there, here = loaded.sentences("test"), back.sentences("test")
    assert here == Sentences(
        there.reference, there.source, there.reference_words, there.source_words
    )
    assert back.fingerprint == loaded.fingerprint == data.fingerprint(config(folder))
    assert back.subwords.sha256 == loaded.subwords.sha256
    kept = {path.name.split("-")[0] for path in (folder.parent / "cache").iterdir()}
    assert kept == {"ids", "vocabulary", "words"}


def test_training_cuts_what_is_longer_than_the_last_bucket_and_evaluation_does_not(folder):
    short, whole = data.load(config(folder, max_length=10, buckets=[10])), data.load(config(folder))
    longer = sum(
        max(len(one), len(out) - 1) > 10 for one, _, out in rows(arrays(whole.train(1, 1), 60))
    )
    assert 0 < longer < 60
    assert f", {longer} cut to 10 subwords, en_de" in short.source
    for (source, _), out in arrays(short.train(8, seed=1), 7):
        assert source.shape == (8, 10)
        assert out.shape == (8, 11)
    widths = {inputs[0].shape[1] for inputs, _ in arrays(short.test(1))}
    assert max(widths) > 10
    assert all(width % 10 == 0 for width in widths)


def test_batches_by_tokens_hold_up_to_so_many(folder):
    by_tokens = data.load(config(folder, batch_by="tokens"))
    every = arrays(data.load(config(folder)).train(1, seed=1), 60)
    sizes = [out.shape for _, out in arrays(by_tokens.train(42, seed=1), 20)]
    assert set(sizes) == {(4, 9), (2, 21)}
    assert by_tokens.num_train == 60
    assert by_tokens.steps_per_epoch(42) == sum(out.size for _, out in every) // 42
    assert data.sizes(by_tokens) == {"train": 60, "validation": 10, "test": 10}


@pytest.mark.parametrize("budget", [1, 42, 10_000])
def test_held_out_batches_by_tokens_keep_to_the_budget(folder, budget):
    by_tokens = data.load(config(folder, batch_by="tokens"))
    whole = arrays(data.load(config(folder)).validation(1))
    batches = arrays(by_tokens.validation(budget))
    assert sum(len(out) for _, out in batches) == len(whole) == 10
    for (source, _), out in batches:
        assert out.size <= budget or len(out) == 1
        assert len(source) == len(out)
    if budget != 42:
        assert len(batches) == {1: 10, 10_000: 1}[budget]


@pytest.mark.parametrize("batch_size", [20, 100_000])
def test_batches_by_tokens_that_cannot_be_filled_are_refused(folder, batch_size):
    by_tokens = data.load(config(folder, batch_by="tokens"))
    with pytest.raises(ConfigError, match=rf"batch_size={batch_size}: 60.*from 21 to \d+ tokens"):
        by_tokens.steps_per_epoch(batch_size)


def test_the_fingerprint_follows_content_and_vocabulary_not_place_or_packing(folder, tmp_path):
    original = data.fingerprint(config(folder))
    moved = tmp_path / "elsewhere"
    for seed, (name, size) in enumerate((("a", 60), ("b", 10), ("c", 10))):
        pair_files.write(moved, name, pair_files.sentences(size, seed))
    places = {"train_files": "a", "validation_files": "b", "test_files": str(moved / "c")}
    assert data.fingerprint(config(moved, **places)) == original
    assert data.fingerprint(config(folder, vocabulary_size=50)) != original
    pair_files.write(moved, "c", pair_files.sentences(10, seed=9))
    assert data.fingerprint(config(moved, **places)) != original


def test_the_fingerprint_needs_no_tensorflow(folder):
    code = (
        "import sys; from pathlib import Path; from harness import data;"
        "from tests.data.text.pair_files import config;"
        f"c = config(Path({str(folder)!r})); data.require(c); data.fingerprint(c);"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


def test_a_share_that_draws_nothing_is_refused(folder):
    options = {"validation_files": None, "validation_share": 1e-6}
    complaint = r"validation_share=1e-06: draws none of these pairs; .*dataset\.validation_files"
    with pytest.raises(DataError, match=complaint):
        data.load(config(folder, **options))


def test_sampled_test_pairs_are_many_whatever_a_batch_is_and_of_the_whole_split(folder):
    for batch_by in ("sentences", "tokens"):
        loaded = data.load(config(folder, batch_by=batch_by))
        source, target_in = loaded.sampled(4)
        assert len(source) == len(target_in) == 4
        words = loaded.sentences("test").reference_words
        said = [loaded.text(row[1:]).words for row in target_in]
        assert said == [words[number] for number in (0, len(words) // 3, 2 * len(words) // 3, -1)]


def test_shares_are_held_out_where_there_are_no_files(folder):
    options = {"validation_files": None, "test_files": None}
    shares = {"validation_share": 0.2, "test_share": 0.2}
    loaded = data.load(config(folder, **options, **shares))
    sizes = [len(loaded.sentences(split).source) for split in ("validation", "test")]
    assert min(sizes) >= 4
    assert loaded.num_train == 60 - sum(sizes)
    assert f"{sum(sizes)} held out" in loaded.source
    other = data.load(config(folder, **options, **shares, split_seed=1))
    assert other.sentences("test").source != loaded.sentences("test").source


def test_a_vocabulary_of_ones_own(folder, loaded, tmp_path):
    found = next((folder.parent / "cache").glob("vocabulary-*/subwords.model"))
    mine = shutil.copy(found, tmp_path / "mine.model")
    size = data.load(config(folder)).vocabulary_size
    own = data.load(config(folder, vocabulary_file=str(mine), vocabulary_size=size))
    assert own.subwords.size == size
    with pytest.raises(DataError, match=r"vocabulary_size=99: .*mine\.model has \d+ subwords"):
        data.require(config(folder, vocabulary_file=str(mine), vocabulary_size=99))
    with pytest.raises(DataError, match="no such file"):
        data.require(config(folder, vocabulary_file=str(tmp_path / "none.model")))
