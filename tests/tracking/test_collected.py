"""Runs kept as files: what comes back, what stays out, and that files merge."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from mlflow.entities import Metric

from harness.errors import TrackingError
from harness.tracking import collected
from harness.tracking.backends import NoRunsError
from harness.tracking.runs import read_answers, read_histories, read_runs
from tests.report.store import Store

SECRETS = {
    "harness.host": "a-host-name",
    "mlflow.user": "somebody",
    "harness.latency.failed.tflite": "File /home/somebody/model.tflite: no such file",
    "mlflow.source.name": "/home/somebody/harness",
    "harness.command": (
        "harness run experiment=mnist_cnn seed=1 work_dir=/home/somebody/w "
        "tracking.uri=sqlite:////home/somebody/m.db dataset.data_dir=/home/somebody/d"
    ),
}
LABELS, PREDICTED = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 1, 2, 3, 4, 5, 6, 7, 8, 0]


def table(store, run_id, name, header, rows, tmp_path):
    path = tmp_path / name
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    store.client.log_artifact(run_id, str(path))


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    made = Store(f"sqlite:///{folder}/mlflow.db", "mine", artifacts=folder / "artifacts")
    made.ids = [made.cell(seed=seed, tags=SECRETS) for seed in (1, 2)]
    made.cell(seed=3, status="FAILED")
    rows = [[i, *pair] for i, pair in enumerate(zip(LABELS, PREDICTED, strict=True))]
    table(made, made.ids[0], "predictions.csv", ["example", "label", "prediction"], rows, tmp_path)
    losses = [Metric("train/loss", 1 / (1 + step), 0, step) for step in range(1000)]
    made.client.log_batch(made.ids[0], metrics=losses)
    return made


def test_what_was_collected_reads_as_the_store_does(store, tmp_path):
    path, count = collected.collect(store.uri, "mine", tmp_path / "runs")
    assert count == 2
    assert path.stat().st_size < 20_000
    kept, stored = (
        read_runs(uri, "mine").set_index("run_id") for uri in (str(path.parent), store.uri)
    )
    assert list(kept.index) == [run for run in stored.index if run in store.ids]
    for column in kept:
        if column.startswith(("params.", "metrics.")):
            values, expected = kept[column], stored.loc[kept.index, column]
            assert values.tolist() == pytest.approx(expected.tolist(), nan_ok=True), column
    assert (kept["start_time"] == stored.loc[kept.index, "start_time"]).all()


def test_collecting_again_adds_what_is_new_and_nothing_else(store, tmp_path):
    folder = tmp_path / "runs"
    first, _ = collected.collect(store.uri, "mine", folder)
    content = first.read_bytes()
    assert collected.collect(store.uri, "mine", folder) == (None, 0)
    new = store.cell(seed=4)
    second, count = collected.collect(store.uri, "mine", folder)
    assert (count, first.read_bytes()) == (1, content)
    assert set(read_runs(str(folder), "mine")["run_id"]) == {*store.ids, new}
    # the same runs, wherever they are collected, are the same file
    again, _ = collected.collect(store.uri, "mine", tmp_path / "other")
    assert again.name not in (first.name, second.name)


def test_parts_of_several_machines_lie_beside_each_other(store, tmp_path):
    (tmp_path / "there").mkdir()
    there = Store(f"sqlite:///{tmp_path}/there/mlflow.db", "mine")
    other = there.cell(seed=9)
    folder = tmp_path / "runs"
    names = {collected.collect(uri, "mine", folder)[0].name for uri in (store.uri, there.uri)}
    assert len(names) == 2
    assert set(read_runs(str(folder), "mine")["run_id"]) == {*store.ids, other}
    both = read_runs((there.uri, str(folder), f"sqlite:///{tmp_path}/none.db"), "mine")
    assert sorted(both["run_id"]) == sorted([*store.ids, other])
    with pytest.raises(NoRunsError):
        read_runs((f"sqlite:///{tmp_path}/none.db",), "mine")


def test_nothing_tells_where_or_by_whom(store, tmp_path):
    path, _ = collected.collect(store.uri, "mine", tmp_path / "runs")
    (run,) = [run for run in collected._of(path.parent) if run["run_id"] == store.ids[0]]
    said = json.dumps({name: value for name, value in run.items() if name != "right"})
    for secret in ("somebody", "a-host-name", str(tmp_path), "/home"):
        assert secret not in said
    command = "harness run experiment=mnist_cnn seed=1 dataset.data_dir=FOLDER"
    assert run["tags"]["harness.command"] == command


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("dataset.test_files=test_2017_flickr", None),
        ("dataset.train_files=sub/corpus dataset.vocabulary_file=words.txt", None),
        ("training.dense_weights=trained.keras seed=2", None),
        ("training.dense_weights=/home/ann/a.keras", "training.dense_weights=FILE"),
        ("dataset.test_files=~ann/test", "dataset.test_files=FILE"),
        ("+dataset.test_files='/home/ann/my test'", "dataset.test_files=FILE"),
        ("dataset.vocabulary_file=../ann/words", "dataset.vocabulary_file=FILE"),
        ("seed=1 --config-dir /home/ann/conf", "seed=1 --config-dir FOLDER"),
        ("/home/ann/mine.yaml dataset.cache_dir=here seed=1", "FILE seed=1"),
    ],
)
def test_a_command_keeps_what_decides_its_numbers(words, kept):
    assert collected.without_places(f"harness run {words}") == f"harness run {kept or words}"


def test_the_answers_come_back_bit_by_bit(store, tmp_path):
    path, _ = collected.collect(store.uri, "mine", tmp_path / "runs")
    expected = np.array(LABELS) == np.array(PREDICTED)
    for uri in (store.uri, str(path.parent), (store.uri, str(path.parent))):
        found = read_answers(uri, store.ids)
        assert list(found) == store.ids[:1]
        np.testing.assert_array_equal(found[store.ids[0]].right, expected)


def test_translations_are_kept_with_their_references(store, tmp_path):
    rows = [[0, "one", "eins", "ein s", "ein s"], [1, "two", "zwei", "zwei", "zwei"]]
    header = ["example", "source", "reference", "hypothesis", "hypothesis_words"]
    table(store, store.ids[1], "translations.csv", header, rows, tmp_path)
    path, _ = collected.collect(store.uri, "mine", tmp_path / "runs")
    found = read_answers(str(path.parent), store.ids)[store.ids[1]]
    assert (found.said, found.reference) == (("ein s", "zwei"), ("eins", "zwei"))
    # words, of them and of the reference; right, of 1 to 4; of 1 to 4 in all
    assert found.counts.tolist() == [[2, 1, *[0] * 4, 2, 1, 0, 0], [1, 1, *[1, 0, 0, 0] * 2]]
    of_store = read_answers(store.uri, store.ids)[store.ids[1]]
    assert of_store.counts.tolist() == found.counts.tolist()


def test_histories_are_thinned_and_keep_both_ends(store, tmp_path):
    path, _ = collected.collect(store.uri, "mine", tmp_path / "runs")
    points = read_histories(str(path.parent), store.ids, ["train/loss"])[store.ids[0]]["train/loss"]
    assert points[0] == (0, 1.0)
    assert points[-1] == (999, pytest.approx(1e-3))
    assert 20 <= len(points) <= collected.POINTS + 1


def test_a_file_that_is_none_is_named(tmp_path):
    Path(tmp_path, "mine-0.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(TrackingError, match=r"mine-0\.parquet cannot be read as collected runs"):
        read_runs(str(tmp_path), "mine")
