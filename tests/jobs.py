"""What the tests of the workers run in processes of their own."""

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from harness.cell import memory, stages
from harness.cell.job import Busy, ignore_interrupts
from harness.errors import ConfigError


def give(value, emit):
    emit({"kind": "stage", "stage": "giving"})
    sys.stdout.write(f"gave {value}\n")
    sys.stdout.flush()
    os.system("echo from a subprocess")
    return value


def litter(refused, emit):
    emit({"folder": tempfile.mkdtemp()})
    if refused:
        raise ConfigError("key: received x; accepted: y")


def fail(emit):
    raise RuntimeError("it went wrong\nand further down")


def fill(emit):
    Path("/dev/full").write_text("a checkpoint")


def refuse(emit):
    raise ConfigError("key: received x; accepted: y")


def be_busy(emit):
    raise Busy


def leave(code, emit):
    os._exit(code)


def leave_politely(emit):
    sys.exit(5)


def die(number, emit):
    os.kill(os.getpid(), number)
    time.sleep(60)


def hang_up(emit):
    os.kill(os.getpid(), signal.SIGHUP)
    return "went on"


def unpicklable(emit):
    return lambda: None


def work_until_asked(folder, emit):
    """Takes a second signal while it tidies up after the first."""
    try:
        Path(folder, "started").touch()
        time.sleep(60)
    except KeyboardInterrupt:
        ignore_interrupts()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.2)
        Path(folder, "tidied").touch()
        raise


def swallow(folder, emit):
    """Loses the first interrupt, as a destructor does."""
    try:
        Path(folder, "started").touch()
        time.sleep(60)
    except KeyboardInterrupt:
        pass
    time.sleep(60)


def lose_scope(cell, parent_run, emit):
    """A real cell, interrupted where TensorFlow makes an error of its own of it."""

    def measure(cell, run, emit):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        except KeyboardInterrupt:
            raise RuntimeError("Exiting device scope without proper scope nesting") from None

    stages._measure = measure
    return stages.run_cell(cell, parent_run, emit)


def deaf(folder, emit):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(folder, "started").touch()
    time.sleep(60)


def starve(emit):
    """Stands where no memory is left, and has some of it itself."""
    memory.available = lambda: 0
    memory.RESERVE = 1e-4
    with memory.watched(emit):
        time.sleep(60)


def _begun(folder):
    return (folder / "begun").read_text().splitlines()


def cell(orders, cell, parent_run, emit):
    """Stands for `run_cell`: does what is ordered of the cell by its name; leaves word of it."""
    folder = Path(cell.config.work_dir)
    what = orders.get(cell.name, "finish")
    began = time.time()
    with (folder / "begun").open("a") as file:
        file.write(f"{cell.name}\n")
    if what == "raise":
        raise RuntimeError("on purpose")
    if what == "exit":
        os._exit(7)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "refuse":
        raise ConfigError("refused on purpose")
    if what == "busy" and (folder / "begun").read_text().count(cell.name) < 2:
        raise Busy
    if what == "starve" or (what == "starve once" and _begun(folder).count(cell.name) < 2):
        emit({"kind": "memory", "bytes": 6e9, "total": 8e9})
        os.kill(os.getpid(), signal.SIGKILL)
    if what in ("starve together", "kernel") and _begun(folder).count(cell.name) < 2:
        while len(_begun(folder)) < 2 and time.time() < began + 120:
            time.sleep(0.02)
        time.sleep(1 - time.time() % 1)
        if what == "kernel":
            (folder / "vmstat").write_text("pgfault 9\noom_kill 5\n")
        else:
            emit({"kind": "memory", "bytes": 6e9, "total": 8e9})
        os.kill(os.getpid(), signal.SIGKILL)
    if what.startswith("trail"):  # only files are left to do, for as long as another cell takes
        emit({"kind": "trained", "bytes": 1})
        while len(_begun(folder)) < 2 and time.time() < began + 20:
            time.sleep(0.02)
        if what == "trail and fail":
            raise RuntimeError("on purpose")
    if what == "linger":  # until another cell has come and gone
        while len(_begun(folder)) < 2 and time.time() < began + 20:
            time.sleep(0.02)
        time.sleep(1)
    if what == "meet":  # wait until another cell runs too
        while len((folder / "begun").read_text().splitlines()) < 2 and time.time() < began + 120:
            time.sleep(0.02)
    emit({"kind": "stage", "stage": "working"})
    return {"run_id": f"run of {cell.name}", "metrics": {"met": time.time() - began}}


def tell_devices(cell, parent_run, emit):
    """What the cell's process was told of devices, and whether TensorFlow has looked for any."""
    from tensorflow.python.eager import context

    names = ("CUDA_VISIBLE_DEVICES", "TF_FORCE_GPU_ALLOW_GROWTH", "HARNESS_GPU_MEMORY_MIB")
    looked = context.context()._physical_devices is not None
    emit({"kind": "stage", "stage": "waiting"})
    time.sleep(0.5)  # long enough for the others to start meanwhile
    told = {name: os.environ.get(name) for name in names}
    return {"run_id": cell.name, "told": told, "looked": looked}


def tell_cores(cell, parent_run, emit):
    """The cores that the cell's process has, once they are others or all are the last one's."""
    folder = Path(cell.config.work_dir)
    with (folder / "begun").open("a") as file:
        file.write(f"{cell.name}\n")
    usable, last = os.cpu_count(), _begun(folder).index(cell.name) == 2
    end = time.time() + 20
    while (len(os.sched_getaffinity(0)) == usable) != last and time.time() < end:
        time.sleep(0.02)
    told = sorted(os.sched_getaffinity(0))
    time.sleep(0.5)  # long enough for the other to look, too
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return {"run_id": cell.name, "cores": told, "threads": [os.environ.get(n) for n in names]}
