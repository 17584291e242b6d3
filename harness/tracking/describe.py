"""What a run's page says in words: the headline numbers and how to repeat them."""

from collections.abc import Mapping

from harness.config import Config
from harness.config.label import sparsity_label

#: The numbers a reader looks for first: metric -> (label, format).
HEADLINE = {
    "test/accuracy": ("test accuracy", "{:.2%}"),
    "test/top5_accuracy": ("test top-5 accuracy", "{:.2%}"),
    "test/bleu": ("test BLEU, tokenised", "{:.2f}"),
    "test/bleu_13a": ("test BLEU, detokenised, 13a", "{:.2f}"),
    "test/chrf": ("test chrF", "{:.2f}"),
    "test/perplexity": ("test perplexity", "{:.2f}"),
    "test/loss": ("test loss", "{:.4f}"),
    "sparsity/prunable": ("zeros among prunable weights", "{:.2%}"),
    "sparsity/all": ("zeros among all weights", "{:.2%}"),
    "params/nonzero": ("non-zero trainable weights", "{:,.0f}"),
    "size/tflite_bytes": ("TFLite file, bytes", "{:,.0f}"),
    "size/tflite_gzip_bytes": ("TFLite file gzipped, bytes", "{:,.0f}"),
    "size/keras_gzip_bytes": ("Keras file gzipped, bytes", "{:,.0f}"),
    "test_int8/accuracy": ("test accuracy in 8-bit integers", "{:.2%}"),
    "size/tflite_int8_bytes": ("TFLite file of 8-bit integers, bytes", "{:,.0f}"),
    "time/train_seconds": ("training, seconds", "{:,.1f}"),
}
#: Said first, on a line: the box shows little more before it is opened.
FIRST = ("test/accuracy", "test/bleu", "sparsity/prunable", "size/tflite_gzip_bytes")
#: The few that fit on the line of a finished cell.
SHORT = ("test/accuracy", "test/bleu", "test/bleu_13a", "sparsity/prunable")


def headline(metrics: Mapping[str, float]) -> dict[str, float]:
    """The few metrics worth a place in the terminal."""
    return {key: metrics[key] for key in SHORT if key in metrics}


def description(
    config: Config, metrics: Mapping[str, float], command: str, source: str = ""
) -> str:
    """Markdown for MLflow's description box; `source` says where the data are from."""
    rows = [
        f"| {label} | {form.format(metrics[key])} |"
        for key, (label, form) in HEADLINE.items()
        if key in metrics
    ]
    first = [
        f"{label} **{form.format(metrics[key])}**"
        for key, (label, form) in HEADLINE.items()
        if key in metrics and key in FIRST
    ]
    return "\n".join(
        [
            f"**{config.model.name}** on **{config.dataset.name}** "
            f"({config.scale} scale), **{sparsity_label(config)}**, seed {config.seed}",
            *(["", f"Data: {source}"] if source else []),
            "",
            " · ".join(first),
            "",
            "| | |",
            "|---|---|",
            *rows,
            "",
            f"Run it again: `{command}`",
        ]
    )
