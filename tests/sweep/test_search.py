"""What a search asks for, and that it goes on where it was left."""

import csv
import signal
import subprocess

import pytest

from harness.config.searched import Axis, axes
from harness.errors import WAITING, ConfigError, HarnessError
from harness.sweep.search import _alone, _objectives, search
from harness.tracking.away import AwayError
from tests.killing import Kill, given
from tests.runs import runs
from tests.servers import free_port
from tests.settings import TINY, environment, shell

SPACE = ["experiment=mnist_cnn", "sparsity=random", "sparsity.target=interval(0.5,0.95)"]


class Low:
    """Stands for a trial of Optuna's: always the least value."""

    def suggest_float(self, name, low, high, log):
        return low

    def suggest_int(self, name, low, high, log):
        return low

    def suggest_categorical(self, name, choices):
        return choices[0]


@pytest.mark.parametrize(
    ("text", "axis", "asked"),
    [
        (
            "sparsity.target=interval(0.5,0.95)",
            Axis("sparsity.target", low=0.5, high=0.95),
            "sparsity.target=0.5",
        ),
        (
            "training.dense.optimizer.learning_rate=tag(log,interval(0.00012345,0.1))",
            Axis("training.dense.optimizer.learning_rate", low=0.00012345, high=0.1, log=True),
            "training.dense.optimizer.learning_rate=0.000123",
        ),
        (
            "training.dense.steps=interval(2,9)",
            Axis("training.dense.steps", low=2, high=9, whole=True),
            "training.dense.steps=2",
        ),
        (
            "training.dense.epochs=interval(2,9)",
            Axis("training.dense.epochs", low=2, high=9),
            "training.dense.epochs=2",
        ),
        (
            "sparsity.allocation=uniform,erk",
            Axis("sparsity.allocation", ("uniform", "erk")),
            "sparsity.allocation=uniform",
        ),
        ("seed=choice(3,4)", Axis("seed", ("3", "4")), "seed=3"),
        ("seed=range(1,4)", Axis("seed", ("1", "2", "3")), "seed=1"),
    ],
)
def test_hydra_s_ranges_and_choices_are_searched(text, axis, asked):
    fixed, found = axes(["model.units=16", text])
    assert (fixed, found) == (["model.units=16"], [axis])
    assert axis.ask(Low()) == asked


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["seed=1"], "received no key to search; accepted: KEY=A,B"),
        (["sparsity.target=interval(0.9,0.5)"], r"accepted: interval\(LOW,HIGH\) with LOW below"),
        (["sparsity.target=tag(log,interval(0,0.5))"], "received 0; accepted: above 0"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(overrides, complaint):
    with pytest.raises(ConfigError, match=complaint):
        axes(overrides)


def test_the_ends_are_the_task_s_quality_and_the_bytes():
    assert [m.name for m in _objectives((), "gnmt")] == ["test/bleu", "size/tflite_gzip_bytes"]
    with pytest.raises(ConfigError, match=r"--objective=test/acuracy is unknown.*did you mean"):
        _objectives(["test/acuracy"], "mnist_cnn")


@pytest.mark.slow
def test_a_search_goes_on_where_it_was_left(tmp_path):
    space = (
        "sparsity=random",
        "sparsity.target=interval(0.5,0.95)",
        "sparsity.allocation=erk,uniform",
    )

    def searched(trials):
        done = shell(
            "search",
            "--name",
            "two",
            "--trials",
            trials,
            *TINY,
            "sparsity=random",
            *space,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    searched("1")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert len(runs(uri)) == 2
    assert "trial 1: " in searched("2")
    assert len(runs(uri)) == 3
    assert "trial" not in searched("2").partition("Pareto")[0]
    rows = list(csv.DictReader((tmp_path / "results" / "two" / "pareto.csv").open()))
    reached = {
        (run.metrics["test/accuracy"], run.metrics["size/tflite_gzip_bytes"]) for run in runs(uri)
    }
    assert 1 <= len(rows) <= 2
    for row in rows:
        found = float(row["test/accuracy"]), float(row["size/tflite_gzip_bytes"])
        assert found in reached


@pytest.mark.slow
def test_a_search_that_is_killed_asks_the_same_again(tmp_path):
    optuna = pytest.importorskip("optuna")
    space = ("sparsity=random", "sparsity.target=interval(0.5,0.95)")
    words = ("search", "--name", "killed", *TINY, "export.formats=[]", *space)
    words = (*words, "--objective", "test/accuracy", "--objective", "params/nonzero")
    done = shell(*words, "--trials", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr

    training = Kill("harness.tracking.cell_run:CellRun.log", call=2, everything=True)
    killed = subprocess.run(
        given({"random 1": [training]}, *words, "--trials", "2"),
        cwd=tmp_path,
        env=environment(),
        start_new_session=True,
        timeout=300,
    )
    assert killed.returncode == -signal.SIGKILL
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    left = {run.id: run.status for run in runs(uri)}
    assert sorted(left.values()) == ["FINISHED", "FINISHED", "RUNNING"]
    storage = f"sqlite:///{tmp_path / 'work' / 'search' / 'killed.db'}"
    *_, under_way = optuna.load_study(study_name="killed", storage=storage).trials
    assert under_way.state.name == "RUNNING"

    done = shell(*words, "--trials", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "trial 2: " in done.stdout
    assert "trial 3: " not in done.stdout
    trials = optuna.load_study(study_name="killed", storage=storage).trials
    assert [trial.state.name for trial in trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert trials[2].params == under_way.params
    assert {run.id: run.status for run in runs(uri)} == dict.fromkeys(left, "FINISHED")


def test_cells_that_share_no_gpu_are_refused_before_a_trial(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="--jobs-per-device: received 2"):
        search("shared", ["experiment=mnist_cnn"], trials=1, per_device=2)
    assert not list(tmp_path.iterdir())


def test_a_space_of_which_every_cell_is_refused_is_given_up(tmp_path, monkeypatch, capsys):
    pytest.importorskip("optuna")
    monkeypatch.chdir(tmp_path)
    nowhere = "tracking.uri=sqlite:///nowhere/mlflow.db"
    with pytest.raises(HarnessError, match="the last 5 trials were refused or failed") as caught:
        search("nowhere", [*SPACE, nowhere], trials=9)
    assert "\n" not in str(caught.value)
    printed = capsys.readouterr().out
    assert printed.count("refused: tracking.uri: received") == 5
    assert not (tmp_path / "results").exists()


def test_a_second_search_of_a_name_is_refused_while_the_first_goes_on(tmp_path, monkeypatch):
    pytest.importorskip("optuna")
    monkeypatch.chdir(tmp_path)
    with (
        _alone(tmp_path / "work" / "search", "one"),
        pytest.raises(ConfigError, match="--name: received one, whose search is under way"),
    ):
        search("one", SPACE, trials=1)
    assert not (tmp_path / "work" / "search" / "one.db").exists()


def states(name):
    import optuna

    study = optuna.load_study(study_name=name, storage=f"sqlite:///work/search/{name}.db")
    return [(trial.state.name, trial.params) for trial in study.trials]


def test_a_store_that_is_away_is_no_trial_s_fault(tmp_path, monkeypatch):
    """The trial is asked again at the next start."""
    pytest.importorskip("optuna")
    monkeypatch.chdir(tmp_path)
    away = f"tracking.uri=http://127.0.0.1:{free_port()}"
    for _ in range(2):
        with pytest.raises(AwayError, match="no MLflow server answers"):
            search("away", [*SPACE, away], trials=9)
    (_, asked), again = states("away")
    assert again == ("RUNNING", asked)


@pytest.mark.parametrize("code", [130, WAITING])
def test_a_trial_that_came_to_no_end_is_asked_again(code, tmp_path, monkeypatch):
    """Its cell was interrupted, or waits for its store."""
    pytest.importorskip("optuna")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("harness.sweep.search.launch", lambda *given, **named: code)
    assert search("left", SPACE, trials=9) == code
    assert [state for state, _ in states("left")] == ["RUNNING"]
