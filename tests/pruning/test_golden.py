"""Parity with tfmot 0.8.1, against its recorded outputs. Differences by design are stated here."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.pruning import NM, Block, Constant, Polynomial, Pruner, PruningError, Unstructured
from harness.pruning.threshold import kept_count, kept_count_in_graph
from tests.pruning.conftest import golden_weights, recorded_weights, unpack, unpack_bits


def ours(record, shift=0):
    """Our schedule for a recorded tfmot schedule, `shift` steps earlier."""
    args = dict(record["args"])
    args["begin_step"] -= shift
    end = args.pop("end_step", -1)
    args["end_step"] = None if end == -1 else end - shift
    if record["cls"] == "ConstantSparsity":
        args["target"] = args.pop("target_sparsity")
        return Constant(**args)
    args["initial"] = args.pop("initial_sparsity")
    args["final"] = args.pop("final_sparsity")
    return Polynomial(**args)


def test_schedules(golden):
    for record in golden["schedules"]:
        schedule = ours(record)
        steps = np.asarray(record["steps"])
        expected = np.asarray(record["prune"], bool)
        # tfmot misses its end step where the frequency does not divide the window; ours does not.
        expected |= steps == schedule.last_step
        np.testing.assert_array_equal(schedule.updates_at(steps), expected)
        np.testing.assert_array_equal(schedule.updates_at(tf.constant(steps)), expected)
        wanted = np.broadcast_to(record["sparsity"], steps.shape)
        for found in (schedule.sparsity(steps), schedule.sparsity(tf.constant(steps))):
            np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_refresh_steps(golden):
    for record in golden["pruning_steps_0_to_1200"]:
        schedule = ours(record)
        assert sorted({*record["steps"], schedule.last_step} - {2**63 - 1}) == list(
            schedule.update_steps(1200)
        )


def test_schedule_errors(golden):
    for record in golden["schedule_errors"]:
        if record["args"].get("end_step") == -2:
            continue  # "no end" is None here, so any negative end is refused: below
        with pytest.raises(PruningError):
            ours(record)
    for end in (-1, -2):
        with pytest.raises(PruningError, match="end_step"):
            Constant(0.5, 0, end)


def test_oddities_that_tfmot_accepts(golden):
    decreasing, *fractional = golden["accepted_oddities"]
    assert ours(decreasing).final_sparsity == 0.2  # accepted here as well: networks may regrow
    for record in fractional:
        with pytest.raises(PruningError, match="whole number"):
            ours(record)


def test_begin_equal_to_end_is_final_sparsity_and_not_nan():
    schedule = Polynomial(0.2, 0.8, begin_step=5, end_step=5)
    assert schedule.updates_at(5)
    assert float(schedule.sparsity(5)) == pytest.approx(0.8)


def test_kept_counts(golden):
    sizes, sparsities, kept = (
        np.asarray(column) for column in zip(*golden["k_rounding"], strict=True)
    )
    np.testing.assert_array_equal(kept_count(sizes, sparsities), kept)
    np.testing.assert_array_equal(kept_count_in_graph(sizes, sparsities), kept)


def test_unstructured_keeping_ties_is_tfmots_mask(golden):
    for record in golden["unstructured"]:
        scores = np.abs(recorded_weights(record))
        mask = Unstructured(ties="keep").mask(scores, record["sparsity"])
        np.testing.assert_array_equal(mask, unpack(record["mask"]))


def test_unstructured_breaks_ties_by_index_to_the_exact_count(golden):
    differing = 0
    for record in golden["unstructured"]:
        scores = np.abs(recorded_weights(record))
        mask, theirs = Unstructured().mask(scores, record["sparsity"]), unpack(record["mask"])
        assert mask.sum() == kept_count(scores.size, record["sparsity"])
        assert not (mask & ~theirs).any()  # a subset: only ties are dropped
        dropped = (theirs & ~mask).ravel()
        if dropped.any():
            differing += 1
            first = np.flatnonzero(dropped)[0]
            tied = np.flatnonzero(scores.ravel() == scores.ravel()[first])
            assert mask.ravel()[tied[tied < first]].all()  # lower indices win
    assert differing  # the golden file does hold ties


def test_blocks(golden):
    checked = 0
    for record in golden["block"]:
        if record["misaligned"]:
            continue
        scores = np.abs(recorded_weights(record))
        pooling = {"AVG": "average", "MAX": "max"}[record["pool"]]
        pattern = Block(tuple(record["block"]), pooling)
        pattern.ties = "keep"  # tfmot keeps ties among blocks, too
        mask = pattern.mask(scores, record["sparsity"])
        np.testing.assert_array_equal(mask, unpack(record["mask"]))
        checked += 1
    assert checked > 100


def test_misaligned_blocks_zero_the_blocks_that_were_scored(golden):
    """tfmot scores one grid and prunes another; here every zero block is a lowest scored one."""
    records = [r for r in golden["block"] if r["misaligned"] and r["pool"] == "MAX"]
    better = 0
    for record in records:
        scores = np.abs(recorded_weights(record))
        mask = Block(tuple(record["block"]), "max").mask(scores, record["sparsity"])
        if mask.all() or unpack(record["mask"]).all():
            continue
        (height, width), best_dropped, worst_kept = record["block"], -np.inf, np.inf
        for row in range(0, scores.shape[0], height):
            for column in range(0, scores.shape[1], width):
                tile = np.s_[row : row + height, column : column + width]
                assert mask[tile].all() or not mask[tile].any()
                if mask[tile].any():
                    worst_kept = min(worst_kept, scores[tile].max())
                else:
                    best_dropped = max(best_dropped, scores[tile].max())
        assert best_dropped <= worst_kept
        better += int(not (mask == unpack(record["mask"])).all())
    assert better


def test_block_shapes_on_which_tfmot_raises(golden):
    for record in golden["block_errors"]:
        scores = np.abs(golden_weights(record["shape"], record["seed"], record["kind"]))
        pooling = {"AVG": "average", "MAX": "max"}[record["pool"]]
        pattern = Block(tuple(record["block"]), pooling)
        mask = pattern.mask(scores, record["sparsity"])
        blocks = pattern.units(scores.shape, (0, 1))
        tops = mask[:: record["block"][0], :: record["block"][1]]
        assert tops.size == blocks
        assert tops.sum() == kept_count(blocks, record["sparsity"])


def test_n_of_m(golden):
    axes = {"Dense": (0, 1), "Conv2D": (2, 3)}
    for record in golden["m_by_n"]:
        scores = np.abs(recorded_weights(record))
        group = record["group_n"]
        pattern = NM(group - record["zeros_m"], group, ragged="keep")
        mask = pattern.mask(scores, None, axes.get(record["layer"]))
        np.testing.assert_array_equal(mask, unpack(record["mask"]))
        assert pattern.holds(np.where(mask, 1.0, 0.0)) == record["is_pruned"]


def test_ragged_tails_come_nearer_to_the_ratio_than_tfmots():
    scores = np.ones((3, 5), np.float32)
    assert NM(2, 4, ragged="keep").mask(scores, None).sum() == 10  # tfmot: 1/3 sparse
    single = np.ones((2, 5), np.float32)
    assert NM(2, 4, ragged="keep").mask(single, None).sum() == 10  # tfmot: dense
    assert NM(2, 4).mask(single, None).sum() == 5


def test_checker(golden):
    for record in golden["is_pruned_m_by_n"]:
        zeros, group = record["m_by_n"]
        kernel = np.asarray(record["kernel"], np.float32)
        axes = (0, 1) if record["last_channel"] == "C_OUT" else (1, 0)
        assert NM(group - zeros, group).holds(kernel, axes) == record["result"]


def test_n_of_m_errors(golden):
    with pytest.raises(PruningError, match="1 <= n < m"):
        NM(0, 4)  # tfmot's (4, 4): all zeros
    # tfmot refuses ranks 1 and 3; any rank has groups here.
    assert NM(2, 4).mask(np.arange(4.0), None).tolist() == [False, False, True, True]
    assert NM(2, 4).mask(np.ones((4, 4, 4)), None).sum() == 32


class Regression:
    """One Dense kernel, trained on a fixed batch, one update at a time."""

    def __init__(self, shape, seed, schedule, pattern=None, optimizer=None):
        self.model = keras.Sequential(
            [keras.Input(shape[:1]), keras.layers.Dense(shape[1], use_bias=False)]
        )
        self.kernel = self.model.layers[0].kernel
        self.kernel.assign(golden_weights(shape, seed, "normal"))
        self.model.compile(optimizer or keras.optimizers.SGD(0.0), "mse")
        self.pruner = Pruner(pattern or Unstructured(), schedule).attach(self.model)

    def mask(self):
        return self.pruner.engine.weights[0].mask.numpy()


def test_trace(golden):
    """tfmot's step t (1 before the first update) is our step t - 1."""
    for record in golden["trace"]:
        if record["args"]["begin_step"] == 0 and record["args"]["frequency"] > 1:
            # With begin 0, tfmot first prunes at its step `frequency`; ours prunes at once.
            begin = record["args"]["frequency"] - 1
            schedule = Constant(
                record["args"]["target_sparsity"], begin, None, record["args"]["frequency"]
            )
        else:
            schedule = ours(record, shift=min(1, record["args"]["begin_step"]))
        run = Regression((20, 10), 30, schedule)
        batch = np.zeros((2, 20), np.float32), np.zeros((2, 10), np.float32)
        before = np.ones((20, 10), bool)
        for _, changed, nonzero in record["rows[pruning_step,mask_changed,mask_nnz]"]:
            mask = run.mask()
            assert mask.sum() == nonzero
            assert (mask != before).any() == changed
            assert np.count_nonzero(run.kernel.numpy()) == nonzero  # sparse at every moment
            before, zeros = mask, (run.kernel.numpy() == 0).sum()
            run.model.train_on_batch(*batch)
        np.testing.assert_array_equal(before, unpack(record["final_mask"]))
        assert zeros == record["final_kernel_zeros"]


def test_trace_sgd(golden):
    """Masks come from just updated weights, gradients are not masked: weights can regrow."""
    for record in golden["trace_sgd"]:
        momentum = record["momentum"]
        begin = record["args"]["begin_step"]
        pattern = (
            Unstructured() if record["block"] in (None, [1, 1]) else Block(tuple(record["block"]))
        )
        schedule = ours(record, shift=min(1, begin))
        run = Regression(
            (8, 4), 40, schedule, pattern, keras.optimizers.SGD(record["lr"], momentum)
        )
        x, y = golden_weights((16, 8), 41, "normal"), golden_weights((16, 4), 42, "normal")
        for step, bits in enumerate(record["masks_per_step"]):
            mask = run.mask()
            np.testing.assert_array_equal(mask, unpack_bits(bits, (8, 4)))
            assert (run.kernel.numpy()[~mask] == 0).all()
            run.model.train_on_batch(x, y)
            # tfmot's weights stay unmasked until the epoch ends; ours are the masked values.
            theirs = np.reshape(record["kernel_after_each_step_before_epoch_end"][step], (8, 4))
            np.testing.assert_allclose(
                run.kernel.numpy(), np.where(run.mask(), theirs, 0), atol=1e-4
            )
        if begin == 0:
            continue
        np.testing.assert_allclose(run.kernel.numpy().ravel(), record["kernel_final"], atol=1e-4)


def test_n_of_m_trace(golden):
    """tfmot sets 2:4 masks at its first step whatever the schedule; ours follow the schedule."""
    for record in golden["m_by_n_trace"]:
        tfmots = [nonzero for _, nonzero in record["rows[pruning_step,mask_nnz]"]]
        run = Regression((16, 8), 30, Constant(0.5, begin_step=0, frequency=1), NM(2, 4))
        batch = np.zeros((2, 16), np.float32), np.zeros((2, 8), np.float32)
        for nonzero in tfmots:
            assert run.mask().sum() == nonzero
            run.model.train_on_batch(*batch)
    late = Regression((16, 8), 30, Constant(0.5, begin_step=2), NM(2, 4))
    late.model.train_on_batch(*batch)
    assert late.mask().all()
    late.model.train_on_batch(*batch)
    assert late.mask().sum() == 64
    with pytest.raises(PruningError, match="schedule ends at 0\\.9"):
        Pruner(NM(2, 4), Constant(0.9, begin_step=1000))
