"""The rates of the dense phase's last steps once more, https://arxiv.org/abs/2003.02389."""

from dataclasses import dataclass
from typing import ClassVar

from harness.options import choice
from harness.training.decay.base import DecayOptions


@choice
@dataclass
class RewindOptions(DecayOptions):
    """As many of the dense phase's rates as the phase has steps, whatever its own rate is.

    `harness.training.recipe.phase_rate` makes them: it knows both phases.
    """

    rewinds: ClassVar[bool] = True
    kind: str = "rewind"
