"""Puts measured numbers into the pages, from the files that are committed.

A page says where they belong, and this script writes what stands between:

    <!-- filled: results examples mnist_cnn -->
    <!-- filled: files compression -->
    <!-- filled: latency blocks -->
    <!-- filled: statement 50 % is nearly free -->
    <!-- filled: benchmark report -->
    <!-- /filled -->

`results TABLE [MODEL]` is a table of the measured rows of results/TABLE.csv, of a model whose name
begins so; `files TABLE [MODEL]` the same by their smallest files, `latency TABLE [MODEL]` by what
their files take to run; `statement BEGINNING` the verdicts of results/README.md on a statement that
begins so; `benchmark NAME` what benchmarks/results/NAME.json holds (`benchmarks/record.py`). In the
comment above a sweep, `memory SWEEP` is what its cells need of a device (the record `step_memory`),
and `cores SET …` how many cores load such examples for a GPU of 2,500 a second (`input_pipeline`).
With --check nothing is written, and a page that differs is named.
"""

import csv
import json
import math
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/*.md", "benchmarks/README.md", "sweeps/*.yaml")
_BLOCK = re.compile(
    r"^((# |)<!-- filled: ([^>]+?) -->\n).*?^(\2<!-- /filled -->)", re.DOTALL | re.MULTILINE
)
#: Examples that a GPU takes in a second.
RATE = 2_500


def filled(text: str, root: Path = ROOT) -> str:
    """A page with its blocks as they should be."""

    def block(found: re.Match[str]) -> str:
        lines = _content(found[3].split(), root).splitlines()
        content = "".join(f"{found[2]}{line}".rstrip() + "\n" for line in lines)
        return f"{found[1]}{content}{found[4]}"

    return _BLOCK.sub(block, text)


def _content(words: list[str], root: Path) -> str:
    kind, name, *rest = words
    if kind == "results":
        return _results(root / "results" / f"{name}.csv", " ".join(rest))
    if kind == "files":
        return _files(root / "results" / f"{name}.csv", " ".join(rest))
    if kind == "latency":
        return _latency(root / "results" / f"{name}.csv", " ".join(rest))
    if kind == "statement":
        return _statement(root / "results" / "README.md", " ".join([name, *rest]))
    if kind == "benchmark":
        return _benchmark(root / "benchmarks" / "results" / f"{name}.json")
    if kind == "memory":
        return _memory(root / "benchmarks" / "results" / "step_memory.json", name)
    if kind == "cores":
        return _cores(root / "benchmarks" / "results" / "input_pipeline.json", [name, *rest])
    raise SystemExit(
        f"filled: {' '.join(words)}: accepted: results TABLE [MODEL], files …, latency …,"
        " statement BEGINNING, benchmark …, memory SWEEP, cores SET …"
    )


def _statement(path: Path, beginning: str) -> str:
    """The verdicts on a statement of the published page, one for each network."""
    sections = path.read_text(encoding="utf-8").split("\n## ")
    for section in sections[1:]:
        title, _, body = section.partition("\n")
        if title.startswith(beginning):
            verdicts = [line for line in body.splitlines() if line.startswith("- ")]
            return "\n".join([f"{title}.", "", *verdicts])
    raise SystemExit(f"filled: statement {beginning}: {path.name} has none that begins so")


def _measured(path: Path, model: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """The rows of a model, and those of them that have runs."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["model"].startswith(model)]
    return rows, [row for row in rows if row["mean"] not in ("not run", "n/a", "")]


def _files(path: Path, model: str) -> str:
    """Rows by their smallest file: its bytes, its own quality, and what it saves."""
    rows, measured = _measured(path, model)
    if not measured:
        return _nothing(path, rows)
    heads = [
        "sparsity",
        "differs in",
        "seeds",
        "the model",
        "its smallest file",
        "bytes",
        "× smaller",
    ]
    lines = [_line(heads), _line(["---", "---", *["--:"] * 5])]
    for row in measured:
        differs = re.sub(r"[\w.]+\.(\w+=)", r"\1", row["variant"]).replace("'", "")
        lines.append(
            _line(
                [
                    row["sparsity"],
                    "" if row["variant"] in ("n/a", "") else f"`{differs}`",
                    f"{row['seeds']} of {row['seeds_planned']}",
                    _estimate(row, "mean", "", ""),
                    _number(row.get("best_quality")),
                    f"{float(row['best_bytes']):,.0f}",
                    _number(row.get("best_reduction")),
                ]
            )
        )
    note = f"From `results/{path.name}`; × smaller than the dense float32 file by gzip."
    return "\n".join([*lines, "", note])


_SPEEDUP = "_speedup"


def _latency(path: Path, model: str) -> str:
    """Rows by how many times as fast as the dense float32 file each of their files is."""
    rows, measured = _measured(path, model)
    if not measured:
        return _nothing(path, rows)
    kinds = [
        name
        for name in measured[0]
        if name.endswith(_SPEEDUP) and name != f"fastest{_SPEEDUP}" and "_all_threads" not in name
        if any(_number(row[name]) != "–" for row in measured)
    ]
    heads = ["sparsity", "seeds", "the model", "dense (ms)"]
    lines = [_line([*heads, *(f"× `{name.removesuffix(_SPEEDUP)}`" for name in kinds)])]
    lines.append(_line(["---", *["--:"] * (len(heads) - 1 + len(kinds))]))
    for row in measured:
        seeds = f"{row['seeds']} of {row['seeds_planned']}"
        quality = _estimate(row, "mean", "", "")
        times = [_number(row[name]) for name in ("dense_ms", *kinds)]
        lines.append(_line([row["sparsity"], seeds, quality, *times]))
    note = f"From `results/{path.name}`; × as fast as the dense float32 file of the same run."
    return "\n".join([*lines, "", note])


def _nothing(path: Path, rows: list[dict[str, str]]) -> str:
    return f"Not measured yet: none of {len(rows)} rows of `results/{path.name}` has runs."


def _results(path: Path, model: str) -> str:
    rows, measured = _measured(path, model)
    if not measured:
        return _nothing(path, rows)
    unit = f" ({measured[0]['unit']})" if measured[0]["unit"] not in ("", "n/a") else ""
    heads = ["model", "sparsity", "seeds", f"measured{unit}", "vs control", "vs dense", "× smaller"]
    lines = [_line(heads), _line(["---", "---", *["--:"] * 5])]
    for row in measured:
        variant = "" if row["variant"] in ("n/a", "") else f" ({row['variant']})"
        lines.append(
            _line(
                [
                    row["model"],
                    row["sparsity"] + variant,
                    f"{row['seeds']} of {row['seeds_planned']}",
                    _estimate(row, "mean", "", ""),
                    _estimate(row, "difference_from_control", "control_difference_", "+"),
                    _estimate(row, "difference_from_dense", "difference_", "+"),
                    _number(row.get("gzip_reduction")),
                ]
            )
        )
    missing = len(rows) - len(measured)
    rows_have = "row has" if missing == 1 else "rows have"
    note = f" {missing} planned {rows_have} no runs yet." if missing else ""
    return "\n".join([*lines, "", f"From `results/{path.name}`.{note}"])


def _estimate(row: dict[str, str], mean: str, of: str, sign: str) -> str:
    """A mean and its interval; of two seeds, for which there is none, both values."""
    width = _number(row.get(f"{of}half_width_95"))
    # a text that begins with a sign bears a quote, lest a spreadsheet reads a formula
    each = (row.get(f"{of}values") or "").lstrip("'").split()
    if width == "–" and len(each) == 2:
        return ", ".join(_number(value, sign) for value in each)
    middle = _number(row.get(mean), sign)
    return middle if width == "–" else f"{middle} ± {width}"


def _number(text: str | None, sign: str = "") -> str:
    """A number of two digits behind the point; one that rounds to nothing has no sign."""
    try:
        value = float(text or "")
    except ValueError:
        return "–"
    return f"{value:{sign if round(value, 2) else ''}z.2f}".replace("-", "−")


def _line(places: list[str]) -> str:
    return f"| {' | '.join(places)} |"


def _benchmark(path: Path) -> str:
    if not path.is_file():
        return f"Not recorded yet: benchmarks/record.py makes `benchmarks/results/{path.name}`."
    found = json.loads(path.read_text(encoding="utf-8"))
    changed = " with uncommitted changes" if found["changed"] else ""
    where = (
        f"`{found['command']}`, {found['date']}, at `{found['commit'][:12]}`{changed}: "
        f"{found['cpu']}, {found['cores']} cores; load {found['load_before'][0]} before, "
        f"{found['load_after'][0]} after."
    )
    return "\n".join([where, "", "```text", *found["output"], "```"])


#: How the comment of a sweep begins what it says of a thing, and goes on.
_HEAD, _ON = "{:<10}", " " * 10


def _memory(path: Path, sweep: str) -> str:
    """What a training step of a sweep's cells needs of each device, an experiment a line."""
    if not path.is_file():
        return _unrecorded("Memory", path)
    text = f"{_HEAD.format('Memory')}of a training step, on each device (harness describe --memory)"
    row = re.compile(rf"{sweep} +(\S+) +(\d+) at once +(\S+) GB \(.*\): (.+)")
    found = [row.match(each) for each in json.loads(path.read_text(encoding="utf-8"))["output"]]
    lines = [f"{_ON}{m[1]}, {m[2]} at once: {m[3]} GB, {m[4]}" for m in found if m]
    if not lines:
        raise SystemExit(f"{path.name}: nothing of {sweep}; run benchmarks.step_memory again")
    return "\n".join([text, *lines])


def _unrecorded(head: str, path: Path) -> str:
    return f"{_HEAD.format(head)}not recorded yet: python -m benchmarks.record {path.stem}"


def _cores(path: Path, sets: list[str]) -> str:
    """How many cores keep a GPU of `RATE` fed, by what one loads."""
    if not path.is_file():
        return _unrecorded("Cores", path)
    kept = json.loads(path.read_text(encoding="utf-8"))
    lines = [
        f"{_HEAD.format('Cores')}that load the {RATE:,} examples a second that a GPU takes",
        f"{_ON}({kept['cpu']}, load {kept['load_before'][0]}; benchmarks.input_pipeline)",
    ]
    rates = {name.strip(): rate for name, _, rate in (e.rpartition("  ") for e in kept["output"])}
    for name in (each.replace("_", " ") for each in sets):
        if name not in rates:
            raise SystemExit(f"{path.name}: nothing of {name}; accepted: {', '.join(rates)}")
        each = float(rates[name].replace(",", ""))
        lines.append(f"{_ON}{name}: {math.ceil(RATE / each)}, of {each:,.0f} each")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Fills the pages, or (--check) names those that differ."""
    stale = []
    for path in sorted(path for pattern in PAGES for path in ROOT.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        new = filled(text)
        if new != text:
            stale.append(str(path.relative_to(ROOT)))
            if "--check" not in arguments:
                path.write_text(new, encoding="utf-8")
    if stale:
        print(f"{'differ' if '--check' in arguments else 'filled'}: {', '.join(stale)}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
