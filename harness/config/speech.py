"""What keyword spotting's data sets may be asked for: refused before TensorFlow is imported."""

import re

from harness.config.schema import (
    AugmentationConfig,
    ClipConfig,
    DatasetConfig,
    SpeechCommandsConfig,
    SpeechConfig,
    SpeechFolderConfig,
    WordsConfig,
)
from harness.options import need, one_of

FEATURES = ("mfcc", "waveform")


def check_speech(dataset: DatasetConfig) -> None:
    """Refuses options out of range; other tasks' data sets pass untouched.

    Raises:
        ConfigError: naming the key, what was received and what is accepted.
    """
    if isinstance(dataset, SpeechConfig):
        one_of("dataset.features", dataset.features, FEATURES)
        _augmentation(dataset.augmentation)
    if isinstance(dataset, WordsConfig):
        _clip(dataset.clip)
    if isinstance(dataset, SpeechFolderConfig):
        _folder(dataset)
    if isinstance(dataset, SpeechCommandsConfig):
        _commands(dataset)


def _augmentation(augmentation: AugmentationConfig) -> None:
    key = "dataset.augmentation"
    shift, speed = augmentation.time_shift_ms, augmentation.speed
    need(f"{key}.time_shift_ms", shift, 0 <= shift <= 1000, "milliseconds from 0 to 1000")
    need(f"{key}.speed", speed, 0 <= speed <= 0.5, "a share from 0 to 0.5, e.g. 0.1 for ±10 %")
    for option in ("gain_db", "equalizer_db"):
        decibels = getattr(augmentation, option)
        need(f"{key}.{option}", decibels, 0 <= decibels <= 60, "decibels from 0 to 60")
    for option in ("noise_probability", "noise_volume"):
        value = getattr(augmentation, option)
        need(f"{key}.{option}", value, 0 <= value <= 1, "a number from 0 to 1")


def _clip(clip: ClipConfig) -> None:
    for option in ("level_db", "floor_db"):
        value = getattr(clip, option)
        below = value is None or -120 <= value <= 0
        need(f"dataset.clip.{option}", value, below, "decibels from -120 to 0, or null")


def _folder(dataset: SpeechFolderConfig) -> None:
    for option in ("validation_share", "test_share"):
        value = getattr(dataset, option)
        need(f"dataset.{option}", value, 0 < value < 0.5, "a number in (0, 0.5)")
    pattern = dataset.speaker_pattern
    if pattern is not None:
        accepted = "a regular expression with one group, the speaker, e.g. '^(.+)_nohash_'"
        try:
            groups = re.compile(pattern).groups
        except re.error:
            groups = 0
        need("dataset.speaker_pattern", pattern, groups == 1, accepted)


def _commands(dataset: SpeechCommandsConfig) -> None:
    words = list(dataset.words)
    distinct = bool(words) and len(set(words)) == len(words)
    need("dataset.words", words, distinct, "one word or more, each once")
    for option in ("silence_percentage", "unknown_percentage"):
        value = getattr(dataset, option)
        need(f"dataset.{option}", value, 0 < value <= 100, "a percentage in (0, 100]")
