"""Cost of pruning beside tfmot 0.8.1, measured in one run; prints Markdown tables.

    python -m benchmarks.pruning [--quick] [--only steps first refresh memory] [--alone]

tfmot is installed into `.bench/tfmot` (git-ignored) on first use and runs in a child process;
`--alone` leaves it out. Everything is measured in turns and compared within a round, so that a
busy machine disturbs both sides alike; a ratio is the median over rounds.

* Steps: pruned over dense, each library against its own dense step. Frequency 1 refreshes all
  masks at every step. Frequency 100 is 99 steps without a refresh and one with, put together
  from the medians of both kinds (a refresh must not drown among 99 others). 2:4 sets its mask
  once, as tfmot does.
* First step: from nothing (build, attach, compile) to the end of the first training step.
* Refresh: a new mask for one embedding and its weights put on it, in a graph.
* Memory: bytes stored for each weight, beside the weight.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import statistics
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import benchmarks.pruning_ours as ours
from benchmarks.peers import TFMOT, Peer
from benchmarks.timing import ratio
from harness.tracking.provenance import cpu_model

FULL = {
    "steps": {
        "MobileNetV1": {"alpha": 1.0, "size": 96, "batch": 32},
        "DS-CNN-L": {"batch": 100},
        "LSTM encoder-decoder": {"units": 256, "vocabulary": 8000, "length": 16, "batch": 64},
    },
    "first": {"MobileNetV1": {"size": 96, "batch": 4}, "InceptionV3": {"size": 96, "batch": 4}},
    "rounds": 21,
    "count": 1,
    "sizes": [10**4, 10**5, 10**6, 10**7, 10**8],
    "embedding": (32768, 1024),
}
QUICK = {
    "steps": {
        "MobileNetV1": {"alpha": 0.25, "size": 96, "batch": 32},
        "DS-CNN-L": {"batch": 20},
        "LSTM encoder-decoder": {"units": 128, "vocabulary": 2000, "length": 8, "batch": 32},
    },
    "first": {"MobileNetV1": {"alpha": 0.25, "size": 96, "batch": 4}},
    "rounds": 3,
    "count": 3,
    "sizes": [10**4, 10**6],
    "embedding": (4096, 1024),
}

Row = tuple[str, str, str, str, str]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small models, few rounds")
    parser.add_argument("--alone", action="store_true", help="without tfmot")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    arguments = parser.parse_args()
    setting = QUICK if arguments.quick else FULL
    peer = None if arguments.alone else Peer("benchmarks.pruning_tfmot", "tfmot", TFMOT)
    print(_machine(), flush=True)
    print("\n| measured | ours | tfmot 0.8.1 | target | met |", flush=True)
    print("|---|---|---|---|---|", flush=True)
    try:
        for part in arguments.only:
            for row in PARTS[part](setting, peer):
                print("| " + " | ".join(row) + " |", flush=True)
    finally:
        if peer is not None:
            peer.close()


def _machine() -> str:
    import keras
    import tensorflow as tf

    return (
        f"{datetime.date.today()}, {cpu_model()} ({os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f} at the start), Python {platform.python_version()}, TensorFlow "
        f"{tf.__version__}, Keras {keras.__version__}"
    )


def _ask(peer: Peer | None, measurement: str, **arguments: Any) -> Any:
    """tfmot's answer, or None if it is left out or fails (the row then says so)."""
    if peer is None:
        return None
    try:
        return peer.ask(measurement, **arguments)
    except RuntimeError as error:
        print(f"<!-- tfmot, {measurement} {arguments}: {error} -->", flush=True)
        return None


def _row(name: str, value: float, other: float | None, most: float | None) -> Row:
    shown = "-" if other is None else f"{other:.2f}×"
    if most is None:
        return name, f"{value:.2f}×", shown, "", ""
    return name, f"{value:.2f}×", shown, f"≤ {most}×", "yes" if value <= most else "no"


# --- steps ------------------------------------------------------------------------------


def _step_ratios(times: Any) -> dict[str, float]:
    mixed = [
        0.99 * plain + 0.01 * refresh
        for plain, refresh in zip(times["plain"], times["refresh"], strict=True)
    ]
    times = {**times, "100": mixed}
    return {name: ratio(times, name, "dense") for name in ("100", "refresh", "2:4")}


def step_rows(setting: dict[str, Any], peer: Peer | None) -> Any:
    """Pruned steps over dense ones."""
    targets = {
        "100": ("frequency 100", 1.02),
        "refresh": ("frequency 1", 1.3),
        "2:4": ("2:4", 1.02),
    }
    for model, options in setting["steps"].items():
        arguments = {"name": model, "options": options}
        turns = {"rounds": setting["rounds"], "count": setting["count"]}
        times = ours.step_times(**arguments, **turns)
        mine = _step_ratios(times)
        found = _ask(peer, "step_times", **arguments, **turns)
        theirs = _step_ratios(found) if found else {}
        for key, (label, most) in targets.items():
            yield _row(f"{model}: step, {label}", mine[key], theirs.get(key), most)
        dense = f"{statistics.median(times['dense']) * 1e3:.0f} ms"
        other = f"{statistics.median(found['dense']) * 1e3:.0f} ms" if found else "-"
        yield f"{model} {_shown(options)}: dense step", dense, other, "", ""


def _shown(options: dict[str, Any]) -> str:
    return "(" + ", ".join(f"{name} {value}" for name, value in options.items()) + ")"


# --- first step -------------------------------------------------------------------------


def first_rows(setting: dict[str, Any], peer: Peer | None) -> Any:
    """Time to the first pruned step over time to the first dense one."""
    for model, options in setting["first"].items():
        mine: dict[str, list[float]] = {"dense": [], "plain": []}
        theirs: dict[str, list[float]] = {"dense": [], "plain": []}
        arguments = {"name": model, "options": options}
        ours.first_step(**arguments, variant="plain")  # what a process pays once, for both
        for _ in range(3):
            for variant in mine:
                mine[variant].append(ours.first_step(**arguments, variant=variant))
        for _ in range(1 if setting is QUICK else 2):
            for variant in theirs:
                found = _ask(peer, "first_step", **arguments, variant=variant)
                theirs[variant] += [found] if found else []
        other = ratio(theirs, "plain", "dense") if theirs["plain"] else None
        yield _row(f"{model}: first step", ratio(mine, "plain", "dense"), other, 1.2)
        seconds = f"{statistics.median(mine['dense']):.1f} s"
        others = f"{statistics.median(theirs['dense']):.1f} s" if theirs["dense"] else "-"
        yield f"{model} {_shown(options)}: first dense step", seconds, others, "", ""


# --- refresh ----------------------------------------------------------------------------


def refresh_rows(setting: dict[str, Any], peer: Peer | None) -> Any:
    """Seconds of a refresh beside tfmot's, and nanoseconds a weight over sizes."""
    rows, columns = setting["embedding"]
    mine, theirs = [], []
    ours.refresh(rows, columns)
    for _ in range(4):
        mine += [ours.refresh(rows, columns) for _ in range(3)]
        found = _ask(peer, "refresh", rows=rows, columns=columns)
        theirs += [found] if found else []
    seconds = statistics.median(mine)
    name = f"refresh of {rows * columns / 1e6:.1f}M weights"
    if theirs:
        gain = statistics.median(theirs) / seconds
        met = "yes" if gain >= 30 else "no"
        yield f"{name}: times faster", f"{gain:.0f}×", "1×", "≥ 30×", met
    shown = f"{statistics.median(theirs):.2f} s" if theirs else "-"
    yield name, f"{seconds:.3f} s", shown, "", ""
    each = {}
    for size in setting["sizes"]:
        ours.refresh(size // 100, 100)
        times = [ours.refresh(size // 100, 100) for _ in range(5 if size > 10**6 else 30)]
        each[size] = statistics.median(times) / size * 1e9
        yield f"refresh of {size:,} weights: ns a weight", f"{each[size]:.2f}", "", "", ""
    growth = each[max(each)] / min(each.values())
    met = "yes" if growth <= 2 else "no"
    yield "ns a weight at the largest over the least", f"{growth:.2f}×", "", "linear (≤ 2×)", met


# --- memory -----------------------------------------------------------------------------


def memory_rows(setting: dict[str, Any], peer: Peer | None) -> Any:
    """Bytes stored for each weight."""
    mine = ours.memory(1000, 1000)
    theirs = _ask(peer, "memory", rows=1000, columns=1000)
    shown = "-" if theirs is None else f"{theirs:.2f}"
    met = "yes" if mine <= 1.00001 else "no"
    yield "stored masks: bytes a weight", f"{mine:.2f}", shown, "≤ 1", met


PARTS: dict[str, Any] = {
    "steps": step_rows,
    "first": first_rows,
    "refresh": refresh_rows,
    "memory": memory_rows,
}


if __name__ == "__main__":
    main()
