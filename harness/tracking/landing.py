"""Where `harness ui` leads to: the experiment of a sweep, and its saved view.

An SQLite store is asked by a read-only query, so that the link is there at once; any other
through MLflow's client.
"""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from harness.errors import TrackingError
from harness.tracking import store
from harness.tracking.runs import NoRunsError, open_read_only
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


_QUERY = """
SELECT experiment_id, experiments.name,
  EXISTS (SELECT 1 FROM experiment_tags AS t
          WHERE t.experiment_id = experiments.experiment_id AND t.key = ?)
FROM experiments JOIN runs USING (experiment_id) JOIN tags USING (run_uuid)
WHERE tags.key = 'harness.kind' AND runs.lifecycle_stage = 'active'
  AND experiments.lifecycle_stage = 'active'
ORDER BY runs.start_time DESC
"""


def find_landing(uri: str, name: str | None) -> Landing:
    """The experiment of this name, or the one with the newest run.

    Args:
        uri: the MLflow store.
        name: a sweep's; None for the newest.

    Raises:
        NoRunsError: nothing has been run in it yet.
        TrackingError: the store cannot be read.
    """
    found = _from_client(uri) if store.sqlite_path(uri) is None else _from_sqlite(uri)
    for landing in found:
        if name in (None, landing.name):
            return landing
    if not found:
        raise NoRunsError(f"there are no runs at {uri} yet; `harness sweep demo` makes some")
    known = ", ".join(sorted(landing.name for landing in found))
    raise NoRunsError(f"received {name}, of which there are no runs at {uri}; accepted: {known}")


def _from_sqlite(uri: str) -> list[Landing]:
    """The experiments with runs of the harness, that of the newest run first."""
    path = store.sqlite_path(uri)
    assert path is not None
    with open_read_only(path) as db:
        rows = dict.fromkeys(db.execute(_QUERY, (TAG,)))
    return [Landing(str(number), name, bool(viewed)) for number, name, viewed in rows]


def _from_client(uri: str) -> list[Landing]:
    store.check(uri)
    client = store.client(uri)
    from mlflow.exceptions import MlflowException

    try:
        newest = []
        for experiment in client.search_experiments():
            runs = client.search_runs(
                [experiment.experiment_id],
                "tags.`harness.kind` LIKE '%'",
                max_results=1,
                order_by=["attributes.start_time DESC"],
            )
            if runs:
                viewed = TAG in experiment.tags
                landing = Landing(str(experiment.experiment_id), experiment.name, viewed)
                newest.append((runs[0].info.start_time, landing))
    except MlflowException as error:
        first_line = str(error).partition("\n")[0]
        raise TrackingError(f"the MLflow store {uri} cannot be read ({first_line})") from error
    return [landing for _, landing in sorted(newest, key=lambda pair: -pair[0])]
