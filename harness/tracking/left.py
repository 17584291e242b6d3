"""Runs that are RUNNING for processes which have ended: found, and closed.

Never for age alone. Of a process of this machine the system tells whether it lives. Of one of
another machine or container it takes both: the lock of its cell's weights, in a folder that it is
known to share with this process, is free; and it has given no sign of life for long.
"""

import time
from typing import Any

from filelock import Timeout

from harness.config.schema import TrackingOptions
from harness.tracking import beside, process, store
from harness.tracking.cell_run import HEARTBEAT, LOCKS

#: Seconds without a sign of life after which a process of another machine may have ended.
SILENCE_SECONDS = 600.0
_AGAIN = "running the cell again resumes it"


def close_dead(tracking: TrackingOptions, work_dir: str) -> int:
    """Closes the runs of an experiment that are RUNNING for processes that have ended.

    Args:
        tracking: the store and the experiment.
        work_dir: beside which the cells' locks lie, if not beside the store.

    Returns:
        How many there were.
    """
    client = store.client(tracking.uri)
    found = client.search_runs(
        [store.open_experiment(tracking.uri, tracking.experiment)],
        "attributes.status = 'RUNNING' and tags.`harness.kind` LIKE '%'",
        max_results=1000,
    )
    closed = 0
    for run in found:
        told = run.data.tags.get(process.TAG, "")
        if process.is_dead(told):
            now = client.get_run(run.info.run_id)  # another process may have taken it up meanwhile
            if now.info.status == "RUNNING" and now.data.tags.get(process.TAG) == told:
                _close(client, now, "is gone")
                closed += 1
        elif process.is_out_of_sight(told) and _is_silent(run):
            closed += _close_if_free(client, run, tracking.uri, work_dir)
    return closed


def leave_to_jobs(tracking: TrackingOptions, run_id: str) -> None:
    """Has a run stay open when this process ends, for jobs elsewhere go on with it.

    Args:
        tracking: the store.
        run_id: of a sweep whose last job, or whose cancelling, closes it.
    """
    store.client(tracking.uri).set_tag(run_id, process.TAG, "")


def _is_silent(run: Any) -> bool:
    """Whether its process has given no sign of life for long; False if it never gave one."""
    last = run.data.tags.get(HEARTBEAT, "")
    return last.isdecimal() and time.time() - int(last) > SILENCE_SECONDS


def _close_if_free(client: Any, run: Any, uri: str, work_dir: str) -> bool:
    """Closes a run whose cell nobody has under way; returns whether it did."""
    trained = run.data.tags.get("harness.trained_id")
    if trained is None or run.data.tags.get(LOCKS) != beside.mark(uri, work_dir):
        return False
    try:
        with beside.cell_lock(uri, work_dir, trained, timeout=0):
            now = client.get_run(run.info.run_id)  # as it is while nobody else can take it up
            if now.info.status != "RUNNING" or not _is_silent(now):
                return False
            _close(client, now, "gives no sign of life, and holds its cell's lock no more")
            return True
    except Timeout:
        return False


def _close(client: Any, run: Any, what: str) -> None:
    tags = run.data.tags
    reason = f"its process {tags['harness.pid']} on {tags['harness.host']} {what}; {_AGAIN}"
    client.set_tag(run.info.run_id, "harness.failure", reason)
    client.set_terminated(run.info.run_id, "KILLED")
