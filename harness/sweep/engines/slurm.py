"""SLURM, through submitit: one job a cell.

A sparse cell's job waits for that of its dense baseline (`afterok`), and goes with it if that
fails (`kill-on-invalid-dep`); a job that is preempted or reaches its time limit is queued again
and goes on from its cell's checkpoint (submitit, https://github.com/facebookincubator/submitit).
"""

import io
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.config.schema import EngineOptions
from harness.errors import ConfigError
from harness.options import choice
from harness.sweep.engines.base import CANCELLED, ENDED, FAILED, RUNNING, WAITING, Engine, Order

#: SLURM's states in the words of all engines; those that are not here have failed
#: (https://slurm.schedmd.com/squeue.html, JOB STATE CODES).
_STATES = {
    "PENDING": WAITING,
    "REQUEUED": WAITING,
    "REQUEUE_HOLD": WAITING,
    "SUSPENDED": WAITING,
    "CONFIGURING": RUNNING,
    "COMPLETING": RUNNING,
    "RUNNING": RUNNING,
    "COMPLETED": ENDED,
    "CANCELLED": CANCELLED,
}
#: How often a job may reach its time limit and go on.
_TIMEOUTS = 100


@choice
@dataclass
class Slurm(Engine):
    """One job a cell, with the resources of the config's `engine`."""

    package: ClassVar[str] = "submitit"
    extra: ClassVar[str] = "slurm"

    name: str = "slurm"

    def check(self) -> None:
        """Refuses where submitit or SLURM's own commands are missing."""
        super().check()
        if shutil.which("sbatch") is None:
            raise ConfigError(
                "--on slurm: sbatch is not found; accepted: a machine that SLURM takes jobs from"
            )

    def submit(self, order: Order, note: Callable[[Mapping[str, str]], None]) -> None:
        """As `Engine`."""
        from submitit.core.utils import FailedJobError

        jobs = dict(order.running)
        try:
            with redirect_stderr(io.StringIO()):  # where submitit repeats what the error says
                self._submit(order, jobs, note)
        except FailedJobError as error:  # of sbatch
            taken = len(jobs) - len(order.running)
            line = " ".join(str(error).split())
            raise ConfigError(
                f"--on slurm: SLURM took {taken} of {len(order.works)} cells ({line}); the same "
                "command submits the others"
            ) from None

    def _submit(
        self, order: Order, jobs: dict[str, str], note: Callable[[Mapping[str, str]], None]
    ) -> None:
        here = os.getcwd()
        for work in order.works:
            after = [jobs[work.needs]] if work.needs in jobs else []
            executor = _executor(order.folder, work.name, work.resources, "afterok", after)
            job = _CellJob(here, work.cell, work.overrides, order.parent_run)
            jobs[work.cell] = str(executor.submit(job).job_id)
            note(jobs)
        last = EngineOptions(partition=order.works[0].resources.partition)
        executor = _executor(order.folder, "table", last, "afterany", list(jobs.values()))
        table = executor.submit(_write_table, here, order.sweep, order.extra, order.out)
        note({**jobs, "table": str(table.job_id)})

    def states(self, jobs: Mapping[str, str], folder: Path) -> dict[str, str]:
        """As `Engine`; from the accounting, or where there is none from the queue."""
        if not jobs:
            return {}
        numbers = ",".join(jobs.values())
        asked = _asked("sacct", "-n", "-P", "-X", "-j", numbers, "-o", "JobID,State")
        if not asked:
            asked = _asked("squeue", "-h", "-t", "all", "-j", numbers, "-o", "%i|%T")
        found = {}
        for line in asked.splitlines():
            number, _, state = line.partition("|")
            found[number] = _STATES.get(state.split()[0], FAILED)  # "CANCELLED by 0"
        return {cell: found[number] for cell, number in jobs.items() if number in found}

    def cancel(self, jobs: Mapping[str, str], folder: Path) -> None:
        """As `Engine`."""
        if jobs:
            subprocess.run(["scancel", *jobs.values()], check=True, capture_output=True)


class _CellJob:
    """What submitit runs; queued again, it starts from the cell's checkpoint."""

    def __init__(self, here: str, cell: str, overrides: tuple[str, ...], parent_run: str):
        self._given = (here, cell, overrides, parent_run)

    def __call__(self) -> None:
        from harness.sweep.detached import run_one

        run_one(*self._given)

    def checkpoint(self) -> Any:
        """Asked by submitit when the job is preempted or near its time limit."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


def _write_table(here: str, sweep: str, extra: tuple[str, ...], out: str | None) -> None:
    from harness.sweep.detached import write_table

    write_table(here, sweep, extra, out)


def _executor(
    folder: Path, name: str, resources: EngineOptions, relation: str, after: Sequence[str]
) -> Any:
    import submitit

    executor = submitit.AutoExecutor(
        folder=folder, cluster="slurm", slurm_max_num_timeout=_TIMEOUTS
    )
    more: dict[str, Any] = {}
    if after:
        more = {"dependency": f"{relation}:{':'.join(after)}", "kill-on-invalid-dep": "yes"}
    asked = {
        "cpus_per_task": resources.cpus,
        "gpus_per_node": resources.gpus,
        "mem_gb": resources.memory,
        "timeout_min": resources.time,
        "slurm_partition": resources.partition,
    }
    executor.update_parameters(
        name=name,
        stderr_to_stdout=True,
        slurm_additional_parameters=more,
        **{key: value for key, value in asked.items() if value is not None},
    )
    return executor


def _asked(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
