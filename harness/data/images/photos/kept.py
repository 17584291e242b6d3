"""Photographs decoded once and kept: in a process' memory, or in a file that all processes map.

Training crops are taken from whole photographs, at each resolution that some crop is decoded at;
evaluation's central parts are kept as they are. So a batch is the same to the bit, kept or not.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from harness.data import cache, space
from harness.data.images.photos import file as photo_file
from harness.data.images.photos.pipeline import Part
from harness.data.stream import ahead

CACHES = ("memory", "file")
#: So many photographs tell how large all are.
_SAMPLED = 200
_PIXELS, _PLACES = "pixels", "places.npy"
#: Raised when what is kept of a photograph changes.
_FORMAT = 1


@dataclass(frozen=True)
class Kept:
    """The decoded photographs of a part.

    Attributes:
        pixels: uint8, of one after the other.
        places: where each begins, its height and its width: int64 [photographs, levels, 3]; zeros
            for a level that is not kept.
    """

    pixels: np.ndarray
    places: np.ndarray

    def picture(self, row: Any) -> tuple[Any, Any, Callable[[Any, Any, Any], Any]]:
        """Sides, number of levels and crops of a photograph, as `ops.window_pixels` takes them."""
        import tensorflow as tf

        sides = tf.constant(self.places[:, 0, 1:], tf.int32)
        levels = tf.constant((self.places[:, :, 1] > 0).sum(1), tf.int32)

        def crop(level: Any, begin: Any, extent: Any) -> Any:
            # Called stateful, it would make tf.data take one at a time where kernels are to be
            # deterministic.
            arguments = [row, level, begin, extent]
            found = tf.numpy_function(self._crop, arguments, tf.uint8, stateful=False)
            return tf.ensure_shape(found, [None, None, 3])

        return sides[row], levels[row], crop

    def whole(self, row: Any) -> Any:
        """All that is kept of a photograph at the first level: uint8 [height, width, 3]."""
        sides, _, crop = self.picture(row)
        return crop(0, [0, 0], sides)

    def _crop(self, row: int, level: int, begin: np.ndarray, extent: np.ndarray) -> np.ndarray:
        at, height, width = self.places[row, level]
        picture = self.pixels[at : at + height * width * 3].reshape(height, width, 3)
        (top, left), (high, wide) = begin, extent
        return np.ascontiguousarray(picture[top : top + high, left : left + wide])


def kept(part: Part, read: Callable[[Any], Any], size: int, where: str, name: str) -> Kept:
    """Decodes a part's photographs, unless a file has them.

    Args:
        part: the photographs.
        read: a TensorFlow function from a photograph's number to its bytes.
        size: what training crops are resized to; 0 keeps the central parts for evaluation.
        where: one of `CACHES`.
        name: of `file_name`.

    Raises:
        tf.errors.OpError: a photograph that is not whole; names it.
    """
    if where == "memory":
        file = os.fdopen(os.memfd_create("photographs"), "w+b")
        return Kept(*_mapped(file, _write(part, read, size, file)))

    def build(folder: Path) -> None:
        with (folder / _PIXELS).open("wb") as file:
            np.save(folder / _PLACES, _write(part, read, size, file))

    folder = cache.built(cache.folder_of(), name, build)
    with (folder / _PIXELS).open("rb") as ready:
        return Kept(*_mapped(ready, np.load(folder / _PLACES)))


def file_name(part: Part, size: int, fingerprint: str) -> str:
    """Of the folder in the cache that holds a part's photographs."""
    index = np.asarray(part.index, "<i8").tobytes().hex()
    return f"decoded-{cache.key(_FORMAT, fingerprint, index, size)[:24]}"


def require(parts: Sequence[tuple[Part, int]], where: str, fingerprint: str) -> None:
    """Refuses to keep more photographs than there is room for, by the sizes of some of them.

    Args:
        parts: each with its `size`, as of `kept`.
        where: one of `CACHES`.
        fingerprint: of the data set.

    Raises:
        ConfigError: says how much they would take.
    """
    folder = cache.folder_of() if where == "file" else None
    missing = [
        (part, size)
        for part, size in parts
        if folder is None or not (folder / file_name(part, size, fingerprint)).is_dir()
    ]
    wanted = sum(_foreseen(part, size) for part, size in missing)
    if wanted:
        space.require(f"dataset.cache={where}", wanted, folder)


def _foreseen(part: Part, size: int) -> int:
    from harness.data.images.photos import ops

    chosen = part.index[:: max(1, len(part) // _SAMPLED)]
    total = 0.0
    for number in chosen:
        content, place = part.photos.content(int(number)), part.photos.place(int(number))
        with photo_file.opened(content, place) as image:
            width, height = image.size
        at = [r for r in ops.RATIOS if r == 1 or (size and min(width, height) // size >= r)]
        shares = [1 / r**2 for r in at] if size else [ops.CENTRAL**2]
        total += 3 * width * height * sum(shares)
    return round(total / len(chosen) * len(part))


def _write(part: Part, read: Callable[[Any], Any], size: int, file: IO[bytes]) -> np.ndarray:
    import tensorflow as tf

    from harness.data.images.photos import ops

    def pictures(number: Any) -> tuple[Any, ...]:
        content = read(number)
        return tuple(ops.decoded(content, size) if size else [ops.central(content)])

    numbers = tf.data.Dataset.from_tensor_slices(part.index)
    every = ahead(numbers.map(pictures, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True))
    places: list[list[tuple[int, ...]]] = []
    for levels in every.as_numpy_iterator():
        places.append([])
        for pixels in levels:
            places[-1].append((file.tell() if pixels.size else 0, *pixels.shape[:2]))
            file.write(np.ascontiguousarray(pixels).data)
    file.flush()
    return np.array(places, np.int64)


def _mapped(file: IO[bytes], places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.memmap(file, np.uint8, "r"), places
