"""Files of 8-bit integers: what is in them, how near they come, and when they are refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.errors import ExportError
from harness.export import ExportOptions, Samples, export, int8, tflite
from harness.export.comparison import agree
from harness.models.layers.plain import plain
from harness.tasks.scores.accuracy import evaluate, evaluate_function
from tests.training import small

CONFIG = ExportOptions(name="tflite_int8", formats=["tflite", "tflite_int8"])


@pytest.fixture(scope="module")
def trained():
    """The small net, trained until it tells its two classes apart."""
    keras.utils.set_random_seed(0)
    model = small.model()
    model.compile(
        keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    model.fit(small.data().train(16, 0).take(300), shuffle=False, verbose=0)
    model.compiled = False
    return model


@pytest.fixture(scope="module")
def samples():
    inputs = next(small.data().test(10).as_numpy_iterator())[0]
    calibration = next(small.data().train(40, 0).as_numpy_iterator())[0]
    return Samples(inputs, {"calibration": calibration})


@pytest.fixture(scope="module")
def files(trained, samples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8")
    return {
        artifact.kind: artifact for artifact in export(trained, CONFIG, folder, samples).artifacts
    }


def test_everything_in_the_file_is_integers(files):
    assert files["tflite_int8"].path.name == "model_int8.tflite"
    interpreter = tf.lite.Interpreter(
        model_path=str(files["tflite_int8"].path),
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
    )
    kinds = {np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details()}
    assert kinds == {"int8", "int32"}, "32 bits for biases and shapes"
    for (slot,) in (interpreter.get_input_details(), interpreter.get_output_details()):
        assert slot["dtype"] == np.int8


def test_it_is_near_the_model_and_smaller(files, trained, samples):
    found = files["tflite_int8"]
    assert found.compared.agreement == 1.0
    assert 0 < found.compared.error < 0.1
    assert files["tflite"].compared.agreement is None
    outputs = tflite.run(found.path.read_bytes(), samples.inputs)
    expected = trained(samples.inputs).numpy()
    assert np.abs(outputs - expected).max() / np.abs(expected).max() == pytest.approx(
        found.compared.error,
        rel=1e-4,  # a small difference of large numbers: float32 leaves it four digits
    )
    assert found.size.bytes == found.path.stat().st_size


def test_it_is_scored_on_the_test_set_batch_by_batch(files, trained):
    content = files["tflite_int8"].path.read_bytes()
    floats = evaluate(trained, small.data().test(10))
    assert floats.accuracy == 1.0
    for size in (10, 4):  # the last batch of 4 is short
        scores = evaluate_function(tflite.opened(content), small.data().test(size))
        assert scores.accuracy == floats.accuracy
        assert scores.loss == pytest.approx(floats.loss, abs=0.1)
        assert scores.loss != floats.loss


def test_the_same_model_and_examples_give_the_same_bytes(trained, samples):
    shipped = plain(trained)
    first = int8.convert(shipped, samples.more["calibration"])
    assert int8.convert(shipped, samples.more["calibration"]) == first


def test_ranges_come_from_the_calibration(trained, samples, tmp_path):
    """Calibrated on far too faint examples, real ones saturate; the check finds it."""
    faint = samples.more["calibration"] * 1e-3
    with pytest.raises(ExportError, match=r"model_int8\.tflite: .* class to .*% of the samples"):
        int8.to_int8(plain(trained), tmp_path / "model_int8.tflite", samples.inputs, faint)
    assert not list(tmp_path.iterdir())


def test_extremes_that_matter_little_do_not_take_the_range_of_the_inputs(samples, tmp_path):
    """As digital silence among MFCC: far out, and no farther would change nothing."""
    keras.utils.set_random_seed(1)
    layers = [keras.layers.ReLU(), keras.layers.Flatten(), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((6, 6, 1)), *layers])
    path = tmp_path / "model_int8.tflite"
    far = samples.more["calibration"].copy()
    far[0] = -30.0
    int8.to_int8(model, path, samples.inputs, far)
    expected = model(samples.inputs).numpy()
    errors = [
        np.abs(tflite.run(content, samples.inputs) - expected).mean()
        for content in (path.read_bytes(), int8.convert(model, far))
    ]
    assert errors[0] < 0.5 * errors[1]


def test_extremes_that_matter_keep_their_place(samples):
    model = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten()])
    for examples in (samples.more["calibration"], samples.more["calibration"] * 100 - 50):
        kept = int8._narrowed(model, examples)
        np.testing.assert_array_equal(kept, examples)
    assert int8._narrowed(model, np.ones((3, 6, 6, 1), np.float32)).min() == 1.0


def test_what_has_no_integer_form_is_told(samples, tmp_path):
    class Cosine(keras.layers.Layer):
        def call(self, x):
            return tf.math.cos(x)

    model = keras.Sequential([keras.Input((6, 6, 1)), Cosine(), keras.layers.Flatten()])
    with pytest.raises(
        ExportError, match=r"model_int8\.tflite: cannot be all integers: .* of .* tensors"
    ):
        int8.to_int8(
            model, tmp_path / "model_int8.tflite", samples.inputs, samples.more["calibration"]
        )


def test_agreement():
    expected = np.eye(10) * [[4.0]]
    assert agree("x", expected, expected).agreement == 1.0
    nine = expected.copy()
    nine[0, 1] = 4.1
    assert agree("x", nine, expected).agreement == 0.9
    nine[2, 1] = 4.1
    with pytest.raises(
        ExportError, match=r"x: .* class to 80\.0% of the samples .*; accepted: 90%"
    ):
        agree("x", nine, expected)
    tied = expected.copy()
    tied[:, 3] = 3.9  # nearly as high as each sample's own
    moved = tied + np.eye(10)[3] * 0.15
    assert agree("x", moved, tied).agreement == 1.0
    with pytest.raises(ExportError, match="class to 10"):
        agree("x", np.zeros((10, 10)), expected)
    with pytest.raises(ExportError, match="class to 0"):
        agree("x", expected, expected * np.nan)
    with pytest.raises(ExportError, match="outputs of shape"):
        agree("x", expected[:, :2], expected)


def test_a_class_by_ties_is_not_enough():
    draw = np.random.default_rng(0).uniform
    expected = np.concatenate([draw(0.99, 1, (64, 5)), draw(-1, 0.9, (64, 5))], axis=1)
    outputs = expected.copy()
    outputs[:, 5:] = (expected[:, 5:] + draw(-1, 0.9, (64, 5))) / 2
    outputs[::2] = outputs[1::2]
    assert (np.sort(expected)[:, -5] > 0.98).all()
    correlation = np.corrcoef(outputs.ravel(), expected.ravel())[0, 1]
    assert correlation == pytest.approx(0.8, abs=0.05)
    line = rf"x: .* do not follow .* \(correlation {correlation:.3f}\); accepted: 0\.9 or more"
    with pytest.raises(ExportError, match=line) as refused:
        agree("x", outputs, expected)
    assert refused.value.correlation == pytest.approx(correlation)


def test_a_tie_is_one_within_its_own_sample():
    expected = np.array([[1.0, 0.9, 0.0]] * 10 + [[100.0, 0.0, 50.0]] * 10)
    outputs = expected.copy()
    outputs[:10, 1] = 1.1  # a tenth of these samples' range, a thousandth of all samples'
    with pytest.raises(ExportError, match="class to 50"):
        agree("x", outputs, expected)
