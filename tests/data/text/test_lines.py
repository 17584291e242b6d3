"""Files that belong together line by line, whole and broken."""

import gzip

import pytest

from harness import data
from harness.data.text.corpora import lines
from harness.errors import DataError
from tests.data.text import pair_files
from tests.data.text.pair_files import config


@pytest.fixture
def folder(tmp_path):
    return pair_files.write_multi30k(tmp_path / "multi30k", 12)


def unzipped(folder, name):
    path = folder / f"{name}.gz"
    content = gzip.decompress(path.read_bytes())
    path.unlink()
    return folder / name, content


def test_whole_files_pass(folder):
    data.require(config(folder))


def test_unaligned_files_are_refused_with_both_line_counts(folder):
    path, content = unzipped(folder, "train.de")
    path.write_bytes(content.replace(b"\n", b"", 1))
    complaint = r"train\.de has 11 lines, but .*train\.en\.gz has 12; accepted: .*aligned"
    with pytest.raises(DataError, match=complaint):
        data.require(config(folder))


@pytest.mark.parametrize("zipped", [False, True])
def test_a_byte_order_mark_is_no_part_of_the_first_word(tmp_path, zipped):
    pair_files.write(tmp_path, "text", [("\ufeffHello \ufeff there.", "Hallo.")] * 2, zipped)
    found = lines.find(str(tmp_path), "text", ("de", "en")).files
    first, second = lines.read(found["en"])
    assert first.decode() == "Hello \ufeff there.\n"
    assert second.decode() == "\ufeffHello \ufeff there.\n", "which only stands first"
    assert list(lines.read(found["de"])) == [b"Hallo.\n"] * 2


def test_bytes_that_are_not_utf_8_are_refused_by_line_and_byte(folder):
    path, content = unzipped(folder, "train.de")
    rows = content.split(b"\n")
    rows[4] = "Grün".encode("latin1")
    path.write_bytes(b"\n".join(rows))
    with pytest.raises(DataError, match=r"train\.de: line 5 is not UTF-8 \(byte 0xfc at 2\)"):
        data.require(config(folder))


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "utf-16-be"])
def test_other_unicode_is_named_as_what_it_is(folder, encoding, zipped):
    path, content = unzipped(folder, "train.de")
    marked = content.decode().encode(encoding)
    name = path.with_name("train.de.gz") if zipped else path
    name.write_bytes(gzip.compress(marked) if zipped else marked)
    general = encoding.removesuffix("-le").removesuffix("-be")
    with pytest.raises(DataError, match=rf"train\.de.*iconv -f {general} -t utf-8") as caught:
        data.require(config(folder))
    assert "latin1" not in str(caught.value)


def test_an_empty_line_to_test_on_is_refused_and_one_to_train_on_is_counted(folder):
    path, content = unzipped(folder, "train.en")
    rows = content.split(b"\n")
    rows[2], rows[7] = b"", b" \t"
    path.write_bytes(b"\n".join(rows))
    loaded = data.load(config(folder, vocabulary_size=40))
    assert loaded.num_train == 10
    assert loaded.source.startswith("10 of 12 training pairs (2 empty, 0 too long, 0 held out)")
    path, content = unzipped(folder, "val.de")
    path.write_bytes(b"\n" + content.split(b"\n", 1)[1])
    with pytest.raises(DataError, match=r"val\.de: line 1 is empty; .*in every line"):
        data.require(config(folder))


def test_sentences_over_the_limit_are_counted(folder):
    loaded = data.load(config(folder, filter_length=6, vocabulary_size=40))
    words = [english.count(" ") + 2 for english, _ in pair_files.sentences(12)]  # and the stop
    kept = sum(count <= 6 for count in words)
    assert 0 < kept < 12
    assert loaded.num_train == kept
    assert f"({0} empty, {12 - kept} too long, 0 held out)" in loaded.source
    with pytest.raises(DataError, match=r"^0 of 12 training pairs .*12 too long.*or more"):
        data.load(config(folder, filter_length=1, vocabulary_size=40))


def test_missing_files_are_named_with_what_is_there(folder, tmp_path):
    with pytest.raises(DataError, match=r"train\.fr: neither it nor train\.fr\.gz .*train\.en\.gz"):
        data.require(config(folder, direction="en_fr"))
    with pytest.raises(DataError, match=r"data_dir=.*nowhere: no such folder"):
        data.require(config(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"data_dir: none received; .*folder with train\.de"):
        data.require(config(folder, data_dir=None))


def test_damaged_and_empty_files_are_refused(folder):
    path = folder / "train.en.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"train\.en\.gz: cannot be read"):
        data.require(config(folder))
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(DataError, match=r"train\.en\.gz: no line in it"):
        data.require(config(folder))


def test_only_newlines_end_lines(tmp_path):
    path = tmp_path / "one"
    path.write_bytes("a\u2028b\x0bc\x85d\re\r\nf".encode())
    assert lines.scan(path).lines == 2
    assert len(list(lines.read(path))) == 2


def test_packing_does_not_change_the_content(tmp_path):
    path, zipped = tmp_path / "one", tmp_path / "one.gz"
    path.write_bytes(b"one\ntwo\n")
    zipped.write_bytes(gzip.compress(b"one\ntwo\n"))
    assert lines.scan(path) == lines.scan(zipped)
    path.write_bytes(b"one\nanother\n")
    assert lines.scan(path) != lines.scan(zipped), "a changed file is read again"
