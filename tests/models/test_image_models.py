"""InceptionV3 and the MobileNets: Keras' own architectures, counts and weight files."""

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from harness.config import compose
from harness.errors import ConfigError
from harness.models import build
from harness.models.layers.plain import plain
from harness.models.layers.standard import BatchNorm
from harness.models.layers.weights import load_file

pytestmark = pytest.mark.anywhere

SIDES = {"inception_v3": 299, "mobilenet_v1": 224, "mobilenet_v2": 224}
TARGETS = (0.5, 0.75, 0.875)
#: Counted with Keras 3.15 from `keras.applications`: total, trainable; then by policy the
#: prunable weights, and the trainable weights left at each target; 2:4 of all kernels.
COUNTS = {
    "inception_v3": (
        (23_851_784, 23_817_352),
        {
            "all_kernels": (23_799_136, (11_917_784, 5_968_000, 2_993_108)),
            "all_but_first_and_last": (21_750_272, (12_942_216, 7_504_648, 4_785_864)),
        },
        11_917_928,
    ),
    "mobilenet_v1": (
        (4_253_864, 4_231_976),
        {
            "all_kernels": (4_164_448, (2_149_752, 1_108_640, 588_084)),
            "all_but_first_and_last": (3_139_584, (2_662_184, 1_877_288, 1_484_840)),
        },
        2_149_896,
    ),
    "mobilenet_v2": (
        (3_538_984, 3_504_872),
        {
            "all_kernels": (3_405_536, (1_802_104, 950_720, 525_028)),
            "all_but_first_and_last": (2_124_672, (2_442_536, 1_911_368, 1_645_784)),
        },
        1_802_248,
    ),
}


def config(name, *overrides):
    return compose([f"model={name}", "dataset=cifar10", *overrides])


def preview(model, name, *overrides):
    return config(name, *overrides).sparsity.pruner(100).preview(model)


@pytest.mark.parametrize("name", COUNTS)
def test_counts_at_full_scale(name):
    side = SIDES[name]
    model = build(config(name).model, (side, side, 3), 1000)
    totals, policies, two_by_four = COUNTS[name]
    for policy, (prunable, left) in policies.items():
        for target, nonzero in zip(TARGETS, left, strict=True):
            found = preview(
                model,
                name,
                "sparsity=random",
                f"sparsity.target={target}",
                f"sparsity.scope={policy}",
            )
            assert (found.total_params, found.trainable_params) == totals
            assert found.prunable_params == prunable
            assert found.nonzero_params == nonzero
    assert preview(model, name, "sparsity=structured_2x4").nonzero_params == two_by_four


ORIGINALS = {
    "mobilenet_v1": lambda: keras.applications.MobileNet(
        (32, 32, 3), alpha=0.25, weights=None, classes=10
    ),
    "mobilenet_v2": lambda: keras.applications.MobileNetV2(
        (32, 32, 3), alpha=0.35, weights=None, classes=10
    ),
    "inception_v3": lambda: keras.applications.InceptionV3(
        input_shape=(75, 75, 3), weights=None, classes=10
    ),
}
WIDTHS = {"mobilenet_v1": 0.25, "mobilenet_v2": 0.35, "inception_v3": 1}
KINDS = ("model.keras", "model.h5", "just.weights.h5", "just.h5")


def write(model, path):
    """A file as Keras writes it, or as `keras.applications` downloads it (`just.h5`)."""
    if path.name == "just.h5":
        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, model)
    elif path.name == "just.weights.h5":
        model.save_weights(path)
    else:
        model.save(path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ORIGINALS)
def test_keras_weight_files_load(name, tmp_path):
    original = ORIGINALS[name]()
    rng = np.random.default_rng(0)
    weights = [w + rng.uniform(0, 0.01, w.shape).astype("float32") for w in original.get_weights()]
    original.set_weights(weights)
    images = rng.uniform(-1, 1, (2, *original.input_shape[1:])).astype("float32")
    expected = original.predict(images, verbose=0)
    model = build(config(name, f"model.width={WIDTHS[name]}").model, original.input_shape[1:], 10)
    names = [weight.path.split("/")[-1] for weight in original.weights]
    assert [weight.path.split("/")[-1] for weight in model.weights] == names
    fresh = model.get_weights()
    # One file for the largest: they take seconds each, and what differs is Keras' reading.
    for kind in KINDS if name == "mobilenet_v1" else KINDS[-1:]:
        write(original, tmp_path / kind)
        model.set_weights(fresh)
        load_file(model, tmp_path / kind)
        found = keras.ops.convert_to_numpy(keras.ops.softmax(model.predict(images, verbose=0)))
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_files_that_do_not_fit_are_refused_in_one_line(tmp_path):
    options = config("mobilenet_v1", "model.width=0.25").model
    model = build(options, (32, 32, 3), 10)
    for kind in KINDS:
        write(keras.applications.MobileNet((32, 32, 3), 0.25, weights=None), tmp_path / kind)
        with pytest.raises(ConfigError, match=r"10 classes .*1000.*a file for 1,000 c") as e:
            load_file(model, tmp_path / kind)
        assert "\n" not in str(e.value)
    for broken in ("broken.h5", "broken.keras"):
        (tmp_path / broken).write_text("no weights")
        with pytest.raises(ConfigError, match=f"received .*{broken}, which does not fit"):
            load_file(model, tmp_path / broken)


@pytest.mark.parametrize("name", COUNTS)
def test_small_images_narrow_layers_and_head(name):
    options = config(
        name,
        "model.width=0.25",
        "model.small_images=true",
        "model.dropout=0.3",
        "model.momentum=0.9",
    ).model
    model = build(options, (32, 32, 3), 10)
    first = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    assert first.output.shape[1:3] == (32, 32)
    assert first.filters == 8
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert {(type(norm), norm.momentum) for norm in norms} == {(BatchNorm, 0.9)}
    assert [x.rate for x in model.layers if isinstance(x, keras.layers.Dropout)] == [0.3]
    assert model.output.shape == (None, 10)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    logits = model.predict(images, verbose=0)
    np.testing.assert_allclose(plain(model).predict(images, verbose=0), logits, atol=1e-4)
    for weight in model.trainable_weights:  # all inputs in fours, or 2:4 would not fit
        if weight.name == "kernel" and len(weight.shape) > 2 and weight.shape[-1] > 1:
            assert weight.shape[2] % 4 == 0 or weight.shape[2] == 3


def test_names_do_not_depend_on_what_was_built_before():
    options = config("inception_v3", "model.width=0.1").model
    some, others = (build(options, (75, 75, 3), 10) for _ in range(2))
    assert [w.path for w in some.weights] == [w.path for w in others.weights]
    assert some.layers[1].name == "conv2d"


@pytest.mark.parametrize(
    ("name", "shape", "complaint"),
    [
        ("mobilenet_v1", (28, 28, 1), "needs RGB images"),
        ("mobilenet_v2", (31, 32, 3), r"received images of 31×32; accepted: 32 or more"),
        ("inception_v3", (32, 32, 3), r"accepted: 75 or more .*model.small_images=true"),
    ],
)
def test_images_that_do_not_fit_are_refused(name, shape, complaint):
    with pytest.raises(ConfigError, match=complaint):
        build(config(name).model, shape, 10)


@pytest.mark.parametrize(
    ("override", "accepted"),
    [
        ("width=0", "a factor"),
        ("dropout=1", r"a number in \[0, 1\)"),
        ("momentum=1", "null for its own"),
    ],
)
def test_options_out_of_range_are_refused(override, accepted):
    with pytest.raises(ConfigError, match=rf"model\.{override.split('=')[0]}: .*{accepted}"):
        config("mobilenet_v1", f"model.{override}")
