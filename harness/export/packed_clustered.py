"""A pruned model as masks and indices into few values a kernel, entropy coded.

What `packed` is for 8-bit integers, for clustered kernels (`harness.export.clustering`): the
fewest bytes of all formats, for a coarser rounding.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.export import packed
from harness.export.clustering import CLUSTERS, cluster
from harness.options import choice

if TYPE_CHECKING:
    import keras


@choice
@dataclass
class PackedClustered(packed.Packed):
    """A container of indices and values, `clusters` of them a kernel beside zero."""

    file: ClassVar[str] = "model_clustered.packed"
    scored: ClassVar[str | None] = "test_packed_clustered"
    reads: ClassVar[tuple[str, ...]] = ("clusters",)

    kind: str = "packed_clustered"
    clusters: int = CLUSTERS

    def content(self, model: "keras.Model") -> bytes:
        """The container's bytes."""
        return packed.pack(model, lambda value: cluster(value, self.clusters), packed.BOOK)
