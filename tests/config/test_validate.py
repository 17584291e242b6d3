"""Names, ranges and combinations: the key, what was received, what is accepted."""

import re

import pytest

from harness.config import compose
from harness.errors import ConfigError

CASES = [
    # sparsity
    ("sparsity=random sparsity.target=1", "sparsity.target", "1.0", r"a fraction in \[0, 1\)"),
    ("sparsity=random sparsity.target=-0.1", "sparsity.target", "-0.1", r"a fraction in \[0, 1\)"),
    ("sparsity=random sparsity.target=7.5e1", "sparsity.target", "75.0", r"a fraction in \[0, 1\)"),
    ("sparsity=random sparsity.target=null", "sparsity.target", "None", r"a fraction in \[0, 1\)"),
    ("sparsity=random sparsity.target=nan", "sparsity.target", "nan", "a finite number"),
    ("sparsity.target=0.5", "sparsity.target", "0.5 with .*none", None),
    ("sparsity.target=0", "sparsity.target", "0 with .*none", None),
    ("sparsity=structured_2x4 sparsity.pattern.n=4", "sparsity.pattern", "n=4, m=4", "1 <= n < m"),
    ("sparsity=structured_2x4 sparsity.pattern.n=5", "sparsity.pattern", "n=5, m=4", "1 <= n < m"),
    ("sparsity=structured_2x4 sparsity.pattern.n=0", "sparsity.pattern", "n=0, m=4", "1 <= n < m"),
    ("sparsity=structured_2x4 sparsity.pattern.m=-4", "sparsity.pattern", "n=2, m=-4", "1 <= n"),
    ("sparsity=structured_2x4 sparsity.target=0.6", "sparsity.target", "0.6", "leave it out"),
    (
        "sparsity=structured_2x4 sparsity.schedule.kind=polynomial",
        "sparsity.schedule.kind",
        "polynomial with sparsity.pattern.kind=n_m",
        "one_shot, constant",
    ),
    (
        "sparsity=structured_2x4 sparsity.pattern.kind=gradual_n_m",
        "sparsity.schedule.kind",
        "one_shot with sparsity.pattern.kind=gradual_n_m",
        "polynomial, cosine",
    ),
    (
        "sparsity=structured_2x4_gradual sparsity.schedule.initial=0.6",
        "sparsity.schedule.initial",
        "0.6",
        "0 to the target, 0.5",
    ),
    # methods
    (
        "sparsity.method.kind=sr_ste",
        "sparsity.method",
        "settings with sparsity=dense, which prunes nothing",
        "leave",
    ),
    (
        "sparsity=structured_2x4_sr_ste sparsity.method.decay=-1",
        "sparsity.method.decay",
        "-1.0",
        "0 or more",
    ),
    ("sparsity=random_rigl sparsity.method.alpha=0", "sparsity.method.alpha", "0.0", "a share in"),
    (
        "sparsity=random sparsity.method.kind=permutation",
        "sparsity.pattern.kind with sparsity.method.kind=permutation",
        "'unstructured'",
        "n_m, gradual_n_m",
    ),
    (
        "sparsity=structured_2x4_sr_ste sparsity.method.kind=rigl",
        "sparsity.pattern.kind with sparsity.method.kind=rigl",
        "'n_m'",
        "unstructured, block",
    ),
    (
        "sparsity=structured_2x4 sparsity.method.kind=sr_ste",
        "sparsity.schedule.kind with sparsity.method.kind=sr_ste",
        "'one_shot'",
        "constant, cosine, polynomial",
    ),
    (
        "sparsity=random_rigl sparsity.schedule.begin=0.1",
        "sparsity.schedule",
        "begin=0.1, end=0.75 with sparsity.method.kind=rigl",
        "begin=0",
    ),
    (
        "sparsity=random_movement sparsity.schedule.begin=0",
        "sparsity.schedule.begin",
        "0 with sparsity.score.kind=movement",
        "above 0",
    ),
    (
        "sparsity=structured_2x4_permuted training.finetune.start=scratch",
        "training.finetune.start",
        "scratch with sparsity.method.kind=permutation",
        "dense",
    ),
    (
        "sparsity=structured_2x4 sparsity.allocation=erk",
        "sparsity.allocation",
        "erk with 2 by 4",
        "uniform",
    ),
    ("sparsity=block_1x4 sparsity.pattern.shape=[4]", "sparsity.pattern.shape", r"\[4\]", "inputs"),
    ("sparsity=block_1x4 sparsity.pattern.shape=[0,4]", "sparsity.pattern.shape", ".*", "inputs"),
    ("sparsity=block_1x4 sparsity.pattern.pooling=min", "sparsity.pattern.pooling", "'min'", "ave"),
    (
        "sparsity=dense sparsity.pattern.kind=unstructured",
        "sparsity.finetuned",
        "False",
        "true with a pattern",
    ),
    ("sparsity=dense sparsity.schedule.begin=0.1", "sparsity.schedule", ".*nothing", "leave"),
    ("sparsity=control sparsity.target=0.5", "sparsity.target", "0.5 with .*none", None),
    (
        "sparsity=control training.finetune.start=scratch",
        "training.finetune.start",
        "scratch with sparsity=control",
        "dense",
    ),
    ("sparsity=random sparsity.score=taylor", "sparsity.schedule.begin", "0 with .*taylor", "abo"),
    (
        "sparsity=random sparsity.schedule=piecewise sparsity.schedule.shares=[1.0,0.5]",
        "sparsity.schedule.shares",
        r"\[1.0, 0.5\]",
        "2 shares",
    ),
    (
        "sparsity=random sparsity.schedule=piecewise sparsity.schedule.times=[0.0]",
        "sparsity.schedule.times",
        r"\[0.0\]",
        "times that rise",
    ),
    (
        "sparsity=random sparsity.schedule.unit=epoch",
        "sparsity.schedule.unit",
        "'epoch'",
        "fraction",
    ),
    ("sparsity=random sparsity.schedule.frequency=0", "sparsity.schedule.frequency", "0", "1 or"),
    ("sparsity=random sparsity.schedule.power=0", "sparsity.schedule.power", "0.0", "above 0"),
    ("sparsity=random sparsity.schedule.begin=-1", "sparsity.schedule.begin", "-1.0", "0 or more"),
    ("sparsity=random sparsity.schedule.end=2", "sparsity.schedule.end", "2.0", "0 to 1"),
    (
        "sparsity=random sparsity.schedule.begin=0.6",
        "sparsity.schedule.end",
        "0.5, before",
        "at or",
    ),
    (
        "sparsity=random sparsity.schedule.initial=0.6",
        "sparsity.schedule.initial",
        "0.6",
        "0 to the",
    ),
    (
        "sparsity=random sparsity.schedule.unit=step",
        "sparsity.schedule.end",
        "0.5",
        "a whole number",
    ),
    # model
    ("model.filters=[32]", "model.filters", r"\[32\]", "two whole numbers"),
    ("model.filters=[32,0]", "model.filters", r"\[32, 0\]", "two whole numbers"),
    ("model.units=0", "model.units", "0", "1 or more"),
    ("model.dropout=1", "model.dropout", "1.0", r"a number in \[0, 1\)"),
    # the rest
    ("scale=huge", "scale", "'huge'", "small, full"),
    ("seed=-1", "seed", "-1", "a whole number from 0 on"),
    ("strategy.devices=2", "strategy.devices", "2 with strategy=single", "1, or strategy=mirrored"),
    ("strategy=mirrored strategy.devices=0", "strategy.devices", "0", "1 or more"),
    ("strategy=mirrored strategy.virtual_cpus=-1", "strategy.virtual_cpus", "-1", "0 or more"),
    (
        "strategy=mirrored strategy.synchronized_batch_norm=false",
        "strategy.devices",
        "null with strategy.synchronized_batch_norm=false",
        "the number of devices of all processes",
    ),
    (
        "strategy=mirrored model=gnmt dataset=multi30k training=gnmt_small export=keras"
        " dataset.batch_by=tokens training.batch_size=4096",
        "dataset.batch_by",
        "tokens with strategy=mirrored",
        "sentences, or strategy=single",
    ),
    (
        "strategy=multi_worker model=gnmt dataset=multi30k training=gnmt_small export=keras",
        "strategy",
        "multi_worker with model=gnmt",
        "single, mirrored",
    ),
    (
        "model=gnmt dataset=multi30k training=gnmt_small export=keras dataset.batch_by=tokens"
        " training.batch_size=4096 training.gradient_accumulation=2",
        "dataset.batch_by",
        "tokens with training.gradient_accumulation=2",
        "sentences, or training.gradient_accumulation=null",
    ),
    (
        "strategy=mirrored training.jit_compile=always",
        "training.jit_compile",
        "'always' with strategy=mirrored",
        "auto, never",
    ),
    ("export.formats=[torch]", "export.formats", "'torch'", "tflite"),
    ("export.formats=[tflite,tflite]", "export.formats", ".*", "each format once"),
    ("export.tolerance=0", "export.tolerance", "0.0", "a number above 0"),
    ("tracking.experiment=../up", "tracking.experiment", "'../up'", "letters"),
    ("tracking.experiment=", "tracking.experiment", "''", "letters"),
    ("tracking.uri=mlflow.db", "tracking.uri", "'mlflow.db'", "sqlite:///FILE"),
    ("tracking.uri=sqlite:///", "tracking.uri", "'sqlite:///'", "sqlite:///FILE"),
    ("tracking.uri=file:///tmp", "tracking.uri", "'file:///tmp'", "sqlite:///FILE"),
]


@pytest.mark.parametrize(("overrides", "key", "received", "accepted"), CASES)
def test_refusals(overrides, key, received, accepted):
    with pytest.raises(ConfigError) as caught:
        compose(overrides.split())
    line = str(caught.value)
    rest = "did you mean sparsity=random sparsity.target=" if accepted is None else "accepted"
    wanted = rf"{re.escape(key)}: received {received}.*; {rest}.*{accepted or ''}"
    assert re.match(wanted, line), line


#: A choice that there is not -> the group that answers, and a name that it has.
UNKNOWN = {
    "sparsity=random sparsity.pattern.kind=x": ("sparsity/pattern=x", "unstructured"),
    "sparsity=random sparsity.score=x": ("sparsity/score=x", "magnitude"),
    "sparsity=random sparsity.allocation=x": ("sparsity/allocation=x", "erk, global, uniform"),
    "sparsity=random sparsity.scope=x": ("sparsity/scope=x", "all_kernels"),
    "sparsity=random sparsity.method=x": ("sparsity/method=x", "permutation"),
    "sparsity=random sparsity.schedule=x": ("sparsity/schedule=x", "constant, cosine"),
    "training.dense.optimizer=lion": ("training/optimizer=lion", "adam, adamw, rmsprop, sgd"),
    "training.finetune.decay=x": ("training/decay=x", "constant, cosine"),
}


@pytest.mark.parametrize("overrides", UNKNOWN)
def test_a_choice_that_there_is_not_is_answered_with_those_there_are(overrides):
    group, name = UNKNOWN[overrides]
    with pytest.raises(ConfigError) as caught:
        compose(overrides.split())
    assert re.match(rf"{re.escape(group)} is unknown; accepted: .*{name}", str(caught.value))


@pytest.mark.parametrize(
    "overrides",
    [
        "sparsity=random sparsity.pattern.n=1",
        "sparsity=structured_2x4 sparsity.schedule.power=2",
        "sparsity=random sparsity.method.decay=1e-3",
        "training.dense.decay.alpha=0.1",
        "training.dense.optimizer.momentum=0.9",
    ],
)
def test_a_key_that_the_choice_does_not_read_is_refused(overrides):
    with pytest.raises(ConfigError, match="there is no such key; accepted in"):
        compose(overrides.split())


@pytest.mark.parametrize(
    ("overrides", "kind"),
    [
        ("sparsity=random sparsity.schedule.kind=cosine", "cosine"),
        ("sparsity=random sparsity.schedule=cosine", "cosine"),
        ("sparsity=random sparsity/schedule=cosine sparsity.schedule.end=0.7", "cosine"),
        # what the preset says of its own schedule goes with it
        ("sparsity=structured_2x4_sr_ste sparsity.method=none sparsity.schedule=one_shot", "one_"),
    ],
)
def test_a_choice_is_made_by_its_group_or_by_its_key(overrides, kind):
    assert compose(overrides.split()).sparsity.schedule.kind.startswith(kind)


@pytest.mark.parametrize(
    "overrides",
    [
        "sparsity=random sparsity.target=0",
        "sparsity=random sparsity.target=0.999",
        "sparsity=structured_2x4 sparsity.target=0.5",
        "sparsity=structured_2x4 sparsity.pattern.n=1 sparsity.pattern.m=3",
        "sparsity=random sparsity.schedule.unit=step sparsity.schedule.end=100",
        "sparsity=random sparsity.schedule.initial=0.5",
        "strategy=mirrored strategy.devices=2 strategy.virtual_cpus=2",
        "export.formats=[]",
        "tracking.experiment=my-table_2.1",
        "tracking.uri=postgresql+psycopg2://user@host/db",
        "scale=full seed=0",
    ],
)
def test_edges_that_are_allowed(overrides):
    compose(overrides.split())
