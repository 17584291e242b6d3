"""Overrides that nothing reads are refused, not swallowed."""

import pytest

from harness.config import compose, expand
from harness.config.ignored import refuse_ignored
from harness.errors import ConfigError, DataError
from harness.sweep.plan import plan
from tests.settings import TINY


def refuse(*lines):
    cells = [each for line in lines for each in expand(line.split())]
    refuse_ignored([(compose(each), each) for each in cells])


@pytest.mark.parametrize(
    ("line", "choice"),
    [
        ("sparsity.schedule.begin=0.1", "sparsity=dense"),
        ("sparsity.score=magnitude", "sparsity=dense"),
        (
            "sparsity=structured_2x4 sparsity.schedule.frequency=10",
            "sparsity.schedule.kind=one_shot",
        ),
        ("sparsity=random sparsity.pattern.n=1", "sparsity.pattern.kind=unstructured"),
        ("training.dense.decay.rate=0.5", "training.dense.decay.kind=constant"),
        ("strategy.synchronized_batch_norm=false", "strategy=single"),
    ],
)
def test_a_key_that_a_choice_does_not_read(line, choice):
    key, _, value = line.split()[-1].partition("=")
    with pytest.raises(ConfigError) as caught:
        refuse(line)
    assert str(caught.value).startswith(f"{key}: received {value} with {choice}, which does not")


@pytest.mark.parametrize(
    "line",
    [
        "",
        " ".join(TINY),
        "training.checkpoint_epochs=2 work_dir=x tracking.experiment=y training.log_every=1",
        "training.dense.optimizer.momentum=null training.l2=null",
        "sparsity=random sparsity.schedule.frequency=5 sparsity.scope.include=[a]",
        "training.dense.optimizer={name:sgd,momentum:0.9}",
        "sparsity=structured_2x4,random sparsity.schedule.frequency=10",
    ],
)
def test_what_some_cell_reads_is_read(line):
    refuse(line)


@pytest.mark.parametrize("line", ["", "dataset=imdb model=imdb_lstm training=imdb_lstm"])
def test_a_folder_for_data_that_come_with_a_package(line):
    overrides = (*line.split(), "dataset.data_dir=/nope")
    with pytest.raises(DataError, match=r"received /nope .* reads no folder; did you mean"):
        plan([(compose(overrides), overrides)])
