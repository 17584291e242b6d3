"""Both sides of docs/from_tfmot.md run, and where it calls them equal tfmot's records agree.

Ours runs as one session. tfmot cannot be imported beside Keras 3: its side runs in a virtual
environment of its own (slow), and its recorded outputs stand in for it where masks and schedules
of a pair are compared.
"""

import contextlib
import json
import os
import re
import subprocess
import zipfile
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import harness.pruning
from benchmarks.peers import TFMOT, environment
from harness.export.tflite import run
from harness.pruning import Block, Constant, Pruner, Unstructured
from tests.pruning.conftest import recorded_weights, unpack

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "from_tfmot.md").read_text(encoding="utf-8")
RECORDS = json.loads((ROOT / "tests" / "pruning" / "golden" / "tfmot_pruning.json").read_text())

#: All that tfmot.sparsity.keras exports; the slow test compares it with the package.
EXPORTED = {
    "ConstantSparsity",
    "PolynomialDecay",
    "PrunableLayer",
    "PruneForLatencyOnXNNPack",
    "PruningPolicy",
    "PruningSchedule",
    "PruningSummaries",
    "UpdatePruningStep",
    "prune_low_magnitude",
    "prune_scope",
    "strip_pruning",
}
TABLE = r"^\| tfmot \| here \|.*?\n\n"


def side(block, sign):
    """The lines of a change that are marked with a sign or common."""
    return "\n".join(line[1:] for line in block.splitlines() if line[:1] in (sign, " ", ""))


def pairs(text):
    """(tfmot's code, ours) of table rows whose two first cells are nothing but code."""
    tables = re.findall(TABLE, text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", "".join(tables), flags=re.MULTILINE)


def statements(sign):
    """The code of one side in the page's order, that of tables included."""
    found = []
    pieces = rf"```(diff|python)\n(.*?)```|({TABLE})"
    for kind, block, table in re.findall(pieces, TEXT, flags=re.DOTALL | re.MULTILINE):
        if kind:
            found.append(block if kind == "python" else side(block, sign))
        found += [pair["-+".index(sign)] for pair in pairs(table)]
    return found


def section(title):
    """The text under a heading, up to the next one."""
    return re.search(rf"^## {title}\n(.*?)(?=^## )", TEXT, flags=re.DOTALL | re.MULTILINE)[1]


# --- both sides -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """The names that our side leaves, and the folder in which it ran."""
    session, folder = {"__name__": "page"}, tmp_path_factory.mktemp("ours")
    with contextlib.chdir(folder):
        for code in statements("+"):
            exec(compile(code, "<page>", "exec"), session)
    return SimpleNamespace(**session, folder=folder)


@pytest.mark.filterwarnings("error::harness.pruning.PruningWarning")
def test_our_side_runs(ours):
    assert len(statements("+")) == len(statements("-")) >= 40


@pytest.mark.slow
def test_tfmots_side_runs_and_retraces(ours, tmp_path):
    script = [
        *statements("-"),
        f"assert {{n for n in dir(sparsity) if not n.startswith('_')}} == {EXPORTED}",
        "sparsity.prune_low_magnitude(build(), pruning_shedule=schedule)",
        "from keras import Sequential",  # of Keras 3
        "try: sparsity.prune_low_magnitude(Sequential())",
        "except ValueError as error: assert 'type: Sequential' in str(error)",
        "else: raise AssertionError",
        "np.savez('retraced.npz', *retraced)",
    ]
    (tmp_path / "theirs.py").write_text("\n".join(script), encoding="utf-8")
    python = environment("tfmot", TFMOT)
    settings = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(python), "theirs.py"], cwd=tmp_path, env=settings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(tmp_path / "retraced.npz") as theirs:
        assert len(theirs.files) == len(ours.retraced)
        for found, name in zip(ours.retraced, theirs.files, strict=True):
            np.testing.assert_array_equal(found == 0, theirs[name] == 0)
            np.testing.assert_allclose(found, theirs[name], atol=1e-5)


# --- pairs of the tables, against tfmot's records -------------------------------------------


def constant(target_sparsity, begin_step, end_step=-1, frequency=100):
    """The record of tfmot's `ConstantSparsity` with these arguments."""
    return recorded_schedule("ConstantSparsity", locals())


def polynomial(initial_sparsity, final_sparsity, begin_step, end_step, power=3, frequency=100):
    """The record of tfmot's `PolynomialDecay` with these arguments."""
    return recorded_schedule("PolynomialDecay", locals())


def recorded_schedule(name, args):
    (found,) = (r for r in RECORDS["schedules"] if (r["cls"], r["args"]) == (name, args))
    return found


def recorded_masks(
    model, schedule=None, block_size=None, block_pooling_type="AVG", sparsity_m_by_n=None
):
    """(record, sparsity, axes) of each recorded mask that tfmot makes with these arguments."""
    if sparsity_m_by_n:
        axes = {"Dense": (0, 1), "Conv2D": (2, 3)}  # of the others, tfmot groups another axis
        for r in RECORDS["m_by_n"]:
            if (r["zeros_m"], r["group_n"]) == sparsity_m_by_n and r["layer"] in axes:
                yield r, None, axes[r["layer"]]
    elif block_size:
        asked = (list(block_size), block_pooling_type, False)
        for r in RECORDS["block"]:
            if (r["block"], r["pool"], r["misaligned"]) == asked:
                yield r, r["sparsity"], None
    else:
        yield from ((r, r["sparsity"], None) for r in RECORDS["unstructured"])


RECORDED = SimpleNamespace(
    ConstantSparsity=constant, PolynomialDecay=polynomial, prune_low_magnitude=recorded_masks
)
THEIRS = {"sparsity": RECORDED, "build": lambda: None, "schedule": None}
OURS = {name: getattr(harness.pruning, name) for name in harness.pruning.__all__}
SCHEDULES = [pair for pair in pairs(section("Schedules")) if pair[0].startswith("sparsity.")]
PATTERNS = pairs(section("Patterns"))


def test_the_pairs_of_schedules_and_patterns_are_found():
    assert (len(SCHEDULES), len(PATTERNS)) == (6, 6)


@pytest.mark.parametrize(("theirs", "mine"), SCHEDULES)
def test_schedules_keep_their_numbers(theirs, mine):
    record, schedule = eval(theirs, THEIRS), eval(mine, OURS)
    steps = np.asarray(record["steps"])
    expected = np.asarray(record["prune"], bool)
    missed = ~expected & (steps == schedule.last_step)
    sparsities = np.broadcast_to(record["sparsity"], steps.shape)
    np.testing.assert_array_equal(schedule.updates_at(steps), expected | missed)
    np.testing.assert_allclose(schedule.sparsity(steps), sparsities, atol=1e-6)
    assert eval(repr(schedule), OURS) == schedule

    (line,) = (line for line in TEXT.splitlines() if line.startswith(f"| `{theirs}` |"))
    said = re.search(r"tfmot stops at (\.\d+), at step (\d+)", line)
    assert bool(said) == missed.any()
    if said:
        last = steps[expected].max()
        assert last == int(said[2])
        assert sparsities[steps == last][0] == pytest.approx(float(said[1]), abs=5e-3)


@pytest.mark.parametrize(("theirs", "mine"), PATTERNS)
def test_patterns_make_tfmots_masks(theirs, mine):
    cases, pattern = list(eval(theirs, THEIRS)), eval(mine, OURS)
    if isinstance(pattern, Block):
        pattern.ties = "keep"  # tfmot keeps ties among blocks, too
    assert len(cases) >= 2
    for record, sparsity, axes in cases:
        mask = pattern.mask(np.abs(recorded_weights(record)), sparsity, axes)
        np.testing.assert_array_equal(mask, unpack(record["mask"]))


def test_a_recorded_run_refreshes_one_step_later():
    """Subtract 1 from tfmot's steps; from begin 0, begin at `frequency - 1` instead."""
    for record in RECORDS["trace"]:
        args = record["args"]
        changed = [t for t, new, _ in record["rows[pruning_step,mask_changed,mask_nnz]"] if new]
        begin = args["begin_step"] - 1 if args["begin_step"] else args["frequency"] - 1
        schedule = Constant(0.5, begin, frequency=args["frequency"])
        assert changed == [] or changed[0] - 1 == schedule.begin_step
        assert all(schedule.updates_at(t - 1) for t in changed)


def test_stock_mobilenets_do_not_fit_tfmots_latency_policy():
    refused = [r["model"] for r in RECORDS["xnnpack_policy"] if not r["ok"]]
    assert sum(name.startswith("keras.applications.MobileNet") for name in refused) == 2


# --- what the page says of ours -------------------------------------------------------------


def test_every_name_that_tfmot_exports_is_on_the_page():
    assert not [name for name in EXPORTED if not re.search(rf"\b{name}\b", TEXT)]


def test_sparsity_reaches_history_and_file(ours):
    tags = {f"{row}/kernel/sparsity" for row in ("hidden", "head")}
    logged = {k: v for k, v in ours.history.history.items() if k.endswith("/sparsity")}
    assert {key.split("/", 1)[1] for key in logged} == tags
    assert all(values == [0.75, 0.75] for values in logged.values())
    header = (ours.folder / "sparsity.csv").read_text().splitlines()[0]
    assert set(logged) <= set(header.split(","))


def test_converted_models_are_the_models(ours):
    for model, content in (ours.converted, ours.content), (ours.twin, ours.twin_content):
        np.testing.assert_allclose(run(content, ours.x), np.asarray(model(ours.x)), atol=1e-5)


def test_a_file_holds_no_trace_of_the_pruner(ours, tmp_path):
    model = ours.build()
    pruner = Pruner(Unstructured(), Constant(0.5)).attach(model)
    model.save(tmp_path / "attached.keras")
    pruner.detach(model)
    model.save(tmp_path / "detached.keras")
    configs = [
        zipfile.ZipFile(tmp_path / f"{name}.keras").read("config.json")
        for name in ("attached", "detached")
    ]
    assert configs[0] == configs[1]
    loaded = keras.models.load_model(tmp_path / "attached.keras")
    for found, kept in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, kept)
