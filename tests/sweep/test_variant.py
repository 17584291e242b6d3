"""A sweep with other overrides is another sweep, and is called so."""

from harness.config import compose
from harness.sweep.spec import Sweep
from harness.sweep.table import table_spec
from harness.sweep.variant import folder_name, variant

CELL = ("sparsity=random",)
SWEEP = Sweep("s", "A title", "small", (1, 2), (((), (CELL,), None),), aliases={"u": "model.units"})


def of(*extra):
    return variant(SWEEP, extra)


def test_what_makes_other_cells_is_a_variant():
    assert of() == ""
    assert of("model.units=16") == "model.units=16"
    assert of("u=16,32") == "model.units=16,32", "as its key is called"
    assert of("experiment=imdb_lstm") == "experiment=imdb_lstm"
    assert of("training=ds_cnn_l") == "training=ds_cnn_l"
    assert of("seed=3", "model.units=8") == of("model.units=8", "seed=3") == "model.units=8, seed=3"
    assert of("model.units=8", "model.units=9") == "model.units=9", "the last one holds"


def test_where_and_how_often_make_none(tmp_path):
    assert of(f"work_dir={tmp_path}", "tracking.experiment=x", "training.checkpoint_epochs=3") == ""
    assert of("tracking=server", "training.log_every=1") == ""
    assert of("seed=1,2") == "", "the file's own"


def test_a_variants_folder_is_its_own_and_short():
    assert folder_name("s", "") == "s"
    one, other = (folder_name("s", f"dataset.words=[{'a' * 300}{end}]") for end in "xy")
    assert one != other
    assert all(len(name.encode()) < 55 for name in (one, other))
    found = folder_name("s", "model.units=16, training.dense.epochs=3")
    assert found.startswith("s-units=16,epochs=3-")
    assert "/" not in folder_name("s", "dataset.train_files=../../x")


def test_a_variants_table_says_so_and_lies_in_its_own_folder():
    extra = ["model.units=16"]
    spec = table_spec(SWEEP, [config for config, _ in SWEEP.configs(extra)], extra)
    assert spec.title == "A title (model.units=16)"
    assert spec.name == folder_name("s", "model.units=16")
    plain = table_spec(SWEEP, [compose(CELL)])
    assert (plain.title, plain.name) == ("A title", "s")
