"""What a store has not taken yet of one run: operations on disk, in order, and their files.

A folder with `run.json`, which says whose they are, `operations.jsonl`, one of them a line, and
`files/`, copies of artifacts. Lines are added and never changed; how many of them the store has
taken by now is a line as well. Nothing is there while nothing waits.
"""

import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.errors import TrackingError

#: `{"do": what, …}`, made of what JSON has; `harness.tracking.outbox` knows each.
Operation = dict[str, Any]
#: How the last operation of a finished cell ends its run.
ENDED = {"status": "FINISHED"}
#: The folder of a cell's journal, in its work folder.
FOLDER = "journal"


class Journal:
    """Of one run.

    Attributes:
        folder: its own.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._lines = folder / "operations.jsonl"
        self._about = folder / "run.json"

    def exists(self) -> bool:
        """Whether something waits here."""
        return self._lines.exists()

    def about(self) -> dict[str, str]:
        """Whose operations these are; empty where nothing waits.

        Raises:
            TrackingError: the file cannot be read.
        """
        try:
            found: dict[str, str] = json.loads(self._about.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise TrackingError(
                f"{self._about} cannot be read ({error}); remove {self.folder} to give up what "
                "waits in it"
            ) from None
        return found

    def tell(self, about: Mapping[str, str]) -> None:
        """Writes whose they are, all at once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = self._about.with_suffix(".part")
        _write(beside, json.dumps(dict(about)), "w")
        beside.replace(self._about)

    def add(self, operations: Sequence[Operation]) -> None:
        """Keeps operations; they survive a crash once this returns."""
        # a line that a crash cut short stays one of its own
        torn = self._lines.exists() and not self._lines.read_bytes().endswith(b"\n")
        lines = "".join(json.dumps(operation) + "\n" for operation in operations)
        _write(self._lines, ("\n" if torn else "") + lines, "a")

    def keep(self, path: Path) -> str:
        """Keeps a copy of a file, under its own name; returns where, seen from the folder."""
        place = self.folder / "files" / uuid.uuid4().hex[:12]
        place.mkdir(parents=True)
        shutil.copyfile(path, place / path.name)
        with (place / path.name).open("rb") as file:
            os.fsync(file.fileno())
        return (place / path.name).relative_to(self.folder).as_posix()

    def read(self) -> list[Operation]:
        """What waits, in order.

        A line that was cut short is left out: nothing was told that it is kept.
        """
        operations: list[Operation] = []
        taken = 0
        text = ""
        with suppress(FileNotFoundError):  # somebody delivers it meanwhile
            text = self._lines.read_text(encoding="utf-8")
        for line in text.splitlines():
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if "taken" in found:
                taken += found["taken"]
            else:
                operations.append(found)
        return operations[taken:]

    def taken(self, operations: Sequence[Operation]) -> None:
        """The store has the first ones; without this they would be sent again, to no effect."""
        with self._lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"taken": len(operations)}) + "\n")
        for operation in operations:
            if operation["do"] == "artifact":
                shutil.rmtree((self.folder / operation["file"]).parent, ignore_errors=True)

    def clear(self) -> None:
        """The store has them all."""
        self._lines.unlink(missing_ok=True)  # first: without it there is no journal
        shutil.rmtree(self.folder, ignore_errors=True)

    def find(self, folder: str, name: str) -> Path | None:
        """The copy of an artifact that waits here, the last one of its name; None if none does."""
        return next(
            (
                self.folder / operation["file"]
                for operation in reversed(self.read())
                if operation["do"] == "artifact"
                and (operation["folder"], Path(operation["file"]).name) == (folder, name)
            ),
            None,
        )

    def is_finished(self) -> bool:
        """Whether all of a finished cell waits here: it is not to be run again."""
        operations = self.read()
        return bool(operations) and operations[-1].items() >= {"do": "end", **ENDED}.items()


def _write(path: Path, text: str, mode: str) -> None:
    with path.open(mode, encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
