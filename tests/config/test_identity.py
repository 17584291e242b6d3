"""A cell's identity: what decides its result, and nothing else."""

import dataclasses
import json
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.config import (
    cell_id,
    compose,
    dense_baseline,
    identity,
    is_control,
    is_dense,
    trained_id,
)
from harness.config.identity import canonical
from harness.models.base import MODELS

SPARSE = {
    "random": ("sparsity=random", "sparsity.target=0.75"),
    "n_m": ("sparsity=structured_2x4",),
    "block": ("sparsity=block_1x4",),
}
METHODS = {
    name: (f"sparsity={name}",)
    for name in ("structured_2x4_sr_ste", "structured_2x4_gradual", "random_rigl")
}
CONTROL = ("sparsity=control",)
DATA = "f" * 64


def changed(config, path, value):
    """The config with one field, given by its dotted path, set to another value."""
    name, _, rest = path.partition(".")
    inner = changed(getattr(config, name), rest, value) if rest else value
    return dataclasses.replace(config, **{name: inner})


def leaves(config, prefix=""):
    """Every field of a config: (dotted path, type, value)."""
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value, path = getattr(config, field.name), f"{prefix}{field.name}"
        if dataclasses.is_dataclass(value):
            yield from leaves(value, f"{path}.")
        else:
            yield path, hints[field.name], value


def other(value):
    """Another value of the same kind."""
    kinds = {bool: lambda: not value, str: lambda: f"{value}x", type(None): lambda: 0.123}
    if isinstance(value, list):
        return [*value, value[0] if value else 1]
    return kinds.get(type(value), lambda: value + 1)()


#: What decides nothing, written down here once more.
NOTHING = {
    "dataset.data_dir",
    "work_dir",
    "training.log_every",
    "training.steps_per_execution",
    "training.checkpoint_epochs",
    "training.name",
    "export.name",
    "sparsity.name",
    "experiment",
    "engine.cpus",
    "engine.gpus",
    "engine.memory",
    "engine.time",
    "engine.partition",
    "tracking.name",
    "tracking.uri",
    "tracking.experiment",
    "strategy.synchronized_batch_norm",  # of one device
}
#: What decides how a trained model is measured.
MEASURED = {
    "scale",
    "export.clusters",
    "export.compress",
    "export.formats",
    "export.tolerance",
    "export.latency",
    "evaluation.batch_size",
}


def ignored(config):
    """The fields that must not count in a cell."""
    paths = {path for path, _, _ in leaves(config)}
    if config.sparsity.pruned:
        return NOTHING | (
            {"sparsity.target"} if config.sparsity.pattern.kind in ("n_m", "gradual_n_m") else set()
        )
    of_sparsity = {path for path in paths if path.startswith("sparsity.")}
    skipped = NOTHING | of_sparsity - {"sparsity.pattern.kind", "sparsity.finetuned"}
    if config.sparsity.finetuned:
        return skipped
    return skipped | {path for path in paths if path.startswith("training.finetune.")}


@pytest.mark.parametrize(
    "overrides",
    [(), CONTROL, *SPARSE.values(), *METHODS.values()],
    ids=["dense", "control", *SPARSE, *METHODS],
)
def test_exactly_what_decides_the_result_counts(overrides):
    config = compose(overrides)
    before, trained = cell_id(config, DATA), trained_id(config, DATA)
    skipped = ignored(config)
    valid = {"training.dense_weights": __file__}  # read for what it holds
    seen = set()
    for path, _, value in leaves(config):
        seen.add(path)
        after = changed(config, path, valid.get(path, other(value)))
        assert (cell_id(after, DATA) == before) == (path in skipped), path
        assert (trained_id(after, DATA) == trained) == (path in skipped | MEASURED), path
    assert skipped <= seen
    assert len(seen - skipped) > 20


@pytest.mark.parametrize("overrides", [(), *SPARSE.values()], ids=["dense", *SPARSE])
def test_how_a_model_is_measured_does_not_decide_its_weights(overrides):
    config = compose(overrides)
    others = [compose([*overrides, text]) for text in ("export=tflite_int8", "export=keras")]
    assert {trained_id(one, DATA) for one in others} == {trained_id(config, DATA)}
    assert len({cell_id(one, DATA) for one in (config, *others)}) == 3


def test_beam_search_measures_a_translation_model():
    gnmt = ["model=gnmt", "dataset=multi30k", "dataset.data_dir=.", "training=gnmt", "export=keras"]
    some, others = compose(gnmt), compose([*gnmt, "model.decoding.beam=4"])
    assert trained_id(some, DATA) == trained_id(others, DATA)
    assert cell_id(some, DATA) != cell_id(others, DATA)


@pytest.mark.parametrize(
    ("model", "counts"),
    [(name, name not in ("gnmt", "imdb_lstm")) for name in MODELS.names()],
)
def test_synchronization_counts_where_devices_share_normalized_batches(model, counts):
    config = compose(("strategy=mirrored",))
    config = dataclasses.replace(config, model=MODELS.find(model)())
    apart = changed(config, "strategy.synchronized_batch_norm", False)
    assert (cell_id(config, DATA) != cell_id(apart, DATA)) == counts


def test_one_device_keeps_its_cells():
    """Runs of one device, made before there was a choice, are found again."""
    assert "synchronized_batch_norm" not in identity(compose(), DATA)["strategy"]


def test_the_data_count_by_their_fingerprint():
    config = compose()
    assert cell_id(config, "a" * 64) != cell_id(config, "b" * 64)


OVERRIDES = (
    "sparsity=random",
    "sparsity.target=0.75",
    "sparsity.schedule.frequency=7",
    "model.filters=[4,8]",
    "training.batch_size=64",
    "training.finetune.optimizer.learning_rate=1e-4",
    "seed=3",
    "work_dir=elsewhere",
)


@settings(max_examples=10, deadline=None)
@given(st.permutations(OVERRIDES))
def test_the_order_of_overrides_does_not_count(overrides):
    assert cell_id(compose(overrides), DATA) == cell_id(compose(OVERRIDES), DATA)


@pytest.mark.parametrize(
    ("some", "others"),
    [
        (["sparsity=random", "sparsity.target=0.50"], ["sparsity=random", "sparsity.target=5e-1"]),
        (["training.dense.epochs=2"], ["training.dense.epochs=2.0"]),
        (["sparsity=structured_2x4"], ["sparsity=structured_2x4", "sparsity.target=0.5"]),
        (["export=keras"], ["export.formats=[]"]),
        (["sparsity=random", "training.name=mine"], ["sparsity=random", "sparsity.name=mine"]),
        (
            ["sparsity=random", "sparsity.schedule.kind=cosine"],
            ["sparsity=random", "sparsity/schedule=cosine"],
        ),
        (
            ["training.finetune.epochs=1", "training.finetune.optimizer.name=sgd"],
            ["training.finetune.start=scratch"],
        ),
        (
            ["sparsity=random", "training.finetune.decay.kind=rewind"],
            [
                "sparsity=random",
                "training.finetune.decay.kind=rewind",
                "training.finetune.optimizer.learning_rate=1",
            ],
        ),
    ],
)
def test_the_same_cell_written_otherwise(some, others):
    assert cell_id(compose(some), DATA) == cell_id(compose(others), DATA)


@pytest.mark.parametrize("overrides", SPARSE.values(), ids=SPARSE)
def test_all_sparse_cells_have_the_dense_cell_as_their_baseline(overrides):
    config = compose(overrides)
    baseline = dense_baseline(config)
    assert not is_dense(config)
    assert is_dense(baseline)
    assert cell_id(baseline, DATA) == cell_id(compose(), DATA)
    assert dense_baseline(baseline) == baseline
    assert cell_id(baseline, DATA) != cell_id(config, DATA)


def test_a_control_is_no_dense_baseline_but_has_one():
    config = compose(CONTROL)
    assert is_control(config)
    assert not is_dense(config)
    assert is_dense(dense_baseline(config))
    assert cell_id(dense_baseline(config), DATA) == cell_id(compose(), DATA)


def test_the_dense_recipe_counts_in_a_sparse_cell():
    """A sparse cell fine-tunes the dense baseline, so what trained that one decides it."""
    longer = [*SPARSE["random"], "training.dense.epochs=13"]
    assert cell_id(compose(longer), DATA) != cell_id(compose(SPARSE["random"]), DATA)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), "bc02020d2c19e9bbd9828d52409b4367caae50bee46900de448bb6564ee09b77"),
        (SPARSE["random"], "568365e507030b2162f51c9d36504dd8d4c1810c1c1927fbb63ec36cba6134b8"),
        (SPARSE["n_m"], "7c361093a40b49a51e0479ddd39a087f267f4f96c379d681dc10f0569663b80e"),
        (SPARSE["block"], "9ffc786085a2f5583733b45c3dcf89d061a2b9884c8ab900ee15a2755f7a73aa"),
    ],
)
def test_ids_do_not_move(overrides, expected):
    """Old runs are found by their ids.

    If this fails because a cell now gives another result, raise identity.FORMAT and write
    the new ids here; if it fails for any other reason, the change would orphan every run.
    """
    assert cell_id(compose(overrides), DATA) == expected


def test_an_identity_is_plain_json():
    found = identity(compose(SPARSE["block"]), DATA)
    assert json.loads(canonical(found)) == found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_canonical_json_reads_back_as_the_same_value(value):
    assert json.loads(canonical(value)) == value


@given(st.dictionaries(st.text(), st.integers(), min_size=2, max_size=5), st.randoms())
def test_canonical_json_does_not_depend_on_the_order_of_keys(value, random):
    shuffled = list(value.items())
    random.shuffle(shuffled)
    assert canonical(dict(shuffled)) == canonical(value)


@given(st.integers(-(2**50), 2**50))
def test_whole_floats_are_whole_numbers(number):
    assert canonical(float(number)) == canonical(number)
    assert canonical(True) != canonical(1)
