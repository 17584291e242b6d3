"""Puts measured numbers into the pages, from the files that are committed.

A page says where they belong, and this script writes what stands between:

    <!-- filled: results examples mnist_cnn -->
    <!-- filled: benchmark report -->
    <!-- /filled -->

`results TABLE [MODEL]` is a table of the measured rows of results/TABLE.csv, of a model whose name
begins so; `benchmark NAME` what benchmarks/results/NAME.json holds (`benchmarks/record.py`). With
--check nothing is written, and a page that differs is named.
"""

import csv
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/*.md", "benchmarks/README.md")
_BLOCK = re.compile(r"(<!-- filled: ([^>]+?) -->\n).*?(<!-- /filled -->)", re.DOTALL)


def filled(text: str, root: Path = ROOT) -> str:
    """A page with its blocks as they should be."""
    return _BLOCK.sub(lambda m: f"{m[1]}{_content(m[2].split(), root)}\n{m[3]}", text)


def _content(words: list[str], root: Path) -> str:
    kind, name, *rest = words
    if kind == "results":
        return _results(root / "results" / f"{name}.csv", " ".join(rest))
    if kind == "benchmark":
        return _benchmark(root / "benchmarks" / "results" / f"{name}.json")
    raise SystemExit(f"filled: {' '.join(words)}: accepted: results TABLE [MODEL], benchmark NAME")


def _results(path: Path, model: str) -> str:
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["model"].startswith(model)]
    measured = [row for row in rows if row["mean"] not in ("not run", "n/a", "")]
    if not measured:
        return f"Not measured yet: none of {len(rows)} rows of `results/{path.name}` has runs."
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
                    _interval(row, "mean", "half_width_95"),
                    _interval(row, "difference_from_control", "control_difference_half_width_95"),
                    _interval(row, "difference_from_dense", "difference_half_width_95"),
                    _number(row.get("gzip_reduction")),
                ]
            )
        )
    missing = len(rows) - len(measured)
    note = f" {missing} planned rows have no runs yet." if missing else ""
    return "\n".join([*lines, "", f"From `results/{path.name}`.{note}"])


def _interval(row: dict[str, str], mean: str, half: str) -> str:
    middle, width = _number(row.get(mean)), _number(row.get(half))
    if "difference" in mean and middle[0].isdigit() and float(middle) > 0:
        middle = f"+{middle}"
    return middle if width == "–" else f"{middle} ± {width}"


def _number(text: str | None) -> str:
    try:
        return f"{float(text or ''):.2f}".replace("-", "−")
    except ValueError:
        return "–"


def _line(places: list[str]) -> str:
    return f"| {' | '.join(places)} |"


def _benchmark(path: Path) -> str:
    found = json.loads(path.read_text(encoding="utf-8"))
    changed = " with uncommitted changes" if found["changed"] else ""
    where = (
        f"`{found['command']}`, {found['date']}, at `{found['commit'][:12]}`{changed}: "
        f"{found['cpu']}, {found['cores']} cores; load {found['load_before'][0]} before, "
        f"{found['load_after'][0]} after."
    )
    return "\n".join([where, "", "```text", *found["output"], "```"])


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
