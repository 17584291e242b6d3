"""Runs a TensorFlow Lite file of GNMT: two graphs, by which a sentence is translated word by word.

The file has a signature for either graph of `harness.models.layers.gnmt_graphs`: `encode` takes a
sentence of any length, `step` any number of hypotheses with sentences of any length. Both are
resized to what they are given.
"""

from typing import Any

import numpy as np

from harness.export.tflite_child import File
from harness.models.gnmt import ENCODE, STEP


class Stepper:
    """A translation model of two graphs.

    Args:
        file: one that `tflite_child.takes_turns`.

    Example:
        >>> stepper = Stepper(File(Path("model.tflite").read_bytes(), "model.tflite"))
        >>> values, keys, bias, *states = stepper.begin(source)
        >>> context = np.zeros_like(states[0])
        >>> told, context, *states = stepper.step(word, values, keys, bias, context, *states)
    """

    def __init__(self, file: File):
        from harness.models.layers import gnmt_graphs as graphs

        self._graphs, self._file = graphs, file
        outputs = file.signatures[STEP]
        self.vocabulary = int(outputs[graphs.LOG_PROBABILITIES]["shape_signature"][-1])
        self.units = int(outputs[graphs.CONTEXT]["shape_signature"][-1])
        named = [name for name in outputs if name.startswith(graphs.STATE)]
        self._states = [f"{graphs.STATE}{number}" for number in range(len(named))]

    @property
    def states(self) -> int:
        """How many states there are: h and c of each layer."""
        return len(self._states)

    def begin(self, source: np.ndarray) -> list[np.ndarray]:
        """Encodes sentences, one by one.

        Args:
            source: ids [batch, time], padded with 0; a word or more each.

        Returns:
            values and keys [batch, time, units] and bias [batch, time], absent at padding; then
            the states [batch, units].

        Raises:
            ExportError: the file does not run on them.
        """
        from harness.models.layers.gnmt_layers import ABSENT, PAD

        source = np.asarray(source, np.int32)
        batch, time = source.shape
        memory = [np.zeros((batch, time, self.units), np.float32) for _ in range(2)]
        memory += [np.full((batch, time), ABSENT, np.float32)]
        states = [np.zeros((batch, self.units), np.float32) for _ in self._states]
        for row, ids in enumerate(source):
            words = ids[ids != PAD]
            told = self._file.call(ENCODE, {self._graphs.SOURCE: words[np.newaxis]})
            for part, name in zip(memory, self._graphs.MEMORY, strict=True):
                part[row, : len(words)] = told[name][0]
            for state, name in zip(states, self._states, strict=True):
                state[row] = told[name][0]
        return [*memory, *states]

    def step(self, word: Any, *rest: Any) -> list[np.ndarray]:
        """One word further.

        Args:
            word: the last ones, [n].
            rest: values, keys, bias, context and states, as `Graphs.step` takes them.

        Returns:
            Log-probabilities [n, vocabulary], context and states.

        Raises:
            ExportError: the file does not run on them.
        """
        graphs = self._graphs
        names = (graphs.WORD, *graphs.MEMORY, graphs.CONTEXT, *self._states)
        told = self._file.call(STEP, dict(zip(names, (word, *rest), strict=True)))
        given = (graphs.LOG_PROBABILITIES, graphs.CONTEXT, *self._states)
        return [told[name] for name in given]

    def __call__(self, inputs: Any) -> np.ndarray:
        """Log-probabilities at each word of known translations, as the Keras model has logits.

        Args:
            inputs: (source, target), ids [batch, time] padded with 0, the target beginning with
                the start of the sentence.

        Returns:
            [tokens, vocabulary], in the order of the target.

        Raises:
            ExportError: the file does not run on them.
        """
        from harness.models.layers.gnmt_layers import PAD

        source, target = (np.asarray(part, np.int32) for part in inputs)
        values, keys, bias, *states = self.begin(source)
        context = np.zeros_like(states[0])
        spoken = target != PAD
        place = np.cumsum(spoken).reshape(spoken.shape) - 1
        found = np.empty((np.sum(spoken), self.vocabulary), np.float32)
        for time, word in enumerate(target.T):
            told, context, *states = self.step(word, values, keys, bias, context, *states)
            found[place[spoken[:, time], time]] = told[spoken[:, time]]
        return found
