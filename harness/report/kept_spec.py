"""A table's specification as a file beside its collected runs.

It is what a sweep's cells make of it, kept so that tables are rebuilt without composing some
hundred configs, and show what was planned and not run.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import metrics
from harness.errors import ReportError
from harness.report.pages import page_tables
from harness.report.table_spec import RowSpec, TableSpec

_TEXTS = ("name", "title", "scale", "published", "source", "command", "experiment", "tuned")


def to_json(spec: TableSpec) -> str:
    """A specification as text; what a model's rows share is said once."""
    models: dict[str, list[RowSpec]] = {}
    for row in spec.rows:
        models.setdefault(row.model, []).append(row)
    content = {
        **{name: getattr(spec, name) for name in _TEXTS},
        "quality": spec.quality.name,
        "page": bool(spec.page),
        "models": [_model(name, rows) for name, rows in models.items()],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _model(name: str, rows: list[RowSpec]) -> dict[str, Any]:
    common = dict(set.intersection(*(set(row.where.items()) for row in rows)))
    return {
        "model": name,
        "where": dict(sorted(common.items())),
        "rows": [
            {
                "sparsity": row.sparsity,
                "seeds": list(row.seeds),
                "variant": row.variant,
                "guide": row.guide,
                "where": {k: v for k, v in row.where.items() if k not in common},
            }
            for row in rows
        ],
    }


def from_json(path: Path) -> TableSpec:
    """The specification that `to_json` wrote.

    Raises:
        ReportError: the file is not one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _spec(content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReportError(
            f"{path} is no table's specification ({error}): restore it, or run `harness collect`"
        ) from None


def _spec(content: Mapping[str, Any]) -> TableSpec:
    rows = tuple(
        RowSpec(
            model=each["model"],
            sparsity=row["sparsity"],
            where={**each["where"], **row["where"]},
            seeds=tuple(row["seeds"]),
            variant=row["variant"],
            guide=row["guide"],
        )
        for each in content["models"]
        for row in each["rows"]
    )
    spec = TableSpec(**{name: content[name] for name in _TEXTS}, rows=rows)
    page = page_tables(spec.scale).get(spec.published or "")
    quality = metrics.find(content["quality"])
    if page is None:
        return replace(spec, quality=quality)
    return replace(spec, quality=page.quality, page=page.page if content["page"] else ())
