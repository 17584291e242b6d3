"""A cell's identity: what decides its result, and nothing else.

The ids are the sha256 of canonical JSON (sorted keys, no spaces, shortest floats), so running a
cell again finds the finished run, on any machine and from any folder. The trained id is that of
what decides the trained weights; the cell id is that of the trained id and of how the model is
measured. Which of the two a setting decides, or neither, is said where it is declared
(`harness.options.decides`); a section holds only what its choice reads, so an identity is the
config itself, less what is not set.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from harness.config.schema import Config
from harness.digest import digest
from harness.options import MEASUREMENT, NOTHING, WEIGHTS
from harness.pruning.options import NO_PATTERN, SparsityOptions
from harness.pruning.pattern.base import PATTERNS
from harness.training.options import PhaseOptions

#: Raised when the same config would give another result; old runs are then not found.
FORMAT = 4


def is_dense(config: Config) -> bool:
    """Whether the cell is a dense baseline: neither pruned nor fine-tuned."""
    return not config.sparsity.pruned and not config.sparsity.finetuned


def is_control(config: Config) -> bool:
    """Whether the cell is a control: the dense baseline, fine-tuned without pruning."""
    return not config.sparsity.pruned and config.sparsity.finetuned


def phase_of(config: Config) -> PhaseOptions:
    """The phase that the cell itself trains: a sparse one starts from what another did."""
    return config.training.dense if is_dense(config) else config.training.finetune


def dense_baseline(config: Config) -> Config:
    """The cell that a sparse cell is compared with and, as a rule, fine-tuned from."""
    dense = SparsityOptions(name="dense", pattern=PATTERNS.find(NO_PATTERN)(), finetuned=False)
    return dataclasses.replace(config, sparsity=dense)


def trained_identity(config: Config, fingerprint: str) -> dict[str, Any]:
    """Everything that decides the trained weights, as JSON types.

    Args:
        config: a validated config.
        fingerprint: of the data, from `harness.data.fingerprint`.
    """
    decided = _decided(config, WEIGHTS)
    training = decided["training"]
    if is_dense(config):
        del training["finetune"]
    elif training["finetune"]["decay"]["kind"] == "rewind":
        del training["finetune"]["optimizer"]["learning_rate"]  # the dense phase's
    if config.training.dense_weights is not None:  # what they are, not where; nothing is trained
        training["dense_weights"] = digest(config.training.dense_weights)
        del training["dense"]
    if not config.sparsity.pruned:
        decided["sparsity"] = {
            "pattern": {"kind": NO_PATTERN},
            "finetuned": config.sparsity.finetuned,
        }
    elif config.sparsity.pattern.sparsity is not None:
        decided["sparsity"].pop("target", None)  # the pattern's own, said once more
    strategy = config.strategy
    if strategy.name == "single" or not config.model.normalized:
        del decided["strategy"]["synchronized_batch_norm"]  # there is nothing to synchronize
    return {"format": FORMAT, **decided, "data": fingerprint}


def measurement(config: Config) -> dict[str, Any]:
    """Everything that decides how the trained model is measured, as JSON types."""
    return _decided(config, MEASUREMENT)


def identity(config: Config, fingerprint: str) -> dict[str, Any]:
    """Everything that decides the cell's result: `trained_identity` and `measurement` in one."""
    return _merged(trained_identity(config, fingerprint), measurement(config))


def trained_id(config: Config, fingerprint: str) -> str:
    """The sha256 (64 hex digits) of what decides the trained weights."""
    return _sha256(trained_identity(config, fingerprint))


def cell_id(config: Config, fingerprint: str) -> str:
    """The sha256 (64 hex digits) of the trained id and of how the model is measured."""
    return _sha256([trained_id(config, fingerprint), measurement(config)])


class Ids(NamedTuple):
    """`trained_id` and `cell_id` of a config."""

    trained: str
    cell: str


class SeedIds:
    """The ids of configs that differ in nothing but their seed.

    Args:
        config: one of them.
        fingerprint: of the data.
    """

    def __init__(self, config: Config, fingerprint: str):
        text = canonical(trained_identity(dataclasses.replace(config, seed=_MARK), fingerprint))
        self._head, mark, self._tail = text.partition(str(_MARK))
        assert mark, "a seed stands in what decides the weights"
        assert mark not in self._tail, "and once only"
        self._measurement = canonical(measurement(config))

    def of(self, seed: int) -> Ids:
        """Those with a seed."""
        trained = hashlib.sha256(f"{self._head}{seed}{self._tail}".encode()).hexdigest()
        cell = hashlib.sha256(f'["{trained}",{self._measurement}]'.encode()).hexdigest()
        return Ids(trained, cell)


#: A seed that stands for all others: of so many digits that nothing else is written so.
_MARK = 10**40 + 7


def flat(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The settings of an identity by their dotted keys."""
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def canonical(value: Any) -> str:
    """Canonical JSON: equal values give equal text; 1 and 1.0 are one value."""
    return json.dumps(_numbers(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _sha256(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _decided(options: Any, what: str, of_section: str = WEIGHTS) -> dict[str, Any]:
    """The settings that decide `what`; those that are not set (null) are left out."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(options):
        decides = field.metadata.get("decides", of_section)
        value = getattr(options, field.name)
        if decides == NOTHING or value is None:
            continue
        if dataclasses.is_dataclass(value):
            inner = _decided(value, what, decides)
            if inner:
                found[field.name] = inner
        elif decides == what:
            found[field.name] = value
    return found


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for key, value in other.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_numbers(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
