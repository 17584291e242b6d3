"""The numbers that runs log: what each is called, how it is written, where it is shown.

A metric has its one home here. The run's page, the terminal, MLflow's saved view, tables, CSV
files and plots read it, and what is computed from a thing measured once, at a cell's end, is
computed here too. Adding such a metric is adding it to `METRICS`.

Names are `group/name`: slashes group them in MLflow's interface.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

HIGHER, LOWER = "higher", "lower"

#: Where metrics are shown, each place in the order of `METRICS`.
PAGE = "page"  # the description of a run
FIRST = "first"  # its first line: MLflow's box shows little more before it is opened
LINE = "line"  # of a finished cell, in the terminal
BAR = "bar"  # beside the progress bar of a cell under way
VIEW = "view"  # columns of the runs in MLflow
SIZE, COST, LATENCY = "size", "cost", "latency"  # grids of a table
SUMMARY = "summary"  # a table in the terminal

#: Groups of scores -> the split that they are of.
_SPLITS = {"test": "test", "val": "validation"}

#: What is measured once, at a cell's end: a `harness.pruning.Summary`, a `PermutationReport`, a
#: `harness.training.loop.FitResult`, `harness.models.layers.multiply_adds.MultiplyAdds`.
PRUNED, PERMUTED, FITTED, COUNTED = "summary", "permutation", "fitted", "multiply_adds"


@dataclass(frozen=True)
class Metric:
    """One number that runs log.

    Attributes:
        name: Under which it is logged.
        label: In words, its unit among them unless that is %.
        unit: What tables and plots write behind it: % or nothing.
        digits: Behind the point.
        factor: From the value logged to the one shown: 100 for a fraction shown in %.
        better: `HIGHER`, `LOWER`, or empty where neither is.
        shown: Where it is shown.
        heading: Of its column in tables, and on axes.
        column: Of `table.csv`.
        of: The metric that is its denominator, and stands beside it in a table's grids.
        ratio: How tables head the column that says how many times less than its dense baseline a
            cell has of it, and the same in `table.csv`; empty for none.
        against: What of the dense baseline that is a share of, the first that it has logged;
            empty for the metric itself.
        instead: The metric in its place for models of which no run has logged it.
        spread: The metrics of its quartiles, which grids show behind it.
        if_logged: Whether grids leave its column out where no run of theirs has logged it.
        file: Of an exported file: which, in words.
        like_quality: Whether it is a quality: its unit is that of its table's.
        width: Of its column in MLflow, pixels.
        by: What computes it: a module, or a source (`PRUNED`, …) with `value`.
        value: Its value, of what was measured; None where there is none.
    """

    name: str
    label: str
    unit: str = ""
    digits: int = 2
    factor: float = 1.0
    better: str = ""
    shown: tuple[str, ...] = ()
    heading: str = ""
    column: str = ""
    of: str = ""
    ratio: tuple[str, str] | None = None
    against: tuple[str, ...] = ()
    instead: str = ""
    spread: tuple[str, str] | None = None
    if_logged: bool = False
    file: str = ""
    like_quality: bool = False
    width: int = 0
    by: str = ""
    value: Callable[[Any], float | None] | None = None

    @property
    def split(self) -> str:
        """Of a score: what it is of, `test` or `validation`; else empty."""
        return _SPLITS.get(self.name.partition("/")[0], "") if self.better == HIGHER else ""

    def text(self, value: float) -> str:
        """A value as the run's page shows it.

        Example:
            >>> find("test/accuracy").text(0.98765)
            '98.77%'
        """
        return f"{value * self.factor:,.{self.digits}f}{'%' if self.unit == '%' else ''}"

    def of_table(self, quality: "Metric") -> "Metric":
        """The metric as a table of such a quality shows it."""
        if not self.like_quality:
            return self
        unit = f" ({quality.unit})" if quality.unit else ""
        heading = f"{self.heading} {quality.heading}{unit}"
        return replace(self, heading=heading, factor=quality.factor, digits=quality.digits)


def _share(name: str, label: str, **options: Any) -> Metric:
    """A fraction, shown in %."""
    return Metric(name, label, **{"unit": "%", "factor": 100.0, **options})


def _count(name: str, label: str, **options: Any) -> Metric:
    return Metric(name, label, digits=0, **options)


def _times(name: str, label: str, **options: Any) -> Metric:
    """How many times as fast as the dense network's float32 file, one thread."""
    column = name.partition("/")[2]
    return Metric(
        name, label, better=HIGHER, if_logged=True, by=_TIMING,
        **{"shown": (PAGE, LATENCY), "column": column, **options},
    )  # fmt: skip


def _part(kind: str, part: str, words: str) -> Metric:
    """Milliseconds of one graph of a translation model's file, one thread."""
    name = f"latency/{kind}_{part}_ms"
    return Metric(
        name, f"{words} by the {kind} network, ms", digits=3, better=LOWER,
        shown=(PAGE, LATENCY), heading=f"{kind}, {part} (ms)", column=f"{kind}_{part}_ms",
        if_logged=True, by=_TIMING,
    )  # fmt: skip


def size(kind: str, what: str) -> str:
    """The name of a metric of an exported file: `size/tflite_gzip_bytes`."""
    return f"size/{kind}_{what}"


def _shrunk(what: str, words: str, against: str) -> tuple[Metric, Metric]:
    """What is left of the network without its dead channels, whichever file of it was written."""
    first, other = size("tflite_shrunk", what), size("keras_shrunk", what)
    label = f"{words} without dead channels"
    return (
        _count(first, label, better=LOWER, shown=(PAGE, SIZE), heading=f"{words}, shrunk",
               column=f"shrunk_{what}",
               ratio=(f"× fewer {words}, shrunk", f"shrunk_{what}_reduction"),
               against=(against,), instead=other, if_logged=True, by=_FILES),
        _count(other, label, better=LOWER, by=_FILES),
    )  # fmt: skip


#: What every file is weighed by: the ends of metrics' names, in words.
WEIGHTS = {"bytes": "bytes", "gzip_bytes": "gzip -9", "zstd_bytes": "zstd -19", "xz_bytes": "xz"}
_QUARTILES = {"": "median", "low_": "lower quartile", "high_": "upper quartile"}
_ON_PAGE = ("bytes", "gzip_bytes")
_OFF = "_max_error"


_TESTS = "harness.tasks"
_LOOP = "harness.training.loop"
_FILES = "harness.export"
_TIMING = "harness.export.timing"
_TFLITE, _KERAS = "the TensorFlow Lite file", "model.keras"

METRICS: tuple[Metric, ...] = (
    _share("test/accuracy", "test accuracy", better=HIGHER, shown=(PAGE, FIRST, LINE),
           heading="accuracy", width=115, by=_TESTS),
    _share("test/top5_accuracy", "test top-5 accuracy", better=HIGHER, shown=(PAGE,), by=_TESTS),
    Metric("test/bleu", "test BLEU, tokenised", better=HIGHER, shown=(PAGE, FIRST, LINE),
           heading="BLEU", width=115, by=_TESTS),
    Metric("test/bleu_13a", "test BLEU, detokenised, 13a", better=HIGHER, shown=(PAGE, LINE),
           by=_TESTS),
    Metric("test/chrf", "test chrF", better=HIGHER, shown=(PAGE,), by=_TESTS),
    Metric("test/perplexity", "test perplexity", better=LOWER, shown=(PAGE,), by=_TESTS),
    _share("test/word_accuracy", "right words in the test", better=HIGHER, by=_TESTS),
    Metric("test/loss", "test loss", digits=4, better=LOWER, shown=(PAGE,), by=_TESTS),
    Metric("train/loss", "training loss", digits=4, better=LOWER, shown=(BAR,), by=_LOOP),
    _share("val/accuracy", "validation accuracy", better=HIGHER, shown=(BAR,),
           heading="accuracy", by=_LOOP),
    _share("val/word_accuracy", "right words in validation", better=HIGHER, shown=(BAR,),
           heading="right words", by=_LOOP),
    Metric("val/loss", "validation loss", digits=4, better=LOWER, shown=(BAR,), by=_LOOP),
    _share("sparsity/scheduled", "zeros scheduled", by=_LOOP),
    _share("sparsity/reached", "zeros reached", by=_LOOP),
    _share("sparsity/prunable", "zeros among prunable weights", of="params/prunable",
           shown=(PAGE, FIRST, LINE, VIEW, SIZE, SUMMARY), heading="zeros of prunable (%)",
           column="sparsity_prunable", width=130, by=PRUNED, value=lambda s: round(s.sparsity, 6)),
    _share("sparsity/all", "zeros among all weights", of="params/total", shown=(PAGE, SIZE),
           heading="zeros of all (%)", column="sparsity_all",
           by=PRUNED, value=lambda s: round(s.sparsity_of_all, 6)),
    _count("params/prunable", "prunable weights", heading="prunable weights",
           column="prunable_params", by=PRUNED, value=lambda s: s.prunable_params),
    _count("params/total", "all parameters", heading="all parameters",
           column="total_params", by=PRUNED, value=lambda s: s.total_params),
    _count("params/trainable", "trainable parameters",
           by=PRUNED, value=lambda s: s.trainable_params),
    _count("params/nonzero", "non-zero trainable weights", better=LOWER,
           shown=(PAGE, VIEW, SIZE, SUMMARY), heading="non-zeros", column="nonzero_params",
           width=120, by=PRUNED, value=lambda s: s.nonzero_params),
    _count("multiply_adds/dense", "multiply-adds of one example", shown=(PAGE, SIZE),
           heading="multiply-adds", column="multiply_adds", if_logged=True, by=COUNTED,
           value=lambda counted: counted.dense),
    _count("multiply_adds/effective", "multiply-adds of one example, zero weights left out",
           better=LOWER, shown=(PAGE, SIZE), heading="of non-zeros",
           column="effective_multiply_adds",
           ratio=("× fewer multiply-adds", "multiply_adds_reduction"), if_logged=True, by=COUNTED,
           value=lambda counted: counted.effective),
    *_shrunk("multiply_adds", "multiply-adds", "multiply_adds/dense"),
    *_shrunk("parameters", "parameters", "params/total"),
    _share("permutation/kept_before", "magnitude kept before reordering", by=PERMUTED,
           value=lambda report: round(report.kept_before, 6)),
    _share("permutation/kept_after", "magnitude kept after reordering", better=HIGHER,
           by=PERMUTED, value=lambda report: round(report.kept_after, 6)),
    _count(size("tflite", "bytes"), "TFLite file, bytes", better=LOWER, shown=(PAGE, SIZE),
           heading="bytes", column="bytes", instead=size("keras", "bytes"), file=_TFLITE,
           by=_FILES),
    _count(size("tflite", "gzip_bytes"), "TFLite file gzipped, bytes", better=LOWER,
           shown=(PAGE, FIRST, VIEW, SIZE, SUMMARY), heading="gzip bytes", column="gzip_bytes",
           ratio=("× smaller (gzip)", "gzip_reduction"), instead=size("keras", "gzip_bytes"),
           file=_TFLITE, width=165, by=_FILES),
    _count(size("keras", "bytes"), "Keras file, bytes", better=LOWER, file=_KERAS, by=_FILES),
    _count(size("keras", "gzip_bytes"), "Keras file gzipped, bytes", better=LOWER, shown=(PAGE,),
           file=_KERAS, by=_FILES),
    _count("size/best_bytes", "fewest bytes of any format, compressed", better=LOWER,
           shown=(PAGE, SIZE), heading="best bytes", column="best_bytes",
           ratio=("× smaller (best)", "best_reduction"),
           against=(size("tflite", "gzip_bytes"), size("keras", "gzip_bytes")), if_logged=True,
           file="the smallest file", by=_FILES),
    Metric("size/best_quality", "quality of the smallest file", better=HIGHER, shown=(SIZE,),
           heading="its", column="best_quality", if_logged=True, like_quality=True, by=_FILES),
    _count(size("packed", "bound_bytes"), "entropy of masks and 8-bit values, bytes",
           better=LOWER, shown=(PAGE, SIZE), heading="entropy (estimate)", column="bound_bytes",
           if_logged=True, by=_FILES),
    Metric("latency/dense_ms", "an example by the dense network, ms", digits=3, better=LOWER,
           shown=(PAGE, LATENCY), heading="dense (ms)", column="dense_ms", if_logged=True,
           spread=("latency/dense_low_ms", "latency/dense_high_ms"), by=_TIMING),
    Metric("latency/dense_low_ms", "the same, a quarter of the runs no longer, ms", digits=3,
           better=LOWER, column="dense_low_ms", by=_TIMING),
    Metric("latency/dense_high_ms", "the same, a quarter of the runs longer, ms", digits=3,
           better=LOWER, column="dense_high_ms", by=_TIMING),
    _part("dense", "encode", "a sentence encoded"),
    _part("dense", "step", "a step of the decoder"),
    _times("latency/dense_int8_speedup", "× as fast, dense in 8-bit integers",
           heading="× dense int8"),
    _times("latency/tflite_speedup", "× as fast as dense, float32", heading="× float32"),
    _times("latency/tflite_sparse_speedup", "× as fast as dense, sparse float32",
           heading="× sparse float32"),
    _times("latency/tflite_sparse_step_speedup",
           "× as fast as dense, a step of the decoder, sparse float32",
           heading="× step, sparse float32"),
    _times("latency/tflite_dynamic_speedup", "× as fast as dense, weights in 8-bit integers",
           heading="× dynamic int8"),
    _times("latency/tflite_int8_speedup", "× as fast as dense, 8-bit integers",
           heading="× int8"),
    _times("latency/best_speedup", "× as fast as dense, the fastest file",
           heading="× fastest", column="fastest_speedup"),
    _times("latency/best_quality", "quality of the fastest file", shown=(LATENCY,),
           heading="its", column="fastest_quality", like_quality=True),
    _share("test_int8/accuracy", "test accuracy in 8-bit integers", better=HIGHER, shown=(PAGE,),
           by=_TESTS),
    Metric("time/train_seconds", "training, seconds", digits=1, better=LOWER,
           shown=(PAGE, VIEW, COST, SUMMARY), heading="training (s a run)", column="train_seconds",
           width=140, by=FITTED, value=lambda fitted: round(fitted.seconds, 3)),
    Metric("time/step_ms", "a training step, milliseconds", digits=1, better=LOWER, shown=(COST,),
           heading="a step (ms)", column="step_ms", by=FITTED,
           value=lambda fitted: None if fitted.step_ms is None else round(fitted.step_ms, 3)),
    Metric("time/validate_seconds", "validation between steps, seconds", digits=1, better=LOWER,
           by=FITTED, value=lambda fitted: round(fitted.validating, 3)),
    Metric("time/test_seconds", "evaluation on the test split, seconds", digits=1, better=LOWER,
           by="harness.cell.measures"),
)  # fmt: skip

_BY_NAME = {metric.name: metric for metric in METRICS}
#: What a task is judged by: the scores of an exported file that its run's page shows.
_HEADLINES = {metric.name for metric in METRICS if FIRST in metric.shown and metric.by == _TESTS}


def find(name: str) -> Metric:
    """A metric by the name under which it is logged.

    Raises:
        KeyError: there is none.
    """
    return _BY_NAME[name]


def qualities() -> list[str]:
    """The names of the metrics that a table may compare cells by."""
    return [metric.name for metric in METRICS if metric.split and metric.heading]


def shown(place: str) -> list[Metric]:
    """The metrics that are shown in a place, in order."""
    return [metric for metric in METRICS if place in metric.shown]


def present(place: str, values: Mapping[str, float]) -> list[tuple[Metric, float]]:
    """The metrics of a place that a run has, with its values; on the page its files' own, too."""
    found = [(metric, values[metric.name]) for metric in shown(place) if metric.name in values]
    if place == PAGE:
        own = [(_own_score(name), values[name]) for name in values if name not in _BY_NAME]
        found += [(metric, value) for metric, value in own if metric is not None]
        files = [
            metric for metric in of_files(kinds(values), values) if metric.name not in _BY_NAME
        ]
        found += [(metric, values[metric.name]) for metric in files if place in metric.shown]
    return found


def _own_score(name: str) -> Metric | None:
    """The metric of an exported file's own score: the model's, under the file's prefix.

    A format says its prefix (`harness.export.base.Format.scored`), and nothing else need name it.
    """
    prefix, _, end = name.partition("/")
    model = _BY_NAME.get(f"test/{end}")
    kind = prefix.removeprefix("test_")
    if model is None or kind == prefix or model.name not in _HEADLINES:
        return None
    return replace(model, name=name, label=f"{model.label}, file {kind}", shown=(PAGE,))


def kinds(logged: Iterable[str]) -> list[str]:
    """The kinds of files of which runs have logged how far their outputs are off: all have that.

    Args:
        logged: names of metrics.
    """
    ends = (name.partition("/") for name in logged)
    return sorted(
        end.removesuffix(_OFF) for group, _, end in ends if group == "size" and end.endswith(_OFF)
    )


def of_files(kinds: Iterable[str], logged: Collection[str]) -> list[Metric]:
    """What is measured of a file of any format, where `METRICS` has no column for it.

    Nothing here names a format, so that the bytes and the times of a new one are in tables, too.

    Args:
        kinds: the kinds of files.
        logged: names of metrics; of others nothing is returned.
    """
    found = []
    for kind in kinds:
        found += [
            _count(size(kind, end), f"file {kind}, {words}", better=LOWER, heading=words,
                   shown=(PAGE,) if end in _ON_PAGE else (), column=f"{kind}_{end}", by=_FILES)
            for end, words in WEIGHTS.items()
        ]  # fmt: skip
        found.append(
            _share(size(kind, "zeros"), f"zeros in file {kind}", better=HIGHER,
                   heading="zeros kept (%)", column=f"{kind}_zeros", by=_FILES)
        )  # fmt: skip
        found += [
            Metric(f"latency/{kind}_{end}ms", f"an example by file {kind}, {words}, ms", digits=3,
                   better=LOWER, column=f"{kind}_{end}ms", by=_TIMING)
            for end, words in _QUARTILES.items()
        ]  # fmt: skip
        found += [
            _times(f"latency/{kind}_speedup", f"× as fast as dense, file {kind}",
                   heading=f"× {kind}"),
            _times(f"latency/{kind}_all_threads_speedup",
                   f"× as fast as dense, file {kind}, all threads", shown=(LATENCY,),
                   heading=f"× {kind}, all threads"),
        ]  # fmt: skip
    return [
        metric for metric in found
        if metric.name in logged and not getattr(_BY_NAME.get(metric.name), "column", "")
    ]  # fmt: skip


def in_tables() -> list[Metric]:
    """The metrics of which tables have means over seeds, in the order of `table.csv`."""
    return [metric for metric in METRICS if metric.column]


def measured(source: str, thing: Any) -> dict[str, float]:
    """What a source tells, by name.

    Args:
        source: `PRUNED`, `PERMUTED`, `FITTED` or `COUNTED`.
        thing: What was measured; None where there is nothing to tell.
    """
    if thing is None:
        return {}
    found = {m.name: m.value(thing) for m in METRICS if m.by == source and m.value}
    return {name: float(value) for name, value in found.items() if value is not None}
