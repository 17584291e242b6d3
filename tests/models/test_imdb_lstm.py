"""The IMDB net: its size, its logits, and that it learns."""

import keras
import numpy as np
import pytest

from harness import models
from harness.data.base import Split
from harness.data.text.corpora.sequences import SequenceData
from harness.errors import ConfigError
from harness.export import tflite
from harness.models.imdb_lstm import ImdbLstm
from harness.models.layers.plain import plain
from harness.tasks.scores.accuracy import evaluate
from harness.training import loop
from tests.training import small

SMALL = {"vocabulary_size": 20, "embedding": 4, "units": 6}


def config(**options):
    return ImdbLstm(**options)


def data(count=64) -> SequenceData:
    """Sequences of small or of large numbers."""
    rng = np.random.RandomState(0)

    def split(size):
        labels = np.arange(size) % 2
        return Split((rng.randint(1, 11, (size, 8)) + 9 * labels[:, None]).astype("i4"), labels)

    return SequenceData("numbers", "0", "made here", ("a", "b"), split(count), split(10), split(20))


def test_the_parameters_are_those_of_the_published_example():
    model = models.build(config(), (100,), 2)
    assert model.count_params() == 2_691_713
    assert sum(int(np.prod(w.shape)) for w in model.trainable_variables if w.ndim > 1) == 2_691_200


def test_its_logits_are_zero_and_the_example_s_one():
    model = models.build(config(**SMALL), (8,), 2)
    numbers = np.arange(24, dtype=np.int32).reshape(3, 8) % 20
    logits = model(numbers).numpy()
    one = keras.Model(model.input, model.get_layer("logit").output)(numbers).numpy()
    np.testing.assert_array_equal(logits, np.concatenate([0 * one, one], axis=1))
    labels = np.array([0, 1, 1])
    ours = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    theirs = keras.losses.BinaryCrossentropy(from_logits=True)(labels[:, None], one)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)


def test_it_learns_and_its_exported_file_computes_the_same():
    keras.utils.set_random_seed(0)
    model, examples = models.build(config(**SMALL), (8,), 2), data()
    fitted = loop.fit(model, examples, small.phase(epochs=12), small.recipe(), seed=1)
    assert fitted.steps == 96
    assert evaluate(model, examples.test(8)).accuracy == 1.0
    samples = examples.test_split.inputs[:5]
    content = tflite.convert(plain(model))
    expected = np.asarray(model(samples, training=False))
    np.testing.assert_allclose(tflite.run(content, samples), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "shape", "classes", "complaint"),
    [
        ({}, (28, 28, 1), 2, "needs sequences"),
        ({}, (100,), 3, "tells 2 classes apart, got 3"),
        ({"vocabulary_size": 3}, (100,), 2, r"model\.vocabulary_size: received 3"),
        ({"embedding": 0}, (100,), 2, r"model\.embedding: received 0"),
        ({"units": 0}, (100,), 2, r"model\.units: received 0"),
        ({"dropout": 1.0}, (100,), 2, r"model\.dropout: received 1\.0"),
    ],
)
def test_impossible_sizes_are_refused(options, shape, classes, complaint):
    with pytest.raises(ConfigError, match=complaint):
        models.build(config(**options), shape, classes)
