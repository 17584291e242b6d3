"""Ray: one task a cell; a sparse cell takes its dense one's reference, so that Ray orders them.

The driver is a process of its own that outlives the command: it keeps the tasks' references,
writes what becomes of them beside its log, and the table at the end. Without RAY_ADDRESS it
starts a Ray on this machine.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.config import credentials
from harness.config.schema import EngineOptions
from harness.errors import ConfigError
from harness.options import choice
from harness.sweep.engines.base import (
    CANCELLED,
    ENDED,
    FAILED,
    LIVE,
    RUNNING,
    WAITING,
    Engine,
    Order,
    Work,
    write_json,
)
from harness.tracking import process

_ORDER, _STATES, _LOG = "order.json", "states.json", "log.txt"
#: Ray does not tell from outside which tasks have begun: each leaves a file here as it begins.
_BEGUN = "begun"
#: Ray gives its workers a low priority, and waits half a minute for its own start: both starve
#: on a machine that other work uses, too.
_SETTINGS = {"RAY_worker_niceness": "0", "RAY_raylet_start_wait_time_s": "200"}
#: By which MLflow logs in to a server (https://mlflow.org/docs/latest/self-hosting/security).
_LOGIN = tuple(f"MLFLOW_TRACKING_{name}" for name in ("USERNAME", "PASSWORD", "TOKEN"))
#: Seconds in which the cells of cancelled tasks checkpoint and close their runs.
_TIDYING = 20.0


@choice
@dataclass
class Ray(Engine):
    """One task a cell, with the resources of the config's `engine`."""

    package: ClassVar[str] = "ray"
    extra: ClassVar[str] = "ray"
    grows: ClassVar[bool] = False  # one driver has all tasks and, at the end, the table

    name: str = "ray"

    def submit(self, order: Order, note: Callable[[Mapping[str, str]], None]) -> None:
        """As `Engine`: starts the driver, whose process id is that of all its jobs.

        Raises:
            ConfigError: a cell asks for what Ray does not know.
        """
        for work in order.works:
            _refuse_unknown(work.resources)
        content = {**asdict(order), "folder": str(order.folder), "here": os.getcwd()}
        write_json(order.folder / _ORDER, content)
        for work in order.works:
            (order.folder / _BEGUN / work.cell).unlink(missing_ok=True)
        write_json(order.folder / _STATES, {work.cell: WAITING for work in order.works})
        code = (
            f"from harness.sweep.engines.ray import drive; drive({str(order.folder.resolve())!r})"
        )
        with (order.folder / _LOG).open("ab") as log:
            driver = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**_SETTINGS, **os.environ},
                start_new_session=True,
            )
        number = _described(driver.pid)
        cells = [work.cell for work in order.works]
        note({**order.running, **dict.fromkeys(cells, number), "table": number})

    def states(self, jobs: Mapping[str, str], folder: Path) -> dict[str, str]:
        """As `Engine`; what a driver that is gone had under way has failed."""
        try:
            states: dict[str, str] = json.loads((folder / _STATES).read_text())
        except (OSError, ValueError):
            return {}
        found = {
            cell: _now(cell, states[cell], jobs[cell], folder) for cell in jobs if cell in states
        }
        if "table" in jobs:  # the driver's last work
            found["table"] = WAITING if _alive(jobs["table"]) else ENDED
        return found

    def cancel(self, jobs: Mapping[str, str], folder: Path) -> None:
        """As `Engine`: the driver ends, and its tasks with it."""
        for number in {number for number in jobs.values() if _alive(number)}:
            os.kill(int(number.partition("@")[0]), signal.SIGTERM)


def _refuse_unknown(resources: EngineOptions) -> None:
    for key, received in (("time", resources.time), ("partition", resources.partition)):
        if received is not None:
            raise ConfigError(
                f"engine.{key}: received {received} with --on ray, which knows none; accepted: null"
            )


def _now(cell: str, noted: str, driver: str, folder: Path) -> str:
    """A cell's state, of what its driver noted, whether that lives, and whether the task began."""
    if noted not in LIVE:
        return noted
    if not _alive(driver):
        return FAILED
    return RUNNING if (folder / _BEGUN / cell).exists() else noted


def _described(pid: int) -> str:
    """A process by its id and its start, for ids come again."""
    return f"{pid}@{process.start(pid) or ''}"


def _alive(number: str) -> bool:
    pid, _, start = number.partition("@")
    return bool(start) and process.start(int(pid)) == start


def drive(folder: str) -> None:
    """What the driver does: all tasks at once, then the table.

    Args:
        folder: of the order that `Ray.submit` has written.
    """
    import ray

    order = json.loads(Path(folder, _ORDER).read_text())
    states = dict.fromkeys((work["cell"] for work in order["works"]), WAITING)
    stopped = threading.Event()

    def stop(signum: int, frame: object) -> None:
        under_way = [cell for cell, state in states.items() if state in LIVE]
        states.update(dict.fromkeys(under_way, CANCELLED))
        if under_way:  # else the next driver may have begun to write there
            write_json(Path(folder, _STATES), states)
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    ray.init(include_dashboard=False, log_to_driver=True)
    signal.signal(signal.SIGTERM, stop)  # Ray puts its own there
    references = {} if stopped.is_set() else _begin(folder, order)
    cells = {reference: cell for cell, reference in references.items()}
    waiting = list(cells)
    while waiting and not stopped.is_set():
        ended, waiting = ray.wait(waiting, timeout=2.0)
        for reference in ended:
            try:
                ray.get(reference)
                states[cells[reference]] = ENDED
            except Exception as error:
                line = credentials.hidden(f"{cells[reference]}: {error}")
                print(line, flush=True)  # noqa: T201 - the driver's log
                states[cells[reference]] = FAILED
        write_json(Path(folder, _STATES), states)
    if stopped.is_set():
        _end(waiting)
        return
    from harness.sweep.detached import write_table

    write_table(order["here"], order["sweep"], tuple(order["extra"]), order["out"])


def _begin(folder: str, order: Mapping[str, Any]) -> dict[str, Any]:
    """Gives Ray all tasks of an order; returns their references by cell."""
    import ray

    task = ray.remote(max_calls=1, max_retries=2)(_cell)
    references: dict[str, Any] = {}
    for given in order["works"]:
        work = Work(**{**given, "resources": EngineOptions(**given["resources"])})
        asked = _asked(work.resources)
        baseline = references.get(work.needs) if work.needs else None
        references[work.cell] = task.options(name=work.name, **asked).remote(
            folder,
            order["here"],
            work.cell,
            tuple(work.overrides),
            order["parent_run"],
            baseline,
            credentials.known(),
            {name: os.environ[name] for name in _LOGIN if name in os.environ},
        )
    return references


def _end(waiting: list[Any]) -> None:
    """Has Ray interrupt the tasks, as Ctrl-C would, and gives them the time to tidy up."""
    import ray

    for reference in waiting:
        ray.cancel(reference)
    if waiting:
        ray.wait(waiting, num_returns=len(waiting), timeout=_TIDYING)
    ray.shutdown()


def _cell(
    folder: str,
    here: str,
    cell: str,
    overrides: tuple[str, ...],
    parent_run: str,
    after: Any,
    logins: dict[str, str],
    variables: dict[str, str],
) -> str:
    """A task.

    `after` is its dense baseline's result, which Ray waits for; `logins` are the passwords of
    stores and `variables` those by which MLflow is told them, for workers of another machine do
    not inherit the driver's environment. What such a machine has set itself stays.
    """
    from harness.sweep.detached import run_one

    credentials.learn(logins)
    for name, value in variables.items():
        os.environ.setdefault(name, value)
    begun = Path(folder, _BEGUN, cell)
    begun.parent.mkdir(parents=True, exist_ok=True)
    begun.touch()
    run_one(here, cell, overrides, parent_run)
    return cell


def _asked(resources: EngineOptions) -> dict[str, Any]:
    asked: dict[str, Any] = {"num_cpus": resources.cpus or 1}
    if resources.gpus is not None:
        asked["num_gpus"] = resources.gpus
    if resources.memory is not None:
        asked["memory"] = int(resources.memory * 2**30)
    return asked
