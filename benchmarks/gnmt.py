"""GNMT beside straightforward ways to do the same: a training step, and beam search.

    python -m benchmarks.gnmt [--units 256] [--layers 2] [--rounds 5] [--mixed | --data MULTI30K]

The peer in training is what Keras' guides make of this model: `LSTM` and `AdditiveAttention`
layers of the same sizes, logits at every place, padding masked in the loss. It is a little
simpler: its attention is asked once for a whole sequence, not by each step's context, and its
dropout drops the same inputs at every step. The peer in decoding is the usual loop in Python, a
sentence at a time, over the same model's step (in a `tf.function` of its own). With `--mixed`,
both models train in mixed precision, and decoding is left out. With `--data`, both train on
Multi30k's sentences instead, each in batches of its own: ours of about one length, the peer's
shuffled and padded to their longest, as `padded_batch` does. Both are timed in turns with
ours, in one process; processor time beside the wall's, for what else runs on the machine takes
the latter.
"""

import argparse
import statistics
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.timing import Block, interleave, mean, ratio
from benchmarks.timing import steps as timed
from harness.config.compose import compose
from harness.data.text.corpora.pairs import PairData
from harness.models import build
from harness.models.gnmt import Decoding, Gnmt
from harness.models.layers.gnmt_layers import BOS, EOS
from harness.models.layers.recurrence import Memory
from harness.tasks.scores.beam import Search
from harness.tasks.scores.steps import ModelSteps
from harness.training import objective
from harness.training.fused_adam import Adam


def straightforward(vocabulary: int, units: int, layers: int, dropout: float) -> keras.Model:
    """The model in Keras' own layers."""
    source, target = (keras.Input((None,), dtype="int32") for _ in range(2))
    lstm = keras.layers.LSTM
    options = {"return_sequences": True, "return_state": True, "dropout": dropout}
    x = keras.layers.Embedding(vocabulary, units, mask_zero=True)(source)
    x, _, _, h, c = keras.layers.Bidirectional(lstm(units, **options))(x)
    states = [[h, c]]
    for number in range(2, layers + 1):
        y, h, c = lstm(units, **options)(x)
        x, states = (x + y if number > 2 else y), [*states, [h, c]]
    memory = x
    embedded = keras.layers.Embedding(vocabulary, units, mask_zero=True)(target)
    # As wide an input as the decoder with a context has: the same number of weights.
    embedded = keras.layers.Concatenate()([embedded, embedded])
    x, _, _ = lstm(units, **options)(embedded, initial_state=states[0])
    query, keys = (keras.layers.Dense(units, use_bias=False)(part) for part in (x, memory))
    context = keras.layers.AdditiveAttention()([query, memory, keys])
    for number in range(2, layers + 1):
        y, _, _ = lstm(units, **options)(
            keras.layers.Concatenate()([x, context]), initial_state=states[number - 1]
        )
        x = x + y if number > 2 else y
    logits = keras.layers.Dense(vocabulary, use_bias=False)(x)
    return keras.Model((source, target), logits)


def masked_loss(labels: Any, logits: Any) -> Any:
    """Cross-entropy of the words that are no padding, a sentence."""
    ids = tf.cast(labels, tf.int32)
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(ids, tf.cast(logits, tf.float32))
    words = tf.cast(ids != 0, nats.dtype)
    return tf.reduce_sum(nats * words) / tf.cast(tf.shape(ids)[0], nats.dtype)


def batch(vocabulary: int, sentences: int, length: int) -> tuple[Any, Any]:
    """Random sentences of up to `length` words, of a bucket: at least two thirds of it."""
    rng = np.random.default_rng(0)

    def words() -> tuple[np.ndarray, np.ndarray]:
        lengths = rng.integers(2 * length // 3, length + 1, sentences)
        ids = rng.integers(4, vocabulary, (sentences, length))
        return (ids * (np.arange(length) < lengths[:, None])).astype(np.int32), lengths

    (source, _), (target, lengths) = words(), words()
    column = np.zeros((sentences, 1), np.int32)
    target_out = np.concatenate([target, column], 1)
    target_out[np.arange(sentences), lengths] = EOS
    return (source, np.concatenate([column + BOS, target], 1)), target_out


def training(ours: keras.Model, arguments: argparse.Namespace) -> None:
    """Times steps of both models on the same batch."""
    data = tf.data.Dataset.from_tensors(
        batch(arguments.vocabulary, arguments.sentences, arguments.length)
    ).repeat()
    steps = trainers(ours, data, data, arguments.vocabulary, arguments)
    clocks: dict[str, Block] = {}
    for name, run in steps.items():
        run()
        clocks |= {name: timed(run, 3, process_time), f"{name} wall": timed(run, 3)}
    report(interleave(clocks, arguments.rounds), arguments.sentences)


def training_on_pairs(ours: keras.Model, arguments: argparse.Namespace, data: PairData) -> None:
    """Times both models over many batches of real sentences, each in its own batches."""
    own = data.train(arguments.sentences, 0)
    steps = trainers(ours, own, shuffled(data, arguments), data.vocabulary_size, arguments)
    clocks: dict[str, Block] = {}
    for name, run in steps.items():
        for _ in range(40):  # every width is traced by then
            run()
        clocks |= {name: mean(run, 40, process_time), f"{name} wall": mean(run, 40, perf_counter)}
    report(interleave(clocks, arguments.rounds), arguments.sentences)


def trainers(
    ours: keras.Model, own: Any, peers: Any, vocabulary: int, arguments: argparse.Namespace
) -> dict[str, Callable[[], object]]:
    """A step of training for ours on the batches `own`, and for its peer on `peers`."""
    peer = straightforward(vocabulary, arguments.units, arguments.layers, 0.2)
    ours.compile(Adam(), objective.words(0.0).loss, jit_compile=False)
    peer.compile(keras.optimizers.Adam(), masked_loss, jit_compile=False)
    print(f"parameters: ours {ours.count_params():,}, Keras' {peer.count_params():,}")
    return {"ours": trainer(ours, own), "keras": trainer(peer, peers)}


def shuffled(data: PairData, arguments: argparse.Namespace) -> tf.data.Dataset:
    """The same training pairs, one by one, shuffled, batched and padded."""
    single = data.train(1, 0)

    def unpadded(inputs: Any, target_out: Any) -> Any:
        rows = [*inputs, target_out]
        return tuple(tf.boolean_mask(row[0], row[0] != 0) for row in rows)

    pairs = single.take(data.num_train).map(unpadded, tf.data.AUTOTUNE).cache()
    batches = pairs.shuffle(data.num_train, seed=0).repeat().padded_batch(arguments.sentences)
    return batches.map(lambda one, two, out: ((one, two), out)).prefetch(tf.data.AUTOTUNE)


def trainer(model: keras.Model, data: tf.data.Dataset) -> Callable[[], object]:
    """A step of training on the next batch."""
    iterator = iter(data)
    run = model.make_train_function()
    run = run if run is not None else model.train_function
    return lambda: run(iterator)


def report(times: dict[str, list[float]], sentences: int) -> None:
    """Prints paces, and ours beside the peer's."""
    for name, medians in times.items():
        pace = sentences / statistics.median(medians)
        print(f"training {name:10} {pace:7.0f} sentences a second")
    processor_ratio, wall = ratio(times, "keras", "ours"), ratio(times, "keras wall", "ours wall")
    print(f"training: {processor_ratio:.2f}x in processor time, {wall:.2f}x by the clock")


class PythonLoop:
    """Beam search as a loop in Python over one sentence, with the model's step in a graph."""

    def __init__(self, model: keras.Model, decoding: Decoding):
        self._decoding = decoding
        layer = model.get_layer
        decoder, kernel = layer("decoder"), layer("projection").kernel

        @tf.function(reduce_retracing=True)
        def encode(source: Any) -> Any:
            values, *states = layer("encoder")(layer("source_embedding")(source), source)
            return decoder.attention.memory(values, source), states

        @tf.function(reduce_retracing=True)
        def step(words: Any, memory: Any, states: Any, context: Any) -> Any:
            embedded = layer("target_embedding").look_up(words)
            said, states, context = decoder.step(embedded, Memory(*memory), states, context)
            return tf.nn.log_softmax(tf.matmul(said, tf.convert_to_tensor(kernel))), states, context

        self._encode, self._step = encode, step

    def __call__(self, source: list[int]) -> tuple[list[int], float]:
        """The best translation and its score."""
        beam, weight = self._decoding.beam, self._decoding.length_penalty
        memory, states = self._encode(tf.constant([source], tf.int32))
        memory = [tf.repeat(part, beam, 0) for part in memory]
        states = [tf.repeat(state, beam, 0) for state in states]
        context = tf.zeros_like(states[0])
        logps = np.where(np.arange(beam) == 0, 0.0, -np.inf)
        words: list[list[int]] = [[] for _ in range(beam)]
        ended = np.zeros(beam, bool)
        scores = logps
        for _ in range(int(self._decoding.max_ratio * len(source))):
            last = [said[-1] if said else BOS for said in words]
            rows, states, context = self._step(
                tf.constant(last, tf.int32), tuple(memory), states, context
            )
            total = np.where(ended[:, None], -np.inf, logps[:, None] + rows.numpy())
            total[ended, EOS] = logps[ended]
            lengths = np.array([len(said) for said in words])[:, None] + ~ended[:, None]
            lengths = np.repeat(lengths, total.shape[1], 1)
            lengths[~ended, EOS] -= 1
            ranked = (total / ((5 + lengths) / 6) ** weight).ravel()
            best = np.argpartition(-ranked, beam)[:beam]
            best = best[np.argsort(-ranked[best])]
            parents, chosen = best // total.shape[1], best % total.shape[1]
            scores, logps = ranked[best], total.ravel()[best]
            words = [
                words[p] + ([] if ended[p] or w == EOS else [int(w)])
                for p, w in zip(parents, chosen, strict=True)
            ]
            ended = ended[parents] | (chosen == EOS)
            states = [tf.gather(state, parents) for state in states]
            context = tf.gather(context, parents)
            if ended.all():
                break
        return words[0], float(scores[0])


def decoding(model: keras.Model, arguments: argparse.Namespace) -> None:
    """Times both searches over the same sentences."""
    settings = Decoding()
    (source, _), _ = batch(arguments.vocabulary, 32, arguments.length)
    sentences = [row[row != 0].tolist() for row in source]
    search, loop = Search(ModelSteps(model), settings), PythonLoop(model, settings)
    ids, lengths, scores, rows = (np.asarray(part) for part in search(source))
    same = 0
    for number in range(3):
        words, score = loop(sentences[number])
        same += words == ids[number, : lengths[number]].tolist()
        assert abs(score - scores[number]) < 1e-3 * abs(score), (score, scores[number])
    print(f"decoding: {same} of 3 translations the same words, all the same score")
    turn = iter(range(10**9))
    blocks = {
        "ours": timed(lambda: search(source), 1, process_time),
        "loop": timed(lambda: loop(sentences[next(turn) % 32]), 2, process_time),
    }
    times = interleave(blocks, arguments.rounds)
    times["ours"] = [seconds / 32 for seconds in times["ours"]]
    for name, medians in times.items():
        print(
            f"decoding {name}  {1e3 * statistics.median(medians):7.1f} ms of processor a sentence"
        )
    print(f"decoding: {ratio(times, 'loop', 'ours'):.1f}x faster a sentence, {rows.sum():,} rows")


def main() -> None:
    """Prints both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in {
        "units": 256,
        "layers": 2,
        "vocabulary": 6000,
        "sentences": 64,
        "length": 15,
        "rounds": 5,
    }.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--mixed", action="store_true", help="bfloat16 products")
    either.add_argument("--data", help="the folder of Multi30k: train on its sentences")
    arguments = parser.parse_args()
    if arguments.mixed:
        keras.config.set_dtype_policy("mixed_bfloat16")
    keras.utils.set_random_seed(1)
    config = Gnmt("gnmt", arguments.layers, arguments.units, 0.2)
    if arguments.data:
        size = f"dataset.vocabulary_size={arguments.vocabulary}"
        groups = ["dataset=multi30k", "model=gnmt", "training=gnmt_small", "export=keras"]
        composed = compose([*groups, size])
        composed.dataset.data_dir = arguments.data
        data = composed.dataset.load()
        assert isinstance(data, PairData)
        training_on_pairs(build(config, (None,), data.vocabulary_size), arguments, data)
        return
    model = build(config, (None,), arguments.vocabulary)
    training(model, arguments)
    if not arguments.mixed:
        decoding(model, arguments)


if __name__ == "__main__":
    main()
