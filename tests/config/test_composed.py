"""Configs put together from what is kept are those that Hydra composes as a whole."""

import os
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from harness.config import compose, composed, folders, options, to_config
from harness.config.choices import choosing
from harness.config.schema import rooms
from harness.errors import ConfigError

module = sys.modules["harness.config.compose"]  # its name in the package is a function's
#: Some hundreds more were drawn when this was written.
EXAMPLES = int(os.environ.get("EXAMPLES", 12))
CHOICES = [choosing(f"{key}={name}") for room, key in rooms() for name in options(room.group)] + [
    f"{group}={name}" for group in ("sparsity", "training", "export") for name in options(group)
]
VALUES = [
    *("seed=3", "seed=x", "seed=", "seed=[1]", "scale=full", "scale=fulll", "work_dir=~/a"),
    *("sparsity.target=0.75", "sparsity.target=null", "sparsity.target=2", "sparsity.target=half"),
    *("sparsity.schedule.begin=0.2", "sparsity.schedule.initial=0.1", "sparsity.pattern.n=1"),
    *("model.filters=[4,8]", "model.filters=[a]", "model.units=16", "model.name=gnmt"),
    *("training.dense.epochs=null", "training.dense.steps=4", "training.dense.decay.alpha=0.1"),
    *("training.dense.optimizer.momentum=0.9", "dataset.data_dir=~/data", "dataset.data_dir=???"),
    *("tracking.experiment=2026_11_27", "tracking.uri=${oc.env:HOME}", "work_dir=${work_dir}"),
    *("work_dir=${hydra.runtime.cwd}", "work_dir=${oc.decode:a}", "sparsity.scope.include=[a,b]"),
]
OTHERS = [
    *("+seed=2", "++model.units=3", "~model.units", "+a.b=1", "sed=1", "model.unitz=3", "nothing"),
    *("hydra.run.dir=/x", "hydra/launcher=moon", "sparsity=0.5", "experiment=null", "model=null"),
    *("training.dense={epochs: 3}", "model.filters[0]=3", "sparsity={target: 0.5}", "seed=1,2"),
    *("model=resnet", "experiment=imdb_lstm", "experiment=mobilenet_v1_cifar10", "sparsity=''"),
]


def answer(overrides):
    """What overrides compose to, before and after it is checked; or the refusals."""
    plain, config = None, None
    try:
        found = module._composed(overrides)
        plain = OmegaConf.to_container(found, resolve=False)
        config = to_config(found, overrides)
    except ConfigError as error:
        return plain, type(error), str(error)
    return plain, config


def by_hydra(overrides):
    """The same, with nothing composed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(composed, "_sets", lambda text: False)
        return answer([*overrides, "scale=small"])


@settings(deadline=None, max_examples=EXAMPLES, derandomize=True)
@given(st.lists(st.sampled_from([*CHOICES, *VALUES, *VALUES, *OTHERS]), max_size=5))
def test_what_is_kept_changes_nothing(overrides):
    assert answer([*overrides, "scale=small"]) == by_hydra(overrides)


@pytest.fixture
def by_hydra_alone(monkeypatch):
    """The overrides that Hydra composes from now on, with nothing kept from before."""
    composed._of_choices.cache_clear()
    calls = []

    def recorded(*args, **kwargs):
        calls.append(kwargs.get("overrides") or args[1])
        return compose_by_hydra(*args, **kwargs)

    compose_by_hydra = module.hydra_compose
    monkeypatch.setattr(module, "hydra_compose", recorded)
    return calls


def test_cells_that_differ_in_values_are_composed_by_hydra_once(by_hydra_alone):
    choices = ["sparsity=random", "sparsity.schedule=cosine", "experiment=mnist_cnn"]
    seeds = [compose([*choices, f"seed={seed}"]).seed for seed in range(5)]
    assert seeds == [0, 1, 2, 3, 4]
    assert len(by_hydra_alone) == 1


def test_what_is_kept_is_not_changed_by_a_cell():
    changed = compose(["sparsity=random", "model.filters=[1,2]"])
    changed.export.formats.append("keras")
    again = compose(["sparsity=random"])
    assert (again.model.filters, again.export.formats) == ([32, 64], ["tflite"])


def test_presets_are_read_anew_once_they_change(tmp_path, monkeypatch):
    preset = tmp_path / "sparsity" / "mine.yaml"
    preset.parent.mkdir()
    monkeypatch.setenv(folders.VARIABLE, str(tmp_path))
    for target in ("0.5", "0.75"):
        preset.write_text(f"defaults: [base, _self_]\nname: mine\ntarget: {target}\n")
        assert compose(["sparsity=mine"]).sparsity.target == float(target)


def test_the_home_folder_is_the_present_one(tmp_path, monkeypatch):
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "mine.yaml").write_text(
        "defaults: [schema/mnist@_here_, _self_]\nsource: idx\ndata_dir: ~/digits\n"
    )
    monkeypatch.setenv(folders.VARIABLE, str(tmp_path))
    for home in ("/home/a", "/home/b"):
        monkeypatch.setenv("HOME", home)
        assert compose(["dataset=mine"]).dataset.data_dir == f"{home}/digits"
