"""No pattern: a network that is not pruned."""

from __future__ import annotations

from dataclasses import dataclass

from harness.options import choice
from harness.pruning.pattern.base import PatternOptions


@choice
@dataclass
class NoPatternOptions(PatternOptions):
    """No weight is pruned: the dense baseline, and the control."""

    kind: str = "none"
