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
    ("sparsity.target=0.5", "sparsity.target", "0.5 with a dense pattern", "nothing"),
    ("sparsity.target=0", "sparsity.target", "0 with a dense pattern", "nothing"),
    ("sparsity=structured_2x4 sparsity.pattern.n=4", "sparsity.pattern", "n=4, m=4", "1 <= n < m"),
    ("sparsity=structured_2x4 sparsity.pattern.n=5", "sparsity.pattern", "n=5, m=4", "1 <= n < m"),
    ("sparsity=structured_2x4 sparsity.pattern.n=0", "sparsity.pattern", "n=0, m=4", "1 <= n < m"),
    ("sparsity=structured_2x4 sparsity.pattern.m=-4", "sparsity.pattern", "n=2, m=-4", "1 <= n"),
    ("sparsity=structured_2x4 sparsity.target=0.6", "sparsity.target", "0.6", "leave it out"),
    (
        "sparsity=structured_2x4 sparsity.schedule.kind=polynomial",
        "sparsity.schedule.kind",
        r"polynomial with an N:M pattern \(n_m\)",
        "one_shot, constant with sparsity.pattern.kind=n_m or polynomial, cosine with",
    ),
    (
        "sparsity=structured_2x4 sparsity.pattern.kind=gradual_n_m",
        "sparsity.schedule.kind",
        r"one_shot with an N:M pattern \(gradual_n_m\)",
        "polynomial, cosine with sparsity.pattern.kind=gradual_n_m",
    ),
    (
        "sparsity=structured_2x4_gradual sparsity.schedule.initial=0.6",
        "sparsity.schedule.initial",
        "0.6",
        "0 to the target, 0.5",
    ),
    # methods
    ("sparsity=random sparsity.method.kind=x", "sparsity.method.kind", "'x'", "permutation, str"),
    ("sparsity.method.kind=sr_ste", "sparsity.method.kind", "'sr_ste'", "null with sparsity=dense"),
    ("sparsity=random sparsity.method.decay=-1", "sparsity.method.decay", "-1.0", "0 or more"),
    ("sparsity=random sparsity.method.alpha=0", "sparsity.method.alpha", "0.0", "a share in"),
    (
        "sparsity=random sparsity.method.kind=permutation",
        "sparsity.pattern.kind",
        "unstructured with method.kind=permutation",
        "n_m, gradual_n_m",
    ),
    (
        "sparsity=structured_2x4_sr_ste sparsity.method.kind=rigl",
        "sparsity.pattern.kind",
        "n_m with method.kind=rigl",
        "unstructured, block",
    ),
    (
        "sparsity=structured_2x4 sparsity.method.kind=sr_ste",
        "sparsity.schedule.kind",
        "one_shot with method.kind=sr_ste",
        "constant, polynomial, cosine",
    ),
    (
        "sparsity=random_rigl sparsity.schedule.begin=0.1",
        "sparsity.schedule",
        "begin=0.1, end=0.75 with method.kind=rigl",
        "begin=0",
    ),
    (
        "sparsity=random_movement sparsity.schedule.begin=0",
        "sparsity.schedule.begin",
        "0 with score=movement",
        "above 0",
    ),
    (
        "sparsity=structured_2x4_permuted training.finetune.start=scratch",
        "training.finetune.start",
        "scratch with method.kind=permutation",
        "dense",
    ),
    (
        "sparsity=structured_2x4 sparsity.allocation=erk",
        "sparsity.allocation",
        "erk with an N:M pattern",
        "uniform",
    ),
    ("sparsity=block_1x4 sparsity.pattern.shape=[4]", "sparsity.pattern.shape", r"\[4\]", "inputs"),
    ("sparsity=block_1x4 sparsity.pattern.shape=[0,4]", "sparsity.pattern.shape", ".*", "inputs"),
    ("sparsity=block_1x4 sparsity.pattern.pooling=min", "sparsity.pattern.pooling", "'min'", "ave"),
    ("sparsity=random sparsity.pattern.kind=x", "sparsity.pattern.kind", "'x'", "none, unstruct"),
    (
        "sparsity=random sparsity.pattern.kind=none",
        "sparsity.pattern.kind",
        "none with sparsity=random",
        "none with sparsity=dense",
    ),
    ("sparsity.pattern.kind=unstructured", "sparsity.pattern.kind", "unstructured with", "none"),
    ("sparsity=random sparsity.score=x", "sparsity.score", "'x'", "magnitude"),
    ("sparsity=random sparsity.allocation=x", "sparsity.allocation", "'x'", "uniform, global"),
    ("sparsity=random sparsity.scope.policy=x", "sparsity.scope.policy", "'x'", "all_kernels"),
    (
        "sparsity=random training.jit_compile=always",
        "training.jit_compile",
        "'always' with sparsity.pattern.kind=unstructured",
        "auto, never",
    ),
    ("sparsity.schedule.kind=x", "sparsity.schedule.kind", "'x'", "constant, polynomial"),
    (
        "sparsity=random sparsity.schedule.unit=epoch",
        "sparsity.schedule.unit",
        "'epoch'",
        "fraction",
    ),
    ("sparsity=random sparsity.schedule.frequency=0", "sparsity.schedule.frequency", "0", "1 or"),
    ("sparsity=random sparsity.schedule.power=0", "sparsity.schedule.power", "0.0", "above 0"),
    ("sparsity=random sparsity.schedule.begin=-1", "sparsity.schedule.begin", "-1.0", "0 or more"),
    ("sparsity=random sparsity.schedule.end=2", "sparsity.schedule", "begin=0, end=2", "0 to 1"),
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
    ("model.dropout=1", "model.dropout", "1.0", r"a rate in \[0, 1\)"),
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
        "strategy=mirrored training.jit_compile=always",
        "training.jit_compile",
        "'always' with strategy=mirrored",
        "auto, never",
    ),
    ("export.formats=[onnx]", "export.formats", "'onnx'", "tflite"),
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
    assert re.match(rf"{re.escape(key)}: received {received}.*; accepted.*{accepted}", line), line


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
