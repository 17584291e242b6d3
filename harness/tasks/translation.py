"""Translating sentences."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from harness.config import Config
from harness.errors import ExportError
from harness.models.gnmt import STEP
from harness.options import choice
from harness.tasks.base import Scores, Table, Task, tested
from harness.tasks.scores import bleu
from harness.tasks.scores.bleu import Score

if TYPE_CHECKING:
    from harness.export import Artifact
    from harness.tasks.scores.steps import Steps
    from harness.training.objective import Objective


@choice
@dataclass
class Translation(Task):
    """A model of the next word's logits, at each word of a known translation."""

    takes: ClassVar[tuple[str, ...]] = ("text pairs",)
    quality: ClassVar[str] = "test/bleu"
    signature: ClassVar[str] = STEP

    name: str = "translation"

    def require(self) -> None:
        """Refuses to begin without sacrebleu."""
        bleu.require()

    def build(self, config: Config, data: Any) -> Any:
        """The cell's model over the data's joint vocabulary."""
        from harness import models

        return models.build(
            config.model, data.input_shape, data.num_classes, vocabulary=data.vocabulary
        )

    def objective(self, label_smoothing: float) -> "Objective":
        """Cross-entropy over all words, a sentence."""
        from harness.training import objective

        return objective.words(label_smoothing)

    def evaluate(self, model: Any, data: Any, config: Config) -> Scores:
        """Perplexity of the references, and BLEU of what a beam search finds."""
        from harness.tasks.scores.steps import ModelSteps

        return _scored(ModelSteps(model), data, config)

    def rescore(
        self, artifact: "Artifact", data: Any, config: Config, scores: Any
    ) -> dict[str, float]:
        """The same of a file, by the same search."""
        formats = {each.kind: each for each in config.export.chosen()}
        each = formats.get(artifact.kind)
        if each is None or each.scored is None or not each.scores_pairs:
            return {}
        found = _of_file(each, artifact.path, data, config).metrics(each.scored)
        name = self.quality.partition("/")[2]
        difference = found[f"{each.scored}/{name}"] - scores.metrics("test")[self.quality]
        return {**found, f"{each.scored}/{name}_difference": round(difference, 6)}


def _of_file(each: Any, path: Any, data: Any, config: Config) -> Scores:
    """Scores of a model that a file holds, or of a file that its interpreter runs."""
    import tensorflow as tf

    from harness.tasks.scores.steps import FileSteps, ModelSteps

    model = each.model(path)
    if model is not None:
        return _scored(ModelSteps(model), data, config)
    try:
        return _scored(FileSteps(each.runner(path)), data, config)
    except tf.errors.OpError as error:  # what the search's graph makes of the interpreter's
        lines = [line for line in error.message.splitlines() if path.name in line]
        raise ExportError((lines or [f"{path.name}: {error.message}"])[-1].strip()) from error


def _scored(steps: "Steps", data: Any, config: Config) -> Scores:
    """Perplexity of the references, and BLEU of what a beam search finds."""
    from harness.tasks.scores import beam
    from harness.training import objective

    batches = tested(data, config)
    decoding: Any = config.model
    sources = [
        row[row != objective.PAD].tolist()
        for (source, _), _ in batches.as_numpy_iterator()
        for row in source
    ]
    found = beam.translate(steps, decoding.decoding, sources)
    said = [data.text(one.ids) for one in found]
    text = data.sentences("test")
    scores = bleu.score(
        [one.words for one in said],
        text.reference_words,
        [one.sentence for one in said],
        text.reference,
    )
    rows = [
        [number, text.source[number], text.reference[number], ours.sentence, ours.words]
        for number, ours in enumerate(said)
    ]
    return _Scores(*_forced(steps, batches), scores, rows)


@dataclass(frozen=True)
class _Scores:
    nats: float
    accuracy: float
    scores: Mapping[str, Score]
    rows: list[list[Any]]

    def metrics(self, prefix: str) -> dict[str, float]:
        found = {name: score.value for name, score in self.scores.items()}
        found |= {
            "loss": self.nats,
            "perplexity": math.exp(min(self.nats, 700.0)),
            "word_accuracy": self.accuracy,
        }
        return {f"{prefix}/{name}": value for name, value in found.items()}

    def tables(self) -> Mapping[str, Table]:
        header = ("example", "source", "reference", "hypothesis", "hypothesis_words")
        return {"translations.csv": Table(header, self.rows)}

    def tags(self) -> Mapping[str, str]:
        return {f"harness.signature.{name}": one.signature for name, one in self.scores.items()}


def _forced(steps: "Steps", batches: Any) -> tuple[float, float]:
    """Mean nats of a word of the references, and the share that the model would have said."""
    import tensorflow as tf

    from harness.training import objective

    @tf.function(input_signature=[batches.element_spec], autograph=False)
    def batch(example: Any) -> Any:
        inputs, labels = example
        logits = steps.known(*inputs)
        true = tf.gather(logits, objective.spoken(labels), batch_dims=1)
        right = tf.cast(true >= tf.reduce_max(logits, axis=-1), tf.float32)
        return objective.cross_entropy(labels, logits), right

    nats, right = zip(*(batch(example) for example in batches), strict=True)
    return float(np.concatenate(nats).mean()), float(np.concatenate(right).mean())
