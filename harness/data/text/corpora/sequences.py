"""Labelled sequences of word numbers, all of one length, that fit in memory."""

from dataclasses import dataclass
from typing import Any

from harness.data.base import ArrayData


@dataclass(frozen=True)
class SequenceData(ArrayData):
    """A `Data` of sequences: its batches are int32 [batch, length] and int64 [batch].

    The inputs of its splits are int32 numbers [n, length], 0 for padding.
    """

    def _prepared(self, inputs: Any) -> Any:
        return inputs
