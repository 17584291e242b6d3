"""What only a GPU can show, in one command, as ratios within one run and a JSON file to send back.

    python -m benchmarks.gpu [--quick] [--rounds 7] [--count 10] [--only MobileNetV1 …] [--out FILE]

For each model, in turns in one process: the dense step, 2:4, and unstructured 80 % between two
refreshes and with one at each step; in the plain graph and under XLA; in float32 and in mixed
precision; and one step a call beside ten (`training.steps_per_execution`). With them the peak of
the GPU's memory, and the images that the input pipeline must bring in a second; what a core
brings is told by `benchmarks.input_pipeline`.

It runs on a CPU, too (`--quick`, small): the ratios are then that CPU's and tell nothing of a GPU.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from benchmarks.pruning_models import images
from benchmarks.timing import Block, interleave, ratio, steps
from harness import models
from harness.pruning import NM, Constant, OneShot, Pruner, Unstructured
from harness.training import devices, gpus, recipe

FULL: dict[str, dict[str, int]] = {
    "MobileNetV1": {"size": 224, "batch": 128},
    "MobileNetV2": {"size": 224, "batch": 96},
    "InceptionV3": {"size": 299, "batch": 64},
}
QUICK = {"MobileNetV1": {"size": 64, "batch": 8}}
NAMES = {
    "MobileNetV1": "mobilenet_v1",
    "MobileNetV2": "mobilenet_v2",
    "InceptionV3": "inception_v3",
}
NEVER, TOGETHER = 10**6, 10


def pruner(variant: str) -> Pruner | None:
    """The pruner of a variant; None for the dense one."""
    if variant == "dense":
        return None
    if variant == "2:4":
        return Pruner(NM(2, 4), OneShot(0.5))
    frequency = 1 if variant == "refresh" else NEVER
    return Pruner(Unstructured(), Constant(0.8, frequency=frequency))


def stepper(
    name: str, setting: dict[str, int], variant: str, xla: bool, mixed: bool, together: int = 1
) -> Any:
    """A call of `together` training steps on one batch, after its first calls."""
    size, (x, y) = setting["size"], images(setting["size"], setting["batch"])
    with recipe.precision(mixed):
        model = models.build(models.MODELS.find(NAMES[name])(), (size, size, 3), 1000)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    options = {"jit_compile": xla, "steps_per_execution": together}
    model.compile(keras.optimizers.SGD(1e-3, momentum=0.9), loss, **options)
    attached = pruner(variant)
    if attached is not None:
        attached.attach(model)
    batches = iter(tf.data.Dataset.from_tensors((x, y)).repeat())
    model.make_train_function()

    def step() -> float:
        return float(model.train_function(batches)["loss"])  # waits for the device

    for _ in range(3):
        step()
    return step


def measure(name: str, setting: dict[str, int], rounds: int, count: int) -> dict[str, Any]:
    """Ratios of one model's steps, and the images it trains on in a second."""
    kinds = {
        "plain": ("dense", False, False, 1),
        "xla": ("dense", True, False, 1),
        "mixed": ("dense", True, True, 1),
        "mixed plain": ("dense", False, True, 1),
        "2:4": ("2:4", True, False, 1),
        "unstructured": ("unstructured", True, False, 1),
        "refresh": ("refresh", True, False, 1),
        "unstructured plain": ("unstructured", False, False, 1),
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
        "milliseconds": {kind: round(statistics.median(t) * 1e3, 3) for kind, t in times.items()},
        "images_per_second": round(setting["batch"] / best),
        "peak_bytes": peak(name, setting),
    }


def peak(name: str, setting: dict[str, int]) -> int | None:
    """Bytes of a dense step at most; None on a CPU, which does not tell."""
    if not tf.config.list_physical_devices("GPU"):
        return None
    keras.backend.clear_session()
    step = stepper(name, setting, "dense", xla=False, mixed=False)
    tf.config.experimental.reset_memory_stats("GPU:0")
    step()
    return tf.config.experimental.get_memory_info("GPU:0")["peak"]


def machine() -> dict[str, Any]:
    """What the figures are of."""
    return {
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
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--only", nargs="+", choices=list(FULL))
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    arguments = parser.parse_args()
    settings = QUICK if arguments.quick else FULL
    report: dict[str, Any] = {"machine": machine(), "models": {}}
    print(json.dumps(report["machine"], indent=1), flush=True)
    for name in arguments.only or settings:
        setting = settings.get(name, QUICK["MobileNetV1"])
        report["models"][name] = measure(name, setting, arguments.rounds, arguments.count)
        print(name, json.dumps(report["models"][name], indent=1), flush=True)
        arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"written to {arguments.out}: please send it back")


if __name__ == "__main__":
    main()
