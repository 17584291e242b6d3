"""DS-CNN-L: its counts under every pruner of the published comparison, and its front end."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness import models
from harness.config import compose
from harness.errors import ConfigError
from harness.export import ExportOptions, export, tflite
from harness.models.ds_cnn_l import DsCnnL
from harness.models.layers.front_end import Mfcc, with_front_end
from harness.models.layers.plain import plain
from harness.pruning.options import summarize
from harness.training.recipe import precision

MFCC = (49, 10, 1)


def config(**options):
    return DsCnnL(**options)


@pytest.fixture(scope="module")
def published():
    return models.build(config(), MFCC, 12)


@pytest.fixture
def sounds():
    """A chirp, noise and silence: [3, 16000] in [-1, 1]."""
    t = np.arange(16_000) / 16_000
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000)
    return np.stack([np.sin(2e3 * t * (1 + t)), noise, np.zeros(16_000)]).astype(np.float32)


def test_the_parameters_are_those_of_the_published_net(published):
    summary = summarize(published, None)
    assert published.count_params() == summary.total_params == 422_844
    assert summary.trainable_params == 416_772
    depthwise = [w for w in published.trainable_variables if w.path.startswith("depthwise")]
    kernels = [w for w in depthwise if w.name == "kernel"]
    assert sum(int(np.prod(kernel.shape)) for kernel in kernels) == 12_420


@pytest.mark.parametrize(
    ("policy", "prunable", "nonzero"),
    [
        ("all_kernels", 395_232, {0.5: 219_156, 0.75: 120_348, 0.875: 70_944}),
        ("all_but_first_and_last", 380_880, {0.5: 226_332, 0.75: 131_112, 0.875: 83_502}),
    ],
)
def test_unstructured_counts(published, policy, prunable, nonzero):
    for target, expected in nonzero.items():
        overrides = [f"sparsity.target={target}", f"sparsity.scope={policy}"]
        summary = preview(published, "sparsity=random", *overrides)
        assert summary.prunable_params == prunable
        assert summary.nonzero_params == expected


def test_two_by_four_leaves_the_one_channel_input_dense(published):
    summary = preview(published, "sparsity=structured_2x4")
    assert summary.nonzero_params == 224_676
    (first,) = (row for row in summary.layers if row.path == "conv_1/kernel")
    assert first.kept == first.size
    assert first.reason, "why is said"


def preview(model, *overrides):
    return compose(overrides).sparsity.pruner(100).preview(model)


def test_each_stage_has_the_published_size(published):
    assert published.get_layer("conv_1").output.shape == (None, 25, 10, 276)
    assert published.get_layer("depthwise_1").output.shape == (None, 13, 5, 276)
    assert published.get_layer("pointwise_5").output.shape == (None, 13, 5, 276)


def test_width_and_momentum_are_options():
    model = models.build(config(filters=4, momentum=0.9), MFCC, 3)
    assert model.output_shape == (None, 3)
    norms = [layer for layer in model.layers if layer.name.startswith("norm_")]
    assert len(norms) == 11
    assert {norm.momentum for norm in norms} == {0.9}


@pytest.mark.parametrize(
    ("options", "shape", "complaint"),
    [
        ({"filters": 0}, MFCC, r"model\.filters: received 0"),
        ({"momentum": 1.0}, MFCC, r"model\.momentum: received 1\.0"),
        ({}, (28, 28, 3), "needs MFCC"),
        ({}, (100,), "640 samples or more"),
    ],
)
def test_impossible_sizes_are_refused(options, shape, complaint):
    with pytest.raises(ConfigError, match=complaint):
        models.build(config(**options), shape, 10)


class TestFrontEnd:
    def test_a_second_is_49_frames_of_10(self, sounds):
        features = Mfcc()(sounds)
        assert features.shape == (3, *MFCC)
        assert Mfcc().compute_output_shape((None, 16_000)) == (None, *MFCC)

    def test_sounds_of_a_batch_do_not_mix(self, sounds):
        alone = np.concatenate([Mfcc()(sound[None]) for sound in sounds])
        np.testing.assert_array_equal(Mfcc()(sounds), alone)

    def test_it_is_the_spectrum_by_its_definition(self, sounds):
        """The first frame, from the FFT, triangular mel filters and an orthonormal DCT."""
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(640) / 640)
        spectrum = np.abs(np.fft.rfft(sounds[1, :640] * window, 1024)) ** 2
        mel = 1127 * np.log1p(np.arange(513) * (16_000 / 1024) / 700)
        edges = np.linspace(*(1127 * np.log1p(np.array([20, 4_000]) / 700)), 42)
        filters = [
            np.interp(mel, edges[i : i + 3], [0, 1, 0]) for i in range(40)
        ]  # the operation sums magnitudes: square roots of the power
        energies = np.log(np.maximum(np.stack(filters) @ np.sqrt(spectrum), 1e-12))
        k, n = np.arange(10)[:, None], np.arange(40)
        expected = np.sqrt(2 / 40) * np.cos(np.pi / 40 * k * (n + 0.5)) @ energies
        np.testing.assert_allclose(Mfcc()(sounds)[1, 0, :, 0], expected, rtol=0.02, atol=0.1)

    def test_half_precision_leaves_it_alone(self, sounds):
        with precision(mixed=True):
            layer = Mfcc()
        np.testing.assert_array_equal(layer(sounds), Mfcc()(sounds))

    def test_a_model_of_waveforms_is_the_model_of_their_features(self, sounds):
        inner = models.build(config(filters=4), MFCC, 3)
        outer = models.build(config(filters=4), (16_000,), 3)
        outer.set_weights(inner.get_weights())
        np.testing.assert_allclose(outer(sounds), inner(Mfcc()(sounds)), rtol=1e-6)

    def test_it_survives_saving_and_a_graph(self, sounds, tmp_path):
        model = models.build(config(filters=4), (16_000,), 3)
        plain(model).save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        graph = tf.function(again, input_signature=[tf.TensorSpec((None, 16_000))])
        np.testing.assert_allclose(graph(sounds), model(sounds), rtol=1e-4, atol=1e-5)

    def test_a_trained_spotter_is_exported_with_it(self, sounds, tmp_path):
        spotter = models.build(config(filters=4), MFCC, 3)
        outer = with_front_end(spotter)
        expected = spotter(Mfcc()(sounds)).numpy()
        np.testing.assert_allclose(outer(sounds), expected, rtol=1e-5)
        path = tmp_path / "spotter.tflite"
        assert tflite.to_tflite(plain(outer), path, sounds, 1e-3).error < 1e-3
        np.testing.assert_allclose(
            tflite.run(path.read_bytes(), sounds), expected, rtol=1e-3, atol=1e-4
        )

    def test_a_model_of_waveforms_passes_the_checks_of_export(self, sounds, tmp_path):
        model = models.build(config(filters=4), (16_000,), 3)
        artifacts = export(model, ExportOptions(name="tflite"), tmp_path, sounds).artifacts
        assert [artifact.kind for artifact in artifacts] == ["keras", "tflite"]
        assert all(artifact.compared.error < 1e-3 for artifact in artifacts)
