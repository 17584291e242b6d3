"""The tables of the pruning guide, as it lays them out.

Source: https://www.tensorflow.org/model_optimization/guide/pruning. The sweeps that are published
by one of these names take over its measure and its columns.
"""

from dataclasses import replace

from harness.config.label import percentage
from harness.metrics import Metric
from harness.report.row_names import guide_model
from harness.report.table_spec import ACCURACY, BLEU, PageColumn, RowSpec, TableSpec

GUIDE = "https://www.tensorflow.org/model_optimization/guide/pruning"

_DENSE = "dense"
_TWO_BY_FOUR = "2 by 4"


def _random(target: float) -> str:
    return f"random {percentage(target)}"


def _rows(params: dict[str, str], sparsities: tuple[str, ...]) -> tuple[RowSpec, ...]:
    return tuple(
        RowSpec(
            model=guide_model(params),
            sparsity=sparsity,
            where={**params, "sparsity.label": sparsity},
        )
        for sparsity in sparsities
    )


def _model(name: str, *sparsities: str) -> tuple[RowSpec, ...]:
    return _rows({"model.name": name}, (_DENSE, *sparsities))


def _gnmt(direction: str) -> tuple[RowSpec, ...]:
    return _rows(
        {"model.name": "gnmt", "dataset.direction": direction},
        (_DENSE, *map(_random, (0.8, 0.85, 0.9))),
    )


def page_tables(scale: str = "full") -> dict[str, TableSpec]:
    """Returns the guide's three tables and that of its examples, by name.

    Args:
        scale: The scale of the runs to show, `small` or `full`; the guide's own is `full`.
    """
    tables = (
        _page(
            "image_classification",
            "Image classification",
            scale,
            (
                *_model(
                    "inception_v3",
                    *map(_random, (0.5, 0.75, 0.875)),
                    _TWO_BY_FOUR,
                ),
                *_model("mobilenet_v1", _random(0.5), _TWO_BY_FOUR),
                *_model("mobilenet_v2", _random(0.5), _TWO_BY_FOUR),
            ),
            (
                PageColumn("Non-sparse Top-1 Accuracy", "dense"),
                PageColumn("Random Sparse Accuracy", "random", "Random Sparsity"),
                PageColumn("Structured Sparse Accuracy", "2 by 4", "Structured Sparsity"),
            ),
            replace(ACCURACY, heading="top-1 accuracy"),
        ),
        _page(
            "translation",
            "Translation",
            scale,
            (*_gnmt("en_de"), *_gnmt("de_en")),
            (
                PageColumn("Non-sparse BLEU", "dense"),
                PageColumn("Sparse BLEU", "random", "Sparsity"),
            ),
            BLEU,
        ),
        _page(
            "keyword_spotting",
            "Keyword spotting",
            scale,
            _model("ds_cnn_l", _random(0.5), _TWO_BY_FOUR),
            (
                PageColumn("Non-sparse Accuracy", "dense"),
                PageColumn("Structured Sparse Accuracy (2 by 4 pattern)", "2 by 4"),
                PageColumn(
                    "Random Sparse Accuracy (target sparsity 50%)", "random", only="random 50%"
                ),
            ),
            ACCURACY,
        ),
        _page(
            "examples",
            "Examples",
            scale,
            (
                *_model("mnist_cnn", _random(0.5), _random(0.75), _TWO_BY_FOUR),
                *_model("imdb_lstm", _random(0.7)),
            ),
            (),
            ACCURACY,
        ),
    )
    return {table.name: table for table in tables}


def _page(
    name: str,
    title: str,
    scale: str,
    rows: tuple[RowSpec, ...],
    page: tuple[PageColumn, ...],
    quality: Metric,
) -> TableSpec:
    return TableSpec(name, title, scale, rows, quality, published=name, page=page, source=GUIDE)
