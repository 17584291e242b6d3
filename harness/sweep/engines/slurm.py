"""SLURM, through submitit: one job a cell.

A sparse cell's job waits for that of its dense baseline (`afterok`), and goes with it if that
fails (`kill-on-invalid-dep`); a job that is preempted or reaches its time limit is queued again
and goes on from its cell's checkpoint (submitit, https://github.com/facebookincubator/submitit).
"""

import io
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

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
)

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
#: Minutes of a job where nothing bounds them: submitit wants a number, and this one is a year.
_UNBOUNDED = 365 * 24 * 60


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
                "command submits what is missing"
            ) from None

    def _submit(
        self, order: Order, jobs: dict[str, str], note: Callable[[Mapping[str, str]], None]
    ) -> None:
        here, limits = os.getcwd(), _limits()
        for work in order.works:
            after = [jobs[work.needs]] if work.needs in jobs else []
            asked = _flags(work.resources, limits, "afterok", after)
            executor = _executor(order.folder, work.name, asked)
            job = _CellJob(here, work.cell, work.overrides, order.parent_run)
            jobs[work.cell] = str(executor.submit(job).job_id)
            note(jobs)
        last = EngineOptions(partition=order.partition)
        asked = _flags(last, limits, "afterany", list(jobs.values()))
        executor = _executor(order.folder, "table", asked)
        table = executor.submit(_write_table, here, order.sweep, order.extra, order.out)
        note({**jobs, "table": str(table.job_id)})

    def states(self, jobs: Mapping[str, str], folder: Path) -> dict[str, str]:
        """As `Engine`; from the queue, and what that has forgotten from the accounting.

        Raises:
            ConfigError: neither answers, so that nobody knows what is under way.
        """
        if not jobs:
            return {}
        numbers = ",".join(jobs.values())
        queue, silent = _asked("squeue", "-h", "-t", "all", "-o", "%i|%T")
        kept, also_silent = _asked("sacct", "-n", "-P", "-X", "-j", numbers, "-o", "JobID,State")
        if silent and also_silent:
            raise ConfigError(
                f"--on slurm: neither squeue ({silent}) nor sacct ({also_silent}) answers; "
                "accepted: a machine that SLURM's controller answers; ask again when it does"
            )
        found = {}
        for line in (kept + queue).splitlines():
            number, _, state = line.partition("|")
            found[number] = _STATES.get(state.split()[0], FAILED)  # "CANCELLED by 0"
        return {cell: found[number] for cell, number in jobs.items() if number in found}

    def cancel(self, jobs: Mapping[str, str], folder: Path) -> None:
        """As `Engine`; jobs that SLURM has forgotten are left out, for it would refuse them."""
        live = [jobs[cell] for cell, state in self.states(jobs, folder).items() if state in LIVE]
        if live and (silent := _asked("scancel", *live)[1]):
            raise ConfigError(
                f"--on slurm: scancel ended not all of the jobs {' '.join(live)} ({silent}); the "
                "same command tries again"
            )


class _CellJob:
    """What submitit runs; queued again, it starts from the cell's checkpoint.

    SLURM warns of a time limit by SIGUSR2, which submitit has the job queued again for. It
    announces a preemption, like a cancelled job's end, by SIGTERM, which submitit leaves be. Here
    both first end the cell, for it may be all the time there is; a job of which nothing is left to
    run must then be queued again before it ends, or it counts as failed.
    """

    def __init__(self, here: str, cell: str, overrides: tuple[str, ...], parent_run: str):
        self._given = (here, cell, overrides, parent_run)

    def __call__(self) -> None:
        from harness.sweep.detached import run_one
        from harness.sweep.interrupts import Interrupted

        try:
            run_one(*self._given)
        except Interrupted as interrupted:
            if interrupted.signum == signal.SIGUSR2 or _is_preempted():
                queue_again: Any = signal.getsignal(signal.SIGUSR2)  # submitit's; ends the process
                queue_again(signal.SIGUSR2, None)
            raise

    def checkpoint(self) -> Any:
        """Asked by submitit when the job is preempted or near its time limit."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


def _write_table(here: str, sweep: str, extra: tuple[str, ...], out: str | None) -> None:
    from harness.sweep.detached import write_table

    write_table(here, sweep, extra, out)


def _flags(
    resources: EngineOptions, limits: Mapping[str, int], relation: str, after: Sequence[str]
) -> dict[str, Any]:
    """What a job asks for, in submitit's words; what is null is left to SLURM.

    The time alone has to be said, or submitit asks for five minutes: it is the partition's.
    """
    partition = resources.partition or ""
    asked = {
        "cpus_per_task": resources.cpus,
        "gpus_per_node": resources.gpus,
        "mem_gb": resources.memory,
        "timeout_min": resources.time
        or min(limits.get(p, _UNBOUNDED) for p in partition.split(",")),
        "slurm_partition": resources.partition,
    }
    more = {"dependency": f"{relation}:{':'.join(after)}", "kill-on-invalid-dep": "yes"}
    return {
        "slurm_additional_parameters": more if after else {},
        **{key: value for key, value in asked.items() if value is not None},
    }


def _executor(folder: Path, name: str, asked: Mapping[str, Any]) -> Any:
    import submitit

    executor = submitit.AutoExecutor(
        folder=folder, cluster="slurm", slurm_max_num_timeout=_TIMEOUTS
    )
    executor.update_parameters(name=name, stderr_to_stdout=True, **asked)
    return executor


def _limits() -> dict[str, int]:
    """The minutes that a job has where it asks for none: by partition, "" the usual one's.

    Raises:
        ConfigError: SLURM does not answer.
    """
    said, silent = _asked("scontrol", "show", "partition", "-o")
    if silent:
        raise ConfigError(
            f"--on slurm: SLURM does not tell its partitions ({silent}); accepted: a machine that "
            "its controller answers"
        )
    limits = {}
    for line in said.splitlines():
        fields = dict(re.findall(r"(\w+)=(\S*)", line))
        times = [_minutes(fields.get(key, "")) for key in ("DefaultTime", "MaxTime")]
        limits[fields["PartitionName"]] = next(filter(None, times), _UNBOUNDED)
        if fields.get("Default") == "YES":
            limits[""] = limits[fields["PartitionName"]]
    return limits


def _minutes(time: str) -> int | None:
    """The minutes of SLURM's `[DAYS-]HOURS:MINUTES:SECONDS`; None of NONE and UNLIMITED."""
    if not time or not time[0].isdigit():
        return None
    days, _, rest = time.rpartition("-")
    hours, minutes, _ = rest.split(":")
    return max(1, (int(days or 0) * 24 + int(hours)) * 60 + int(minutes))


def _is_preempted() -> bool:
    """Whether this job, which was asked to end, is one that SLURM takes its nodes from.

    SLURM itself queues such a job again only if it is still there at the end of its grace. A job
    that is cancelled, or queued again already, is no longer RUNNING.
    """
    said, _ = _asked("scontrol", "show", "job", "-o", os.environ["SLURM_JOB_ID"])
    fields = dict(re.findall(r"(\w+)=(\S*)", said))
    preempted = fields.get("PreemptTime", "None") not in ("None", "Unknown", "N/A")
    return fields.get("JobState") == "RUNNING" and preempted


def _asked(*command: str) -> tuple[str, str]:
    """What a program of SLURM answers, and if it does not, why, in one line."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    if done.returncode == 0:
        return done.stdout, ""
    return "", (" ".join(done.stderr.split()) or f"exit code {done.returncode}")
