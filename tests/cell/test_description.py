"""Describing a cell whose data are not here: what its config tells, and what stays unknown."""

import json

import pytest

from harness.cell.description import UNCHECKED, describe
from harness.config import compose
from harness.errors import DataError


@pytest.fixture(autouse=True)
def nothing_is_here(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nowhere"))


def test_imagenet_is_described_without_imagenet():
    given = ["model=mobilenet_v1", "dataset=imagenet", "training=mobilenet_v1"]
    config = compose([*given, "sparsity=structured_2x4", "dataset.size=224"])
    found = json.loads(describe(config, as_json=True))
    assert (found["total_params"], found["nonzero_params"]) == (4_253_864, 2_149_896)
    assert found["cell_id"] is None
    assert found["missing"].startswith("dataset.data_dir=")
    assert found["unchecked"] == list(UNCHECKED)
    said = describe(config).splitlines()
    assert said[1] == f"without data: {found['missing']}"
    assert said[2].startswith("not checked: the data, the cell's id, the schedule")


@pytest.mark.parametrize(
    ("overrides", "total"),
    [
        (["model=gnmt", "dataset=multi30k", "model.units=8", "export=keras"], None),
        (["model=ds_cnn_l", "dataset=speech_commands"], 422_844),
        (["model=ds_cnn_l", "dataset=fsdd", "dataset.features=waveform"], 422_290),
        (["model=imdb_lstm", "dataset=imdb", "dataset.source=tfds"], 2_691_713),
    ],
)
def test_classes_and_shapes_come_of_the_config(overrides, total):
    found = json.loads(describe(compose(overrides), as_json=True))
    assert found["cell_id"] is None
    if total is not None:
        assert found["total_params"] == total
    else:  # the joint vocabulary, as configured
        shapes = {layer["path"]: layer["shape"] for layer in found["layers"]}
        assert shapes["source_embedding/embeddings"] == [8000, 8]


def test_classes_that_only_files_tell_are_asked_for():
    config = compose(["model=mobilenet_v1", "dataset=image_folder"])
    with pytest.raises(DataError, match=r"none received.*classes of dataset=image_folder are tho"):
        describe(config)


def test_a_folder_that_was_named_must_be_there(tmp_path):
    given = ["model=mobilenet_v1", "dataset=cifar10", f"dataset.data_dir={tmp_path / 'typo'}"]
    with pytest.raises(DataError, match="typo: no such folder"):
        describe(compose(given))
