"""A training recipe as options: its phases, and how devices share its batches."""

from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import ConfigError
from harness.options import NOTHING, UNNAMED, Options, decides, need, need_share, one_choice, one_of
from harness.training.decay.base import DECAYS, DecayOptions
from harness.training.optimizer.base import OPTIMIZERS, OptimizerOptions

STARTS = ("dense", "scratch")
WEIGHT_FILES = (".keras", ".h5")
JIT = ("auto", "always", "never")
#: What a fine-tuning phase may round as it computes (`harness.training.quantization`).
ROUNDINGS = ("int8",)


@dataclass
class PhaseOptions(Options):
    """One stretch of training. Its length is given in epochs or in steps, not both."""

    epochs: float | None = None
    steps: int | None = None
    optimizer: OptimizerOptions = one_choice(OPTIMIZERS, "adam")
    decay: DecayOptions = one_choice(DECAYS, "constant")

    def check(self, key: str) -> None:
        """Refuses an impossible phase; `key` is where it stands in the config.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """
        lengths = {"epochs": self.epochs, "steps": self.steps}
        given = {name: value for name, value in lengths.items() if value is not None}
        if len(given) != 1:
            raise ConfigError(
                f"{key}: received epochs={self.epochs}, steps={self.steps}; accepted: exactly one "
                f"of them (the other null: {key}.epochs=null)"
            )
        for name, value in given.items():
            need(f"{key}.{name}", value, value > 0, "a number above 0")
        self.optimizer.check(f"{key}.optimizer")
        self.decay.check(f"{key}.decay")

    def total_steps(self, steps_per_epoch: int) -> int:
        """Its optimizer steps, from an epoch's; may round to none."""
        return self.steps if self.steps is not None else round((self.epochs or 0) * steps_per_epoch)


@dataclass
class FinetuneOptions(PhaseOptions):
    """The phase in which a sparse cell is pruned, from its dense baseline or from scratch.

    With `quantize=int8` it computes with kernels and activations rounded as a file of 8-bit
    integers has them, and leaves the kernels so rounded, their zeros among them.
    """

    start: str = "dense"
    quantize: str | None = None

    def check(self, key: str) -> None:
        """As of any phase; and roundings that there are."""
        super().check(key)
        known = self.quantize is None or self.quantize in ROUNDINGS
        need(f"{key}.quantize", self.quantize, known, f"{', '.join(ROUNDINGS)}, or null")


@dataclass
class TrainingOptions(Options):
    """A recipe: the dense phase, and the fine-tuning phase of sparse cells.

    With `dense_weights`, the path of a file that Keras wrote (`.keras`, `.weights.h5` or
    `.h5`), the dense baseline is those weights, evaluated and not trained. `l2` pulls the
    kernels towards zero, depthwise ones aside: it is added to the gradient times the weight,
    as weight decay was before it was decoupled. `mixed_precision` computes in bfloat16, or in
    float16 with loss scaling on a GPU that has no bfloat16; on a CPU it is right on each and
    quick on those with AVX512_BF16 or AMX only: slower than float32 on others.

    `batch_size` is that of an update of the weights, and steps are updates, on any number of
    devices. With `gradient_accumulation`, that many parts of a batch are computed one after the
    other and their gradients averaged, which takes the memory of one part; batch normalization
    sees parts. `steps_per_execution` lets a GPU take so many parts without a word from Python;
    several devices take them one by one, whatever it says.
    `checkpoint_epochs` is how often a checkpoint is written and validation runs; `log_every` is in
    steps. Neither of these three changes a result.
    """

    name: str = decides(NOTHING, UNNAMED)
    batch_size: int = 128
    label_smoothing: float = 0.0
    l2: float | None = None
    mixed_precision: bool = False
    gradient_accumulation: int | None = None
    jit_compile: str = "auto"
    dense_weights: str | None = None
    dense: PhaseOptions = field(default_factory=PhaseOptions)
    finetune: FinetuneOptions = field(default_factory=FinetuneOptions)
    checkpoint_epochs: float = decides(NOTHING, 1.0)
    log_every: int = decides(NOTHING, 10)
    steps_per_execution: int | None = decides(NOTHING, None)

    @property
    def parts(self) -> int:
        """How many parts the batch of an update is computed in."""
        return self.gradient_accumulation or 1

    @property
    def part_size(self) -> int:
        """Examples computed at once, over all devices."""
        return self.batch_size // self.parts

    def check(self) -> None:
        """Refuses a recipe that cannot be followed; needs no TensorFlow.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """
        need("training.batch_size", self.batch_size, self.batch_size >= 1, "1 or more")
        self._check_parts()
        need_share("training.label_smoothing", self.label_smoothing)
        one_of("training.jit_compile", self.jit_compile, JIT)
        every = self.checkpoint_epochs
        need("training.checkpoint_epochs", every, every > 0, "a number above 0")
        need("training.log_every", self.log_every, self.log_every >= 1, "1 or more")
        pull = self.l2
        need("training.l2", pull, pull is None or pull > 0, "a number above 0, or null")
        if self.dense_weights is not None:
            file = Path(self.dense_weights)
            fits = file.is_file() and file.suffix in WEIGHT_FILES
            accepted = f"a file that is there, {' or '.join(WEIGHT_FILES)}"
            need("training.dense_weights", self.dense_weights, fits, accepted)
        one_of("training.finetune.start", self.finetune.start, STARTS)
        self.dense.check("training.dense")
        self.finetune.check("training.finetune")
        if self.finetune.quantize is not None:
            key, mixed = "training.mixed_precision", self.mixed_precision
            need(
                key, mixed, not mixed, "false with training.finetune.quantize, which needs float32"
            )
        if self.dense.decay.rewinds:
            others = ", ".join(name for name, decay in DECAYS if not decay.rewinds)
            raise ConfigError(
                f"training.dense.decay.kind: received {self.dense.decay.kind}, which repeats the "
                f"dense phase; accepted: {others}"
            )
        if self.finetune.decay.rewinds:
            self._check_rewind()

    def _check_parts(self) -> None:
        parts, run = self.gradient_accumulation, self.steps_per_execution
        key, accepted = "training.gradient_accumulation", "2 or more, or null"
        need(key, parts, parts is None or parts >= 2, accepted)
        divides = f"a divisor of training.batch_size={self.batch_size}, or null"
        need(key, parts, self.batch_size % self.parts == 0, divides)
        need("training.steps_per_execution", run, run is None or run >= 1, "1 or more, or null")

    def _check_rewind(self) -> None:
        """Rewinding repeats the end of the dense phase, so it needs one, and one as long."""
        key, start = "training.finetune.decay.kind", self.finetune.start
        if start != "dense":
            raise ConfigError(
                f"{key}: received rewind with start={start}; accepted: rewind with start=dense, "
                "whose rates are repeated"
            )
        if self.dense_weights is not None:
            others = ", ".join(name for name, decay in DECAYS if not decay.rewinds)
            raise ConfigError(
                f"{key}: received rewind with dense_weights, whose training is not known; "
                f"accepted: {others}"
            )
        for unit in ("epochs", "steps"):
            whole, last = getattr(self.dense, unit), getattr(self.finetune, unit)
            if whole is not None and last is not None and last > whole:
                raise ConfigError(
                    f"training.finetune.{unit}: received {last:g} with decay.kind=rewind; "
                    f"accepted: up to the dense phase's, {whole:g}"
                )


@dataclass
class StrategyOptions(Options):
    """How the devices of one cell share its batches: single, mirrored or multi_worker.

    `devices` is how many to use (null: all). With `virtual_cpus` above zero, that many
    logical CPU devices are made first, to try a strategy where there is no accelerator.
    `synchronized_batch_norm` normalizes by the moments of the whole batch, as one device would,
    instead of those of each device's share.
    """

    name: str = UNNAMED
    devices: int | None = None
    virtual_cpus: int = 0
    synchronized_batch_norm: bool = True

    def check(self) -> None:
        """Refuses devices that no cell can have.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """
        devices, virtual = self.devices, self.virtual_cpus
        accepted = "1 or more, or null for all"
        need("strategy.devices", devices, devices is None or devices >= 1, accepted)
        need("strategy.virtual_cpus", virtual, virtual >= 0, "0 or more")
        if self.name == "single" and (devices or 1) > 1:
            raise ConfigError(
                f"strategy.devices: received {devices} with strategy=single; accepted: 1, or "
                "strategy=mirrored"
            )
        if self.name != "single" and not self.synchronized_batch_norm and devices is None:
            raise ConfigError(
                "strategy.devices: received null with strategy.synchronized_batch_norm=false, "
                "whose results depend on their number; accepted: the number of devices of all "
                "processes"
            )
