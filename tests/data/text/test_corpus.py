"""Encoded sentences read by position: whole, cut, by many threads, and from damaged files."""

import gc
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.text.corpora.corpus import Side, dtype_of
from harness.errors import DataError


def write(folder, sentences, vocabulary_size):
    np.array([len(one) for one in sentences], np.int32).tofile(folder / "train.en.lengths")
    flat = [number for one in sentences for number in one]
    np.array(flat, dtype_of(vocabulary_size)).tofile(folder / "train.en.ids")


@given(
    sentences=st.lists(st.lists(st.integers(4, 65_535), max_size=9), min_size=1, max_size=9),
    vocabulary_size=st.sampled_from([65_536, 65_537]),
    width=st.integers(1, 10),
    data=st.data(),
)
def test_rows_are_the_sentences_cut_and_padded(
    tmp_path_factory, sentences, vocabulary_size, width, data
):
    folder = tmp_path_factory.mktemp("ids")
    write(folder, sentences, vocabulary_size)
    numbers = data.draw(st.lists(st.integers(0, len(sentences) - 1), max_size=5))
    side = Side.open(folder, "train", "en", vocabulary_size)
    rows, lengths = side.padded(np.array(numbers, np.int64), width)
    assert rows.dtype == lengths.dtype == np.int32
    assert lengths.tolist() == [min(len(sentences[number]), width) for number in numbers]
    assert rows.tolist() == [(sentences[number] + [0] * width)[:width] for number in numbers]


def test_threads_may_share_a_side(tmp_path):
    sentences = [[4 + number] * (number % 7) for number in range(5_000)]
    write(tmp_path, sentences, 6_000)
    side = Side.open(tmp_path, "train", "en", 6_000)
    with ThreadPoolExecutor(8) as threads:
        read = list(threads.map(lambda number: side.sentence(number, 9).tolist(), range(5_000)))
    assert read == sentences


def test_the_file_is_closed_with_its_side(tmp_path, monkeypatch):
    write(tmp_path, [[4, 5]], 10)
    closed, close = [], os.close
    monkeypatch.setattr(os, "close", lambda number: (closed.append(number), close(number)))
    side = Side.open(tmp_path, "train", "en", 10)
    descriptor = side.descriptor
    assert descriptor not in closed
    del side
    gc.collect()
    assert closed.count(descriptor) == 1


@pytest.mark.parametrize("change", [lambda ids: ids[:-1], lambda ids: ids + b"\0\0"])
def test_ids_cut_off_are_refused(tmp_path, change):
    write(tmp_path, [[4, 5], [6]], 10)
    path = tmp_path / "train.en.ids"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=r"train\.en\.ids: [58] bytes; accepted: 6, as .*lengths"):
        Side.open(tmp_path, "train", "en", 10)
