"""Beam search, in one graph, for a batch of sentences at once, over GNMT or a file of it.

Hypotheses are ranked by log-probability / ((5 + words) / 6) ** length penalty, the end of the
sentence not counted among the words, those that ended and those that go on together, as
tensorflow/nmt (https://github.com/tensorflow/nmt) does with TensorFlow 1's
`BeamSearchDecoder`. The model runs on the rows that are left: a hypothesis that has ended, and
one that can no longer win, takes no part in any later step, and a sentence whose winner is
known takes none either. What was said is kept as a tree of words: memory is linear in beam and
length.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from harness.models.gnmt import Decoding
from harness.models.layers.gnmt_layers import BOS, EOS, PAD
from harness.models.layers.recurrence import Memory
from harness.tasks.scores.steps import Steps

SENTENCES = 32  # searched for at once; decides nothing but the pace
_NEVER = -np.inf


class Translation(NamedTuple):
    """The best hypothesis for a sentence.

    Attributes:
        ids: its words, without start and end of the sentence.
        score: its log-probability with the length penalty.
    """

    ids: list[int]
    score: float


def translate(
    steps: Steps, decoding: Decoding, sources: Sequence[Sequence[int]]
) -> list[Translation]:
    """The best translation of each sentence, by batches of about one length.

    Args:
        steps: of a model, or of a file (`harness.tasks.scores.steps`).
        decoding: beam, length penalty, longest translation.
        sources: ids of each sentence, without padding.
    """
    search = Search(steps, decoding)
    order = sorted(range(len(sources)), key=lambda number: len(sources[number]))
    found: dict[int, Translation] = {}
    for first in range(0, len(order), SENTENCES):
        numbers = order[first : first + SENTENCES]
        width = max(1, *(len(sources[number]) for number in numbers))
        batch = np.full((len(numbers), width), PAD, np.int32)
        for row, number in enumerate(numbers):
            batch[row, : len(sources[number])] = sources[number]
        ids, lengths, scores = (np.asarray(part) for part in search(batch)[:3])
        for row, number in enumerate(numbers):
            said = ids[row, : lengths[row]].tolist()
            found[number] = Translation(said, float(scores[row]))
    return [found[number] for number in range(len(sources))]


class _Rows(NamedTuple):
    """The hypotheses that go on, [rows, …], those of one sentence side by side.

    Attributes:
        group: place of its sentence among those still searched for.
        slot: place in its sentence's beam.
        node: its last word's place in the tree of words; -1 before the first.
        word: its last word.
        logp: its log-probability.
        states: h and c of each decoder layer.
        context: the attention's last answer.
    """

    group: Any
    slot: Any
    node: Any
    word: Any
    logp: Any
    states: list[Any]
    context: Any


class _Beams(NamedTuple):
    """The sentences still searched for, and their hypotheses that ended.

    Attributes:
        sentence: place in the batch, [sentences].
        score: of the ended hypothesis in each slot, [sentences, beam]; -inf: there is none.
        node: its last word's place in the tree.
    """

    sentence: Any
    score: Any
    node: Any


class _Tree(NamedTuple):
    """All words said so far, step by step: where the word before is, and the word."""

    size: Any
    parents: Any
    words: Any


class Search:
    """The search as one TensorFlow function, traced once for all lengths and batch sizes.

    Args:
        steps: of what is searched.
        decoding: beam, length penalty, longest translation.

    Example:
        >>> ids, lengths, scores, rows = Search(ModelSteps(model), decoding)(source)
    """

    def __init__(self, steps: Steps, decoding: Decoding):
        self._steps = steps
        self._decoding, self._beam = decoding, decoding.beam
        signature = [tf.TensorSpec([None, None], tf.int32)]
        self._graph = tf.function(self._search, input_signature=signature, autograph=False)

    def __call__(self, source: np.ndarray) -> tuple[Any, Any, Any, Any]:
        """Searches for the translations of a batch.

        Args:
            source: ids [batch, time], padded with 0.

        Returns:
            ids [batch, longest], padded with 0; their lengths [batch]; scores [batch]; and how
            many rows the model ran on in each step, [steps].
        """
        found: tuple[Any, Any, Any, Any] = self._graph(tf.constant(source, tf.int32))
        return found

    def _search(self, source: Any) -> Any:
        batch, steps = tf.shape(source)[0], tf.constant(0)
        words = tf.reduce_sum(tf.cast(source != PAD, tf.int32), axis=1)
        ratio = tf.cast(words, tf.float32) * self._decoding.max_ratio
        limits = tf.maximum(tf.cast(ratio, tf.int32), 1)
        memory, rows = self._begin(source)
        beams = _Beams(
            tf.range(batch),
            tf.fill([batch, self._beam], _NEVER),
            tf.fill([batch, self._beam], -1),
        )
        best = tf.fill([batch], _NEVER), tf.fill([batch], -1)
        tree, counts = _Tree(tf.constant(0), _growing([None]), _growing([None])), _growing([])

        def step(t: Any, rows: _Rows, beams: _Beams, tree: _Tree, best: Any, counts: Any) -> Any:
            counts = counts.write(t, tf.size(rows.word))
            rows, beams, tree, best = self._step(t, rows, beams, tree, best, memory, limits)
            return t + 1, rows, beams, tree, best, counts

        _, _, _, tree, best, counts = tf.while_loop(
            lambda t, rows, *_: tf.size(rows.word) > 0,
            step,
            (steps, rows, beams, tree, best, counts),
            shape_invariants=_any_size((steps, rows, beams, tree, best, counts)),
            parallel_iterations=1,
        )
        return (*_spell(tree, best[1]), best[0], counts.stack())

    def _begin(self, source: Any) -> tuple[Memory, _Rows]:
        memory, states = self._steps.begin(source)
        batch = tf.shape(source)[0]
        zero = tf.zeros([batch], tf.int32)
        return memory, _Rows(
            group=tf.range(batch),
            slot=zero,
            node=zero - 1,
            word=zero + BOS,
            logp=tf.zeros([batch]),
            states=states,
            context=tf.zeros_like(states[0]),
        )

    def _step(
        self, t: Any, rows: _Rows, beams: _Beams, tree: _Tree, best: Any, memory: Any, limits: Any
    ) -> Any:
        """Lets every row say one more word, or end."""
        beam, width = self._beam, self._beam + 3
        sentence = tf.gather(beams.sentence, rows.group)
        logits, states, context = self._steps.step(
            rows.word,
            Memory(*(tf.gather(part, sentence) for part in memory)),
            rows.states,
            rows.context,
        )
        words, going, ending = self._continuations(logits)
        going, ending = going + rows.logp[:, tf.newaxis], ending + rows.logp
        scores = tf.concat(
            [going / self._penalty(t + 1), ending[:, tf.newaxis] / self._penalty(t)], axis=1
        )
        # All that compete for the slots of each sentence: what each row could say (beam + 1
        # words, or the end), and what has ended in a slot.
        count = tf.size(beams.sentence)
        place = rows.group * beam + rows.slot
        table = tf.tensor_scatter_nd_update(
            tf.fill([count * beam, width - 1], _NEVER), place[:, tf.newaxis], scores
        )
        table = tf.concat([tf.reshape(table, [count, beam, width - 1]), beams.score[..., None]], 2)
        score, chosen = tf.math.top_k(tf.reshape(table, [count, beam * width]), beam)
        slot, kind = chosen // width, chosen % width
        # Of which row; a slot without one is never looked up in earnest.
        row_of = tf.scatter_nd(place[:, tf.newaxis], tf.range(tf.size(place)), [count * beam])
        row = tf.gather(row_of, tf.range(count)[:, tf.newaxis] * beam + slot)
        node = tf.where(
            kind == width - 1, tf.gather(beams.node, slot, batch_dims=1), tf.gather(rows.node, row)
        )
        goes = (kind < width - 2) & (score > _NEVER)
        word = tf.gather_nd(words, tf.stack([row, tf.minimum(kind, width - 3)], -1))
        logp = tf.gather_nd(going, tf.stack([row, tf.minimum(kind, width - 3)], -1))
        # At its limit, a hypothesis is worth what it is worth unfinished.
        limit = tf.gather(limits, beams.sentence)[:, tf.newaxis]
        ends = ~goes | (t + 1 >= limit)
        final = tf.where(ends, score, _NEVER)
        leader = tf.reduce_max(final, axis=1, keepdims=True)
        # Log-probabilities only fall, and no penalty is larger than that of the limit.
        hopeful = goes & ~ends & (logp / self._penalty(limit) >= leader)
        spoken = goes & (hopeful | ends)
        number = tree.size + tf.cumsum(tf.reshape(tf.cast(spoken, tf.int32), [-1])) - 1
        at = tf.where(spoken, tf.reshape(number, tf.shape(node)), node)
        tree = _Tree(
            tree.size + tf.reduce_sum(tf.cast(spoken, tf.int32)),
            tree.parents.write(t, tf.boolean_mask(node, spoken)),
            tree.words.write(t, tf.boolean_mask(word, spoken)),
        )
        best = self._note(best, beams.sentence, final, at)
        # On with those that hope, of the sentences that have some.
        alive = tf.reduce_any(hopeful, axis=1)
        rank = tf.cumsum(tf.cast(alive, tf.int32)) - 1
        where = tf.cast(tf.where(hopeful), tf.int32)
        parent = tf.gather_nd(row, where)
        rows = _Rows(
            group=tf.gather(rank, where[:, 0]),
            slot=where[:, 1],
            node=tf.gather_nd(at, where),
            word=tf.gather_nd(word, where),
            logp=tf.gather_nd(logp, where),
            states=[tf.gather(state, parent) for state in states],
            context=tf.gather(context, parent),
        )
        beams = _Beams(*(tf.boolean_mask(x, alive) for x in (beams.sentence, final, at)))
        return rows, beams, tree, best

    def _continuations(self, logits: Any) -> tuple[Any, Any, Any]:
        """The likeliest words after each row, and how likely they and the end are.

        One more than the beam, for the end of the sentence may be among them: it competes with
        another penalty.
        """
        total = tf.reduce_logsumexp(logits, axis=-1)
        largest, words = tf.math.top_k(logits, self._beam + 1)
        going = tf.where(words == EOS, _NEVER, largest - total[:, tf.newaxis])
        return words, going, logits[:, EOS] - total

    def _penalty(self, words: Any) -> Any:
        return ((5.0 + tf.cast(words, tf.float32)) / 6.0) ** self._decoding.length_penalty

    @staticmethod
    def _note(best: Any, sentence: Any, final: Any, node: Any) -> Any:
        """Writes down the leader of each sentence among what has ended."""
        leader = tf.argmax(final, axis=1, output_type=tf.int32)
        found = [tf.gather(part, leader, batch_dims=1) for part in (final, node)]
        return tuple(
            tf.tensor_scatter_nd_update(before, sentence[:, tf.newaxis], now)
            for before, now in zip(best, found, strict=True)
        )


def _growing(shape: Any) -> Any:
    return tf.TensorArray(tf.int32, 0, dynamic_size=True, infer_shape=False, element_shape=shape)


def _any_size(variables: Any) -> Any:
    """Shape invariants that leave open how many rows there are."""

    def invariant(value: Any) -> Any:
        if isinstance(value, tf.TensorArray):
            return tf.TensorShape(None)
        rank = value.shape.rank
        return tf.TensorShape([None, *value.shape[1:]] if rank else [])

    return tf.nest.map_structure(invariant, variables)


def _spell(tree: _Tree, node: Any) -> tuple[Any, Any]:
    """The words that lead to a node, [batch, longest], and how many they are."""
    # A word of nothing at the end: all hypotheses may have ended before their first.
    parents = tf.concat([tree.parents.concat(), [-1]], 0)
    words = tf.concat([tree.words.concat(), [PAD]], 0)

    def back(node: Any, lengths: Any, said: Any) -> Any:
        inside = node >= 0
        at = tf.maximum(node, 0)
        said = said.write(said.size(), tf.where(inside, tf.gather(words, at), PAD))
        before = tf.where(inside, tf.gather(parents, at), -1)
        return before, lengths + tf.cast(inside, tf.int32), said

    array = tf.TensorArray(tf.int32, 0, dynamic_size=True, element_shape=node.shape)
    _, lengths, said = tf.while_loop(
        lambda node, _, said: tf.reduce_any(node >= 0) | tf.equal(said.size(), 0),
        back,
        (node, tf.zeros_like(node), array),
    )
    backwards = tf.transpose(said.stack())
    return tf.reverse_sequence(backwards, lengths, seq_axis=1), lengths
