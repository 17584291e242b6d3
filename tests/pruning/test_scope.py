"""Scopes choose kernels and say why not."""

import keras
import pytest
from keras import layers

from harness.pruning import (
    AllButFirstAndLast,
    AllKernels,
    ByName,
    ByType,
    OneShot,
    Pruner,
    PruningError,
    Unstructured,
)


@pytest.fixture(scope="module")
def model():
    return keras.Sequential(
        [
            keras.Input((12,), dtype="int32"),
            layers.Embedding(20, 8, name="words"),
            layers.Conv1D(8, 3, name="conv"),
            layers.DepthwiseConv1D(3, name="depth"),
            layers.LSTM(6, name="lstm"),
            layers.Dense(3, name="head"),
        ],
        name="net",
    )


def chosen(model, scope):
    rows = Pruner(Unstructured(), OneShot(0.5), scope=scope).preview(model).layers
    assert all(row.prunable or row.reason for row in rows)
    return [row.path.removeprefix("net/") for row in rows if row.prunable]


EMBEDDING, CONV, DEPTH = "words/embeddings", "conv/kernel", "depth/kernel"
LSTM, RECURRENT, HEAD = "lstm/lstm_cell/kernel", "lstm/lstm_cell/recurrent_kernel", "head/kernel"


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (AllKernels(), [EMBEDDING, CONV, LSTM, RECURRENT, HEAD]),
        (AllKernels(depthwise=True), [EMBEDDING, CONV, DEPTH, LSTM, RECURRENT, HEAD]),
        (AllKernels(embeddings=False, recurrent=False), [CONV, LSTM, HEAD]),
        (AllButFirstAndLast(), [CONV, LSTM, RECURRENT]),
        (ByType(layers.LSTM), [LSTM, RECURRENT]),
        (ByType(layers.Dense, layers.Conv1D), [CONV, HEAD]),
        (ByType(exclude=[layers.LSTM, layers.DepthwiseConv1D]), [EMBEDDING, CONV, HEAD]),
        (ByName("lstm"), [LSTM, RECURRENT]),
        (ByName("*/conv/kernel", "head"), [CONV, HEAD]),
        (ByName("lstm", exclude=["*recurrent*"]), [LSTM]),
        (ByName("lstm", exclude="*recurrent*"), [LSTM]),
        (AllKernels() & ByName("c*", "d*"), [CONV]),
        (ByName("head") | ByType(layers.Embedding), [EMBEDDING, HEAD]),
    ],
)
def test_scopes(model, scope, expected):
    assert chosen(model, scope) == expected


def test_reasons(model):
    def reasons(scope):
        rows = Pruner(Unstructured(), OneShot(0.5), scope=scope).preview(model).layers
        return {row.path.removeprefix("net/"): row.reason for row in rows}

    assert reasons(AllKernels())[DEPTH] == "depthwise kernels are out of scope"
    assert reasons(AllKernels())["conv/bias"] == "bias is no kernel: rank 1"
    assert reasons(AllButFirstAndLast())[HEAD] == "last layer"
    assert reasons(ByName("head"))[CONV] == "matches no included name"
    assert reasons(ByName(exclude=["conv"]))[CONV] == "excluded by 'conv'"
    assert reasons(ByType(layers.LSTM))[CONV] == "layer type Conv1D is not included"
    assert reasons(ByType(exclude=[layers.LSTM]))[LSTM] == "layer type LSTM is excluded"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: ByName(), "at least one pattern"),
        (lambda m: ByName(3), "name patterns"),
        (lambda m: ByType(), "at least one layer class"),
        (lambda m: ByType("Dense"), "layer classes"),
        (lambda m: chosen(m, ByName("haed")), "no kernel of model 'net' matches 'haed'.*net/words"),
        (lambda m: chosen(m, ByType(layers.Conv3D)), "no weight of model 'net' is in the scope"),
    ],
)
def test_refused(model, make, message):
    with pytest.raises(PruningError, match=message):
        make(model)
