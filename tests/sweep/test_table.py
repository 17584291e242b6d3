"""A sweep's rows are told by what decides its cells."""

from dataclasses import replace

import pandas as pd
import pytest

from harness.config import compose
from harness.errors import ConfigError
from harness.report.published import read_published
from harness.sweep.spec import Sweep, load, names
from harness.sweep.table import table_spec
from tests.conftest import SWEEP as TINY_SWEEP
from tests.runs import by_sparsity
from tests.settings import harness

SWEEP = Sweep("s", "A title", "small", (1,), ())


def rows(*cells):
    return table_spec(SWEEP, [compose(cell.split()) for cell in cells]).rows


def test_a_dense_row_is_that_of_every_fine_tuning_recipe():
    (row,) = rows("training.finetune.epochs=3")
    (same,) = rows("training.finetune.optimizer.name=sgd training.finetune.optimizer.momentum=0.9")
    (other,) = rows("training.dense.epochs=3")
    assert row.where == same.where != other.where
    assert "training.dense.optimizer.name" in row.where
    assert not any(key.startswith("training.finetune") for key in row.where)


def test_rows_are_told_by_settings_left_out():
    (plain,) = rows("sparsity=random training.finetune.optimizer.name=sgd")
    (momentum,) = rows(
        "sparsity=random training.finetune.optimizer.name=sgd "
        "training.finetune.optimizer.momentum=0.9"
    )
    assert plain.where != momentum.where
    key = "training.finetune.optimizer.momentum"
    assert (plain.where.get(key), momentum.where[key]) == (None, "0.9")


def test_rows_are_told_by_what_few_of_them_have():
    half = "sparsity=random sparsity.target=0.5"
    erk, late, longer = (
        "sparsity/allocation=erk",
        "sparsity.schedule.end=0.8",
        "training.finetune.epochs=3",
    )
    found = rows(
        half, f"{half} {erk}", f"{half} {late}", f"{half} {erk} {late}", f"{half} {longer}"
    )
    assert [row.variant for row in found] == [
        "",
        "sparsity.allocation.kind=erk",
        "sparsity.schedule.end=0.8",
        "sparsity.allocation.kind=erk sparsity.schedule.end=0.8",
        "training.finetune.epochs=3.0",
    ]
    found = rows(half, f"{half} {erk}", "sparsity=random sparsity.target=0.9")
    assert [row.variant for row in found] == ["", "sparsity.allocation.kind=erk", ""]
    found = rows(half, f"{half} {longer}")
    assert [row.variant for row in found] == [
        f"training.finetune.epochs={n}" for n in ("6.0", "3.0")
    ]


def test_cells_that_are_one_are_one_row_with_each_seed_once():
    (row,) = rows("training.finetune.epochs=3", "training.finetune.epochs=4", "seed=2")
    assert (row.model, row.sparsity, row.seeds) == ("mnist_cnn", "dense", (1, 2))


def test_a_pattern_is_called_by_what_it_keeps():
    found = rows(
        "sparsity=structured_2x4",
        "sparsity=structured_2x4 sparsity.pattern.n=1",
        "sparsity=random sparsity.target=0.75",
    )
    assert [row.sparsity for row in found] == ["2 by 4", "1 by 4", "random 75%"]


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        ("sparsity=dense", "dense"),
        ("sparsity=random sparsity.target=0.875", "random 87.5%"),
        ("sparsity=structured_2x4", "2 by 4"),
        ("sparsity=structured_2x4_sr_ste", "2 by 4 SR-STE"),
        ("sparsity=structured_2x4_gradual", "2 by 4 gradual"),
        ("sparsity=random_rigl sparsity.target=0.9", "random RigL 90%"),
        ("sparsity=random_movement", "random movement straight-through 50%"),
        ("sparsity=block_1x4 sparsity.pattern.shape=[8,2]", "block 2 by 8 50%"),
    ],
)
def test_a_row_is_called_as_its_runs_are(cell, label):
    (row,) = rows(cell)
    assert row.sparsity == label


def test_cells_that_differ_in_what_is_exported_are_rows_of_their_own():
    found = rows("sparsity=random", "sparsity=random export.formats=[]")
    assert [row.variant for row in found] == [
        "export.formats=['tflite']",
        "export.formats=[]",
    ]


def test_a_published_sweep_keeps_the_layout_whatever_it_adds():
    words = "model=ds_cnn_l dataset=fsdd training=ds_cnn_l_small sparsity=random sparsity.target="
    configs = [compose(f"{words}{target}".split()) for target in (0.5, 0.6)]
    spec = table_spec(replace(SWEEP, published="keyword_spotting"), configs)
    assert spec.page[0].heading == "Non-sparse Accuracy"
    assert [row.model for row in spec.rows] == ["DS-CNN-L"] * 2


def test_a_method_is_a_row_of_its_own():
    plain, permuted, rigl = rows(
        "sparsity=structured_2x4", "sparsity=structured_2x4_permuted", "sparsity=random_rigl"
    )
    assert [plain.sparsity, permuted.sparsity] == ["2 by 4", "2 by 4 permuted"]
    assert rigl.sparsity == "random RigL 50%"
    key = "sparsity.method.kind"
    assert (plain.where[key], permuted.where[key]) == ("none", "permutation")


@pytest.mark.parametrize("name", [name for name in names() if load(name).scale == "full"])
def test_a_table_at_full_scale_has_every_row_that_was_published(name):
    loaded = load(name)
    spec = table_spec(loaded, [config for config, _ in loaded.configs()])
    shown = {(row.model, row.sparsity) for row in spec.rows}
    assert set(read_published(loaded.published).values) <= shown


def test_networks_at_small_scale_are_called_by_what_they_are():
    loaded = load("image_classification_small")
    spec = table_spec(loaded, [config for config, _ in loaded.configs()])
    assert {(row.model, row.published_row) for row in spec.rows} == {
        ("InceptionV3, width 0.25, 32 pixels", "InceptionV3"),
        ("MobilenetV1, width 0.5, 32 pixels", "MobilenetV1 224"),
        ("MobilenetV2, width 0.5, 32 pixels", "MobilenetV2 224"),
    }
    assert spec.page, "they stand in the guide's layout"


GNMT = "model=gnmt dataset=multi30k training=gnmt_small export=keras"


def test_a_table_of_translations_is_compared_by_bleu_though_nothing_was_published():
    spec = table_spec(SWEEP, [compose(GNMT.split())])
    assert (spec.quality.name, spec.quality.heading) == ("test/bleu", "BLEU")


@pytest.mark.parametrize(
    ("sweep", "cells"),
    [
        (SWEEP, (GNMT, "model=mnist_cnn")),
        (replace(SWEEP, published="image_classification"), (GNMT,)),
    ],
)
def test_a_table_of_several_measures_is_refused(sweep, cells):
    with pytest.raises(ConfigError, match=r"several measures \(test/bleu of gnmt, test/accuracy"):
        table_spec(sweep, [compose(cell.split()) for cell in cells])


def test_a_measure_of_its_own_is_not_that_of_a_published_table():
    sweep = replace(SWEEP, published="examples", quality="val/accuracy")
    with pytest.raises(ConfigError, match=r"several measures \(val/accuracy of quality, test/acc"):
        table_spec(sweep, [compose([])])


def test_a_table_to_choose_by_shows_nothing_of_the_test(swept, tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(f"{TINY_SWEEP}quality: val/accuracy\n")
    done = harness("report", str(path), f"tracking.uri={swept.uri}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Accuracy on the validation split" in " ".join(done.stdout.split())
    table = pd.read_csv(tmp_path / "results" / "tiny" / "table.csv")
    found = by_sparsity(swept.uri)
    assert table["mean"].tolist() == pytest.approx(
        [
            100 * found[name].metrics["val/accuracy"]
            for name in ("dense", "random", "structured_2x4")
        ]
    )
    assert set(table["metric"]) == {"val/accuracy"}
    of_the_test = ["best_quality", "fastest_quality", "p_examples_mcnemar"]
    assert table[of_the_test].isna().all(axis=None)
    seen = (tmp_path / "results" / "tiny" / "table.html").read_text()
    assert "± test examples" not in seen
