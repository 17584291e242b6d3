"""Delivers what cells could not, because their store was away while they wrote to it."""

import shutil
from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from harness.cell.cell import log_of
from harness.config.folders import command
from harness.config.schema import TrackingOptions
from harness.errors import HarnessError
from harness.tracking import away, beside, cell_run, moved, outbox, store
from harness.tracking.journal import FOLDER, Journal

#: What the run of a cell that was interrupted says of it.
INTERRUPTED_RUN = "interrupted; running the cell again resumes it"


@dataclass(frozen=True)
class Left:
    """What could not be delivered.

    Attributes:
        name: the cell's.
        folder: its journal's.
        reason: why.
        away: whether its store does not answer.
    """

    name: str
    folder: Path
    reason: str
    away: bool

    def __str__(self) -> str:
        return (
            f"{self.name} waits in {_near(self.folder)} ({self.reason}); to deliver it: "
            f"{command('deliver', _near(self.folder.parents[2]))}"
        )


def _near(path: Path) -> str:
    """A path as seen from here, if it is below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def journals(work_dir: str, uri: str | None = None) -> dict[Journal, dict[str, str]]:
    """What waits in a work folder, the longest first; for one store only, if it is named.

    Each with whose it is, which the journal itself tells no more once somebody has delivered it.
    """
    found = {}
    for lines in Path(work_dir, "cells").absolute().glob(f"*/{FOLDER}/operations.jsonl"):
        journal = Journal(lines.parent)
        about = journal.about()
        if about and uri in (None, about["uri"]):
            found[journal] = about
    return dict(sorted(found.items(), key=lambda item: int(item[1]["since"])))


def deliver(
    work_dirs: Iterable[str],
    *,
    of: str | None = None,
    to: str | None = None,
    done: Callable[[str], None] = lambda name: None,
) -> list[Left]:
    """Delivers what waits, the longest first, and waits for stores as `away.patience` says.

    What another process has under way is its own to deliver.

    Args:
        work_dirs: work folders.
        of: only what is meant for this store.
        to: the store's address, if it has another one now.
        done: hears the name of each cell delivered.

    Returns:
        What could not be delivered.
    """
    left: list[Left] = []
    for work_dir in dict.fromkeys(work_dirs):
        for journal, about in journals(work_dir, of).items():
            uri, name = to or about["uri"], about["name"]
            try:
                with beside.cell_lock(about["uri"], work_dir, about["trained"], 0):
                    if journal.exists():
                        # of a store that is away, one wait is enough
                        with away.patience(0) if any(one.away for one in left) else nullcontext():
                            send(journal, uri)
                        done(name)
            except Timeout:
                continue
            except HarnessError as error:
                gone = away.is_away(error)
                reason = f"the store {uri} does not answer" if gone else str(error)
                left.append(Left(name, journal.folder, reason, gone))
    return left


def send(journal: Journal, uri: str | None = None) -> None:
    """Delivers a journal, and tidies up after it; the caller holds the cell's lock.

    Args:
        journal: an earlier process's.
        uri: the store's address, if it has another one now.

    Raises:
        TrackingError: its store did not take it.
    """
    about, finished = journal.about(), journal.is_finished()
    outbox.deliver(journal, uri)
    if finished:
        tidy(journal.folder.parent)
    else:
        tracking = TrackingOptions(uri=uri or about["uri"], experiment=about["experiment"])
        with suppress(OSError):  # a sweep's run has nothing else there
            journal.folder.parent.rmdir()
        work = journal.folder.parents[2]  # where the cell goes on from its checkpoint
        moved.rename(work, tracking.experiment, about["uri"], tracking.uri, about["cell"])
        with store.told(tracking.uri):
            cell_run.close_abandoned(tracking, about["cell"], INTERRUPTED_RUN, "KILLED")


def tidy(folder: Path) -> None:
    """Removes what a finished cell needs no more; the caller holds its lock.

    The folder is the lock's holder's alone. The logs lie elsewhere, for whoever waits has one
    open in the same folder, which therefore stays.
    """
    shutil.rmtree(folder, ignore_errors=True)
    log_of(folder).unlink(missing_ok=True)
