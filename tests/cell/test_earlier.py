"""What a sparse cell finds of its dense baseline before that has a finished run."""

import keras
import numpy as np
import pytest

from harness.cell import earlier, stages
from harness.cell.cell import trained_file
from harness.config import compose
from harness.errors import TrackingError
from harness.models.layers.plain import load_weights
from harness.sweep.plan import plan
from tests.settings import TINY
from tests.training import small


@pytest.fixture
def pair(store_uri, tmp_path):
    """A dense cell and a sparse one."""
    overrides = (*TINY, "sparsity=random", f"tracking.uri={store_uri}", f"work_dir={tmp_path}/w")
    return plan([(compose(overrides), overrides)])


def test_the_model_of_a_dense_baseline_is_there_once_it_is_trained(pair):
    dense, sparse = pair
    keras.utils.set_random_seed(1)
    model, other = small.model(), small.model()
    earlier.keep(dense, model)
    with earlier.dense_model(sparse) as path:
        stages.tidy(dense)  # its process ends meanwhile
        load_weights(other, path)
    for ours, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_nothing_is_left_half_written(pair, monkeypatch):
    dense, sparse = pair

    def cut_off(model, path):
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", cut_off)
    with pytest.raises(OSError, match="No space"):
        earlier.keep(dense, small.model())
    assert not trained_file(dense).exists()
    with pytest.raises(TrackingError, match="are of no finished cell"), earlier.dense_model(sparse):
        pass
