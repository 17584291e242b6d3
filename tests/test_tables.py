"""A sweep's rows are told by what decides its cells."""

from harness.config import compose
from harness.sweep import Sweep
from harness.tables import table_spec

SWEEP = Sweep("s", "A title", "small", (1,), ())


def rows(*cells):
    return table_spec(SWEEP, [compose(cell.split()) for cell in cells]).rows


def test_a_dense_row_is_that_of_every_fine_tuning_recipe():
    (row,) = rows("training.finetune.epochs=3")
    (same,) = rows("training.finetune.optimizer={name:sgd,momentum:0.9}")
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
    assert (plain.where[key], momentum.where[key]) == ("None", "0.9")


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


def test_a_method_is_a_row_of_its_own():
    plain, permuted, rigl = rows(
        "sparsity=structured_2x4", "sparsity=structured_2x4_permuted", "sparsity=random_rigl"
    )
    assert [plain.sparsity, permuted.sparsity] == ["2 by 4", "2 by 4 permuted"]
    assert rigl.sparsity == "random RigL 50%"
    # Runs logged before there were methods have no such parameter.
    key = "sparsity.method.kind"
    assert (plain.where[key], permuted.where[key]) == ("None", "permutation")
