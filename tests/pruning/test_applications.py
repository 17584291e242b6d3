"""Every family of keras.applications attaches and trains a step, 2:4 and unstructured."""

import keras
import numpy as np
import pytest

from harness.pruning import NM, Constant, Pruner, Unstructured

pytestmark = pytest.mark.anywhere

apps = keras.applications
# The smallest member of each family, on the smallest image it takes.
FAMILIES = {
    "ConvNeXt": (apps.ConvNeXtTiny, 32),
    "DenseNet": (apps.DenseNet121, 32),
    "EfficientNet": (apps.EfficientNetB0, 32),
    "EfficientNetV2": (apps.EfficientNetV2B0, 32),
    "InceptionResNetV2": (apps.InceptionResNetV2, 75),
    "InceptionV3": (apps.InceptionV3, 75),
    "MobileNet": (apps.MobileNet, 32),
    "MobileNetV2": (apps.MobileNetV2, 32),
    "MobileNetV3Large": (apps.MobileNetV3Large, 32),
    "MobileNetV3Small": (apps.MobileNetV3Small, 32),
    "NASNet": (apps.NASNetMobile, 32),
    "ResNet": (apps.ResNet50, 32),
    "ResNetV2": (apps.ResNet50V2, 32),
    "VGG16": (apps.VGG16, 32),
    "VGG19": (apps.VGG19, 32),
    "Xception": (apps.Xception, 71),
}
QUICK = {"MobileNetV2", "MobileNetV3Small"}


@pytest.mark.parametrize(
    "family",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES],
)
def test_a_step(family):
    make, size = FAMILIES[family]
    keras.backend.clear_session()
    model = make(weights=None, include_top=False, input_shape=(size, size, 3), pooling="avg")
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    pattern = NM(2, 4) if family in QUICK else Unstructured()
    pruner = Pruner(pattern, Constant(0.5, frequency=1))
    preview = pruner.preview(model)
    pruner.attach(model)
    x = np.random.default_rng(0).random((2, size, size, 3)).astype(np.float32)
    model.train_on_batch(x, np.zeros((2, model.output_shape[-1]), np.float32))
    assert pruner.step == 1
    summary = pruner.summary()
    assert summary.kept_params == preview.kept_params
    assert summary.prunable_params > 0.8 * summary.trainable_params
    for weight in pruner.engine.weights:
        assert np.count_nonzero(weight.variable.numpy()) <= weight.count()
    assert all(row.prunable or row.reason for row in summary.layers)
    pruner.detach(model)
