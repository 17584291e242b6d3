"""Composing a cell: what ships composes, and what is wrong is refused in one clear line."""

import dataclasses
import itertools

import pytest
import yaml

from harness.config import Config, compose, expand, options, shipped
from harness.config.compose import presets
from harness.config.identity import flat
from harness.config.validate import validate
from harness.data import DATASETS
from harness.errors import ConfigError
from harness.models import MODELS
from tests.settings import imported

GROUPS = ("model", "dataset", "sparsity", "training", "strategy", "export", "tracking")


def refusal(*overrides):
    with pytest.raises(ConfigError) as caught:
        compose(overrides)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_the_defaults_are_the_dense_digits():
    config = compose()
    assert isinstance(config, Config)
    assert (config.model.name, config.dataset.name) == ("mnist_cnn", "mnist")
    assert (config.sparsity.name, config.seed, config.scale) == ("dense", 1, "small")


@pytest.mark.parametrize(
    ("group", "name"), [(group, name) for group in GROUPS for name in options(group)]
)
def test_every_shipped_option_composes(group, name):
    assert getattr(compose([f"{group}={name}", *suited(group, name)]), group).name == name


def suited(group, name):
    """What makes a model's or a data set's cell whole: the first counterpart of its task."""
    models = {name: model.takes for name, model in MODELS}
    datasets = {name: dataset.holds for name, dataset in DATASETS}
    known = {"model": (models, datasets), "dataset": (datasets, models)}
    if group not in known:
        return []
    mine, theirs = known[group]
    other = "dataset" if group == "model" else "model"
    found = next(theirs_name for theirs_name, task in theirs.items() if task == mine[name])
    # translation models have no TensorFlow Lite file
    return [f"{other}={found}", *(["export=keras"] if mine[name] == "text pairs" else [])]


def test_there_are_no_other_groups():
    folders = {path.name for path in shipped("conf").iterdir() if path.is_dir()}
    assert folders == {*GROUPS, "experiment"} - {"model"}  # each of which is its dataclass


@pytest.mark.parametrize("room", [MODELS, DATASETS], ids=["model", "dataset"])
def test_presets_say_only_what_the_dataclass_does_not(room):
    for name in presets(room.group):
        defaults = dict(flat(dataclasses.asdict(room.find(name)())))
        content = yaml.safe_load((shipped("conf") / room.group / f"{name}.yaml").read_text())
        assert content.pop("defaults") == [f"schema/{name}@_here_", "_self_"]
        assert content.pop("name") == name
        assert not [key for key, value in flat(content) if value == defaults[key]]


def test_every_sparsity_goes_with_every_model():
    """Composed each by itself: what crosses them is a check of the whole."""
    models = [compose([f"model={name}", *suited("model", name)]) for name in options("model")]
    sparsities = [compose([f"sparsity={name}"]).sparsity for name in options("sparsity")]
    for config, sparsity in itertools.product(models, sparsities):
        validate(dataclasses.replace(config, sparsity=sparsity), options)
    assert [each.name for each in sparsities] == list(options("sparsity"))


def test_values_arrive_typed():
    config = compose(
        [
            "sparsity=random",
            "sparsity.target=0.75",
            "model.filters=[4,8]",
            "training.mixed_precision=true",
            "training.dense.epochs=null",
            "training.dense.steps=3",
            "dataset.source=idx",
            "dataset.data_dir=/some/where",
        ]
    )
    assert config.sparsity.target == 0.75
    assert config.model.filters == [4, 8]
    assert config.training.mixed_precision is True
    assert (config.training.dense.epochs, config.training.dense.steps) == (None, 3)
    assert config.dataset.data_dir == "/some/where"


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("model=resnet", "model=resnet is unknown; accepted: {model}"),
        ("dataset=svhn", "dataset=svhn is unknown; accepted: {dataset}"),
        ("sparsity=3d", "sparsity=3d is unknown; accepted: {sparsity}"),
        ("training=x.y", "training=x.y is unknown; accepted: {training}"),
        ("tracking=cloud", "tracking=cloud is unknown; accepted: {tracking}"),
        ("sparsity=sparsity", "sparsity=sparsity is unknown; accepted: {sparsity}"),
        ("hydra/launcher=moon", "hydra/launcher=moon is unknown; accepted: basic"),
        ("model.name=resnet", "model=resnet is unknown; accepted: {model}"),
    ],
)
def test_unknown_names(override, line):
    accepted = {group: ", ".join(options(group)) for group in GROUPS}
    assert refusal(override) == line.format(**accepted)


@pytest.mark.parametrize(
    ("override", "key", "accepted"),
    [
        ("sed=1", "sed", "model, dataset, sparsity, training"),
        ("+sed=1", "sed", "model, dataset, sparsity, training"),
        ("model.filterz=[1,2]", "model.filterz", "in model: name, filters, units, dropout"),
        ("+model.new=1", "model.new", "in model: name, filters, units, dropout"),
        ("++training.dense.new=1", "training.dense.new", "in training.dense: epochs, steps"),
        ("sparsity.schedule.knd=x", "sparsity.schedule.knd", "in sparsity.schedule: kind, unit"),
        ("+a.b=1", "a", "model, dataset"),
        ("hydra.foo=1", "hydra.foo", "in hydra: "),
    ],
)
def test_unknown_keys(override, key, accepted):
    line = refusal(override)
    assert line.startswith(f"{key}: there is no such key; accepted")
    assert accepted in line


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("seed=abc", "seed: received abc; accepted: a whole number"),
        ("seed=1.5", "seed: received 1.5; accepted: a whole number"),
        ("seed=true", "seed: received true; accepted: a whole number"),
        ("seed=null", "seed: received null; accepted: a whole number"),
        ("seed=[1]", "seed: received [1]; accepted: a whole number"),
        ("model.filters=3", "model.filters: received 3; accepted: a list of whole numbers"),
        ("model.filters=[a]", "model.filters: received [a]; accepted: a list of whole numbers"),
        ("model.dropout=", "model.dropout: received nothing; accepted: a number"),
        ("training.batch_size=1e3", "training.batch_size: received 1e3; accepted: a whole number"),
        (
            "training.mixed_precision=maybe",
            "training.mixed_precision: received maybe; accepted: true or false",
        ),
        ("sparsity.target=half", "sparsity.target: received half; accepted: a number, or null"),
        ("++sparsity.target=half", "sparsity.target: received half; accepted: a number, or null"),
        (
            "work_dir=null",
            "work_dir: received null; accepted: a text (the text null in quotes, "
            "\"work_dir='null'\")",
        ),
        (
            "training.dense=3",
            "training.dense: received 3; accepted: its keys, epochs, steps, optimizer, decay",
        ),
        ("dataset.source=???", "dataset.source: received nothing; accepted: a text"),
        (
            "seed=1,2",
            "seed=1,2: received several values (1, 2); accepted here: one (a list is written "
            "[1,2])",
        ),
    ],
)
def test_wrong_types(override, line):
    assert refusal(override) == line


@pytest.mark.parametrize("override", ["seed", "{", "a b=3", "=3", ""])
def test_what_is_no_override_is_one_line_that_repeats_it(override):
    assert refusal(override) == f"{override!r} is not an override; accepted: KEY=VALUE"


def test_what_hydra_cannot_read_is_refused_by_what_the_key_accepts():
    assert refusal("seed=[1") == "seed: received [1; accepted: a whole number"
    assert refusal("model.filters=a=b").endswith("a whole number or a list of whole numbers")
    assert refusal("foo=a=b") == (
        "'foo=a=b' is not an override; accepted: KEY=VALUE (such a value in quotes: \"foo='a=b'\")"
    )


@pytest.mark.parametrize("override", ["sparsity=null", "sparsity=", "sparsity=[dense,random]"])
def test_a_group_needs_a_name(override):
    assert refusal(override).startswith(
        f"{override} is unknown; accepted: block_1x4, channels, control, dense, "
    )


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("sparsity=0.5", "sparsity=random sparsity.target=0.5"),
        ("sparsity=.875", "sparsity=random sparsity.target=0.875"),
        ("sparsity=75%", "sparsity=random sparsity.target=0.75"),
        ("sparsity=90", "sparsity=random sparsity.target=0.9"),
        ("sparsity=0", "sparsity=dense"),
        ("sparsity=none", "sparsity=dense"),
        ("sparsity=unstructured", "sparsity=random"),
        ("sparsity=magnitude", "sparsity=random"),
        ("sparsity=Random", "sparsity=random"),
        ("sparsity=2x4", "sparsity=structured_2x4"),
        ("sparsity=2:4", "sparsity=structured_2x4"),
        ("sparsity=1:4", "sparsity=structured_2x4 sparsity.pattern.n=1 sparsity.pattern.m=4"),
        ("sparsity=rigl", "sparsity=random_rigl"),
        ("sparsity=sr_ste", "sparsity=structured_2x4_sr_ste"),
        ("model=mobilenet", "model=mobilenet_v1"),
        ("export=int8", "export=tflite_int8"),
        ("tracking=sqlite:///x.db", "tracking.uri=sqlite:///x.db"),
        ("tracking=x.db", "tracking.uri=sqlite:///x.db"),
        ("dataset=/my/photos", "dataset.data_dir=/my/photos"),
        ("target=0.5", "sparsity.target"),
        ("epochs=3", "training.dense.epochs or training.finetune.epochs"),
        ("sparsity.tarqet=0.5", "sparsity.target"),
    ],
)
def test_what_was_probably_meant_is_said(override, meant):
    assert refusal(override).endswith(f"; did you mean {meant}?")


@pytest.mark.parametrize("override", ["sparsity=5:4", "sparsity=120", "model=resnet", "zzz=1"])
def test_where_nothing_is_near_nothing_is_guessed(override):
    assert "did you mean" not in refusal(override)


def test_unresolvable_interpolations_name_their_key():
    assert refusal("tracking.uri=${nowhere}").startswith("tracking.uri: ")
    assert "NOT_SET_ANYWHERE" in refusal("tracking.uri=${oc.env:NOT_SET_ANYWHERE}")


def test_a_refused_config_leaves_the_next_one_alone():
    refusal("model=resnet")
    assert compose(["seed=3"]).seed == 3


def test_composing_needs_neither_tensorflow_nor_mlflow():
    code = """
from harness.config import compose, expand
compose(["sparsity=random"])
for bad in ("model=resnet", "model.units=0", "sparsity.target=2", "training.batch_size=0"):
    try:
        compose([bad])
    except ValueError:
        continue
    raise SystemExit(f"{bad} was accepted")
"""
    assert imported(code, ["tensorflow", "keras", "mlflow", "pandas"]) == set()


def test_expand_makes_every_combination_in_order():
    assert expand(["a=1", "b=x,y", "c=range(1,3)"]) == [
        ["a=1", "b=x", "c=1"],
        ["a=1", "b=x", "c=2"],
        ["a=1", "b=y", "c=1"],
        ["a=1", "b=y", "c=2"],
    ]
    assert expand([]) == [[]]
    assert expand(["model.filters=[4,8]"]) == [["model.filters=[4,8]"]], "a list is one value"
    assert expand(["+a=choice(1,2)"]) == [["+a=1"], ["+a=2"]]
    assert expand(["name='a,b'"]) == [["name='a,b'"]]


def test_expanded_values_compose_to_what_was_written():
    seeds = [compose(each).seed for each in expand(["seed=1,2,3"])]
    assert seeds == [1, 2, 3]
    filters = [compose(each).model.filters for each in expand(["model.filters=[4,8],[2,3]"])]
    assert filters == [[4, 8], [2, 3]]


@pytest.mark.parametrize("override", ["seed=interval(0,1)", "seed", "seed=1,,2"])
def test_expand_refuses_in_one_line(override):
    with pytest.raises(ConfigError, match=r"accepted: ") as caught:
        expand([override])
    assert "\n" not in str(caught.value)


def test_shipped_folders_exist():
    for folder in ("conf", "sweeps", "published"):
        assert shipped(folder).is_dir()


def test_configs_are_plain_dataclasses():
    plain = dataclasses.asdict(compose(["sparsity=block_1x4"]))
    assert plain["sparsity"]["pattern"]["shape"] == [4, 1]
    assert type(plain["sparsity"]["pattern"]["shape"]) is list
