"""How far a converted model may stray from the one it was made of."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from harness.errors import ExportError

#: Least share of samples to which a model of rounded weights gives the model's class.
AGREEMENT = 0.9
#: Classes whose outputs are closer than this share of the sample's range are a tie: of an
#: 8-bit output's 256 values some thirteen, what rounding from layer to layer adds up to, where one
#: sample's outputs fill the range.
TIE = 0.05
#: Least correlation of its outputs with the model's. Conversions known to be silently wrong gave
#: 0.43 to 0.83 (8-bit weights stored without zeros, blocks of 1×16); of those that are right, the
#: worst of `results/runs` is 0.9995, of clustered weights. A wrong one may have the class by ties.
CORRELATION = 0.9
#: So many input values go through a model at once: some fourteen pictures of 299×299.
VALUES = 4_000_000
Result = TypeVar("Result")


@dataclass(frozen=True)
class Comparison:
    """A converted model's outputs beside the model's, on the same samples.

    Attributes:
        error: the largest difference, relative to the model's largest output.
        correlation: of all outputs, Pearson's.
        agreement: share of the samples that get the model's class; None where that was not
            what decided.
    """

    error: float
    correlation: float
    agreement: float | None = None


@dataclass
class _Settled:
    """A model and inputs that stay what they are, and what was computed of them."""

    model: Any
    inputs: Sequence[Any]
    found: dict[Any, Any] = field(default_factory=dict)


_settled: list[_Settled] = []


@contextmanager
def settled(model: Any, *inputs: Any) -> Iterator[None]:
    """Within the block, functions that are `once` compute once what they give for these.

    Neither the model nor the inputs may change meanwhile.
    """
    _settled.append(_Settled(model, inputs))
    try:
        yield
    finally:
        _settled.pop()


def once(function: Callable[[Any, Any], np.ndarray]) -> Callable[[Any, Any], np.ndarray]:
    """Makes a function of a model and inputs compute once what is asked for again when `settled`.

    Each format of a model is compared with the same outputs.
    """

    @wraps(function)
    def remembering(model: Any, inputs: Any) -> np.ndarray:
        if any(inputs is each for one in _settled[-1:] for each in one.inputs):
            key = (function.__qualname__, id(inputs))
            return kept(model, key, lambda: function(model, inputs))
        return function(model, inputs)

    return remembering


def kept(model: Any, key: Any, make: Callable[[], Result]) -> Result:
    """What `make` gives; for a model that is `settled`, made once for all that ask by the key."""
    for one in _settled[-1:]:
        if model is one.model:
            if key not in one.found:
                one.found[key] = make()
            found: Result = one.found[key]
            return found
    return make()


@once
def outputs_of(model: Any, inputs: Any) -> np.ndarray:
    """A Keras model's outputs; of large examples a few at a time.

    Called with a batch, a model holds the outputs of all its layers until the last is done: of 64
    pictures, InceptionV3's are 10 GB.

    Args:
        model: as for inference.
        inputs: [n, ...], or a tuple of such.
    """
    slots, part = _slots(inputs), at_once(inputs)
    if len(slots[0]) <= part:
        return np.asarray(model(inputs, training=False))
    parts = []
    for start in range(0, len(slots[0]), part):
        few = [slot[start : start + part] for slot in slots]
        given = type(inputs)(few) if isinstance(inputs, tuple | list) else few[0]
        parts.append(np.asarray(model(given, training=False)))
    return np.concatenate(parts)


def at_once(inputs: Any) -> int:
    """How many such examples have `VALUES` values, at least one."""
    values = sum(int(np.prod(slot.shape[1:])) for slot in _slots(inputs))
    return max(1, VALUES // max(1, values))


def _slots(inputs: Any) -> list[Any]:
    return list(inputs) if isinstance(inputs, tuple | list) else [inputs]


def compare(kind: str, outputs: np.ndarray, expected: np.ndarray, tolerance: float) -> Comparison:
    """Accepts outputs whose largest difference is within a tolerance.

    Raises:
        ExportError: If it is beyond `tolerance`, or not a number.
    """
    _same_shape(kind, outputs, expected)
    error, correlation = difference(outputs, expected), correlate(outputs, expected)
    # Written so that NaN is refused too.
    if not error <= tolerance:
        raise ExportError(
            f"{kind}: the converted model's outputs differ from the Keras model's by"
            f" {error:.2g} of the largest, more than export.tolerance={tolerance:g}"
            f" (correlation {correlation:.3f})",
            correlation,
        )
    return Comparison(error, correlation)


def agree(kind: str, outputs: np.ndarray, expected: np.ndarray) -> Comparison:
    """Accepts outputs that give most samples the expected class, or one that ties with it.

    They must follow the model's besides, by their correlation.

    Args:
        kind: What to call the converted model in a refusal.
        outputs: Of the converted model, [samples, classes].
        expected: Of the model itself.

    Raises:
        ExportError: If fewer than `AGREEMENT` do, or the correlation is below `CORRELATION`.
    """
    _same_shape(kind, outputs, expected)
    chosen = np.take_along_axis(expected, outputs.argmax(axis=-1)[..., np.newaxis], axis=-1)
    short = expected.max(axis=-1) - chosen[..., 0]
    share = float((short <= TIE * np.ptp(expected, axis=-1)).mean())
    correlation = correlate(outputs, expected)
    if not (share >= AGREEMENT and np.isfinite(outputs).all()):
        raise ExportError(
            f"{kind}: the converted model gives the Keras model's class to {share:.1%} of the"
            f" samples (correlation {correlation:.3f}); accepted: {AGREEMENT:.0%} or more",
            correlation,
        )
    if not correlation >= CORRELATION:
        raise ExportError(
            f"{kind}: the converted model's outputs do not follow the Keras model's"
            f" (correlation {correlation:.3f}); accepted: {CORRELATION:g} or more",
            correlation,
        )
    return Comparison(difference(outputs, expected), correlation, share)


def difference(outputs: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference relative to the largest expected output."""
    scale = float(np.abs(expected).max())
    return float(np.abs(outputs - expected).max()) / (scale or 1.0)


def correlate(outputs: np.ndarray, expected: np.ndarray) -> float:
    """Pearson's correlation of all outputs; 0 where one side does not vary and they differ."""
    one, other = outputs.astype(np.float64).ravel(), expected.astype(np.float64).ravel()
    if np.array_equal(one, other):
        return 1.0
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / scale if scale else 0.0


def _same_shape(kind: str, outputs: np.ndarray, expected: np.ndarray) -> None:
    if outputs.shape != expected.shape:
        raise ExportError(
            f"{kind}: outputs of shape {outputs.shape} where the model gives {expected.shape}"
        )
