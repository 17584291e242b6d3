"""Recipes: what is refused before TensorFlow is imported."""

import pytest

from harness.config.schema import typed
from harness.errors import ConfigError
from harness.training.options import FinetuneOptions, PhaseOptions, TrainingOptions


def whole(**options):
    """A phase as Hydra composes it."""
    plain = {"optimizer": {"name": "adam"}, "decay": {"kind": "constant"}, "epochs": 1}
    return plain | options


def phase(kind=PhaseOptions, **options):
    return typed(kind, whole(**options))


def finetune(**options):
    return phase(FinetuneOptions, **options)


def training(**options):
    return TrainingOptions(**({"name": "t", "dense": phase(), "finetune": finetune()} | options))


def rewound(**options):
    return training(finetune=finetune(decay={"kind": "rewind"}, **options))


def test_a_possible_recipe_passes():
    training().check()


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (training(batch_size=0), r"training\.batch_size: received 0; accepted: 1 or more"),
        (training(label_smoothing=1.0), r"training\.label_smoothing: received 1\.0"),
        (training(jit_compile="on"), r"jit_compile: received 'on'; accepted: auto, always, never"),
        (training(checkpoint_epochs=0), r"training\.checkpoint_epochs: received 0"),
        (
            training(gradient_accumulation=1),
            r"training\.gradient_accumulation: received 1; accepted: 2 or more, or null",
        ),
        (
            training(gradient_accumulation=3),
            r"gradient_accumulation: received 3; accepted: a divisor of training\.batch_size=128",
        ),
        (training(steps_per_execution=0), r"steps_per_execution: received 0; accepted: 1 or more"),
        (training(log_every=0), r"training\.log_every: received 0"),
        (
            training(finetune=finetune(start="warm")),
            r"training\.finetune\.start: received 'warm'; accepted: dense, scratch",
        ),
        (
            training(dense=phase(epochs=None)),
            r"training\.dense: received epochs=None, steps=None; accepted: exactly one",
        ),
        (training(dense=phase(steps=3)), r"training\.dense: received epochs=1.0, steps=3; .*one"),
        (training(dense=phase(epochs=-1)), r"training\.dense\.epochs: received -1.0; .*above 0"),
        (
            training(dense=phase(decay={"kind": "rewind"})),
            r"training\.dense\.decay\.kind: received rewind, .*; accepted: constant, cosine, expo",
        ),
        (training(l2=0.0), r"training\.l2: received 0\.0; accepted: a number above 0, or null"),
        (
            training(dense_weights="nowhere.h5"),
            r"dense_weights: received 'nowhere.h5'; accepted: a file that is there, .keras or .h5",
        ),
        (training(dense_weights=__file__), "dense_weights: received .*py'; accepted: a file"),
        (rewound(start="scratch"), "decay.kind: received rewind with start=scratch; .*start=dense"),
        (
            rewound(epochs=2),
            "finetune.epochs: received 2 with decay.kind=rewind; .* 1",
        ),
    ],
)
def test_impossible_recipes_are_refused(config, complaint):
    with pytest.raises(ConfigError, match=complaint):
        config.check()


@pytest.mark.parametrize(
    ("optimizer", "complaint"),
    [
        ({"learning_rate": 0.0}, "learning_rate: received 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate: received nan"),
        ({"learning_rate": float("inf")}, "learning_rate: received inf"),
        ({"name": "lion"}, None),
        ({"momentum": 0.9}, "momentum: there is no such key; accepted in .*: name, learning_rate"),
        ({"name": "sgd", "rho": 0.9}, "rho: there is no such key; accepted in .*momentum"),
        ({"name": "adamw", "weight_decay": -1.0}, "weight_decay: received -1.0"),
        ({"name": "sgd", "momentum": 1.0}, r"momentum: received 1\.0; .*a number in \[0, 1\)"),
        ({"clip_norm": 0.0}, "clip_norm: received 0.0"),
        ({"epsilon": -1.0}, "epsilon: received -1.0"),
        ({"weight_decay": -0.1}, "weight_decay: received -0.1"),
    ],
)
def test_impossible_optimizers_are_refused(optimizer, complaint):
    key = "training.dense"
    line = rf"{key}\.optimizer\.{complaint}" if complaint else "training/optimizer=lion is unknown"
    with pytest.raises(ConfigError, match=line):
        typed(PhaseOptions, whole(optimizer={"name": "adam"} | optimizer), key).check(key)


@pytest.mark.parametrize(
    ("decay", "complaint"),
    [
        ({"kind": "linear"}, None),
        (
            {"kind": "cosine", "rate": 0.5},
            "rate: there is no such key; accepted in .*: kind, alpha",
        ),
        ({"kind": "cosine", "alpha": 2.0}, "alpha: received 2.0"),
        ({"kind": "exponential", "rate": 0.0}, "rate: received 0.0"),
        ({"kind": "exponential", "every": 0.0}, "every: received 0.0"),
        ({"kind": "piecewise"}, r"boundaries: received \[\]"),
        ({"kind": "piecewise", "boundaries": [5, 5], "factors": [1.0, 1.0]}, ".*ascending"),
        ({"kind": "piecewise", "boundaries": [0], "factors": [1.0]}, ".*ascending"),
        ({"kind": "piecewise", "boundaries": [5, 9], "factors": [0.1]}, ".*a factor above 0 for"),
    ],
)
def test_impossible_decays_are_refused(decay, complaint):
    key = "training.dense"
    line = rf"{key}\.decay\.{complaint}" if complaint else "training/decay=linear is unknown"
    with pytest.raises(ConfigError, match=line):
        typed(PhaseOptions, whole(decay=decay), key).check(key)
