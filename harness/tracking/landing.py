"""Where `harness ui` leads to: the experiment of a sweep, and its saved view."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from harness.tracking.backends import NoRunsError, opened
from harness.tracking.view import KEY, TAG


@dataclass(frozen=True)
class Landing:
    """An experiment to open.

    Attributes:
        experiment: its id.
        name: its name, which is its sweep's.
        viewed: whether its view was saved; runs of other versions may have none.
    """

    experiment: str
    name: str
    viewed: bool

    def link(self, server: str, *, charts: bool = False) -> str:
        """The address of its runs, with the view in place.

        Args:
            server: such as `http://127.0.0.1:5000`.
            charts: the runs' charts instead of their table.
        """
        options = {"viewStateShareKey": KEY} if self.viewed else {}
        if charts:
            options["compareRunsMode"] = "CHART"
        # without workflowType a browser that is new to MLflow opens on its page for LLM traces
        options["workflowType"] = "machine_learning"
        return f"{server}/#/experiments/{quote(self.experiment)}/runs?{urlencode(options)}"


def find_landing(uri: str, name: str | None) -> Landing:
    """The experiment of this name, or the one with the newest run.

    Args:
        uri: the MLflow store.
        name: a sweep's; None for the newest.

    Raises:
        NoRunsError: nothing has been run in it yet.
        TrackingError: the store cannot be read.
    """
    with opened(uri) as backend:
        newest = [
            (start, Landing(each.id, each.name, TAG in each.tags))
            for each in backend.experiments()
            if (start := backend.newest(each.id, "harness.kind")) is not None
        ]
    found = [landing for _, landing in sorted(newest, key=lambda pair: -pair[0])]
    for landing in found:
        if name in (None, landing.name):
            return landing
    if not found:
        raise NoRunsError(f"there are no runs at {uri} yet; `harness sweep demo` makes some")
    known = ", ".join(sorted(landing.name for landing in found))
    raise NoRunsError(f"received {name}, of which there are no runs at {uri}; accepted: {known}")
