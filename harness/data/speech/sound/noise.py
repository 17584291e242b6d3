"""Background noise beside the recordings of words, as Speech Commands keeps it."""

from collections.abc import Sequence

import numpy as np

from harness.data.speech.sound.recordings import CLIP, Folder, sound_of
from harness.errors import DataError

#: The folder's name.
NOISE = "_background_noise_"


def noise_names(found: Folder, *, required: bool) -> list[str]:
    """The noise recordings; none is well unless they are `required`.

    Raises:
        DataError: the folder is missing or has no wav file.
    """
    names = [name for name in found.names() if name.startswith(f"{NOISE}/")]
    if required and not names:
        raise DataError(
            f"{found.root / NOISE}: no background noise (wav files) there; add some, or choose"
            " dataset.augmentation.noise_probability=0"
        )
    return names


def noises(found: Folder, names: Sequence[str]) -> tuple[np.ndarray, ...]:
    """The noise recordings in full, int16 [samples] each.

    Raises:
        DataError: one is damaged, or shorter than a clip.
    """
    sounds = []
    for name in names:
        sound = sound_of(found, name)
        if len(sound) < CLIP:
            raise DataError(
                f"{found.place(name)}: {len(sound) / CLIP:.2f} s of noise; accepted: 1 s or more"
            )
        sounds.append(sound)
    return tuple(sounds)
