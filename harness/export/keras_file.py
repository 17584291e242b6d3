"""The `.keras` file: the model for anyone who has Keras. Equal weights make equal files."""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import ExportError, first_line
from harness.export.comparison import Comparison, compare, outputs_of

if TYPE_CHECKING:
    import keras

FILE = "model.keras"
#: The day before which a zip file's entries cannot be.
_NO_TIME = (1980, 1, 1, 0, 0, 0)
_METADATA, _CONFIG = "metadata.json", "config.json"


def to_keras(model: "keras.Model", path: Path, samples: Any, tolerance: float) -> Comparison:
    """Writes a model in Keras' own format, and reads it back.

    Args:
        model: A model of Keras' own layers (`harness.models.layers.plain`).
        path: File to write, ending in .keras.
        samples: Inputs to compare outputs on.
        tolerance: Largest relative difference accepted.

    Raises:
        ExportError: If Keras cannot read it, or the difference is beyond the tolerance.
    """
    import keras

    partial = path.with_name(f"{path.stem}.partial.keras")
    try:
        model.save(partial)
        settle(partial)
        with reading(path.name):
            again = keras.saving.load_model(partial, compile=False)
        expected = outputs_of(model, samples)
        outputs = outputs_of(again, samples)
        compared = compare(FILE, outputs, expected, tolerance)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return compared


@contextmanager
def reading(name: object) -> Iterator[None]:
    """A block in which Keras reads a model.

    Args:
        name: of its file, for a refusal.

    Raises:
        ExportError: it cannot, as where a layer is not registered; says so in a line.
    """
    try:
        yield
    except (ValueError, OSError, TypeError) as error:
        # of errors within errors, each with the whole config, the last says why
        why = str(error).rpartition("Exception encountered: ")[2].partition(" Full object")[0]
        raise ExportError(f"{name}: Keras cannot read it: {first_line(ValueError(why))}") from error


def settle(path: Path) -> None:
    """Takes out of a `.keras` file what differs from one saving to the next.

    These are the times of the entries and of the saving, and the addresses in memory by which
    the config tells shared objects: they are numbered instead.
    """
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in sorted(archive.namelist())}
    metadata = json.loads(entries[_METADATA])
    metadata.pop("date_saved", None)
    entries[_METADATA] = json.dumps(metadata).encode()
    config = json.loads(entries[_CONFIG])
    number_shared(config, {})
    entries[_CONFIG] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name, _NO_TIME), content)


def number_shared(config: Any, numbers: dict[int, int]) -> None:
    """Numbers a model's shared objects in the order in which its config names them.

    Args:
        config: of JSON types; changed.
        numbers: the numbers given so far, by what told the objects before.
    """
    if isinstance(config, dict):
        shared = config.get("shared_object_id")
        if shared is not None:
            config["shared_object_id"] = numbers.setdefault(shared, len(numbers) + 1)
    if isinstance(config, dict | list):
        for each in config.values() if isinstance(config, dict) else config:
            number_shared(each, numbers)
