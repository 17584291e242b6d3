"""What a pruner does to a model, weight by weight and in total."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LayerSummary:
    """One weight of the model.

    Attributes:
        path: unique path of the weight.
        layer: name of its layer.
        layer_type: class name of its layer.
        weight: name of the weight, such as "kernel".
        shape: its shape.
        size: the number of its weights.
        trainable: False for a frozen weight, which optimizers leave alone.
        prunable: whether this pruner prunes it.
        reason: why it is not pruned, what the pattern did about its shape, or where weights
            and mask differ; else "".
        kept: weights that are not zero; `size` if it is not pruned.
        on_mask: weights on the mask, which may be zero by themselves; `size` if not pruned.
        off_mask: weights that are not zero although the mask says so: loaded since the last
            update, and masked by the next.
        sparsity: 1 - kept / size.
    """

    path: str
    layer: str
    layer_type: str
    weight: str
    shape: tuple[int, ...]
    size: int
    trainable: bool
    prunable: bool
    reason: str
    kept: int
    on_mask: int
    off_mask: int
    sparsity: float


def _share(zeros: int, of: int) -> float:
    return zeros / of if of else 0.0


@dataclass(frozen=True)
class Summary:
    """All weights of a model under a pruner. `print(summary)` shows a table.

    Attributes:
        layers: every trainable weight, and frozen ones marked `trainable=False`.
        total_params: all parameters of the model, non-trainable ones included.
        step: optimizer updates seen by the pruner.
        target_sparsity: sparsity that the schedule ends at.
    """

    layers: list[LayerSummary]
    total_params: int
    step: int
    target_sparsity: float

    @property
    def trainable_params(self) -> int:
        """Weights that the optimizer trains."""
        return sum(row.size for row in self.layers if row.trainable)

    @property
    def prunable_params(self) -> int:
        """Weights that are pruned: the denominator of `sparsity`."""
        return sum(row.size for row in self.layers if row.prunable)

    @property
    def kept_params(self) -> int:
        """Prunable weights that are not zero."""
        return sum(row.kept for row in self.layers if row.prunable)

    @property
    def nonzero_params(self) -> int:
        """Trainable weights left: those kept plus those never pruned."""
        return sum(row.kept for row in self.layers if row.trainable)

    @property
    def sparsity(self) -> float:
        """Share of zeros among the prunable weights."""
        return _share(self.prunable_params - self.kept_params, self.prunable_params)

    @property
    def sparsity_of_all(self) -> float:
        """Share of zeros in pruned weights among all parameters of the model."""
        return _share(self.trainable_params - self.nonzero_params, self.total_params)

    @property
    def off_mask(self) -> int:
        """Weights that are not zero although their masks say so, put there by somebody else."""
        return sum(row.off_mask for row in self.layers)

    @property
    def skipped(self) -> list[LayerSummary]:
        """Weights that are not pruned, each with its reason."""
        return [row for row in self.layers if not row.prunable]

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values; a NaN target becomes None."""
        totals = (
            "total_params",
            "trainable_params",
            "prunable_params",
            "kept_params",
            "nonzero_params",
            "off_mask",
            "sparsity",
            "sparsity_of_all",
            "step",
        )
        target = None if math.isnan(self.target_sparsity) else self.target_sparsity
        rows = [{**dataclasses.asdict(row), "shape": list(row.shape)} for row in self.layers]
        return {**{t: getattr(self, t) for t in totals}, "target_sparsity": target, "layers": rows}

    def to_json(self) -> str:
        """`as_dict` as JSON text."""
        return json.dumps(self.as_dict(), indent=1)

    def __str__(self) -> str:
        table = [("weight", "shape", "size", "kept", "sparsity", "note")]
        for row in self.layers:
            shape = "×".join(map(str, row.shape)) or "scalar"
            sparsity = f"{row.sparsity:.4f}" if row.prunable else "-"
            table.append((row.path, shape, f"{row.size:,}", f"{row.kept:,}", sparsity, row.reason))
        widths = [max(len(line[i]) for line in table) for i in range(5)]
        lines = []
        for line in table:
            cells = [
                cell.rjust(width) if column >= 2 else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(line[:5], widths, strict=True))
            ]
            lines.append("  ".join([*cells, line[5]]).rstrip())
        lines.insert(1, "-" * max(map(len, lines)))
        lines.append("")
        lines.append(
            f"prunable {self.prunable_params:,} of {self.trainable_params:,} trainable "
            f"({self.total_params:,} in all); kept {self.kept_params:,} = "
            f"sparsity {self.sparsity:.4f} of the prunable, "
            f"{self.sparsity_of_all:.4f} of all"
        )
        if self.off_mask:
            lines.append(
                f"{self.off_mask:,} non-zero weights are off their masks: they were loaded since "
                "the last update, and the next training masks them"
            )
        return "\n".join(lines)
