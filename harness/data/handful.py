"""A data set of which only a handful is read to validate and to test: for rehearsals."""

import dataclasses
from typing import Any

from harness.data.base import Data

#: Examples of a held-out part that are read.
COUNT = 32


class Handful:
    """A `Data` whose held-out parts are their first examples; training reads whole batches.

    Args:
        data: the whole set, which answers all else.
    """

    def __init__(self, data: Data):
        self._data = data
        self._batch_size = COUNT

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)

    def validation(self, batch_size: int) -> Any:
        """The first validation examples, in one batch."""
        return _first(self._data.validation(batch_size))

    def test(self, batch_size: int) -> Any:
        """The first test examples, in one batch."""
        self._batch_size = batch_size
        return _first(self._data.test(batch_size))

    def sentences(self, split: str) -> Any:
        """Of a set of texts: those of the batch that `test` was last asked for."""
        whole: Any = self._data
        _, targets = next(self.test(self._batch_size).as_numpy_iterator())
        text = whole.sentences(split)
        cut = {
            field.name: getattr(text, field.name)[: len(targets)]
            for field in dataclasses.fields(text)
        }
        return dataclasses.replace(text, **cut)


def _first(batches: Any) -> Any:
    """The first batch, or what of it is a handful."""
    import tensorflow as tf

    def cut(*batch: Any) -> Any:
        return tf.nest.map_structure(lambda tensor: tensor[:COUNT], batch)

    return batches.take(1).map(cut)
