"""Which GPUs the cells of a sweep run on: said to each process before its TensorFlow starts.

What this process was given (CUDA_VISIBLE_DEVICES, set by a user or by SLURM) is what it gives
away; nothing here opens a GPU.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.config import Config
from harness.errors import ConfigError
from harness.sweep import cores
from harness.training.gpus import MEMORY, VISIBLE, Gpu, installed, visible
from harness.training.options import StrategyOptions

#: The environment of a process that may open no GPU.
HIDDEN = {VISIBLE: "-1"}
#: Of a GPU that cells share, MiB that each of them needs beside TensorFlow's memory, for CUDA's
#: context and libraries. Not measured here.
_CONTEXT_MIB = 600
#: MiB beside it below which no cell is let start: less than a small network's training takes.
_LEAST_MIB = 256


@dataclass(frozen=True)
class Place:
    """What one cell's process is given.

    Attributes:
        gpus: its devices; none on a machine without, where nothing is said to it.
        sharing: how many cells share each.
    """

    gpus: tuple[Gpu, ...] = ()
    sharing: int = 1

    def environment(self) -> dict[str, str]:
        """Variables of the process; TensorFlow and `harness.training.devices` read them."""
        if not self.gpus:
            return {}
        found = {VISIBLE: ",".join(gpu.id for gpu in self.gpus)}
        if self.sharing > 1:
            found["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
            sizes = [gpu.memory_mib for gpu in self.gpus if gpu.memory_mib is not None]
            if len(sizes) == len(self.gpus):
                found[MEMORY] = str(max(_share(min(sizes), self.sharing), 1))
        return found


def _share(memory_mib: int, sharing: int) -> int:
    """MiB of a GPU for TensorFlow in each of the processes that share it."""
    return memory_mib // sharing - _CONTEXT_MIB


class Devices:
    """GPUs, given to cells and taken back.

    Args:
        gpus: those that may be given away.
        per_device: cells at once on each.
    """

    def __init__(self, gpus: Sequence[Gpu] = (), per_device: int = 1):
        self.gpus, self.per_device = tuple(gpus), per_device
        self._load = dict.fromkeys(self.gpus, 0)

    @classmethod
    def found(cls, per_device: int = 1) -> "Devices":
        """Those of this process."""
        given = os.environ.get(VISIBLE)
        return cls(visible(installed()) if given not in ("", "-1") else (), per_device)

    def at_once(self, configs: Iterable[tuple[Config, object]], asked: int | None) -> int:
        """How many of these cells run at once.

        Args:
            configs: with the overrides that made each, as of `Sweep.configs`.
            asked: as of `jobs`; `auto` is one where workers meet, who take cells in one order.

        Raises:
            ConfigError: as `jobs`.
        """
        together = any(config.strategy.name == "multi_worker" for config, _ in configs)
        return self.jobs(1 if together and asked is None else asked)

    def jobs(self, asked: int | None) -> int:
        """How many cells may run at once.

        Args:
            asked: `--jobs`, None for `auto`: as many as the GPUs hold, or suit the cores.

        Raises:
            ConfigError: more than they hold, or several a GPU without one.
        """
        room = len(self.gpus) * self.per_device
        if not room:
            if self.per_device > 1:
                raise ConfigError(
                    f"--jobs-per-device: received {self.per_device} on a machine without a GPU "
                    "that it may use; accepted: leave it out, and say --jobs N"
                )
            return cores.at_once() if asked is None else asked
        self._refuse_slivers()
        if asked is not None and asked > room:
            on = "1 GPU" if len(self.gpus) == 1 else f"{len(self.gpus)} GPUs"
            share = -(-asked // len(self.gpus))
            raise ConfigError(
                f"--jobs: received {asked} with {on}; accepted: up to {room}, auto, or "
                f"--jobs-per-device {share} to share them"
            )
        return room if asked is None else asked

    def _refuse_slivers(self) -> None:
        sizes = [gpu.memory_mib for gpu in self.gpus if gpu.memory_mib is not None]
        if self.per_device == 1 or not sizes or _share(min(sizes), self.per_device) >= _LEAST_MIB:
            return
        most = max(min(sizes) // (_CONTEXT_MIB + _LEAST_MIB), 1)
        raise ConfigError(
            f"--jobs-per-device: received {self.per_device} with a GPU of {min(sizes)} MiB, of "
            f"which each cell needs {_CONTEXT_MIB + _LEAST_MIB} at least; accepted: up to {most}"
        )

    def take(self, strategy: StrategyOptions) -> Place | None:
        """A place for a cell; None if none is free now.

        A cell of one device gets the one with the fewest cells. One of several devices shares
        them with no other, nor does a worker of `multi_worker`, which keeps what it was given.
        """
        if not self.gpus:
            return Place()
        if strategy.name == "single":
            gpu = min(self.gpus, key=self._load.__getitem__)
            if self._load[gpu] >= self.per_device:
                return None
            self._load[gpu] += 1
            return Place((gpu,), self.per_device)
        wanted = len(self.gpus) if strategy.name == "multi_worker" else strategy.devices
        wanted = min(wanted or len(self.gpus), len(self.gpus))
        free = [gpu for gpu in self.gpus if not self._load[gpu]][:wanted]
        if len(free) < wanted:
            return None
        for gpu in free:
            self._load[gpu] = self.per_device
        return Place(tuple(free))

    def give_back(self, place: Place) -> None:
        """Frees what `take` gave."""
        for gpu in place.gpus:
            self._load[gpu] -= 1 if place.sharing > 1 else self._load[gpu]
