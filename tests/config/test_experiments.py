"""Experiments: one word for model, data, recipe and export, and the number to expect of it."""

import dataclasses

import pytest

from harness.config import compose, options, shipped
from harness.config.label import run_name
from harness.errors import ConfigError
from harness.sweep.spec import load, names
from tests.settings import harness

CIFAR10 = (
    "dataset=cifar10 dataset.train_examples=20000 dataset.validation_examples=2000 "
    "training=cifar10_small model.small_images=true model.momentum=0.9"
)
SOUND = (
    "dataset.clip.level_db=-26 dataset.clip.floor_db=-71 dataset.clip.centered=true "
    "dataset.augmentation.time_shift_ms=100 dataset.augmentation.speed=0.2 "
    "dataset.augmentation.equalizer_db=10 dataset.augmentation.gain_db=10 "
    "dataset.augmentation.noise_probability=0.8 dataset.augmentation.noise_volume=0.02"
)
KWS = "model=ds_cnn_l export=tflite_int8"
SMALL_KWS = f"{KWS} model.momentum=0.9 training=ds_cnn_l_small"
#: Every experiment in full.
WRITTEN_OUT = {
    "mnist_cnn": "model=mnist_cnn dataset=mnist training=mnist_cnn",
    "imdb_lstm": "model=imdb_lstm dataset=imdb training=imdb_lstm",
    "inception_v3_cifar10": f"model=inception_v3 model.width=0.25 {CIFAR10}",
    "mobilenet_v1_cifar10": f"model=mobilenet_v1 model.width=0.5 {CIFAR10}",
    "mobilenet_v2_cifar10": f"model=mobilenet_v2 model.width=0.5 {CIFAR10}",
    **{
        f"{model}_imagenet": f"model={model} training={model} dataset=imagenet scale=full "
        f"dataset.size={size}"
        for model, size in (("inception_v3", 299), ("mobilenet_v1", 224), ("mobilenet_v2", 224))
    },
    "ds_cnn_l_speech_commands": f"{KWS} training=ds_cnn_l dataset=speech_commands scale=full",
    "ds_cnn_l_fsdd": f"{SMALL_KWS} dataset=fsdd {SOUND}",
    "ds_cnn_l_synthetic": f"{SMALL_KWS} dataset=speech_commands",
    "gnmt_multi30k": "model=gnmt model.layers=2 model.units=256 model.dropout=0.2 "
    "model.embedding_range=1.0 training=gnmt_small dataset=multi30k "
    "export=translation dataset.vocabulary_size=6000",
    "gnmt_wmt16": "model=gnmt training=gnmt dataset=wmt16 dataset.vocabulary_size=36548 "
    "export=keras scale=full",
}


def test_every_experiment_is_written_out_here():
    assert set(options("experiment")) == set(WRITTEN_OUT)


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_an_experiment_is_the_settings_that_it_stands_for(name):
    config = compose([f"experiment={name}"])
    assert config.experiment == name
    plain = compose(WRITTEN_OUT[name].split())
    assert plain.experiment is None
    assert dataclasses.replace(config, experiment=None) == plain


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_an_experiment_says_what_to_expect_and_where_from(name):
    text = (shipped("conf") / "experiment" / f"{name}.yaml").read_text()
    header = text.partition("defaults:")[0]
    assert header.startswith("# @package _global_\n")
    assert "# Expect  " in header
    assert any(char.isdigit() for char in header.partition("# Expect")[2])


@pytest.mark.parametrize("name", names())
def test_shipped_sweeps_are_written_with_experiments(name):
    for config, overrides in load(name).configs(["seed=1"]):
        assert config.experiment in WRITTEN_OUT
        assert not any(each.startswith(("model=", "training=")) for each in overrides)


def test_what_is_given_beside_an_experiment_wins():
    given = ["experiment=mobilenet_v1_cifar10", "model=mobilenet_v2", "training.batch_size=32"]
    for overrides in (given, given[::-1]):
        config = compose(overrides)
        assert (config.model.name, config.training.batch_size) == ("mobilenet_v2", 32)
        assert config.dataset.train_examples == 20000
    assert compose(["experiment=gnmt_wmt16", "scale=small"]).scale == "small"


def test_run_names_tell_what_is_not_the_experiments():
    def name(*overrides):
        return run_name(compose(overrides), overrides)

    experiment = "experiment=mobilenet_v1_cifar10"
    assert name(experiment) == "mobilenet_v1 · dense · cifar10_small · seed 1"
    wide = name(experiment, "model.width=1.0", "sparsity=random")
    assert wide == "mobilenet_v1 · random 50% · cifar10_small width=1 · seed 1"


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ("mobilenet", r"accepted: ds_cnn_l_fsdd, .*; did you mean experiment=mobilenet_v1_cifar10"),
        ("gnmt_multi30", r"did you mean experiment=gnmt_multi30k\?"),
        ("my_runs", r"did you mean tracking\.experiment=my_runs\?"),
    ],
)
def test_an_unknown_experiment_is_answered_with_those_there_are(given, answer):
    with pytest.raises(ConfigError, match=rf"experiment={given} is unknown; .*{answer}"):
        compose([f"experiment={given}"])


def test_every_command_takes_one(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nowhere"))
    described = harness("describe", "experiment=mobilenet_v1_cifar10", "--json", cwd=tmp_path)
    assert described.returncode == 0, described.stderr
    assert '"name": "mobilenet_v1 ' in described.stdout
    bad = "tracking.uri=sqlite:////no/such/folder/m.db"
    for words in (("run",), ("sweep", "demo")):
        done = harness(*words, "experiment=mnist_cnn", bad, cwd=tmp_path)
        assert "/no/such/folder does not exist; make it" in done.stderr, done.stderr


def test_one_of_a_users_own(tmp_path, monkeypatch):
    from harness.config.folders import VARIABLE, use

    monkeypatch.setenv(VARIABLE, "")
    (tmp_path / "experiment").mkdir()
    text = "# @package _global_\ndefaults: [override /model: mnist_cnn, _self_]\nexperiment: mine\n"
    (tmp_path / "experiment" / "mine.yaml").write_text(f"{text}model: {{units: 16}}\n")
    use(tmp_path)
    assert "mine" in options("experiment")
    config = compose(["experiment=mine"])
    assert (config.experiment, config.model.units) == ("mine", 16)
    assert run_name(config) == "mnist_cnn · dense · seed 1"
