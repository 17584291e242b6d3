"""What every preparer of a data set offers.

A preparer is one file of this folder: a dataclass below `Preparer`, announced by
`@harness.options.choice`. Nothing heavy is imported before `write` is called.
"""

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from harness.options import UNNAMED, Options, Room

PREPARERS = Room("data prepare", "harness.data.prepare", tag="name")


@dataclass(frozen=True)
class Prepared:
    """What a folder was filled with.

    Attributes:
        source: Where the data are from, in words: `harness.data` tags show it.
        overrides: Hydra overrides that use the data, but for `dataset.data_dir`.
        facts: Versions, hashes and parameters, as JSON types.
    """

    source: str
    overrides: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Preparer(Options):
    """Makes the files of a data set.

    Attributes:
        help: what is made of what, in one line.
        name: what the command line calls it.
    """

    room: ClassVar[Room] = PREPARERS
    help: ClassVar[str]

    name: str = UNNAMED

    def options(self, parser: argparse.ArgumentParser) -> None:
        """Adds its own options to a command line."""

    def write(self, folder: Path, given: argparse.Namespace) -> Prepared:
        """Fills an empty folder.

        Args:
            folder: that is there.
            given: what the own options were parsed to.

        Raises:
            DataError: a missing package, or a download whose sha256 is another.
        """
        raise NotImplementedError
