"""How recordings become clips, and how clips are varied: options and their checks."""

from dataclasses import dataclass

from harness.options import need


@dataclass
class AugmentationOptions:
    """How training clips are varied, anew at every step; without any, features are cached.

    `time_shift_ms` and `speed` (a share) are the most that a clip is moved or played faster
    or slower, either way; `gain_db` the most that it is made louder or softer, as a whole, and
    `equalizer_db` band by band, as other microphones and rooms would. Background
    noise is mixed into a clip with `noise_probability`, up to `noise_volume` (1: as loud as
    recorded), where the data set has some.
    """

    time_shift_ms: float = 0.0
    speed: float = 0.0
    gain_db: float = 0.0
    equalizer_db: float = 0.0
    noise_probability: float = 0.0
    noise_volume: float = 0.1

    def check(self, key: str) -> None:
        """Refuses amounts out of range."""
        shift, speed = self.time_shift_ms, self.speed
        need(f"{key}.time_shift_ms", shift, 0 <= shift <= 1000, "milliseconds from 0 to 1000")
        need(f"{key}.speed", speed, 0 <= speed <= 0.5, "a share from 0 to 0.5, e.g. 0.1 for ±10 %")
        for option in ("gain_db", "equalizer_db"):
            decibels = getattr(self, option)
            need(f"{key}.{option}", decibels, 0 <= decibels <= 60, "decibels from 0 to 60")
        for option in ("noise_probability", "noise_volume"):
            value = getattr(self, option)
            need(f"{key}.{option}", value, 0 <= value <= 1, "a number from 0 to 1")


@dataclass
class ClipOptions:
    """How a recording becomes a clip, at training and evaluation alike.

    Recordings that were made apart differ in level, background and where the word begins:
    `level_db` is the root mean square that each is brought to, and `floor_db` that of white
    noise below every clip, in decibels of full scale (null: as recorded, none); `centered`
    puts the recording in the middle of its second instead of at the beginning. An exported
    model expects clips made so.
    """

    level_db: float | None = None
    floor_db: float | None = None
    centered: bool = False

    def check(self, key: str) -> None:
        """Refuses levels out of range."""
        for option in ("level_db", "floor_db"):
            value = getattr(self, option)
            below = value is None or -120 <= value <= 0
            need(f"{key}.{option}", value, below, "decibels from -120 to 0, or null")
