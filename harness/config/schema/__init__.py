"""The typed schema of a cell: what a config may say, and nothing else.

Plain dataclasses, registered in Hydra's ConfigStore: the YAML files under `conf/` fill
them in, and a key or type that is not here is refused while composing. Values that need
more than a type (ranges, names, combinations) are checked by `harness.config.validate`.
"""

from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from harness.config.schema.sparsity import (
    MethodConfig,
    PatternConfig,
    ScheduleConfig,
    ScopeConfig,
    SparsityConfig,
)
from harness.config.schema.training import (
    DecayConfig,
    FinetuneConfig,
    OptimizerConfig,
    PhaseConfig,
    StrategyConfig,
    TrainingConfig,
)
from harness.data.base import DATASETS, DatasetOptions
from harness.export.base import ExportOptions
from harness.models.base import MODELS, ModelOptions

__all__ = [
    "SCHEMAS",
    "Config",
    "DecayConfig",
    "FinetuneConfig",
    "MethodConfig",
    "OptimizerConfig",
    "PatternConfig",
    "PhaseConfig",
    "ScheduleConfig",
    "ScopeConfig",
    "SparsityConfig",
    "StrategyConfig",
    "TrackingConfig",
    "TrainingConfig",
    "register",
]


@dataclass
class TrackingConfig:
    """The MLflow store, and the experiment that a table's runs share."""

    name: str = MISSING
    uri: str = MISSING
    experiment: str = MISSING


@dataclass
class Config:
    """A cell: one model × dataset × sparsity × seed × training recipe."""

    model: ModelOptions = MISSING
    dataset: DatasetOptions = MISSING
    sparsity: SparsityConfig = MISSING
    training: TrainingConfig = MISSING
    strategy: StrategyConfig = MISSING
    export: ExportOptions = MISSING
    tracking: TrackingConfig = MISSING
    scale: str = "small"
    seed: int = 1
    work_dir: str = "work"


#: group -> schema name -> dataclass.
SCHEMAS: dict[str, dict[str, Any]] = {
    "model": dict(MODELS),
    "dataset": dict(DATASETS),
    "sparsity": {"sparsity": SparsityConfig},
    "training": {"training": TrainingConfig},
    "strategy": {"strategy": StrategyConfig},
    "export": {"export": ExportOptions},
    "tracking": {"tracking": TrackingConfig},
}


def register() -> None:
    """Puts the schema into Hydra's ConfigStore (again is harmless)."""
    store = ConfigStore.instance()
    store.store(name="harness_schema", node=Config)
    for group, nodes in SCHEMAS.items():
        for name, node in nodes.items():
            store.store(group=f"{group}/schema", name=name, node=node)
