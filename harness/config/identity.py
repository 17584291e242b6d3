"""A cell's identity: what decides its result, and nothing else.

The cell id is the sha256 of canonical JSON (sorted keys, no spaces, shortest floats),
so running a cell again finds the finished run, on any machine and from any folder.
Settings that a choice ignores (N:M's n and m in an unstructured cell, the fine-tuning
recipe in a dense one) are left out, so that they cannot split one cell into two.
"""

import dataclasses
import hashlib
import json
from typing import Any

from harness.config.schema import Config, PatternConfig, SparsityConfig
from harness.config.sparsity import N_OF_M
from harness.digest import digest

#: Raised when the same config would give another result; old runs are then not found.
FORMAT = 3

#: Where things lie and how often they are looked at: never part of an identity.
NOT_IDENTITY = {
    "dataset": (
        "data_dir",
        "cache_dir",
        "train_files",
        "validation_files",
        "test_files",
        "vocabulary_file",
    ),
    "training": ("checkpoint_epochs", "log_every"),
}
#: Schedule kind -> the settings it reads.
SCHEDULE_KEYS = {
    "one_shot": ("unit", "begin"),
    "constant": ("unit", "begin", "end", "frequency"),
    "cosine": ("initial", "unit", "begin", "end", "frequency"),
    "polynomial": ("initial", "power", "unit", "begin", "end", "frequency"),
}
PATTERN_KEYS = {
    "none": (),
    "unstructured": (),
    "n_m": ("n", "m"),
    "gradual_n_m": ("n", "m"),
    "block": ("shape", "pooling"),
}
METHOD_KEYS: dict[str, tuple[str, ...]] = {
    "permutation": (),
    "straight_through": ("update_pruned",),
    "sr_ste": ("decay",),
    "rigl": ("alpha",),
}
#: Models without batch normalization, for which its synchronization means nothing.
NOT_NORMALIZED = ("gnmt", "imdb_lstm")
DECAY_KEYS: dict[str, tuple[str, ...]] = {
    "constant": (),
    "cosine": ("alpha",),
    "exponential": ("rate", "every"),
    "piecewise": ("boundaries", "factors"),
    "rewind": (),
}


def is_dense(config: Config) -> bool:
    """Whether the cell is a dense baseline."""
    return config.sparsity.pattern.kind == "none"


def dense_baseline(config: Config) -> Config:
    """The cell that a sparse cell is compared with and, as a rule, fine-tuned from."""
    dense = SparsityConfig(name="dense", pattern=PatternConfig(kind="none"))
    return dataclasses.replace(config, sparsity=dense)


def identity(config: Config, fingerprint: str) -> dict[str, Any]:
    """Everything that decides the cell's result, as JSON types.

    Args:
        config: a validated config.
        fingerprint: of the data, from `harness.data.fingerprint`.
    """
    plain = dataclasses.asdict(config)
    for group, keys in NOT_IDENTITY.items():
        for key in keys:
            plain[group].pop(key, None)  # not every data set has each
    training = plain["training"]
    for phase in ("dense", "finetune"):
        training[phase] = _phase(training[phase])
    if is_dense(config):
        del training["finetune"]
    if config.training.dense_weights is not None:  # what they are, not where; nothing is trained
        training["dense_weights"] = digest(config.training.dense_weights)
        del training["dense"]
    for option in ("dense_weights", "l2"):
        if training[option] is None:
            del training[option]
    return {
        "format": FORMAT,
        "model": plain["model"],
        "dataset": {**plain["dataset"], "fingerprint": fingerprint},
        "sparsity": _sparsity(plain["sparsity"]),
        "training": training,
        "strategy": _strategy(plain["strategy"], config.model.name),
        "export": plain["export"],
        "scale": config.scale,
        "seed": config.seed,
    }


def cell_id(config: Config, fingerprint: str) -> str:
    """The sha256 (64 hex digits) of the cell's identity."""
    return hashlib.sha256(canonical(identity(config, fingerprint)).encode()).hexdigest()


def canonical(value: Any) -> str:
    """Canonical JSON: equal values give equal text; 1 and 1.0 are one value."""
    return json.dumps(_numbers(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_numbers(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _pick(section: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: section[key] for key in ("kind", *keys)}


def _phase(phase: dict[str, Any]) -> dict[str, Any]:
    set_only = {key: value for key, value in phase["optimizer"].items() if value is not None}
    decay = _pick(phase["decay"], DECAY_KEYS[phase["decay"]["kind"]])
    if decay["kind"] == "rewind":
        del set_only["learning_rate"]  # the dense phase's
    return {**phase, "optimizer": set_only, "decay": decay}


def _strategy(strategy: dict[str, Any], model: str) -> dict[str, Any]:
    if strategy["name"] == "single" or model in NOT_NORMALIZED:
        del strategy["synchronized_batch_norm"]
    return strategy


def _sparsity(sparsity: dict[str, Any]) -> dict[str, Any]:
    kind = sparsity["pattern"]["kind"]
    if kind == "none":
        return {"pattern": {"kind": "none"}}
    # The group's name is a label: the axes below it say all that decides the result.
    decided = {key: value for key, value in sparsity.items() if key != "name"}
    decided["pattern"] = _pick(sparsity["pattern"], PATTERN_KEYS[kind])
    decided["schedule"] = _pick(sparsity["schedule"], SCHEDULE_KEYS[sparsity["schedule"]["kind"]])
    if kind in N_OF_M:
        del decided["target"]
    method = decided.pop("method")
    if method["kind"] is not None:
        decided["method"] = _pick(method, METHOD_KEYS[method["kind"]])
    return decided
