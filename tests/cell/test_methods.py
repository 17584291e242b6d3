"""The sparse training methods, each reached from a config, trained by the loop."""

from dataclasses import replace

import numpy as np
import pytest

from harness.config import compose
from harness.models import build
from harness.pruning.options import summarize, summarize_trained
from harness.training import loop
from tests.runs import assert_same_weights, by_sparsity, runs
from tests.settings import TINY, harness
from tests.training import small

NET = ("model.filters=[4,8]", "model.units=8")
METHODS = {
    "random": "Unstructured()",
    "block_1x4": "Block(",
    "structured_2x4": "NM(2, 4)",
    "structured_2x4_sr_ste": "SRSTE(update_pruned=True, decay=0.0002)",
    "structured_2x4_gradual": "GradualNM(2, 4)",
    "random_rigl": "RigL(end_step=15, alpha=0.3)",
    "random_movement": "StraightThrough(update_pruned=False)",
}


@pytest.mark.parametrize("name", METHODS)
def test_a_preset_trains_by_its_method(name):
    once = name == "structured_2x4"  # its masks are set at the start
    frequency = () if once else ("sparsity.schedule.frequency=3",)
    config = compose([*NET, f"sparsity={name}", *frequency])
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
    told, known = summarize_trained(model, config.sparsity).layers, summary.layers
    if name == "random_rigl":  # zeros that it has just grown are on its masks; weights can't tell
        told, known = ([replace(row, on_mask=0) for row in rows] for rows in (told, known))
    assert told == known


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
    found = by_sparsity(f"sqlite:///{folder / 'mlflow.db'}")
    done = harness("run", *TINY, *arguments, "export=keras", cwd=folder)
    assert "2 cells are measured anew, none is trained." in done.stdout, done.stdout + done.stderr
    return {**found, "anew": runs(f"sqlite:///{folder / 'mlflow.db'}")[-1]}


def test_a_permuted_cell_measured_anew_keeps_what_training_told(cells):
    run, anew = cells["structured_2x4_permuted"], cells["anew"]
    assert anew.tags["harness.trained_run_id"] == run.id
    assert_same_weights(run, anew)
    # the test split takes as long as it does today
    carried = (
        "permutation/",
        "time/train",
        "time/val",
        "time/step",
        "sparsity/prunable",
        "sparsity/layer/",
        "params/",
        "test/",
    )
    expected = {key: value for key, value in run.metrics.items() if key.startswith(carried)}
    assert "permutation/kept_after" in expected
    assert {key: anew.metrics[key] for key in expected} == expected
    name = "sparsity/layers.csv"
    assert anew.path(name).read_text() == run.path(name).read_text()


def test_a_permuted_and_rewound_cell_end_to_end(cells):
    run = cells["structured_2x4_permuted"]
    assert run.metrics["permutation/kept_after"] > run.metrics["permutation/kept_before"] > 0.5
    assert "permutation/kept_after" not in cells["dense"].metrics
    rates = dict(run.history("train/learning_rate"))
    assert rates == dict(cells["dense"].history("train/learning_rate"))
    assert len(set(rates.values())) == 4
