"""What a run's page says in words: the headline numbers and how to repeat them."""

from collections.abc import Iterable, Mapping

from harness import metrics
from harness.config import Config
from harness.config.label import sparsity_label


def headline(values: Mapping[str, float]) -> dict[str, float]:
    """The few metrics worth a place in the terminal."""
    return {metric.name: value for metric, value in metrics.present(metrics.LINE, values)}


def description(
    config: Config,
    values: Mapping[str, float],
    command: str,
    source: str = "",
    wanting: Iterable[str] = (),
) -> str:
    """Markdown for MLflow's description box.

    Args:
        config: the cell.
        values: its final metrics.
        command: what runs it again.
        source: where the data are from.
        wanting: what could not be had, and why: formats, times.
    """
    rows = [
        f"| {m.label} | {m.text(value)} |" for m, value in metrics.present(metrics.PAGE, values)
    ]
    first = [f"{m.label} **{m.text(v)}**" for m, v in metrics.present(metrics.FIRST, values)]
    return "\n".join(
        [
            f"**{config.model.name}** on **{config.dataset.name}** "
            f"({config.scale} scale), **{sparsity_label(config)}**, seed {config.seed}",
            "",
            " · ".join(first),  # MLflow folds away all but some three lines
            "",
            *([f"Data: {source}", ""] if source else []),
            "| | |",
            "|---|---|",
            *rows,
            "",
            *(f"{line}\n" for line in wanting),
            f"Run it again: `{command}`",
        ]
    )
