"""The MNIST net, and the registry that it is built by."""

import keras
import numpy as np
import pytest

from harness import models
from harness.errors import ConfigError
from harness.models.mnist_cnn import MnistCnn


def config(**options):
    return MnistCnn(**options)


def test_the_parameters_are_those_of_the_published_example():
    model = models.build(config(), (28, 28, 1), 10)
    assert model.count_params() == 3_274_762
    kernels = [w for w in model.trainable_variables if w.name == "kernel"]
    assert sum(int(np.prod(kernel.shape)) for kernel in kernels) == 3_273_504


def test_it_gives_logits():
    model = models.build(config(filters=[2, 3], units=4), (8, 8, 1), 7)
    outputs = model(np.random.default_rng(0).random((5, 8, 8, 1), np.float32)).numpy()
    assert outputs.shape == (5, 7)
    assert not np.allclose(outputs.sum(axis=1), 1), "a softmax would sum to 1"


def test_the_seed_alone_decides_its_weights():
    weights = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        model = models.build(config(filters=[2, 3], units=4), (8, 8, 1), 3)
        weights.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("options", "shape", "complaint"),
    [
        ({}, (100,), "needs images"),
        ({"filters": [32]}, (28, 28, 1), r"model\.filters: received \[32\]"),
        ({"filters": [32, 0]}, (28, 28, 1), "from 1 on"),
        ({"units": 0}, (28, 28, 1), r"model\.units: received 0"),
        ({"dropout": 1.0}, (28, 28, 1), r"model\.dropout: received 1\.0.*\[0, 1\)"),
    ],
)
def test_impossible_sizes_are_refused(options, shape, complaint):
    with pytest.raises(ConfigError, match=complaint):
        models.build(config(**options), shape, 10)


def test_unknown_models_are_refused():
    with pytest.raises(ConfigError, match=r"model=mnist_cn is unknown.*did you mean .*mnist_cnn"):
        models.MODELS.find("mnist_cn")
