"""What a run's page says in words: the headline numbers and how to repeat them."""

from collections.abc import Mapping

from harness.config import Config
from harness.tracking.labels import sparsity_label

#: The numbers a reader looks for first: metric -> (label, format).
HEADLINE = {
    "test/accuracy": ("test accuracy", "{:.2%}"),
    "test/top5_accuracy": ("test top-5 accuracy", "{:.2%}"),
    "test/loss": ("test loss", "{:.4f}"),
    "sparsity/prunable": ("zeros among prunable weights", "{:.2%}"),
    "sparsity/all": ("zeros among all weights", "{:.2%}"),
    "params/nonzero": ("non-zero trainable weights", "{:,.0f}"),
    "size/tflite_bytes": ("TFLite file, bytes", "{:,.0f}"),
    "size/tflite_gzip_bytes": ("TFLite file gzipped, bytes", "{:,.0f}"),
    "time/train_seconds": ("training, seconds", "{:,.1f}"),
}
#: The few that fit on the line of a finished cell.
SHORT = ("test/accuracy", "sparsity/prunable")


def headline(metrics: Mapping[str, float]) -> dict[str, float]:
    """The few metrics worth a place in the terminal."""
    return {key: metrics[key] for key in SHORT if key in metrics}


def description(config: Config, metrics: Mapping[str, float], command: str) -> str:
    """Markdown for MLflow's description box."""
    rows = [
        f"| {label} | {form.format(metrics[key])} |"
        for key, (label, form) in HEADLINE.items()
        if key in metrics
    ]
    return "\n".join(
        [
            f"**{config.model.name}** on **{config.dataset.name}** "
            f"({config.scale} scale), **{sparsity_label(config)}**, seed {config.seed}",
            "",
            "| | |",
            "|---|---|",
            *rows,
            "",
            f"Run it again: `{command}`",
        ]
    )
