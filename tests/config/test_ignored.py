"""Overrides that nothing reads are refused, not swallowed."""

import pytest

from harness import data
from harness.config import compose, expand
from harness.config.ignored import refuse_ignored
from harness.errors import ConfigError
from tests.settings import TINY


def refuse(*lines):
    cells = [each for line in lines for each in expand(line.split())]
    refuse_ignored([(compose(each), each) for each in cells])


@pytest.mark.parametrize(
    ("line", "choice"),
    [
        ("sparsity.score=magnitude", "received magnitude with sparsity=dense, which does not"),
        ("sparsity.schedule.begin=0.0", "received 0.0 with sparsity=dense, which does not"),
        ("strategy.synchronized_batch_norm=false", "received false with strategy=single, which"),
        (
            "sparsity=structured_2x4 sparsity.schedule.frequency=10",
            "read by sparsity.schedule=const",
        ),
        ("sparsity=random sparsity.pattern.n=1", "read by sparsity.pattern=gradual_n_m, n_m"),
        ("training.dense.decay.rate=0.5", "read by training.dense.decay=exponential"),
        ("sparsity.score=taylor sparsity.score=magnitude", "received magnitude with sparsity="),
    ],
)
def test_a_key_that_a_choice_does_not_read(line, choice):
    key = line.split()[-1].partition("=")[0]
    with pytest.raises(ConfigError) as caught:
        refuse(line)
    assert str(caught.value).startswith(f"{key}: ")
    assert choice in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "",
        " ".join(TINY),
        "training.checkpoint_epochs=2 work_dir=x tracking.experiment=y training.log_every=1",
        "training.dense.optimizer.epsilon=null training.l2=null",
        "sparsity=random sparsity.schedule.frequency=5 sparsity.scope.include=[a]",
        "training.dense.optimizer=sgd training.dense.optimizer.momentum=0.9",
        "sparsity=random sparsity.schedule=cosine",
        "sparsity=control,random sparsity.scope.include=[]",
        "export.latency=false",
        "export.latency=true export.latency=false",  # a sweep's own, and what is asked of it
        "sparsity=random sparsity.schedule.frequency=5 sparsity.schedule.frequency=10",
    ],
)
def test_what_some_cell_reads_is_read(line):
    refuse(line)


@pytest.mark.parametrize("line", ["", "dataset=imdb model=imdb_lstm training=imdb_lstm "])
def test_a_folder_for_data_that_come_with_a_package(line):
    complaint = r"received '/nope' .* comes with a package; accepted: null"
    with pytest.raises(ConfigError, match=complaint):
        refuse(f"{line}dataset.data_dir=/nope")
    with pytest.raises(ConfigError, match=complaint):
        data.require(compose((*line.split(), "dataset.data_dir=/nope")).dataset)
