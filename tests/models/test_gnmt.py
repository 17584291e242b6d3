"""GNMT against its published counts and against a slow reference."""

import keras
import numpy as np
import pytest

from harness.errors import ConfigError, ExportError
from harness.models import build
from harness.models.gnmt import Decoding, Gnmt
from harness.models.layers import gnmt_layers
from harness.models.layers.plain import load_weights, plain
from harness.models.layers.weights import load_file
from harness.pruning import OneShot, Pruner, Unstructured
from tests.models.gnmt_reference import BOS, Reference

VOCABULARY = 23


def small(layers=3, units=6, dropout=0.2, vocabulary="of these ids"):
    """A net with weights large enough for its nonlinearities to matter."""
    keras.utils.set_random_seed(layers)
    config = Gnmt("gnmt", layers, units, dropout, decoding=Decoding())
    model = build(config, (None,), VOCABULARY, vocabulary=vocabulary)
    for variable in model.variables:
        if variable.name != "seed_generator_state":
            variable.assign(np.random.default_rng(units).normal(size=variable.shape) * 0.7)
    return model


def sentences(count, seed=0, longest=6):
    rng = np.random.default_rng(seed)
    return [
        rng.integers(4, VOCABULARY, rng.integers(1, longest + 1)).tolist() for _ in range(count)
    ]


def padded(rows, width):
    return np.array([row + [0] * (width - len(row)) for row in rows], np.int32)


def full_size(monkeypatch, layers):
    # Zeros: random numbers for 211 million weights take their time.
    monkeypatch.setattr(gnmt_layers, "uniform", lambda *limits: keras.initializers.Zeros())
    return build(Gnmt("gnmt", layers), (None,), 36_548)


@pytest.mark.anywhere
def test_published_counts(monkeypatch):
    model = full_size(monkeypatch, 4)
    assert model.count_params() == 210_880_513
    for sparsity, millions in ((0.8, 43.88), (0.85, 33.45), (0.9, 23.01)):
        summary = Pruner(Unstructured(), OneShot(sparsity)).preview(model)
        assert summary.trainable_params == 210_880_513
        assert round(summary.nonzero_params / 1e6, 2) == millions
    dense = {row.path.rpartition("/")[0] for row in summary.skipped if len(row.shape) > 1}
    assert dense == {"decoder/attention"}


@pytest.mark.slow
def test_published_count_of_eight_layers(monkeypatch):
    assert full_size(monkeypatch, 8).count_params() == 294_799_361


@pytest.mark.parametrize("layers", [2, 4])
def test_forward_pass_is_the_references(layers):
    model = small(layers)
    reference = Reference(model, layers)
    sources, targets = sentences(5), [[BOS, *t] for t in sentences(5, seed=1)]
    logits = np.asarray(model((padded(sources, 9), padded(targets, 8)), training=False))
    expected = [reference.logits(s, t) for s, t in zip(sources, targets, strict=True)]
    np.testing.assert_allclose(logits, np.concatenate(expected), rtol=2e-4, atol=2e-4)


def test_dropout_is_drawn_in_training_only():
    model = small()
    inputs = padded(sentences(2), 6), padded([[BOS, 5], [BOS, 6]], 3)
    calm = [np.asarray(model(inputs, training=False)) for _ in range(2)]
    wild = [np.asarray(model(inputs, training=True)) for _ in range(2)]
    np.testing.assert_array_equal(*calm)
    assert np.abs(wild[0] - wild[1]).max() > 1e-3
    assert np.abs(wild[0] - calm[0]).max() > 1e-3


def test_embeddings_alone_begin_as_wide_as_asked():
    config = Gnmt("gnmt", 2, 6, embedding_range=3.0)
    model = build(config, (None,), VOCABULARY)
    widest = {
        variable.path: float(np.abs(variable).max())
        for variable in model.trainable_variables
        if not variable.path.endswith(("bias", "/g", "/b"))
    }
    for path, value in widest.items():
        limit = 3.0 if "embedding" in path else 0.1
        assert limit / 3 < value <= limit, path


def test_every_weight_gets_a_dense_gradient():
    import tensorflow as tf

    model = small()
    inputs = padded(sentences(3), 6), padded([[BOS, 5], [BOS], [BOS, 6]], 3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(inputs, training=False) ** 2)
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert isinstance(gradient, tf.Tensor), variable.path
        assert gradient.shape == variable.shape, variable.path
        assert float(tf.reduce_max(tf.abs(gradient))) > 0, variable.path


def test_a_file_holds_the_model_and_tells_its_vocabulary(tmp_path):
    model = small()
    plain(model).save(tmp_path / "model.keras")
    inputs = padded(sentences(2), 6), padded([[BOS, 5], [BOS, 6]], 3)
    fresh = small()
    for variable in fresh.trainable_variables:
        variable.assign(variable * 0)
    load_weights(fresh, tmp_path / "model.keras")
    np.testing.assert_array_equal(fresh(inputs), model(inputs))
    stranger = small(vocabulary="other words")
    with pytest.raises(ExportError, match=r"trained with vocabulary of these id.*other words"):
        load_weights(stranger, tmp_path / "model.keras")
    with pytest.raises(ExportError, match="trained with vocabulary"):
        load_file(stranger, tmp_path / "model.keras")
    plain(model).save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ConfigError, match=r"weights\.h5, which does not say what vocabulary"):
        load_file(fresh, tmp_path / "model.weights.h5")


@pytest.mark.parametrize(
    ("config", "shape", "complaint"),
    [
        (Gnmt("gnmt", layers=1), (None,), "model.layers: received 1"),
        (Gnmt("gnmt", embedding_range=0.0), (None,), "embedding_range: received 0.0"),
        (Gnmt("gnmt", units=8), (28, 28, 1), "pairs of sentences"),
        (
            Gnmt("gnmt", units=8, decoding=Decoding(beam=VOCABULARY)),
            (None,),
            f"beam: received {VOCABULARY}",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(config, shape, complaint):
    with pytest.raises(ConfigError, match=complaint):
        build(config, shape, VOCABULARY)
