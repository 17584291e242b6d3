"""The cores that work may be spread over."""

import os


def usable() -> list[int]:
    """The cores that this process may use; no numbers to go by on systems that tell none.

    SLURM, taskset and containers give a process fewer than the machine has.
    """
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
