"""GNMT once more, in NumPy: one sentence, one step, one gate at a time, in float64.

Written from the description of the model and of TensorFlow 1's beam search, not from ours:
nothing is batched, no hypothesis is given up early, and every gate is a formula.
"""

from typing import NamedTuple

import numpy as np

BOS, EOS = 2, 3


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def log_softmax(x):
    shifted = x - x.max()
    return shifted - np.log(np.exp(shifted).sum())


class Hypothesis(NamedTuple):
    words: tuple[int, ...]
    logp: float
    ended: bool
    state: tuple


class Reference:
    """The same function as a model of `harness.models.gnmt`, from its weights by name."""

    def __init__(self, model, depth):
        self.weights = {v.path: np.asarray(v, np.float64) for v in model.variables}
        self.depth = depth

    def lstm(self, name, x, h, c):
        kernel = self.weights[f"{name}/kernel"]
        recurrent, bias = (self.weights[f"{name}/{w}"] for w in ("recurrent_kernel", "bias"))
        units = len(recurrent)
        sums = x @ kernel + h @ recurrent + bias
        input_gate = sigmoid(sums[:units])
        forget_gate = sigmoid(sums[units : 2 * units])
        candidate = np.tanh(sums[2 * units : 3 * units])
        output_gate = sigmoid(sums[3 * units :])
        c = forget_gate * c + input_gate * candidate
        return output_gate * np.tanh(c), c

    def sequence(self, name, inputs):
        units = len(self.weights[f"{name}/recurrent_kernel"])
        h, c = np.zeros(units), np.zeros(units)
        outputs = []
        for x in inputs:
            h, c = self.lstm(name, x, h, c)
            outputs.append(h)
        return outputs, (h, c)

    def encode(self, source):
        embedded = [self.weights["source_embedding/embeddings"][word] for word in source]
        ahead, _ = self.sequence("encoder/layer_1_forward", embedded)
        back, state = self.sequence("encoder/layer_1_backward", embedded[::-1])
        outputs = [np.concatenate(pair) for pair in zip(ahead, back[::-1], strict=True)]
        states = [state]
        for number in range(2, self.depth + 1):
            above, state = self.sequence(f"encoder/layer_{number}", outputs)
            residual = number >= 3
            outputs = [y + x if residual else y for x, y in zip(outputs, above, strict=True)]
            states.append(state)
        return outputs, states

    def attend(self, query, memory):
        weights = {
            name: self.weights[f"decoder/attention/{name}"]
            for name in ("memory_kernel", "query_kernel", "v", "g", "b")
        }
        v = weights["g"] * weights["v"] / np.sqrt((weights["v"] ** 2).sum())
        scores = np.array(
            [
                v
                @ np.tanh(
                    m @ weights["memory_kernel"] + query @ weights["query_kernel"] + weights["b"]
                )
                for m in memory
            ]
        )
        shares = np.exp(log_softmax(scores))
        return sum(share * m for share, m in zip(shares, memory, strict=True))

    def start(self, memory, states):
        return tuple(states), np.zeros(len(memory[0]))

    def step(self, word, state, memory):
        """Log-probabilities of the next word, and the state after `word`."""
        states, context = state
        x = np.concatenate([self.weights["target_embedding/embeddings"][word], context])
        h, c = self.lstm("decoder/layer_1", x, *states[0])
        after, context = [(h, c)], self.attend(h, memory)
        x = h
        for number in range(2, self.depth + 1):
            h, c = self.lstm(
                f"decoder/layer_{number}", np.concatenate([x, context]), *states[number - 1]
            )
            after.append((h, c))
            x = h + x if number >= 3 else h
        return x @ self.weights["projection/kernel"], (tuple(after), context)

    def logits(self, source, target_in):
        memory, states = self.encode(source)
        state, rows = self.start(memory, states), []
        for word in target_in:
            row, state = self.step(word, state, memory)
            rows.append(row)
        return np.array(rows)

    def search(self, source, beam, length_penalty, max_ratio):
        """The best translation by an exhaustive ranking at every step, and its score."""

        def score(hypothesis):
            return hypothesis.logp / ((5 + len(hypothesis.words)) / 6) ** length_penalty

        memory, states = self.encode(source)
        beams = [Hypothesis((), 0.0, False, self.start(memory, states))]
        for _ in range(max(1, int(len(source) * max_ratio))):
            if all(hypothesis.ended for hypothesis in beams):
                break
            candidates = []
            for hypothesis in beams:
                if hypothesis.ended:
                    candidates.append(hypothesis)
                    continue
                last = hypothesis.words[-1] if hypothesis.words else BOS
                row, state = self.step(last, hypothesis.state, memory)
                for word, logp in enumerate(log_softmax(row)):
                    words = hypothesis.words if word == EOS else (*hypothesis.words, word)
                    candidates.append(Hypothesis(words, hypothesis.logp + logp, word == EOS, state))
            beams = sorted(candidates, key=score, reverse=True)[:beam]
        best = max(beams, key=score)
        return list(best.words), score(best)
