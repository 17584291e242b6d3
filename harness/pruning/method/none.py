"""Plain pruning: masks follow the scores."""

from __future__ import annotations

from dataclasses import dataclass

from harness.options import choice
from harness.pruning.method.base import MethodOptions


@choice
@dataclass
class NoMethodOptions(MethodOptions):
    """Masks follow the scores when the schedule says so; nothing happens in between."""

    kind: str = "none"
