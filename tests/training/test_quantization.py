"""Fine-tuning with the rounding of 8-bit files in it: zeros kept, files that lose less."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.config import compose
from harness.config.identity import trained_id
from harness.errors import ConfigError
from harness.export import int8, tflite
from harness.models.layers.plain import plain
from harness.models.layers.standard import BatchNorm, Conv2D, DepthwiseConv2D
from harness.pruning import OneShot, Pruner, Unstructured
from harness.tasks.scores.accuracy import evaluate, evaluate_function
from harness.training import loop, quantization
from harness.training.checkpoint import Checkpoint
from harness.training.quantization import rounded, simulated
from tests.training import small

BLOCKS = keras.layers


def separable() -> keras.Model:
    """All layers that can be simulated, batch normalization to be folded among them."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((6, 6, 1))
    x = BatchNorm(momentum=0.5)(Conv2D(4, 3, padding="same")(inputs))
    x = BLOCKS.ReLU()(x)
    y = BLOCKS.Activation("relu")(BatchNorm(momentum=0.5)(DepthwiseConv2D(3, padding="same")(x)))
    x = BLOCKS.ReLU()(BLOCKS.Add()([x, y]))
    x = BLOCKS.SeparableConv2D(8, 3, depth_multiplier=2, activation="relu")(x)
    x = BLOCKS.GlobalAveragePooling2D()(BLOCKS.MaxPooling2D(2)(x))
    return keras.Model(inputs, BLOCKS.Dense(2)(x))


def pruned(model: keras.Model) -> Pruner:
    pruner = Pruner(Unstructured(), OneShot(0.75, step=0))
    pruner.attach(model)
    return pruner


def masks(pruner: Pruner) -> dict[str, np.ndarray]:
    return {w.path: np.asarray(w.variable.numpy() != 0) for w in pruner.engine.weights}


def fit(model, pruner, kind, jit="never", **more):
    with simulated(model, kind):
        return loop.fit(
            model, small.data(), small.phase(), small.recipe(jit_compile=jit), seed=3,
            pruner=pruner, **more,
        )  # fmt: skip


def values(kernel: np.ndarray, by_channel: int) -> int:
    """The most values other than zero that an output channel has."""
    matrix = kernel.reshape(-1, int(np.prod(kernel.shape[-by_channel:])))
    return max(len(np.unique(column[column != 0])) for column in matrix.T)


@pytest.mark.parametrize("jit", ["never", "always"])
@pytest.mark.parametrize("build", [small.model, separable])
def test_zeros_stay_and_kernels_end_on_the_grid_of_the_file(build, jit):
    keras.utils.set_random_seed(0)
    model = build()
    pruner = pruned(model)
    before = masks(pruner)
    fit(model, pruner, "int8", jit)
    for path, kept in masks(pruner).items():
        assert not (kept & ~before[path]).any(), f"{path}: a zero came back"
        assert kept.any()
    assert not any("call" in vars(layer) for layer in model._flatten_layers())
    examples = next(small.data().train(40, 0).as_numpy_iterator())[0]
    shipped = plain(model)
    content = int8.convert(shipped, examples)
    ours = {_magnitudes(kernel) for kernel in _integers_of(model)}
    assert ours == {_magnitudes(kernel) for kernel in _in_file(content)}, "nothing rounded further"


def _magnitudes(kernel):
    """Without their signs: folding may turn those of a channel."""
    return tuple(np.sort(np.abs(kernel)).astype(int).tolist())


def _integers_of(model):
    """Each kernel as the integers that it is a multiple of."""
    for layer in model._flatten_layers():
        for kernel, axes in quantization._kernels(layer):
            value = kernel.numpy()
            matrix = value.reshape(-1, int(np.prod(value.shape[-axes:])))
            scale = np.abs(matrix).max(axis=0) / 127
            integers = matrix / np.where(scale > 0, scale, 1)
            np.testing.assert_allclose(integers, np.rint(integers), atol=1e-3)
            yield np.rint(integers).ravel()


def _in_file(content):
    interpreter = tf.lite.Interpreter(
        model_content=content,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    for tensor in interpreter.get_tensor_details():
        scales = tensor["quantization_parameters"]["scales"]
        if len(tensor["shape"]) >= 2 and tensor["dtype"] == np.int8 and len(scales) > 1:
            yield interpreter.get_tensor(tensor["index"]).ravel()


def test_it_learns_and_so_does_its_file():
    model = separable()
    with simulated(model, "int8"):
        phase, recipe = small.phase(30), small.recipe()
        loop.fit(model, small.data(), phase, recipe, seed=3, pruner=pruned(model))
    examples = next(small.data().train(40, 0).as_numpy_iterator())[0]
    file = tflite.opened(int8.convert(plain(model), examples))
    assert evaluate(model, small.data().test(10)).accuracy >= 0.9
    assert evaluate_function(file, small.data().test(10)).accuracy >= 0.9


def test_a_cut_off_phase_ends_with_the_same_bits(tmp_path):
    def cut(progress):
        if progress.step >= 10:
            raise InterruptedError

    def made():
        keras.utils.set_random_seed(0)
        model = small.model()
        return model, pruned(model)

    whole, pruner = made()
    fit(whole, pruner, "int8")
    checkpoint = Checkpoint(tmp_path / "checkpoint.npz")
    model, pruner = made()
    with pytest.raises(InterruptedError):
        fit(model, pruner, "int8", checkpoint=checkpoint, on_progress=cut)
    model, pruner = made()
    fit(model, pruner, "int8", checkpoint=checkpoint)
    for one, other in zip(whole.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_gradient_goes_straight_through():
    drawn = np.random.RandomState(0).randn(5, 4, 3, 2)
    kernel = tf.constant(np.where(abs(drawn) > 0.7, drawn, 0), tf.float32)
    for axes in (1, 2):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            out = rounded(kernel, axes)
        np.testing.assert_array_equal(tape.gradient(out, kernel), np.ones(kernel.shape))
        assert (out.numpy()[kernel.numpy() == 0] == 0).all()
        assert values(out.numpy(), axes) <= 254


def test_what_a_file_computes_at_once_is_rounded_once():
    model = separable()
    found = {}
    for layer in model.layers:
        name = layer.name.rstrip("_0123456789")
        found[name] = quantization._is_rounded(layer)
    assert found == {
        "input_layer": False, "conv2d": False, "batch_norm": False, "re_lu": True,
        "depthwise_conv2d": False, "activation": True, "add": False, "separable_conv2d": True,
        "max_pooling2d": False, "global_average_pooling2d": True, "dense": True,
    }  # fmt: skip


def test_layers_that_cannot_be_simulated_are_named():
    layers = [keras.Input((5, 3)), keras.layers.LSTM(4, name="memory"), keras.layers.Dense(2)]
    line = r"quantize: received int8 with sequential.*, whose layer memory is a LSTM; accepted: "
    with pytest.raises(ConfigError, match=line), simulated(keras.Sequential(layers), "int8"):
        pass


SPARSE = ["sparsity=random"]
KEY = "training.finetune.quantize"


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ([f"{KEY}=int4"], f"{KEY}: received 'int4'; accepted: int8, or null"),
        (
            [f"{KEY}=int8", "training.mixed_precision=true"],
            "training.mixed_precision: received True; accepted: false with training.finetune",
        ),
        ([f"{KEY}=int8", "strategy=mirrored"], "received int8 with strategy=mirrored"),
        (
            [f"{KEY}=int8", "experiment=imdb_lstm"],
            "received int8 with dataset=imdb; accepted: null",
        ),
        (
            [f"{KEY}=int8", "experiment=gnmt_multi30k"],
            "received int8 with dataset=multi30k; accepted: null",
        ),
    ],
)
def test_configs_that_cannot_be(overrides, line):
    with pytest.raises(ConfigError, match=line):
        compose([*SPARSE, *overrides])


def test_only_cells_that_ask_for_it_are_others():
    assert trained_id(compose([*SPARSE, f"{KEY}=null"]), "x") == trained_id(compose(SPARSE), "x")
    assert trained_id(compose([*SPARSE, f"{KEY}=int8"]), "x") != trained_id(compose(SPARSE), "x")
    assert trained_id(compose([f"{KEY}=int8"]), "x") == trained_id(compose([]), "x"), "dense"
