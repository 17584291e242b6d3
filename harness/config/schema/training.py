"""A training recipe, typed: its phases, and how devices share its batches."""

from dataclasses import dataclass, field

from omegaconf import MISSING


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
    epochs); piecewise (× `factors[i]` from `boundaries[i]`, cumulative steps, on); in the
    fine-tuning phase, rewind (the rates of the dense phase's last steps once more, whatever
    the phase's own learning rate is).
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

    With `dense_weights`, the path of a file that Keras wrote (`.keras`, `.weights.h5` or
    `.h5`), the dense baseline is those weights, evaluated and not trained. `l2` pulls the
    kernels towards zero, depthwise ones aside: it is added to the gradient times the weight,
    as weight decay was before it was decoupled. `checkpoint_epochs` is how often a checkpoint
    is written and validation runs; `log_every` is in steps. Neither changes a result.
    """

    name: str = MISSING
    batch_size: int = 128
    label_smoothing: float = 0.0
    l2: float | None = None
    mixed_precision: bool = False
    jit_compile: str = "auto"
    dense_weights: str | None = None
    dense: PhaseConfig = field(default_factory=PhaseConfig)
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)
    checkpoint_epochs: float = 1.0
    log_every: int = 10


@dataclass
class StrategyConfig:
    """How the devices of one cell share its batches: single, mirrored or multi_worker.

    `devices` is how many to use (null: all). With `virtual_cpus` above zero, that many
    logical CPU devices are made first, to try a strategy where there is no accelerator.
    `synchronized_batch_norm` normalizes by the moments of the whole batch, as one device would,
    instead of those of each device's share.
    """

    name: str = MISSING
    devices: int | None = None
    virtual_cpus: int = 0
    synchronized_batch_norm: bool = True
