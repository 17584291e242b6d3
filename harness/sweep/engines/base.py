"""What an engine is asked for: take cells as jobs, say how they are, end them.

An engine is one file of this folder: a dataclass below `Engine`, announced by
`@harness.options.choice`. Other installed packages can offer more.
"""

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.config.schema import EngineOptions
from harness.errors import ConfigError
from harness.options import UNNAMED, Options, Room

ENGINES = Room("--on", "harness.sweep.engines", tag="name")
#: What becomes of a job, in the words of all engines.
WAITING, RUNNING, ENDED, FAILED, CANCELLED = "waiting", "running", "ended", "failed", "cancelled"
#: The states of a job that has not come to an end.
LIVE = (WAITING, RUNNING)


@dataclass(frozen=True)
class Work:
    """One cell as a job.

    Attributes:
        cell: its id.
        name: as people call it.
        overrides: what composes it.
        needs: the id of the cell whose job must have ended well; None if it may start.
        resources: what its job asks for.
    """

    cell: str
    name: str
    overrides: tuple[str, ...]
    needs: str | None
    resources: EngineOptions


@dataclass(frozen=True)
class Order:
    """What an engine is given, whole.

    Attributes:
        works: the cells, dense baselines first; none if only the table's job is missing.
        running: cell id -> job id of cells that an earlier order has under way.
        parent_run: of the sweep.
        sweep: its file or name.
        extra: the overrides of all its cells.
        out: the folder of its table; None for the usual one.
        folder: for the engine's own files.
        partition: of the table's job.
    """

    works: Sequence[Work]
    running: Mapping[str, str]
    parent_run: str
    sweep: str
    extra: tuple[str, ...]
    out: str | None
    folder: Path
    partition: str | None = None


@dataclass
class Engine(Options):
    """An engine; `package` is what it imports, `extra` the extra that installs that.

    `grows` is whether it takes more of a sweep while jobs of an earlier order are under way.
    """

    room: ClassVar[Room] = ENGINES
    package: ClassVar[str]
    extra: ClassVar[str]
    grows: ClassVar[bool] = True

    name: str = UNNAMED

    def check(self) -> None:
        """Refuses to go on where the engine is not here.

        Raises:
            ConfigError: its package is not installed, or its programs are not found.
        """
        if importlib.util.find_spec(self.package) is None:
            raise ConfigError(
                f"--on {self.name}: the package {self.package} is not installed; install it with "
                f"`pip install 'sparsity-harness[{self.extra}]'`"
            )

    def submit(self, order: Order, note: Callable[[Mapping[str, str]], None]) -> None:
        """Takes the cells' jobs, and a last one that writes the table.

        Args:
            order: the cells.
            note: takes all jobs that there are, cell id -> job id, the table's under `table`;
                called as soon as there is one more, for this may be ended at any moment.

        Raises:
            ConfigError: it takes no more.
        """
        raise NotImplementedError

    def states(self, jobs: Mapping[str, str], folder: Path) -> dict[str, str]:
        """What has become of jobs: cell id -> one of the words above; unknown ones are left out."""
        raise NotImplementedError

    def cancel(self, jobs: Mapping[str, str], folder: Path) -> None:
        """Ends jobs, whatever they are at."""
        raise NotImplementedError


def chosen(name: str) -> Any:
    """The engine of a name, which is here.

    Raises:
        ConfigError: there is none of this name, or it is not installed.
    """
    engine = ENGINES.find(name)()
    engine.check()
    return engine


def write_json(file: Path, content: Any) -> None:
    """Writes what an engine or its driver notes, whole or not at all; its folder is made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.partial")
    partial.write_text(json.dumps(content, indent=1))
    partial.replace(file)
