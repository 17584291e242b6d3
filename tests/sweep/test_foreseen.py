"""The memory that cells need, foreseen before they are run."""

from harness.config import compose
from harness.sweep.foreseen import Foreseen, foresee
from harness.sweep.plan import plan
from tests.settings import TINY

#: Of a batch: so many that its activations are what counts.
LARGE = (*TINY, "training.batch_size=512")


def planned(*overrides):
    (cell,) = plan([(compose([*LARGE, *overrides]), (*LARGE, *overrides))])
    return cell


def test_the_first_number_of_parts_that_fits_is_told():
    whole = planned()
    by_parts = {n: planned(f"training.gradient_accumulation={n}") for n in (2, 4, 8)}
    found = foresee([whole, *by_parts.values()], None)
    assert {each.parts for each in found.values()} == {None}
    held = {n: found[cell.id].bytes for n, cell in by_parts.items()}
    assert found[whole.id].bytes > held[2] > held[4] > held[8]
    told = foresee([whole, by_parts[2], by_parts[4]], held[4])
    assert told == {
        whole.id: Foreseen(found[whole.id].bytes, 4, held[4]),
        by_parts[2].id: Foreseen(held[2], 4, held[4]),
        by_parts[4].id: Foreseen(held[4]),
    }
    assert foresee([whole], 1) == {whole.id: Foreseen(found[whole.id].bytes)}


def test_a_cell_that_cannot_be_built_is_left_to_say_so_itself():
    scope = "sparsity.scope.include=[no_such_layer]"
    overrides = (*LARGE, "sparsity=random", scope)
    dense, sparse = plan([(compose(overrides), overrides)])
    assert set(foresee([sparse, dense], None)) == {dense.id}


def test_each_device_holds_its_share_of_a_batch():
    """Parts of the CPU stand for GPUs, where the machine alone tells how many there are."""
    half, shared = planned("training.batch_size=256"), planned("strategy=mirrored")
    (alone,) = foresee([half], None, gpus=2).values()
    (found,) = foresee([shared], None, gpus=2).values()
    assert found == alone
