"""What only a GPU can show, in one command, as ratios within one run and a JSON file to send back.

    python -m benchmarks.gpu [--quick] [--rounds 7] [--count 10] [--only gnmt …] [--out FILE]

For each image model, in turns in one process: the dense step, 2:4, and unstructured 80 % between
two refreshes and with one at each step; in the plain graph and under XLA; in float32 and in mixed
precision; and one step a call beside ten (`training.steps_per_execution`). With them the images
that the input pipeline must bring in a second; what a core brings is told by
`benchmarks.input_pipeline`. First of all, of each experiment's dense cell as the full-scale sweeps
have it, the peak of the GPU's memory beside what `harness describe --memory` foresees, each by a
process of its own. Then GNMT's step by cuDNN's LSTM beside the
recurrence by hand, and how far their outputs and gradients are apart.

It runs on a CPU, too (`--quick`, small, some minutes): the ratios are then that CPU's and tell
nothing of a GPU, and the file names what is missing.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from benchmarks.compiled_step import REFRESHED, Setting, stepper, trainer
from benchmarks.gnmt import batch
from benchmarks.held_memory import stepping
from benchmarks.step_memory import cells, full_scale
from benchmarks.timing import Block, interleave, ratio, steps
from harness.config import compose, is_dense
from harness.models import build
from harness.models.gnmt import Gnmt
from harness.models.layers.gnmt_layers import Lstm
from harness.tracking.provenance import git_state
from harness.training import devices, gpus, objective, recipe

FULL: dict[str, Setting] = {
    "mobilenet_v1": ((224, 224, 3), 1000, 128, {}),
    "mobilenet_v2": ((224, 224, 3), 1000, 96, {}),
    "inception_v3": ((299, 299, 3), 1000, 64, {}),
}
QUICK: dict[str, Setting] = {"mnist_cnn": ((28, 28, 1), 10, 16, {"units": 64})}
#: Layers, units, vocabulary, sentences, words of each; the published size is the first.
SENTENCES = (4, 1024, 36_548, 128, 50)
FEW_SENTENCES = (2, 16, 50, 4, 6)
GNMT = "gnmt"
#: Of a cell that is small, and everything that a full one has: parts and mixed precision.
SMALL = (
    "experiment=ds_cnn_l_speech_commands",
    "training.batch_size=8",
    "training.gradient_accumulation=2",
    "training.mixed_precision=true",
)
TOGETHER = 10
#: What a machine without a GPU cannot tell, by the name that it has in the file.
OF_A_GPU = {
    "ratios": "of a CPU: XLA, mixed precision and calls from Python cost otherwise on a GPU",
    "images_per_second": "of a CPU",
    "peak_bytes": "null: TensorFlow tells it of GPUs alone",
    GNMT: "null: cuDNN runs on NVIDIA's GPUs alone",
}


def measure(name: str, setting: Setting, rounds: int, count: int) -> dict[str, Any]:
    """Ratios of one model's steps, and the images it trains on in a second."""
    unstructured = "unstructured 80 %"
    kinds = {
        "plain": ("dense", False, False, 1),
        "xla": ("dense", True, False, 1),
        "mixed": ("dense", True, True, 1),
        "mixed plain": ("dense", False, True, 1),
        "2:4": ("2:4", True, False, 1),
        "unstructured": (unstructured, True, False, 1),
        "refresh": (REFRESHED, True, False, 1),
        "unstructured plain": (unstructured, False, False, 1),
        "together": ("dense", True, False, TOGETHER),
    }
    blocks: dict[str, Block] = {}
    for kind, (variant, xla, mixed, together) in kinds.items():
        step = stepper(name, setting, variant, xla, mixed, together)
        blocks[kind] = steps(step, max(count // together, 1))
    times = interleave(blocks, rounds)
    times["together"] = [seconds / TOGETHER for seconds in times["together"]]
    pairs = {
        "XLA / plain, dense": ("xla", "plain"),
        "mixed / float32, XLA": ("mixed", "xla"),
        "mixed / float32, plain": ("mixed plain", "plain"),
        "2:4 / dense, XLA (target 1.02)": ("2:4", "xla"),
        "unstructured / dense, XLA (target 1.02)": ("unstructured", "xla"),
        "refresh at each step / dense, XLA": ("refresh", "xla"),
        "unstructured / dense, plain": ("unstructured plain", "plain"),
        "ten steps a call / one, XLA": ("together", "xla"),
    }
    best = min(statistics.median(values) for values in times.values())
    return {
        "setting": setting,
        "ratios": {label: round(ratio(times, *pair), 3) for label, pair in pairs.items()},
        "milliseconds": milliseconds(times),
        "images_per_second": round(setting[2] / best),
    }


def milliseconds(times: dict[str, list[float]]) -> dict[str, float]:
    """Of each kind of step."""
    return {kind: round(statistics.median(one) * 1e3, 3) for kind, one in times.items()}


def planned(quick: bool) -> dict[str, list[str]]:
    """Of each experiment of the full-scale sweeps, its dense cell's overrides."""
    if quick:
        return {"small": list(SMALL)}
    found = {}
    for sweep in full_scale():
        for experiment, configs in cells(sweep):
            training = next(each.training for each in configs if is_dense(each))
            found[experiment] = [
                f"experiment={experiment}",
                f"training.mixed_precision={str(training.mixed_precision).lower()}",
                f"training.gradient_accumulation={training.gradient_accumulation or 'null'}",
            ]
    return found


def held(overrides: Sequence[str]) -> dict[str, Any]:
    """The peak of a cell's steps beside what was foreseen, by a process of its own."""
    words = [sys.executable, "-m", "benchmarks.gpu", "--peak", *overrides]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    told: dict[str, Any] = {"overrides": list(overrides)}
    if done.returncode:
        return {**told, "failed": done.stderr.strip().splitlines()[-1:]}
    return {**told, **json.loads(done.stdout.splitlines()[-1])}


def peak(overrides: Sequence[str]) -> dict[str, Any]:
    """Bytes foreseen of a cell, and at its peak; the latter None on a CPU, which does not tell."""
    config = compose(list(overrides))
    foreseen, step = stepping(config.training.part_size, config)
    found: dict[str, Any] = {"at_once": config.training.part_size, "foreseen_bytes": foreseen.total}
    found["left_out"] = foreseen.left_out
    told: int | None = None
    try:
        step(1)
        if tf.config.list_physical_devices("GPU"):
            tf.config.experimental.reset_memory_stats("GPU:0")
            step(2)
            told = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    except tf.errors.ResourceExhaustedError:
        found["out_of_memory"] = True
    return {**found, "peak_bytes": told}


def tried(measured: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What is measured, or that the device's memory did not do: the next model may fit."""
    try:
        return measured()
    except tf.errors.ResourceExhaustedError as error:
        return {"out_of_memory": str(error).splitlines()[0]}


def recurrent(size: tuple[int, int, int, int, int], rounds: int, count: int) -> dict[str, Any]:
    """GNMT's step by cuDNN beside the recurrence by hand; without a GPU, by hand alone."""
    layers, units, vocabulary, sentences, length = size
    inputs, labels = batch(vocabulary, sentences, length)
    ways = ("by hand", "cuDNN") if tf.config.list_physical_devices("GPU") else ("by hand",)
    blocks: dict[str, Block] = {}
    results = {}
    for way in ways:
        keras.utils.set_random_seed(0)
        model = build(Gnmt("gnmt", layers, units), (None,), vocabulary)
        for layer in model._flatten_layers():
            if isinstance(layer, Lstm):
                layer.by_cudnn = way == "cuDNN"
        model.compile(keras.optimizers.SGD(1e-3), objective.words(0.0).loss, jit_compile=False)
        results[way] = learned(model, inputs, labels)
        blocks[way] = steps(trainer(model, inputs, labels), count)
    times = interleave(blocks, rounds)
    found: dict[str, Any] = {"setting": size, "milliseconds": milliseconds(times)}
    if len(ways) == 1:
        return {**found, "cuDNN / by hand": None, "furthest_apart": None}
    apart = [
        float(tf.reduce_max(tf.abs(a - b)) / tf.reduce_max(tf.abs(b)))
        for a, b in zip(results["cuDNN"], results["by hand"], strict=True)
    ]
    between = round(ratio(times, "cuDNN", "by hand"), 3)
    return {**found, "cuDNN / by hand": between, "furthest_apart": max(apart)}


def learned(model: keras.Model, inputs: Any, labels: Any) -> list[Any]:
    """Logits of a training step and the gradients of its loss."""
    with tf.GradientTape() as tape:
        logits = model(inputs, training=True)
        loss = model.compute_loss(inputs, labels, logits)
    return [logits, *tape.gradient(loss, [v.value for v in model.trainable_variables])]


def machine() -> dict[str, Any]:
    """What the figures are of."""
    commit, changed = git_state()
    built = tf.sysconfig.get_build_info()
    return {
        "commit": commit,
        "changed": changed == "true",
        "built_for": {key: str(built[key]) for key in built},
        "date": str(datetime.date.today()),
        "devices": devices.names(),
        "compute_capabilities": devices.capabilities(),
        "driver": [{"name": gpu.name, "memory_mib": gpu.memory_mib} for _, gpu in gpus.installed()],
        "mixed_precision": recipe.policy(True, devices.capabilities()),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "platform": platform.platform(),
        "versions": {
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
    }


def main() -> None:
    """Measures, prints ratios and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small, to see that it runs")
    parser.add_argument("--rounds", type=int, help="turns: 7, or 2 with --quick")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--only", nargs="+", choices=[*FULL, GNMT])
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--peak", nargs="+", metavar="KEY=VALUE", help="of one cell alone")
    arguments = parser.parse_args()
    if arguments.peak:
        print(json.dumps(peak(arguments.peak)))
        return
    settings = QUICK if arguments.quick else FULL
    report: dict[str, Any] = {"machine": machine(), "memory": {}, "models": {}}
    if not tf.config.list_physical_devices("GPU"):
        report["not_of_a_gpu"] = OF_A_GPU
        print("no GPU: what is measured is this CPU's", flush=True)
    print(json.dumps(report["machine"], indent=1), flush=True)
    # Before this process opens the GPU, of which it takes all memory.
    for name, overrides in planned(arguments.quick).items():
        if not arguments.only or name.startswith(tuple(arguments.only)):
            report["memory"][name] = held(overrides)
            print(name, json.dumps(report["memory"][name]), flush=True)
    for name in arguments.only or [*settings, GNMT]:
        turns = arguments.rounds or (2 if arguments.quick else 7), arguments.count
        if name == GNMT:
            size = FEW_SENTENCES if arguments.quick else SENTENCES
            report["models"][name] = tried(partial(recurrent, size, *turns))
        else:
            setting = (settings | FULL)[name]
            report["models"][name] = tried(partial(measure, name, setting, *turns))
        print(name, json.dumps(report["models"][name], indent=1), flush=True)
        arguments.out.write_text(json.dumps(report, indent=1) + "\n")
        keras.backend.clear_session()
    print(f"written to {arguments.out}: please send it back")


if __name__ == "__main__":
    main()
