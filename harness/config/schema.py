"""The typed schema of a cell: what a config may say, and nothing else.

Plain dataclasses, registered in Hydra's ConfigStore: the YAML files under `conf/` fill
them in, and a key or type that is not here is refused while composing. Values that need
more than a type (ranges, names, combinations) are checked by `harness.config.validate`.
"""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING


@dataclass
class ModelConfig:
    """A model builder and its options; each model extends this with its own."""

    name: str = MISSING


@dataclass
class MnistCnnConfig(ModelConfig):
    """The small convolutional net of the MNIST pruning example."""

    filters: list[int] = field(default_factory=lambda: [32, 64])
    units: int = 1024
    dropout: float = 0.4


@dataclass
class DsCnnLConfig(ModelConfig):
    """The large depthwise-separable keyword spotter; `momentum` is batch normalization's."""

    filters: int = 276
    momentum: float = 0.99


@dataclass
class DatasetConfig:
    """A data set and where it lies.

    `data_dir` is a path, so it never decides a cell's identity: the fingerprint of the
    data found there does.
    """

    name: str = MISSING
    source: str = MISSING
    data_dir: str | None = None
    split_seed: int = 0


@dataclass
class AugmentationConfig:
    """How training clips are varied, anew at every step; without any, features are cached.

    `time_shift_ms` and `speed` (a share) are the most that a clip is moved or played faster
    or slower, either way; `gain_db` the most that it is made louder or softer. Background
    noise is mixed into a clip with `noise_probability`, up to `noise_volume` (1: as loud as
    recorded), where the data set has some.
    """

    time_shift_ms: float = 0.0
    speed: float = 0.0
    gain_db: float = 0.0
    noise_probability: float = 0.0
    noise_volume: float = 0.1


@dataclass
class SpeechConfig(DatasetConfig):
    """Recordings of words.

    `features` is mfcc (the model takes 49×10 coefficients, computed by the front end in the
    input pipeline) or waveform (it takes 16,000 samples, the front end is its first layer).
    """

    features: str = "mfcc"
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)


@dataclass
class FsddConfig(SpeechConfig):
    """The Free Spoken Digit Dataset; `test_speaker` is heard in the test split only."""

    test_speaker: str = "theo"


@dataclass
class SpeechFolderConfig(SpeechConfig):
    """Any folder of `label/*.wav`.

    With a `speaker_pattern` (a regular expression whose one group is the speaker, searched
    in the file's name), no speaker is in two splits.
    """

    validation_share: float = 0.1
    test_share: float = 0.1
    speaker_pattern: str | None = None


@dataclass
class SpeechCommandsConfig(SpeechConfig):
    """Google Speech Commands: `words`, silence, and all other words as unknown.

    The percentages are of the number of clips of `words`, in each split.
    """

    words: list[str] = field(default_factory=list)
    silence_percentage: float = 10.0
    unknown_percentage: float = 10.0


@dataclass
class PatternConfig:
    """Which weights may be zero together.

    `kind` is none, unstructured, n_m (n kept of every m along the input channels) or
    block (`shape` in weights, scored by `pooling`).
    """

    kind: str = MISSING
    n: int = 2
    m: int = 4
    shape: list[int] = field(default_factory=lambda: [1, 4])
    pooling: str = "average"


@dataclass
class ScheduleConfig:
    """When masks are refreshed, and to which sparsity.

    `begin` and `end` are in `unit`: fractions of the fine-tuning steps, or steps;
    `frequency` is always in steps.
    """

    kind: str = "polynomial"
    initial: float = 0.0
    power: float = 3.0
    unit: str = "fraction"
    begin: float = 0.0
    end: float = 0.5
    frequency: int = 100


@dataclass
class ScopeConfig:
    """Which weights are pruned: a policy, narrowed by name patterns (globs on the path)."""

    policy: str = "all_kernels"
    include: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)


@dataclass
class SparsityConfig:
    """The five axes of a pruner, and the sparsity it aims at.

    `target` is the fraction of prunable weights set to zero; an N:M pattern sets its own
    (1 - n/m), so it takes none.
    """

    name: str = MISSING
    target: float | None = None
    pattern: PatternConfig = field(default_factory=PatternConfig)
    score: str = "magnitude"
    allocation: str = "uniform"
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    scope: ScopeConfig = field(default_factory=ScopeConfig)


@dataclass
class OptimizerConfig:
    """An optimizer of Keras and its settings; an option a name does not use is refused."""

    name: str = "adam"
    learning_rate: float = 1e-3
    momentum: float | None = None
    rho: float | None = None
    epsilon: float | None = None
    weight_decay: float | None = None
    clip_norm: float | None = None


@dataclass
class DecayConfig:
    """How the learning rate falls over a phase.

    constant; cosine (to `alpha` × the initial rate); exponential (× `rate` every `every`
    epochs); piecewise (× `factors[i]` from `boundaries[i]`, cumulative steps, on).
    """

    kind: str = "constant"
    alpha: float = 0.0
    rate: float = 0.94
    every: float = 1.0
    boundaries: list[int] = field(default_factory=list)
    factors: list[float] = field(default_factory=list)


@dataclass
class PhaseConfig:
    """One stretch of training. Its length is given in epochs or in steps, not both."""

    epochs: float | None = None
    steps: int | None = None
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    decay: DecayConfig = field(default_factory=DecayConfig)


@dataclass
class FinetuneConfig(PhaseConfig):
    """The phase in which a sparse cell is pruned, from its dense baseline or from scratch."""

    start: str = "dense"


@dataclass
class TrainingConfig:
    """A recipe: the dense phase, and the fine-tuning phase of sparse cells.

    `checkpoint_epochs` is how often a checkpoint is written and validation runs;
    `log_every` is in steps. Neither changes a result.
    """

    name: str = MISSING
    batch_size: int = 128
    label_smoothing: float = 0.0
    mixed_precision: bool = False
    jit_compile: str = "auto"
    dense: PhaseConfig = field(default_factory=PhaseConfig)
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)
    checkpoint_epochs: float = 1.0
    log_every: int = 10


@dataclass
class StrategyConfig:
    """How the devices of one cell share its batches: single, or mirrored.

    `devices` is how many to use (null: all). With `virtual_cpus` above zero, that many
    logical CPU devices are made first, to try a strategy where there is no accelerator.
    """

    name: str = MISSING
    devices: int | None = None
    virtual_cpus: int = 0


@dataclass
class ExportConfig:
    """Which files are made of a trained model and measured in bytes.

    `tolerance` bounds the difference between a converted model's outputs and the Keras
    model's, relative to the largest output; a conversion beyond it is refused.
    """

    name: str = MISSING
    formats: list[str] = field(default_factory=lambda: ["tflite"])
    tolerance: float = 1e-3


@dataclass
class TrackingConfig:
    """The MLflow store, and the experiment that a table's runs share."""

    name: str = MISSING
    uri: str = MISSING
    experiment: str = MISSING


@dataclass
class Config:
    """A cell: one model × dataset × sparsity × seed × training recipe."""

    model: ModelConfig = MISSING
    dataset: DatasetConfig = MISSING
    sparsity: SparsityConfig = MISSING
    training: TrainingConfig = MISSING
    strategy: StrategyConfig = MISSING
    export: ExportConfig = MISSING
    tracking: TrackingConfig = MISSING
    scale: str = "small"
    seed: int = 1
    work_dir: str = "work"


#: group -> schema name -> dataclass. A model or data set with options of its own adds a line.
SCHEMAS: dict[str, dict[str, Any]] = {
    "model": {"mnist_cnn": MnistCnnConfig, "ds_cnn_l": DsCnnLConfig},
    "dataset": {
        "dataset": DatasetConfig,
        "fsdd": FsddConfig,
        "speech_commands": SpeechCommandsConfig,
        "speech_folder": SpeechFolderConfig,
    },
    "sparsity": {"sparsity": SparsityConfig},
    "training": {"training": TrainingConfig},
    "strategy": {"strategy": StrategyConfig},
    "export": {"export": ExportConfig},
    "tracking": {"tracking": TrackingConfig},
}


def register() -> None:
    """Puts the schema into Hydra's ConfigStore (again is harmless)."""
    store = ConfigStore.instance()
    store.store(name="harness_schema", node=Config)
    for group, nodes in SCHEMAS.items():
        for name, node in nodes.items():
            store.store(group=f"{group}/schema", name=name, node=node)
