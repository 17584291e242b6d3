"""Channels that live and die together, through training, resuming and averages."""

import keras
import numpy as np
import pytest

from harness.pruning import (
    BatchNormScale,
    ByName,
    Channels,
    Frozen,
    Global,
    Magnitude,
    OneShot,
    Polynomial,
    Pruner,
    PruningError,
    RigL,
    StraightThrough,
    Taylor,
    TiedChannels,
    shrink,
)
from tests.forked import begin, result
from tests.pruning.distributed_worker import strategy_of

L = keras.layers


def residual():
    """Two convolutions of eight channels that are added, and a third that reads them."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 3))
    x = L.Conv2D(8, 3, padding="same", name="one")(inputs)
    x = L.ReLU()(L.BatchNormalization(name="norm_one")(x))
    y = L.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    y = L.ReLU()(L.BatchNormalization(name="norm_depthwise")(y))
    y = L.BatchNormalization(name="norm_two")(L.Conv2D(8, 1, name="two")(y))
    x = L.GlobalAveragePooling2D()(L.Conv2D(10, 3, name="three")(L.Add()([x, y])))
    return keras.Model(inputs, L.Dense(2, name="logits")(x))


def data(size=32):
    rng = np.random.default_rng(0)
    return rng.normal(size=(size, 6, 6, 3)).astype(np.float32), rng.integers(0, 2, size)


def fit(model, pruner, optimizer="adam", epochs=2, **more):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, **more)
    model.fit(*data(), batch_size=8, epochs=epochs, verbose=0, callbacks=[pruner.callback()])


def dead(variable, axis=-1):
    value = np.moveaxis(np.asarray(variable), axis, 0)
    return ~(value.reshape(len(value), -1) != 0).any(axis=1)


def layer_values(model):
    return {name: model.get_layer(name).kernel for name in ("one", "two", "three", "depthwise")} | {
        f"{name}/{one.name}": one
        for name in ("one", "two", "norm_one", "norm_two", "norm_depthwise")
        for one in (model.get_layer(name).weights)
        if one.name not in ("kernel", "moving_variance")
    }


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("score", [Magnitude(), BatchNormScale(), Taylor()], ids=repr)
def test_branches_that_are_added_die_together_with_all_that_holds_them(score, compiled):
    model = residual()
    names = ("one", "two") if score.of == "gamma" else ("one", "two", "three")
    pruner = Pruner(
        TiedChannels(), Polynomial(0.25, 0.5, begin_step=1, end_step=5, frequency=1), score,
        scope=ByName(*(f"{name}/*" for name in names)),
    ).attach(model)  # fmt: skip
    fit(model, pruner, jit_compile=compiled)
    pruner.detach(model)
    values = layer_values(model)
    gone = dead(values["one"])
    assert gone.sum() == 4
    for name, value in values.items():
        if name in ("three", "depthwise"):
            continue
        assert (np.asarray(value).reshape(-1, 8)[:, gone] == 0).all(), name
    assert dead(values["depthwise"], 2).tolist() == gone.tolist()
    assert dead(values["three"]).sum() == (5 if "three" in names else 0)
    assert shrink(model, data()[0]).removed == 4 + dead(values["three"]).sum()


def test_summary_counts_kernels_and_says_what_dies_with_them():
    model = residual()
    pruner = Pruner(TiedChannels(), OneShot(0.5))
    preview, now = pruner.preview(model), pruner.attach(model).summary()
    assert preview.kept_params == now.kept_params == now.prunable_params / 2
    rows = {row.path: row for row in now.layers}
    assert rows["logits/kernel"].reason == "skipped: model output"
    assert not rows["norm_one/gamma"].prunable
    assert rows["norm_one/gamma"].kept == 4
    assert rows["norm_one/gamma"].reason.startswith("dies with its channels")
    assert [row.path for row in now.layers if row.prunable] == [
        "one/kernel", "two/kernel", "three/kernel",
    ]  # fmt: skip


def test_global_allocation_counts_a_tied_channel_once():
    model = residual()
    for name, factor in (("one", 10), ("two", 10)):
        kernel = model.get_layer(name).kernel
        kernel.assign(kernel * factor)
    Pruner(TiedChannels(), OneShot(0.5), allocation=Global()).attach(model)
    assert dead(model.get_layer("three").kernel).sum() == 9  # half of 18, and it keeps one
    assert not dead(model.get_layer("one").kernel).any()


def test_a_branch_out_of_scope_or_frozen_keeps_the_other():
    pruner = Pruner(TiedChannels(), OneShot(0.5), scope=ByName("one/*", "three/*"))
    rows = {row.path: row for row in pruner.preview(residual()).layers}
    assert "its channels are also those of two/kernel, not pruned" in rows["one/kernel"].reason
    model = residual()
    model.get_layer("norm_one").trainable = False
    rows = {row.path: row for row in Pruner(TiedChannels(), OneShot(0.5)).preview(model).layers}
    assert "norm_one/gamma, which holds its channels, too, is frozen" in rows["one/kernel"].reason


def test_to_the_same_bits_from_a_saved_state(tmp_path):
    def parts():
        model = residual()
        schedule = Polynomial(0.25, 0.5, begin_step=1, end_step=4, frequency=1)
        return model, Pruner(TiedChannels(), schedule)

    model, pruner = parts()
    fit(model, pruner.attach(model), keras.optimizers.SGD(0.1), epochs=1)
    pruner.save(tmp_path / "pruner.npz")
    weights = model.get_weights()
    fit(model, pruner, keras.optimizers.SGD(0.1), epochs=1)

    again, other = parts()
    again.set_weights(weights)
    other.attach(again, state=tmp_path / "pruner.npz")
    fit(again, other, keras.optimizers.SGD(0.1), epochs=1)
    for one, two in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert dead(again.get_layer("one").kernel).sum() == 4


def test_masks_are_those_of_the_zeros_where_they_are_frozen():
    model = residual()
    pruner = Pruner(TiedChannels(), OneShot(0.5)).attach(model)
    pruner.detach(model)
    norm = model.get_layer("norm_one")  # a living channel whose shift happens to be zero
    norm.moving_mean.assign(np.where(dead(norm.gamma), 0, 0.5))
    mean = norm.moving_mean.numpy()
    frozen = Pruner(TiedChannels(), Frozen()).attach(model)
    fit(model, frozen, keras.optimizers.SGD(0.0), epochs=1)
    assert dead(model.get_layer("one").kernel).sum() == 4
    frozen.detach(model)
    assert (norm.moving_mean.numpy() != 0).tolist() == (mean != 0).tolist()


def test_averages_of_weights_die_too():
    model = residual()
    pruner = Pruner(TiedChannels(), OneShot(0.5, step=2)).attach(model)
    fit(model, pruner, keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))
    pruner.detach(model)
    assert shrink(model, data()[0]).removed == 9


def train_on_two_devices():
    """In a process of its own: devices are fixed before its first operation."""
    with strategy_of("mirrored").scope():
        model = residual()
        pruner = Pruner(TiedChannels(), OneShot(0.5, step=2)).attach(model)
        fit(model, pruner)
        pruner.detach(model)
    copies = [
        [dead(copy.numpy(), -1).tolist() for copy in variable._value.values]
        for name, variable in layer_values(model).items()
        if name.endswith(("gamma", "moving_mean"))
    ]
    return {"copies": copies, "removed": shrink(model, data()[0]).removed}


@pytest.mark.anywhere
def test_replicas_hold_the_same_dead_channels(tmp_path):
    found = result(begin(train_on_two_devices, log=tmp_path / "log"))
    assert found["removed"] == 9
    assert len({str(copy) for copies in found["copies"] for copy in copies}) == 1
    assert all(len(copies) == 2 for copies in found["copies"])


def test_units_of_an_lstm_die_with_their_gates_and_biases():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((7,), dtype="int32")
    x = L.LSTM(6, return_sequences=True, name="first")(L.Embedding(20, 4, name="words")(inputs))
    x = L.LSTM(8, name="second")(x)
    model = keras.Model(inputs, L.Dense(3)(x))
    Pruner(TiedChannels(), OneShot(0.5)).attach(model).detach(model)
    found = shrink(model, np.random.default_rng(0).integers(0, 20, (5, 7)))
    assert [found.model.get_layer(name).units for name in ("first", "second")] == [3, 4]
    assert found.model.get_layer("words").output_dim == 2


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Pruner(Channels(), OneShot(0.5), BatchNormScale()), "use it with TiedChannels"),
        (lambda: Pruner(TiedChannels(), OneShot(0.5), method=RigL(4)), "leave the method out"),
        (lambda: Pruner(TiedChannels("sum"), OneShot(0.5)), "pooling must be"),
        (
            lambda: Pruner(TiedChannels(), OneShot(0.5), BatchNormScale()).attach(residual()),
            "no batch normalization scales the channels of three/kernel",
        ),
    ],
)
def test_refusals(make, complaint):
    with pytest.raises(PruningError, match=complaint) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_method_that_keeps_dense_weights_ends_with_dead_channels():
    model = residual()
    pruner = Pruner(TiedChannels(), OneShot(0.5), method=StraightThrough()).attach(model)
    fit(model, pruner)
    pruner.detach(model)
    assert shrink(model, data()[0]).removed == 9
