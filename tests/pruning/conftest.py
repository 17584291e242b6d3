"""Recorded outputs of tfmot 0.8.1 and the inputs they were made from."""

import base64
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# First calls trace TensorFlow functions: their time says nothing about the code under test.
settings.register_profile("pruning", deadline=None)
settings.load_profile("pruning")


def golden_weights(shape, seed, kind):
    """Regenerates a recorded input, as `doc.inputs` of the golden file says."""
    random = np.random.RandomState(seed)
    if kind == "normal":
        weights = random.standard_normal(shape)
    elif kind == "uniform":
        weights = random.uniform(-1, 1, shape)
    elif kind == "lognormal":
        size = np.exp(random.standard_normal(shape))
        weights = size * np.where(random.uniform(size=shape) < 0.5, -1, 1)
    elif kind == "ties8":
        weights = random.randint(-8, 9, shape) / 8.0
    elif kind == "zeros_half":
        zero = random.uniform(size=shape) < 0.5
        weights = np.where(zero, 0.0, random.standard_normal(shape))
    elif kind == "const":
        weights = np.full(shape, 0.5)
    elif kind == "arange":
        weights = np.arange(1, int(np.prod(shape)) + 1, dtype=np.float64).reshape(shape)
    else:
        raise ValueError(kind)
    return weights.astype(np.float32)


def unpack(mask):
    """A recorded mask as a bool array."""
    return unpack_bits(mask["bits"], mask["shape"])


def unpack_bits(bits, shape):
    """Base64 of packed bits as a bool array."""
    raw = np.frombuffer(base64.b64decode(bits), np.uint8)
    return np.unpackbits(raw)[: int(np.prod(shape))].reshape(shape).astype(bool)


@pytest.fixture(scope="session")
def golden():
    """All recorded sections."""
    return json.loads((Path(__file__).parent / "golden" / "tfmot_pruning.json").read_text())


def recorded_weights(record):
    """The input of a record, checked to be the one that tfmot was given."""
    weights = golden_weights(record["shape"], record["seed"], record["kind"])
    assert hashlib.sha1(weights.tobytes()).hexdigest()[:12] == record["w_sha1"]
    return weights
