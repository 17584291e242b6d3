"""What waits for a store, seen from the commands: delivered first, delivered last, and told of."""

from collections.abc import Iterable, Sequence

from rich.console import Console

from harness.cell import delivery
from harness.cell.cell import Cell
from harness.cell.delivery import Left
from harness.errors import WAITING, ConfigError
from harness.tracking import store


def deliver(console: Console, cells: Sequence[Cell]) -> list[Left]:
    """Delivers what waits in the work folders of cells for their store; says how that went."""
    tracking = cells[0].config.tracking
    work_dirs = [cell.config.work_dir for cell in cells]
    if not any(delivery.journals(work_dir, tracking.uri) for work_dir in set(work_dirs)):
        return []
    with console.status("delivering what has waited"):
        left = delivery.deliver(work_dirs, of=tracking.uri, done=lambda name: say(console, name))
    tell(console, left)
    return left


def deliver_first(console: Console, cells: Sequence[Cell]) -> None:
    """Delivers what earlier commands left, so that no cell of it is run again.

    Raises:
        TrackingError: the store does not answer, so nothing is begun.
    """
    store.check(cells[0].config.tracking.uri)
    deliver(console, cells)


def deliver_all(console: Console, work_dir: str, uri: str | None, of: str | None = None) -> int:
    """What `harness deliver` does.

    Args:
        console: takes a line a cell.
        work_dir: the work folder.
        uri: the store's address, if it has another one now.
        of: only what is meant for this store.

    Returns:
        The exit code: 0 all delivered, 3 something still waits.

    Raises:
        ConfigError: one new address for several stores, or a store for which nothing waits.
    """
    stores = sorted({about["uri"] for about in delivery.journals(work_dir).values()})
    if not stores:
        console.print(f"Nothing waits in {work_dir}.", markup=False, soft_wrap=True)
        return 0
    if of not in (None, *stores):
        raise ConfigError(
            f"--from: received {of}, for which nothing waits in {work_dir}; accepted: "
            f"{', '.join(stores)}"
        )
    if uri is not None and of is None and len(stores) > 1:
        raise ConfigError(
            f"--uri: received {uri}, the new address of one store, where things wait in "
            f"{work_dir} for {', '.join(stores)}; say which of them it is of by --from URI"
        )
    left = delivery.deliver([work_dir], of=of, to=uri, done=lambda name: say(console, name))
    tell(console, left)
    return WAITING if delivery.journals(work_dir, of) else 0


def tell_of(console: Console, cells: Sequence[Cell], reason: str) -> None:
    """Says what waits, where nothing is delivered any more."""
    uri = cells[0].config.tracking.uri
    for work_dir in dict.fromkeys(cell.config.work_dir for cell in cells):
        for journal, about in delivery.journals(work_dir, uri).items():
            tell(console, [Left(about["name"], journal.folder, reason, True)])


def say(console: Console, name: str) -> None:
    """A cell whose journal its store has taken."""
    console.print(f"delivered: {name}", markup=False, soft_wrap=True)


def tell(console: Console, left: Iterable[Left]) -> None:
    """A line for each cell that could not be delivered."""
    for one in left:
        console.print(f"not delivered: {one}", markup=False, soft_wrap=True)
