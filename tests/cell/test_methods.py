"""The sparse training methods, each reached from a config, trained by the loop."""

import numpy as np
import pytest

from harness.config import compose
from harness.models import build
from harness.pruning.options import summarize
from harness.training import loop
from tests.runs import by_sparsity
from tests.settings import TINY, harness
from tests.training import small

NET = ("model.filters=[4,8]", "model.units=8")
METHODS = {
    "structured_2x4_sr_ste": "SRSTE(update_pruned=True, decay=0.0002)",
    "structured_2x4_gradual": "GradualNM(2, 4)",
    "random_rigl": "RigL(end_step=15, alpha=0.3)",
    "random_movement": "StraightThrough(update_pruned=False)",
}


@pytest.mark.parametrize("name", METHODS)
def test_a_preset_trains_by_its_method(name):
    config = compose([*NET, f"sparsity={name}", "sparsity.schedule.frequency=3"])
    data = small.data(88)
    model = build(config.model, data.input_shape, data.num_classes)
    pruner = config.sparsity.pruner(20)
    assert METHODS[name] in repr(pruner)
    pruner.attach(model)
    phase = small.phase(epochs=None, steps=20)
    fitted = loop.fit(model, data, phase, small.recipe(), seed=1, pruner=pruner)
    assert fitted.steps == 20
    summary = summarize(model, pruner)
    masks = [mask for key, mask in pruner.get_state().items() if key.startswith("mask/")]
    masked = sum(int((~mask).sum()) for mask in masks)
    pruner.detach(model)
    # Of the first convolution's single input channel 2:4 keeps everything.
    whole = model.layers[0].kernel if "2x4" in name else None
    pruned = [w for w in model.trainable_variables if w.name == "kernel" and w is not whole]
    zeros = sum(int((np.asarray(weight) == 0).sum()) for weight in pruned)
    half = sum(int(np.prod(weight.shape)) for weight in pruned) // 2
    assert masked == half
    # RigL's last exchange grows connections at zero; a dead unit's stay there.
    assert zeros >= half if name == "random_rigl" else zeros == half
    assert summary.trainable_params - summary.nonzero_params == zeros


def test_channels_are_permuted_only_if_asked():
    plain, permuted = (
        compose([*NET, f"sparsity=structured_2x4{suffix}"]) for suffix in ("", "_permuted")
    )
    model = build(plain.model, (28, 28, 1), 10)
    images = np.random.default_rng(0).standard_normal((4, 28, 28, 1)).astype("float32")
    before, weights = model.predict(images, verbose=0), model.get_weights()
    pruner = plain.sparsity.pruner(10)
    assert plain.sparsity.method.prepare(model, pruner) is None
    np.testing.assert_equal(model.get_weights(), weights)
    report = permuted.sparsity.method.prepare(model, pruner)
    assert report.kept_after > report.kept_before
    np.testing.assert_allclose(model.predict(images, verbose=0), before, atol=1e-5)


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """A dense cell, and one that is permuted, pruned and trained with its rates once more."""
    folder = tmp_path_factory.mktemp("methods")
    arguments = (
        "sparsity=structured_2x4_permuted",
        "training.dense.decay.kind=cosine",
        "training.finetune.decay.kind=rewind",
    )
    done = harness("run", *TINY, *arguments, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return by_sparsity(f"sqlite:///{folder / 'mlflow.db'}")


def test_a_permuted_and_rewound_cell_end_to_end(cells):
    run = cells["structured_2x4_permuted"]
    assert run.metrics["permutation/kept_after"] > run.metrics["permutation/kept_before"] > 0.5
    assert "permutation/kept_after" not in cells["dense"].metrics
    rates = dict(run.history("train/learning_rate"))
    assert rates == dict(cells["dense"].history("train/learning_rate"))
    assert len(set(rates.values())) == 4
