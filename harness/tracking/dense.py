"""The run of a run's dense baseline, and what its files are."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from harness.errors import TrackingError
from harness.tracking import cell_run, packaging, store


def dense_run(uri: str, run_id: str) -> str | None:
    """The run of a run's dense baseline: its own if it is dense; None where that is not known."""
    tags = store.client(uri).get_run(run_id).data.tags
    own = None if "harness.dense_cell_id" in tags else run_id
    found = tags.get("harness.dense_run_id", own)
    return None if found is None else str(found)


@contextmanager
def files(uri: str, run_id: str | None, names: Mapping[str, str]) -> Iterator[dict[str, Path]]:
    """Local copies of files that a run's model was exported to, within the block.

    Args:
        uri: the store.
        run_id: None for a run that is not there, which has none.
        names: key -> file.

    Returns:
        Key -> copy; without those that the run does not have.
    """
    found: dict[str, Path] = {}
    with ExitStack() as stack:
        if run_id is not None:
            for key, name in names.items():
                place = f"{packaging.FOLDER}/{name}"
                with suppress(TrackingError):
                    found[key] = stack.enter_context(cell_run.fetched(uri, run_id, place))
        yield found
