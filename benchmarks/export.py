"""What exported files weigh and take, as ratios in one run, beside what was aimed at.

    python -m benchmarks.export [--quick] [--only sizes latency trained inception others]
    python -m benchmarks.record export

`sizes`: MobileNetV1 of full size with random weights (Student's t, 5 degrees of freedom) and the
zeros of magnitude pruning in all but depthwise kernels: bytes depend on little else. `latency`: the
same network dense in 8-bit integers beside float32. `trained`: cells of the MNIST example, trained
here, by what their runs logged. `inception`: the formats of `export=all` of InceptionV3 of full
size written, compared, weighed and timed, as a cell's last stage does; scoring a test split is not
in it.
"""

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import blocks, shrink
from harness.config import compose
from harness.export import ExportOptions, Samples, export, int8, packed
from harness.export import size as sizes_of
from harness.export.dynamic import TfliteDynamic
from harness.export.sparse import sparsely
from harness.export.tflite import convert
from harness.export.timing.latency import measure
from harness.models import MODELS, build
from harness.tracking.provenance import cpu_model

#: Least factors against the dense float32 file by gzip -9, at 80 and 90 % zeros.
SPARSE_GZIP = {0.8: 3.7, 0.9: 6.5}
INT8_XZ = {0.8: 10.0, 0.9: 16.0}
PACKED = {0.8: 12.0, 0.9: 20.0}
OVER_BOUND, INT8_SPEEDUP, INCEPTION_MINUTES = 0.05, 2.5, 10.0


def tell(
    what: str, value: float, aim: float | None = None, unit: str = "×", most: bool = False
) -> None:
    """Prints a measured value, and whether it is what was aimed at (at least; or at most)."""
    line = f"{what:58} {value:8.2f}{unit}"
    if aim is not None:
        met = value <= aim if most else value >= aim
        line += f"   aim {'≤' if most else '≥'} {aim:g}{unit}: {'met' if met else 'MISSED'}"
    print(line, flush=True)


def compressed(content: bytes, way: str) -> int:
    """Bytes of a file by a way of `harness.export.size`."""
    return int(vars(sizes_of.of(content))[f"{way}_bytes"])


def network(name: str, sparsity: float) -> Any:
    """A network of full size, its weights random, the smallest of its kernels zero."""
    import keras

    model = build(MODELS.find(name)(), (SIZES[name], SIZES[name], 3), 1000)
    rng = np.random.default_rng(0)
    for layer in model._flatten_layers():
        if not hasattr(layer, "kernel"):
            continue
        shape = layer.kernel.shape
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        fan_in = np.prod(shape[:2]) if depthwise else np.prod(shape[:-1])
        values = rng.standard_t(5, shape) * np.sqrt(1.2 / fan_in)  # its variance is 5/3: 2/fan_in
        if sparsity and not depthwise:
            values *= np.abs(values) > np.quantile(np.abs(values), sparsity)
        layer.kernel.assign(values.astype(np.float32))
    return model


SIZES = {"mobilenet_v1": 224, "inception_v3": 299}


def pictures(name: str, count: int) -> np.ndarray:
    """Noise that networks take for pictures, [count, side, side, 3], float32."""
    shape = (count, SIZES[name], SIZES[name], 3)
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


def sizes(quick: bool) -> None:
    """Bytes of random MobileNetV1."""
    dense = compressed(convert(network("mobilenet_v1", 0.0)), "gzip")
    print(f"MobileNetV1, dense float32 by gzip -9: {dense:,} bytes")
    for share in (0.8,) if quick else (0.8, 0.9):
        model = network("mobilenet_v1", share)
        size = compressed(convert(model, options=sparsely), "gzip")
        tell(f"{share:.0%} zeros: sparse float32, gzip", dense / size, SPARSE_GZIP[share])
        size = compressed(convert(model, options=TfliteDynamic().options), "xz")
        tell(f"{share:.0%} zeros: 8-bit integers, xz", dense / size, INT8_XZ[share])
        content, bound = len(packed.pack(model)), packed.bound(model)
        tell(f"{share:.0%} zeros: packed", dense / content, PACKED[share])
        over = 100 * (content / bound - 1)
        tell(f"{share:.0%} zeros: packed, over the entropy", over, 100 * OVER_BOUND, "%", True)


def latency(quick: bool) -> None:
    """Dense MobileNetV1 in 8-bit integers beside float32."""
    model = network("mobilenet_v1", 0.0)
    with tempfile.TemporaryDirectory() as folder:
        files = {kind: Path(folder, f"{kind}.tflite") for kind in ("dense", "dense_int8")}
        files["dense"].write_bytes(convert(model))
        files["dense_int8"].write_bytes(int8.convert(model, pictures("mobilenet_v1", 16)))
        found = measure(files, threads=[1])
    print(found)
    told = found.metrics()["latency/dense_int8_speedup"]
    tell("MobileNetV1 dense: 8-bit integers, times as fast", told, INT8_SPEEDUP)


def trained(quick: bool) -> None:
    """The MNIST example, trained and measured as cells are."""
    from harness.tracking.runs import read_runs

    steps = "60" if quick else "600"
    shares = "0.8" if quick else "0.8,0.9"
    with tempfile.TemporaryDirectory() as folder:
        words = ["experiment=mnist_cnn", "sparsity=random", f"sparsity.target={shares}"]
        for phase in ("dense", "finetune"):
            words += [f"training.{phase}.epochs=null", f"training.{phase}.steps={steps}"]
        words += ["export=all", "export.latency=true", "tracking.experiment=trained"]
        command = [sys.executable, "-m", "harness", "run", *words]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        runs = read_runs(f"sqlite:///{folder}/mlflow.db", "trained")
    named: Any = runs.set_index("params.sparsity.label")
    dense = named.loc["dense", "metrics.size/tflite_gzip_bytes"]
    print(f"MNIST CNN, trained, dense float32 by gzip -9: {dense:,.0f} bytes")
    for share in map(float, shares.split(",")):
        run = named.loc[f"random {share:.0%}"]
        told = {key: run[f"metrics.size/{key}_bytes"] for key in _KEYS}
        print(f"{share:.0%} zeros: accuracy {run['metrics.test/accuracy']:.4f}, packed "
              f"{run['metrics.test_packed/accuracy']:.4f}")  # fmt: skip
        tell(f"{share:.0%} zeros: sparse float32, gzip", dense / told["tflite_sparse_gzip"],
             SPARSE_GZIP[share])  # fmt: skip
        tell(f"{share:.0%} zeros: 8-bit integers, xz", dense / told["tflite_int8_xz"],
             INT8_XZ[share])  # fmt: skip
        tell(f"{share:.0%} zeros: packed", dense / told["packed"], PACKED[share])
        over = 100 * (told["packed"] / told["packed_bound"] - 1)
        tell(f"{share:.0%} zeros: packed, over the entropy", over, 100 * OVER_BOUND, "%", True)
        for key in ("dense_int8", "tflite_sparse", "tflite_int8"):
            tell(f"{share:.0%} zeros: {key}, times as fast as dense float32",
                 run[f"metrics.latency/{key}_speedup"])  # fmt: skip


_KEYS = ("tflite_sparse_gzip", "tflite_int8_xz", "packed", "packed_bound")


def inception(quick: bool) -> None:
    """The formats of InceptionV3, in the time that a cell's last stage takes without scores."""
    name = "mobilenet_v1" if quick else "inception_v3"
    model = network(name, 0.75)
    more = {"calibration": pictures(name, int8.CALIBRATION_SAMPLES)}
    samples = Samples(pictures(name, 64), more)
    kinds = compose(["experiment=inception_v3_imagenet", "export=all"]).export.formats
    begin = time.perf_counter()

    def on_format(kind: str) -> None:
        print(f"{time.perf_counter() - begin:6.1f} s  {kind} …", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        options = ExportOptions(formats=kinds, compress=["gzip"])
        made = export(model, options, Path(folder), samples, on_format)
        written = time.perf_counter()
        files = {a.kind: a.path for a in made.artifacts if a.path.suffix == ".tflite"}
        found = measure(files)
        timed = time.perf_counter()
        with sizes_of.Scales([way for way in sizes_of.WAYS if way != "gzip"]) as scales:
            for artifact in made.artifacts:
                scales.weigh(artifact.path)
    weighed = time.perf_counter()
    for failure in made.failures:
        print(f"failed: {failure.kind}: {failure.reason}")
    print(found)
    print(f"{name}: {len(made.artifacts)} of {len(kinds) + 1} files")
    print(
        f"{written - begin:.0f} s to write, compare and weigh them by gzip, {timed - written:.0f} "
        f"to time, {weighed - timed:.0f} to weigh by zstd and xz"
    )
    aim = None if quick else INCEPTION_MINUTES
    tell(f"{name}: all formats, latency, sizes by gzip alone", (timed - begin) / 60, None, " min")
    tell(f"{name}: all formats, sizes and latency", (weighed - begin) / 60, aim, " min", most=True)


def others(quick: bool) -> None:
    """Networks that stock kernels run faster: zeros in blocks, channels removed."""
    for benchmark in (blocks, shrink):
        print(f"\n{benchmark.__name__.rpartition('.')[2]}", flush=True)
        benchmark.main(["--quick"] if quick else [])


PARTS: dict[str, Callable[[bool], None]] = {
    "sizes": sizes,
    "latency": latency,
    "trained": trained,
    "inception": inception,
    "others": others,
}


def main() -> None:
    """Runs the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one sparsity, smaller networks")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parsed = parser.parse_args()
    logging.disable(logging.WARNING)
    print(f"{cpu_model()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name in parsed.only:
        print(f"\n{name}", flush=True)
        PARTS[name](parsed.quick)


if __name__ == "__main__":
    main()
