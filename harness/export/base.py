"""What every format of an exported model offers, and what a cell asks for.

A format is one file of this folder: a dataclass below `Format`, announced by
`@harness.options.choice`. TensorFlow is imported where a file is written or run, not before.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.errors import ConfigError
from harness.export.clustering import CLUSTERS, MOST
from harness.export.comparison import Comparison
from harness.export.size import WAYS, Size
from harness.options import (
    MEASUREMENT,
    NOTHING,
    UNNAMED,
    Options,
    Room,
    decides,
    need,
    one_of,
)

FORMATS = Room("export.formats", "harness.export")


@dataclass(frozen=True)
class Samples:
    """Real examples to compare outputs on: random ones leave most of a trained network idle.

    Attributes:
        inputs: the model's, [n, ...] (or a tuple of such).
        more: what the formats need besides, by name (`Format.needs`).
        lacking: the formats that did not get what they need -> why.
    """

    inputs: Any
    more: Mapping[str, np.ndarray] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Artifact:
    """One exported file.

    Attributes:
        kind: keras, or a format of the config.
        path: Where it was written.
        size: What it weighs, as it is and compressed.
        compared: Its outputs beside the model's on the samples.
        details: What else its format tells of it, by the ends of metrics' names.
    """

    kind: str
    path: Path
    size: Size
    compared: Comparison
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A format that the model could not be given: nothing of it was measured.

    Attributes:
        kind: the format.
        reason: one line.
        correlation: of its outputs with the model's; None if it gave none.
    """

    kind: str
    reason: str
    correlation: float | None = None


@dataclass(frozen=True)
class Exported:
    """What became of a model's formats.

    Attributes:
        artifacts: the files that give what the model gives, `model.keras` first.
        failures: the formats without a file.
    """

    artifacts: list[Artifact]
    failures: list[Failure]


@dataclass
class Format(Options):
    """A kind of file that a trained model is shipped as.

    Attributes:
        file: the file's name.
        scored: the prefix of its own metrics on the test split; None for a file that takes
            other inputs than the model.
        scores_pairs: whether a translation model's file has that, too: it is searched word by word.
        reads: the settings beside `export.formats` that become its fields, where they are set.
        kind: what a config calls it.
    """

    room: ClassVar[Room] = FORMATS
    file: ClassVar[str]
    scored: ClassVar[str | None] = None
    scores_pairs: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ()

    kind: str = UNNAMED

    def check(self, dataset: Any) -> None:
        """Refuses data whose models cannot have this format.

        Args:
            dataset: the cell's `harness.data.DatasetOptions`.

        Raises:
            ConfigError: names `export.formats`, what was received and what is accepted.
        """

    def needs(self, data: Any, count: int, seed: int) -> dict[str, np.ndarray]:
        """What is to be known of the data beside the inputs that outputs are compared on.

        Args:
            data: a `harness.data.Data`.
            count: how many test examples the outputs are compared on (`Data.sampled`).
            seed: the cell's.

        Raises:
            ExportError: the data do not have it.
        """
        return {}

    def write(self, model: Any, path: Path, samples: Samples, tolerance: float) -> Comparison:
        """Writes the file, reads it back and compares its outputs with the model's.

        Args:
            model: of Keras' own layers (`harness.models.layers.plain`).
            path: the file to write, whole or not at all.
            samples: with what `needs` gave.
            tolerance: the largest difference accepted, relative to the largest output.

        Raises:
            ExportError: it cannot be written, does not run, or strays too far.
        """
        raise NotImplementedError

    def details(self, path: Path, model: Any) -> dict[str, float]:
        """What else is to be logged of the file, by the ends of its metrics' names.

        Args:
            path: the file.
            model: that it was written of.

        Raises:
            ExportError: the file has not kept what it is to keep of the model.
        """
        return {}

    def model(self, path: Path) -> Any:
        """The Keras model in a file that holds one; None for other formats."""
        return None

    def runner(self, path: Path) -> Callable[[Any], np.ndarray]:
        """A function from a batch of inputs to the file's outputs; of `scored` formats."""
        raise NotImplementedError


@dataclass
class ExportOptions(Options):
    """Which files are made of a trained model and measured in bytes, beside `model.keras`.

    `tolerance` bounds the difference between a converted model's outputs and the Keras
    model's, relative to the largest output; a format beyond it has failed: the cell keeps its
    scores, and the format has no file, no bytes and a line that says why. Files of rounded
    weights have a check of their own (`harness.export.comparison.agree`).

    `compress` names the ways by which files are weighed (null: `gzip`, `zstd` and `xz`). gzip is
    always among them; the others take most of the time, and `size/best_bytes` is the least by those
    that were taken. Where it names any, `model.keras` is compressed only if there is no `tflite`
    file, which holds the same weights.

    `clusters` is how many values a kernel of a clustered format has beside zero (null: 16).
    With `latency` the TensorFlow Lite files are timed as well (`harness.export.timing`). Not set
    is false, lest cells that were never timed are others than they were.
    """

    name: str = decides(NOTHING, UNNAMED)
    formats: list[str] = decides(MEASUREMENT, default_factory=lambda: ["tflite"])
    tolerance: float = decides(MEASUREMENT, 1e-3)
    clusters: int | None = decides(MEASUREMENT, None)
    compress: list[str] | None = decides(MEASUREMENT, None)
    latency: bool | None = decides(MEASUREMENT, None)

    def __post_init__(self) -> None:
        self.latency = self.latency or None

    def check(self, dataset: Any) -> None:
        """Refuses unknown formats, and those that a model of such data cannot have.

        Args:
            dataset: the cell's `harness.data.DatasetOptions`.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """
        for kind in self.formats:
            one_of("export.formats", kind, FORMATS.names())
        formats = list(self.formats)
        need("export.formats", formats, len(set(formats)) == len(formats), "each format once")
        need("export.tolerance", self.tolerance, self.tolerance > 0, "a number above 0")
        ways = WAYS if self.compress is None else self.compress
        for way in ways:
            one_of("export.compress", way, list(WAYS))
        fits = "gzip" in ways and len(set(ways)) == len(ways)
        need("export.compress", self.compress, fits, "gzip and any of zstd and xz, each once")
        few, fits = self.clusters, self.clusters is None or 2 <= self.clusters <= MOST
        need(
            "export.clusters", few, fits, f"a whole number from 2 to {MOST}, or null for {CLUSTERS}"
        )
        for each in self.chosen():
            each.check(dataset)

    def chosen(self) -> list[Format]:
        """The formats, in order."""
        return [self._made(FORMATS.find(kind)) for kind in self.formats]

    def _made(self, kind: type[Format]) -> Format:
        given = {name: getattr(self, name) for name in kind.reads}
        return kind(**{name: value for name, value in given.items() if value is not None})


def remove(path: Path) -> None:
    """Removes an exported file or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def refusal(kind: str, given: str, accepted: str) -> ConfigError:
    """The line for a format that some data's models cannot have.

    Args:
        kind: the format's.
        given: what does not go with it.
        accepted: what does, or what to choose instead.
    """
    return ConfigError(f"export.formats: received {kind} with {given}; accepted: {accepted}")
