"""The memory of a training step as it is foreseen, beside what a process takes at its peak.

    python -m benchmarks.held_memory [--only ds_cnn_l_speech_commands …]
    python -m benchmarks.held_memory --one SIZE KEY=VALUE …

Foreseen is what `harness describe --memory` calls activations; taken is what the process has at
its peak beyond what it has at rest, of a step that was traced and run before. By TensorFlow's own
kernels, for oneDNN's take workspaces that no graph tells of, and with glibc giving freed memory
back at once. Each is a process of its own. What else the machine does makes no difference to it.
"""

import argparse
import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.config import Config
    from harness.training.memory import Memory

#: Of each process; TensorFlow reads the first as it starts.
SURROUNDINGS = {
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
#: Experiment, and what of it a row is of -> how many at once, and what makes them fit a small
#: machine, or compute otherwise.
CELLS: dict[str, tuple[int, tuple[str, ...]]] = {
    "ds_cnn_l_speech_commands": (400, ()),
    "mobilenet_v1_imagenet": (64, ("dataset.size=128",)),
    "mobilenet_v2_imagenet": (32, ("dataset.size=128",)),
    "inception_v3_imagenet": (12, ("dataset.size=139",)),
    "imdb_lstm": (1024, ()),
    "gnmt_multi30k": (64, ()),
    "ds_cnn_l_speech_commands, mixed": (400, ("training.mixed_precision=true",)),
    "ds_cnn_l_speech_commands, in parts": (
        400,
        ("training.batch_size=800", "training.gradient_accumulation=2"),
    ),
    "ds_cnn_l_speech_commands, pruned": (400, ("sparsity=random", "sparsity.target=0.5")),
}


def taken(size: int, overrides: Sequence[str]) -> tuple[int, int]:
    """Bytes foreseen and bytes taken, by this process, which has not used TensorFlow before.

    Args:
        size: examples at once.
        overrides: of a cell.
    """
    from harness.config import compose

    foreseen, step = stepping(size, compose(list(overrides)))
    assert foreseen.activations is not None, "nothing tells the batch's size"
    step(1)
    ctypes.CDLL(None).malloc_trim(0)
    rest = _told("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what comes from here on
    step(2)
    return foreseen.activations, _told("VmHWM") - rest


def stepping(size: int, config: "Config") -> tuple["Memory", Callable[[int], object]]:
    """What is foreseen of a cell's step, and what takes so many on a batch of ones.

    Args:
        size: examples at once.
        config: of the cell; its data need not be here.
    """
    import tensorflow as tf

    from harness import tasks
    from harness.cell.description import Unread
    from harness.config import phase_of
    from harness.training import memory, recipe

    told = config.dataset.shape()
    assert told is not None, f"{config.dataset.name}: only its files tell the shape"
    shape, classes = told
    task = tasks.of(config)
    with recipe.precision(config.training.mixed_precision):
        model = task.build(config, Unread(config.dataset.name, shape, classes, ""))
    phase = phase_of(config)
    length = recipe.length(phase, 1000)
    objective = task.objective(config.training.label_smoothing)
    recipe.compile_model(model, phase, config.training, length, objective)
    inputs, labels = config.dataset.largest_batch(size, shape)
    foreseen = memory.of_step(model, (inputs, labels))
    pruner = config.sparsity.pruner(length.total_steps, config.seed)
    callbacks = [] if pruner is None else [pruner.attach(model).callback()]
    # ones: a word of number zero is padding, for which a translation model computes nothing
    ones = [tf.ones(s, one.dtype) for s, one in zip(inputs, model.inputs, strict=True)]
    batch = (ones[0] if len(ones) == 1 else tuple(ones)), tf.ones(labels, tf.int64)
    batches = tf.data.Dataset.from_tensors(batch).repeat()

    def step(count: int) -> object:
        turns = count * config.training.parts
        return model.fit(
            batches, steps_per_epoch=turns, verbose=0, shuffle=False, callbacks=callbacks
        )

    return foreseen, step


def _told(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024


def overrides_of(name: str) -> list[str]:
    """Of a row of `CELLS`."""
    return [f"experiment={name.partition(',')[0]}", *CELLS[name][1]]


def measure(size: int, overrides: Sequence[str]) -> tuple[int, int]:
    """As `taken`, by a process of its own."""
    words = [sys.executable, "-m", "benchmarks.held_memory", "--one", str(size), *overrides]
    done = subprocess.run(
        words, env={**os.environ, **SURROUNDINGS}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
    foreseen, found = map(int, done.stdout.split())
    return foreseen, found


def main() -> None:
    """Prints a Markdown table, or of one cell both numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(CELLS), default=list(CELLS))
    parser.add_argument("--one", nargs="+", metavar="SIZE KEY=VALUE")
    given = parser.parse_args()
    if given.one:
        print(*taken(int(given.one[0]), given.one[1:]))
        return
    print("| cell | at once | foreseen | taken | foreseen / taken |\n|---|--:|--:|--:|--:|")
    for name in given.only:
        size, more = CELLS[name]
        foreseen, found = measure(size, overrides_of(name))
        shown = () if "," in name else more
        what = " ".join([name, *(each.partition("=")[2] for each in shown)])
        line = f"| {what} | {size:,} | {foreseen / 1e6:,.0f} MB | {found / 1e6:,.0f} MB"
        print(f"{line} | {foreseen / found:.2f} |", flush=True)


if __name__ == "__main__":
    main()
