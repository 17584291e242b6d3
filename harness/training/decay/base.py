"""What every decay of the learning rate offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from harness.options import UNNAMED, Options, Room
from harness.training.length import Length

DECAYS = Room("training/decay", "harness.training.decay")


@dataclass
class DecayOptions(Options):
    """How the learning rate falls over a phase."""

    room: ClassVar[Room] = DECAYS
    #: Whether it repeats the end of the dense phase's rates instead of having its own.
    rewinds: ClassVar[bool] = False
    kind: str = UNNAMED

    def check(self, key: str) -> None:
        """Refuses options out of range.

        Raises:
            ConfigError: names the key, what was received and what is accepted.
        """

    def schedule(self, initial: float, length: Length) -> Any:
        """A learning rate that begins at `initial`: a float, or a Keras schedule over steps."""
        raise NotImplementedError
