"""WMT16 from text files and from TFDS: the same pairs, and never another validation set."""

import subprocess
import sys
import types

import pytest

from harness import data
from harness.data.prepare import wmt16 as preparer
from harness.data.text import wmt16
from harness.errors import DataError
from tests.data.prepared import write_prepared
from tests.data.text import pair_files

SPLITS = {"train": 60, "validation": 10, "test": 10}


def pairs():
    return {
        split: pair_files.sentences(count, seed)
        for seed, (split, count) in enumerate(SPLITS.items())
    }


def config(folder, source, **options):
    names = {"train_files": "train", "validation_files": "newstest2013"}
    given = {"name": "wmt16", "source": source, "test_files": "newstest2015", **names}
    return pair_files.config(folder, **(given | options))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    import tensorflow_datasets as tfds

    root = tmp_path_factory.mktemp("tfds") / "prepared"
    examples = {
        split: [dict(zip(("en", "de"), pair, strict=True)) for pair in rows]
        for split, rows in pairs().items()
    }
    features = tfds.features.Translation(languages=wmt16.LANGUAGES)
    write_prepared(
        root / "wmt_translate" / wmt16._VARIANT / "1.0.0", "wmt_translate", features, examples
    )
    return root


def test_tfds_and_text_files_are_the_same_data(root, tmp_path):
    for split, rows in pairs().items():
        pair_files.write(tmp_path / "text", wmt16.FILES[split], rows, zipped=True)
    from_tfds, from_text = config(root, "tfds"), config(tmp_path / "text", "files")
    data.require(from_tfds)
    data.require(from_text)
    assert data.fingerprint(from_tfds) == data.fingerprint(from_text)
    text = data.load(from_tfds).sentences("validation")
    assert list(zip(text.source, text.reference, strict=True)) == pairs()["validation"]


def test_planning_reads_tfds_without_importing_tensorflow(root):
    code = (
        "import sys; from pathlib import Path; from harness import data;"
        "from tests.data.text.test_wmt16 import config;"
        f"c = config(Path({str(root)!r}), 'tfds'); data.require(c); data.fingerprint(c);"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


def test_tfds_own_wmt16_translate_is_not_taken(tmp_path):
    (tmp_path / "wmt16_translate" / "de-en" / "1.0.0").mkdir(parents=True)
    complaint = r"no wmt_translate/de-en\.newstest2013_newstest2015/VERSION.*prepare wmt16"
    with pytest.raises(DataError, match=complaint):
        data.require(config(tmp_path, "tfds"))


def test_the_builder_has_the_published_splits(tmp_path):
    builder = wmt16.builder(str(tmp_path))
    assert builder.data_dir.endswith(f"wmt_translate/{wmt16._VARIANT}/{wmt16._VERSION}")
    assert {str(split): names for split, names in builder.subsets.items()} == wmt16.SUBSETS


def test_preparing_writes_text_files_that_load(root, tmp_path, monkeypatch):
    folder, made = tmp_path / "text", wmt16._folder(config(root, "tfds"))
    folder.mkdir()
    infos = {split: types.SimpleNamespace(num_examples=count) for split, count in SPLITS.items()}
    built = types.SimpleNamespace(
        download_and_prepare=lambda: None,  # there is no network in a test
        data_dir=str(made),
        info=types.SimpleNamespace(splits=infos),
    )
    monkeypatch.setattr(wmt16, "builder", lambda data_dir: built)
    prepared = preparer.Wmt16Files().write(folder, types.SimpleNamespace(tfds_dir=None))
    assert prepared.facts["pairs"] == SPLITS
    assert prepared.overrides == ("dataset=wmt16", "dataset.source=files")
    loaded = data.load(config(folder, "files"))
    assert loaded.num_train == 60
    assert loaded.sentences("test").reference == [de for _, de in pairs()["test"]]
