"""What cells are called: readable, and telling apart what differs."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config import compose
from harness.config.label import labels, params, run_name, sparsity_label
from harness.tracking.describe import description, headline

RANDOM = compose(["sparsity=random"])


def at(target):
    return dataclasses.replace(RANDOM, sparsity=dataclasses.replace(RANDOM.sparsity, target=target))


@pytest.mark.parametrize(
    ("overrides", "label"),
    [
        ([], "dense"),
        (["sparsity=random", "sparsity.target=0.75"], "random 75%"),
        (["sparsity=random", "sparsity.target=0.9"], "random 90%"),
        (["sparsity=random", "sparsity.target=0.875"], "random 87.5%"),
        (["sparsity=random", "sparsity.target=0"], "random 0%"),
        (["sparsity=random", "sparsity.target=0.1"], "random 10%"),
        (["sparsity=structured_2x4"], "2 by 4"),
        (["sparsity=structured_2x4", "sparsity.pattern.n=1"], "1 by 4"),
        (["sparsity=block_1x4"], "block 1 by 4 50%"),
        (["sparsity=block_1x4", "sparsity.pattern.shape=[8,2]"], "block 2 by 8 50%"),
        (["sparsity=structured_2x4_permuted"], "2 by 4 permuted"),
        (["sparsity=structured_2x4_gradual"], "2 by 4 gradual"),
        (["sparsity=random", "sparsity.method.kind=sr_ste"], "random SR-STE 50%"),
        (["sparsity=random_rigl", "sparsity.target=0.9"], "random RigL 90%"),
        (["sparsity=random_movement"], "random movement straight-through 50%"),
        (["sparsity=random", "sparsity.score=random"], "random by lot 50%"),
        (["sparsity=control"], "control"),
        (["sparsity=random", "sparsity.name=mine"], "random 50%"),
        (["sparsity=random", "sparsity.target=0.333333"], "random 33.3333%"),
    ],
)
def test_labels(overrides, label):
    config = compose(overrides)
    assert sparsity_label(config) == label
    name = run_name(config)
    assert name.startswith(f"mnist_cnn · {label} · ")
    assert name.endswith(" · seed 1")


SPARSE = ("sparsity=random",)
EPOCHS = "training.finetune.epochs=3"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ((), "dense"),
        (("seed=1", "work_dir=x", "training.log_every=3"), "dense"),
        ((*SPARSE, EPOCHS), "random 50% · finetune.epochs=3"),
        ((EPOCHS,), "dense"),  # which does not read it
        ((*SPARSE, "sparsity.schedule.frequency=10"), "random 50% · frequency=10"),
        (("training.mixed_precision=true",), "dense · mixed_precision=true"),
        (("model.filters=[4,8]", "model.units=16"), "dense · units=16 filters=[4,8]"),
        (("strategy=mirrored", "export=tflite_int8"), "dense · mirrored tflite_int8"),
        (("dataset=cifar10", "training=cifar10_small"), "dense · cifar10_small"),
    ],
)
def test_what_is_not_the_presets_stands_in_the_name(overrides, words):
    if "dataset=cifar10" in overrides:
        overrides = ("model=mobilenet_v1", "model.small_images=false", *overrides)
        model = "mobilenet_v1"
    else:
        model = "mnist_cnn"
    assert run_name(compose(overrides), overrides) == f"{model} · {words} · seed 1"


def test_many_settings_are_counted_and_still_told_apart():
    names = set()
    for epochs in (3, 4):
        for units in (16, 32):
            overrides = (
                *SPARSE, "model.filters=[4,8]", f"model.units={units}", "training.batch_size=32",
                "training.dense.epochs=5", f"training.finetune.epochs={epochs}",
            )  # fmt: skip
            name = run_name(compose(overrides), overrides)
            assert f" · finetune.epochs={epochs} dense.epochs=5 batch_size=32 +2 ~" in name
            assert len(name) < 100
            names.add(name)
    assert len(names) == 4


@given(st.integers(0, 999_999))
def test_a_label_tells_the_target_to_six_digits(millionths):
    label = sparsity_label(at(millionths / 1e6))
    assert label.startswith("random ")
    assert label.endswith("%")
    assert float(label[len("random ") : -1]) == pytest.approx(millionths / 1e4, abs=1e-9)


@given(st.lists(st.integers(0, 9999), unique=True, min_size=2, max_size=2))
def test_targets_that_differ_are_called_differently(targets):
    some, others = (sparsity_label(at(target / 10_000)) for target in targets)
    assert some != others


def test_params_are_what_decides_and_no_more():
    found = params(RANDOM)
    assert found["sparsity.schedule.kind"] == "polynomial"
    assert found["sparsity.label"] == "random 50%"
    assert found["training.finetune.optimizer.learning_rate"] == "0.001"
    assert found["seed"] == "1"
    assert all(isinstance(value, str) for value in found.values())
    assert not any(key.startswith(("tracking", "work_dir")) for key in found)
    undecided = {"training.name", "training.log_every", "training.checkpoint_epochs"}
    assert not undecided & set(found)


def test_labels_are_the_rest():
    config = compose(["sparsity=random", "dataset.source=idx", "dataset.data_dir=here"])
    found = labels(config)
    assert found["harness.config.dataset.data_dir"] == "here"
    assert found["harness.config.training.log_every"] == "10"
    assert not {key.removeprefix("harness.config.") for key in found} & set(params(config))


@pytest.mark.parametrize("change", ["training.log_every=3", "training.checkpoint_epochs=0.5"])
def test_what_decides_nothing_changes_no_parameter(change):
    assert params(compose(["sparsity=random", change])) == params(RANDOM)


def test_of_a_dense_cell_the_fine_tuning_is_no_parameter():
    assert params(compose(["training.finetune.epochs=2"])) == params(compose())


def test_descriptions_show_what_was_measured_and_no_more():
    text = description(RANDOM, {"test/accuracy": 0.98765, "other": 1.0}, "harness run seed=1")
    assert "**mnist_cnn** on **mnist** (small scale), **random 50%**, seed 1" in text
    assert "| test accuracy | 98.77% |" in text
    assert "TFLite" not in text
    assert "`harness run seed=1`" in text
    assert "Data:" not in text
    assert "\nData: synthetic speech\n" in description(
        RANDOM, {}, "harness run", "synthetic speech"
    )
    assert headline({"test/accuracy": 0.5, "other": 1.0}) == {"test/accuracy": 0.5}


def test_the_first_line_names_the_quality_of_translation_too():
    text = description(RANDOM, {"test/bleu": 26.77, "sparsity/prunable": 0.8}, "harness run")
    assert "test BLEU, tokenised **26.77** · zeros among prunable weights **80.00%**" in text
