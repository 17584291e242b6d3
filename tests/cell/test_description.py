"""Describing a cell whose data are not here: what its config tells, and what stays unknown."""

import json
from contextlib import nullcontext

import pytest
import tensorflow as tf

from harness.cell.description import UNCHECKED, describe
from harness.config import compose
from harness.errors import ConfigError, DataError

#: A dense phase in steps, whose rates a fine-tuning in epochs repeats.
NINE_STEPS = (
    "training.dense.epochs=null",
    "training.dense.steps=9",
    "training.finetune.decay.kind=rewind",
)


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
        (  # how many steps the fine-tuning has is not known, so not refused
            ["model=ds_cnn_l", "dataset=speech_commands", "sparsity=control", *NINE_STEPS],
            422_844,
        ),
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


def test_channels_of_inputs_of_any_length_are_not_permuted():
    given = ["model=gnmt", "dataset=multi30k", "model.units=8", "export=keras"]
    with pytest.raises(ConfigError, match=r"method\.kind: received permutation with model 'gnmt'"):
        describe(compose([*given, "sparsity=structured_2x4_permuted"]))


def test_classes_that_only_files_tell_are_asked_for():
    config = compose(["model=mobilenet_v1", "dataset=image_folder"])
    with pytest.raises(DataError, match=r"none received.*classes of dataset=image_folder are tho"):
        describe(config)


def test_a_folder_that_was_named_must_be_there(tmp_path):
    given = ["model=mobilenet_v1", "dataset=cifar10", f"dataset.data_dir={tmp_path / 'typo'}"]
    with pytest.raises(DataError, match="typo: no such folder"):
        describe(compose(given))


@pytest.mark.slow
def test_mobilenet_v2_needs_what_its_recipe_s_devices_share():
    """In float32, its batch of 1,024 on one device fits a card of 80 GB alone.

    Its activations are some 53 GB; beside them a step holds what it computes of them and is not
    done with. Of 32 pictures of 128×128, 1.01 of what is taken is foreseen (benchmarks/README.md).
    """
    whole = ["training.mixed_precision=false", "training.gradient_accumulation=null"]
    config = compose(["experiment=mobilenet_v2_imagenet", *whole])
    needed = json.loads(describe(config, as_json=True, memory=True))["memory_bytes"]
    assert 53e9 < needed["total"] < 70e9


def test_the_memory_of_a_step_is_told_of_what_is_computed_at_once():
    """Parts of a batch hold less than all of it; masks are a byte a weight."""
    common = ["experiment=mobilenet_v1_imagenet", "model.width=0.25", "dataset.size=64"]
    parts = ["sparsity=random", "sparsity.target=0.5", "training.gradient_accumulation=4"]
    whole, in_parts = (
        json.loads(describe(compose([*common, *given]), as_json=True, memory=True))
        for given in ([], parts)
    )
    needed, needed_in_parts = whole["memory_bytes"], in_parts["memory_bytes"]
    assert needed["masks"] == 0
    assert needed_in_parts["masks"] == in_parts["prunable_params"]
    # gradients are held beside activations, however few examples there are
    gradients = 4 * whole["trainable_params"]
    fewer = needed_in_parts["activations"] - gradients
    assert fewer < 0.35 * (needed["activations"] - gradients)
    said = describe(compose([*common, "training.mixed_precision=true"]), memory=True)
    assert "memory of a training step of 64 examples, GB" in said
    assert "fits cards of 24, 40, 80 GB" in said


@pytest.mark.slow
def test_the_memory_of_a_step_is_that_of_a_device_s_share(monkeypatch):
    """Of two GPUs, which this machine need not have, the config naming no number."""
    cell = ["experiment=mobilenet_v1_imagenet", "model.width=0.25", "dataset.size=64"]
    shared = ["strategy=mirrored", "training.batch_size=32"]
    alone = described(*cell, "training.batch_size=16")
    listed = tf.config.list_physical_devices
    monkeypatch.setattr("harness.training.strategy.rehearsal", lambda *_: nullcontext())
    monkeypatch.setattr(
        tf.config,
        "list_physical_devices",
        lambda kind=None: ["GPU:0", "GPU:1"] if kind == "GPU" else listed(kind),
    )
    monkeypatch.setattr("harness.training.jit.resolve", lambda setting: False)
    of_both = described(*cell, *shared)
    assert alone[0] == "memory of a training step of 16 examples, GB"
    assert of_both[0] == "memory of a training step of 16 examples on each of 2 devices, GB"
    assert of_both[1:] == alone[1:]


def described(*overrides):
    """The lines that tell of memory."""
    lines = describe(compose(list(overrides)), memory=True).splitlines()
    return lines[next(n for n, line in enumerate(lines) if line.startswith("memory of")) :]


@pytest.mark.slow
def test_the_memory_of_a_translation_by_cudnn_is_told_but_for_what_cudnn_reserves(monkeypatch):
    monkeypatch.setattr("harness.models.layers.cudnn.chosen", lambda: True)
    small = ["experiment=gnmt_multi30k", "model.units=16", "training.batch_size=8"]
    told = describe(compose(small), memory=True)
    assert "not known" not in told
    assert "left out: what cuDNN's recurrent layers reserve" in told
