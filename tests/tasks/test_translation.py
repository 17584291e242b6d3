"""Translation cells, end to end on files of Multi30k's layout, and what they refuse."""

import csv
import re

import pytest

from harness.config import compose
from harness.errors import ConfigError
from tests.data.text.pair_files import write_multi30k
from tests.runs import by_sparsity
from tests.settings import harness

CELL = (
    "model=gnmt",
    "model.layers=2",
    "model.units=8",
    "model.decoding.beam=3",
    "dataset=multi30k",
    "dataset.vocabulary_size=48",
    "dataset.max_length=20",
    "dataset.buckets=[8,20]",
    "training=gnmt_small",
    "training.batch_size=16",
    "training.dense.epochs=4",
    "training.finetune.epochs=3",
    "export=keras",
    "export.formats=[packed,tflite,tflite_sparse]",
)
SPARSE = ("sparsity=random,block_1x4", "sparsity.target=0.8", "sparsity.schedule.frequency=1")


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    folder = tmp_path_factory.mktemp("translation")
    data = write_multi30k(folder / "data", 80)
    where = (f"dataset.data_dir={data}", f"dataset.cache_dir={folder / 'cache'}")
    done = harness("run", *CELL, *SPARSE, *where, "export.latency=true", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return by_sparsity(f"sqlite:///{folder / 'mlflow.db'}")


def test_scores_come_with_their_signatures(cells):
    assert cells.keys() == {"dense", "random", "block_1x4"}
    for run in cells.values():
        for name in ("bleu", "bleu_13a", "chrf"):
            assert 0 <= run.metrics[f"test/{name}"] <= 100
        assert run.metrics["test/perplexity"] > 1
        assert "tok:none|smooth:none" in run.tags["harness.signature.bleu"]
        assert "tok:13a" in run.tags["harness.signature.bleu_13a"]
        assert len(run.history("val/word_accuracy")) in (3, 4)


def test_training_learns_and_validation_sees_it(cells):
    (_, first), *_, (_, last) = cells["dense"].history("val/loss")
    assert last < first


def test_every_translation_is_kept(cells):
    with cells["random"].path("translations.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["example"]) for row in rows] == list(range(13))
    assert all(row["source"].endswith(".") and row["reference"].endswith(".") for row in rows)
    assert {"hypothesis", "hypothesis_words"} <= rows[0].keys()


def test_masks_hold_embeddings_and_kernels_but_no_attention(cells):
    weights = cells["random"].weights()
    zeros = {
        name: float((values == 0).mean()) for name, values in weights.items() if values.ndim == 2
    }
    for name, share in zeros.items():
        expected = 0.0 if "attention" in name else 0.8
        assert share == pytest.approx(expected, abs=0.02), name
    assert sum("/embed" in name for name in zeros) == 2
    assert cells["random"].metrics["sparsity/prunable"] == pytest.approx(0.8, abs=0.005)


def test_packed_models_translate_for_themselves(cells):
    for run in cells.values():
        found = run.metrics
        assert found["size/packed_bound_bytes"] < found["size/packed_bytes"]
        assert 0 <= found["test_packed/bleu"] <= 100
        difference = found["test_packed/bleu_difference"]
        assert difference == pytest.approx(found["test_packed/bleu"] - found["test/bleu"], abs=1e-4)
    sizes = [cells[name].metrics["size/packed_bytes"] for name in ("random", "dense")]
    assert sizes[0] < sizes[1]


def test_one_file_is_measured(cells):
    dense, sparse = (cells[name].metrics for name in ("dense", "random"))
    assert dense["size/keras_max_error"] == 0
    assert sparse["size/keras_gzip_bytes"] < dense["size/keras_gzip_bytes"]


def test_a_model_in_mixed_precision_trained_by_tokens_is_translated_with(tmp_path):
    data = write_multi30k(tmp_path / "data", 80)
    where = (f"dataset.data_dir={data}", f"dataset.cache_dir={tmp_path / 'cache'}")
    options = ("sparsity=dense", "training.mixed_precision=true", "training.dense.epochs=1")
    options += ("export.formats=[]",)
    by_tokens = ("dataset.batch_by=tokens", "training.batch_size=100")
    done = harness("run", *CELL, *where, *options, *by_tokens, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    cell = by_sparsity(f"sqlite:///{tmp_path / 'mlflow.db'}")["dense"]
    assert cell.metrics["test/perplexity"] > 1
    assert cell.metrics["size/keras_max_error"] < 0.1, "of bfloat16's logits"
    with cell.path("translations.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 13


def test_files_of_two_graphs_translate_for_themselves(cells):
    for run in cells.values():
        found = run.metrics
        assert not [tag for tag in run.tags if tag.startswith("harness.export.failed")]
        for kind in ("tflite", "tflite_sparse"):
            scored, perplexity = f"test_{kind}", found["test/perplexity"]
            assert 0 <= found[f"{scored}/bleu"] <= 100
            difference = found[f"{scored}/bleu"] - found["test/bleu"]
            assert found[f"{scored}/bleu_difference"] == pytest.approx(difference, abs=1e-4)
            assert found[f"{scored}/perplexity"] == pytest.approx(perplexity, rel=1e-3)
    dense, sparse = (cells[name].metrics for name in ("dense", "random"))
    assert sparse["size/tflite_gzip_bytes"] < dense["size/tflite_gzip_bytes"]


def test_a_sentence_and_both_graphs_have_times_beside_the_dense_networks(cells):
    for run in cells.values():
        for kind in ("dense", "tflite", "tflite_sparse"):
            for what in ("ms", "encode_ms", "step_ms", "step_speedup", "speedup"):
                assert run.metrics[f"latency/{kind}_{what}"] > 0
        words = run.metrics["latency/tflite_ms"] / run.metrics["latency/tflite_step_ms"]
        assert words > 25 / 2, "of 25 words"
    for name in ("random", "block_1x4"):
        assert cells[name].tags["harness.latency.reference"] == "dense"


def test_of_kernels_pruned_in_blocks_stock_kernels_skip_the_zeros(cells):
    ran = cells["block_1x4"].tags["harness.latency.sparse"]
    skipping = re.search(r"tflite_sparse: (?:[^;]*, )?(\d+) FULLY_CONNECTED", ran)
    assert int(skipping[1]) >= 6, "of both graphs, in the encoder's loops, too"
    assert cells["block_1x4"].metrics["sparsity/prunable"] == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("kind", ["tflite_int8", "tflite_shrunk", "tflite_waveform"])
def test_files_for_classifiers_are_refused_before_anything_runs(kind):
    with pytest.raises(ConfigError, match=rf"received {kind} with dataset=multi30k.*export=k"):
        compose([*CELL, f"export.formats=[{kind}]"])
