"""Which task a cell is of, and that whatever can be chosen is listed in no time."""

import pytest

from harness import tasks
from harness.config import compose
from tests.settings import imported

ROOMS = """
from harness.data import DATASETS
from harness.data.prepare import PREPARERS
from harness.export import FORMATS
from harness.models import MODELS
from harness.tasks import TASKS
for room in (MODELS, DATASETS, FORMATS, TASKS, PREPARERS):
    assert len(room.names()) > 1, room.group
"""


def test_rooms_are_listed_without_anything_heavy():
    heavy = ("tensorflow", "keras", "mlflow", "pandas", "scipy", "tensorflow_datasets")
    assert imported(ROOMS, heavy) == set()


@pytest.mark.parametrize(
    ("overrides", "task", "quality"),
    [
        ([], "classification", "test/accuracy"),
        (["model=ds_cnn_l", "dataset=fsdd"], "classification", "test/accuracy"),
        (["model=gnmt", "dataset=multi30k", "export=keras"], "translation", "test/bleu"),
    ],
)
def test_what_a_model_takes_decides_its_task(overrides, task, quality):
    config = compose(overrides)
    assert tasks.of(config).name == task
    assert tasks.quality(config.model.name).name == quality


def test_the_test_split_comes_in_batches_as_asked_for():
    class Data:
        def test(self, batch_size):
            return batch_size

    for given, expected in (([], 64), (["evaluation.batch_size=7"], 7)):
        assert tasks.base.tested(Data(), compose(given)) == expected
