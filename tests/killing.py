"""A real sweep whose processes kill themselves, with the signal that nobody can catch.

A kill is ordered as the call of a function at whose beginning, end, or some seconds after it the
process ends: the functions of the harness are as they are, wrapped in the process that is to die.
Before a power is cut, the whole process group's, or a cell's process, word of it is left.
"""

import functools
import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.cell.stages import run_cell
from harness.cli import commands
from harness.sweep import launch
from harness.sweep.execute import execute
from tests.settings import command

#: What takes the words, one a line: where and in which stage.
WORDS = Path("kills.txt")


@dataclass(frozen=True)
class Kill:
    """When a process ends.

    Attributes:
        at: a function, `MODULE:NAME` or `MODULE:CLASS.NAME`.
        call: which call of it in this process.
        after: whether at its end.
        later: seconds after that.
        everything: whether all processes of the command end at once, as in a power cut.
    """

    at: str
    call: int = 1
    after: bool = False
    later: float = 0.0
    everything: bool = False


#: Kills by whose they are: a cell's (`key`), or `HARNESS`'s, the process of the command.
Orders = Mapping[str, Sequence[Kill]]
HARNESS = "harness"


def key(cell: Any) -> str:
    """A cell by its sparsity and seed, e.g. `dense 1`."""
    return f"{cell.config.sparsity.name} {cell.config.seed}"


def arm(kills: Sequence[Kill], stage: Callable[[], str] = lambda: "") -> None:
    """Has this process end as ordered; `stage` tells where it stands then."""
    for kill in kills:
        module, _, path = kill.at.partition(":")
        owner: Any = importlib.import_module(module)
        *parts, name = path.split(".")
        owner = functools.reduce(getattr, parts, owner)
        setattr(owner, name, _wrapped(getattr(owner, name), kill, stage))


def _wrapped(function: Callable[..., Any], kill: Kill, stage: Callable[[], str]) -> Any:
    calls = 0

    @functools.wraps(function)
    def wrapper(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        mine = calls == kill.call
        if mine and not kill.after:
            _end(kill, stage)
        result = function(*given, **named)
        if mine and kill.after:
            _end(kill, stage)
        return result

    return wrapper


def _end(kill: Kill, stage: Callable[[], str]) -> None:
    def end() -> None:
        time.sleep(kill.later)
        word = f"{kill.at}{' after' * kill.after}{f' +{kill.later:.2f} s' * bool(kill.later)}"
        with WORDS.open("a") as file:
            file.write(f"{word} | {stage()}\n")
        if kill.everything:
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    if kill.later:
        threading.Thread(target=end, daemon=True).start()
    else:
        end()


def mortal(orders: Orders, cell: Any, parent_run: str | None, emit: Any) -> dict[str, Any]:
    """`run_cell` of a cell that may be ordered to die."""
    stages = ["beginning"]

    def heard(event: dict[str, Any]) -> None:
        if event["kind"] in ("stage", "progress"):
            stages.append(event.get("stage", "training"))
        if event["kind"] == "trained" and cell.dense is None and key(cell) in orders:
            return  # or sparse cells might start, or not, before it dies: the next kills are theirs
        emit(event)

    arm(orders.get(key(cell), ()), lambda: stages[-1])
    return run_cell(cell, parent_run, heard)


def ordered(orders: Orders) -> Callable[..., Any]:
    """`execute` whose cells take these orders."""
    return functools.partial(execute, run=functools.partial(mortal, orders))


def given(orders: Orders, *arguments: str) -> list[str]:
    """The command line of `harness ARGUMENTS` in a process of its own, with orders."""
    told = {whose: [asdict(kill) for kill in kills] for whose, kills in orders.items()}
    return command(json.dumps(told), *arguments, module="tests.killing")


def main() -> int:
    told, *arguments = sys.argv[1:]
    orders = {whose: [Kill(**kill) for kill in kills] for whose, kills in json.loads(told).items()}
    launch.execute = ordered(orders)
    arm(orders.get(HARNESS, ()))
    return commands.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
