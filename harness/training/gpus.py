"""The machine's NVIDIA GPUs as its driver tells of them; TensorFlow is not asked.

Asking TensorFlow would open every GPU and hold memory on it, which only a cell's own process may.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: The variable by which users and batch systems say which GPUs a process may use
#: (https://docs.nvidia.com/cuda/cuda-c-programming-guide/#env-vars).
VISIBLE = "CUDA_VISIBLE_DEVICES"
#: The variable that bounds the memory, MiB, that a cell's process may take of a GPU it shares.
MEMORY = "HARNESS_GPU_MEMORY_MIB"
_DRIVER = Path("/proc/driver/nvidia")
#: Of which a machine with a driver has one, containers and Windows' Linux included.
_SIGNS = (_DRIVER, Path("/dev/nvidiactl"), Path("/dev/dxg"))
_QUERY = ("--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True)
class Gpu:
    """A GPU that a process may be given.

    Attributes:
        id: what CUDA_VISIBLE_DEVICES calls it: an index, or a UUID.
        name: its model; empty where the driver does not know the id (part of a GPU, for one).
        memory_mib: its memory, MiB; of GPUs told apart by index the least that one of them has,
            for CUDA may number them otherwise than the driver does. None if it is not known.
    """

    id: str
    name: str = ""
    memory_mib: int | None = None


def installed(program: str = "nvidia-smi", folder: Path = _DRIVER) -> list[tuple[str, Gpu]]:
    """The driver's GPUs with their indices, by UUID; none without a driver that answers.

    Where its program is missing or does not answer, the driver's folder names them, whose order
    need not be CUDA's: each goes by its UUID, its memory unknown.

    Args:
        program: that asks the driver.
        folder: the driver's.
    """
    try:
        done = subprocess.run([program, *_QUERY], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return _of_folder(folder)
    rows = [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines()]
    return [
        (index, Gpu(uuid, name, int(memory) if memory.isdecimal() else None))
        for index, uuid, name, memory in (row for row in rows if len(row) == 4)
        if index.isdecimal() and not done.returncode
    ]


def _of_folder(folder: Path) -> list[tuple[str, Gpu]]:
    """The GPUs that the driver's folder tells of."""
    found: list[Gpu] = []
    for file in sorted(folder.glob("gpus/*/information")):
        with suppress(OSError):
            lines = [line.partition(":") for line in file.read_text().splitlines()]
            told = {key.strip(): value.strip() for key, _, value in lines}
            if told.get("GPU UUID", "").startswith("GPU-") and "?" not in told["GPU UUID"]:
                found.append(Gpu(told["GPU UUID"], told.get("Model", "")))
    return [(str(index), gpu) for index, gpu in enumerate(found)]


def visible(
    found: Sequence[tuple[str, Gpu]],
    environment: Mapping[str, str] = os.environ,
    signs: Sequence[Path] = _SIGNS,
) -> list[Gpu]:
    """The GPUs that this process may give away: what it was itself given, or all.

    As CUDA reads the variable: the first entry that names no GPU ends the list.

    Args:
        found: from `installed`.
        environment: whose CUDA_VISIBLE_DEVICES is respected, whoever set it.
        signs: files of a driver: where there is one that tells of no GPU, the variable is believed.
    """
    given = environment.get(VISIBLE)
    if given is None:
        return [gpu for _, gpu in found]
    sizes = [gpu.memory_mib for _, gpu in found if gpu.memory_mib is not None]
    names = {gpu.name for _, gpu in found}
    gpus: list[Gpu] = []
    believed = not found and any(sign.exists() for sign in signs)
    for word in (word.strip() for word in given.split(",")):
        by_uuid = [gpu for _, gpu in found if word and gpu.id.startswith(word)]
        if word.startswith("GPU-") and len(by_uuid) == 1:
            gpus.append(Gpu(word, by_uuid[0].name, by_uuid[0].memory_mib))
        elif word.startswith("MIG-") or (
            believed and (word.isdecimal() or word.startswith("GPU-"))
        ):
            gpus.append(Gpu(word))
        elif word in {index for index, _ in found}:
            name = names.copy().pop() if len(names) == 1 else ""
            gpus.append(Gpu(word, name, min(sizes, default=None)))
        else:
            break
    return gpus


def has_driver(folder: Path = _DRIVER, program: str = "nvidia-smi") -> bool:
    """Whether there is an NVIDIA driver; on Windows' Linux only its program tells."""
    return folder.exists() or bool(installed(program))


def unseen(seen: int, driver: bool, given: str | None) -> str | None:
    """What to say where there is a GPU and TensorFlow sees none; None if all is well.

    Args:
        seen: how many GPUs TensorFlow sees.
        driver: from `has_driver`.
        given: CUDA_VISIBLE_DEVICES, if set; whoever hides the GPUs knows what they do.
    """
    hidden = given is not None and given.split(",")[0].strip() in ("", "-1", "NoDevFiles")
    if seen or hidden or not driver:
        return None
    return (
        "this machine has an NVIDIA driver, but TensorFlow sees no GPU, so everything runs on the "
        "CPU. Install TensorFlow's CUDA libraries: make setup GPU=1 (or pip install "
        "'sparsity-harness[gpu]'). If it is meant to be so, set CUDA_VISIBLE_DEVICES=-1"
    )
