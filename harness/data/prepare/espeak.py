"""The speech synthesiser espeak-ng (https://github.com/espeak-ng/espeak-ng, GPL-3).

The library and its voices come with the pip package espeakng-loader, the extra `speech`. It is
called in a child process per voice (`espeak_child.py`): what a voice says then depends on that
voice alone, and a crash of the library costs an error message, not the harness.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import DataError

PACKAGE = "espeakng-loader"
#: Its Englishes, by espeak-ng's names. (Its Shavian spelling of English is no accent.)
ACCENTS = (
    *("en-us", "en-us-nyc", "en", "en-029"),
    *("en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-gb-x-rp"),
)
_TIMEOUT = 300


@dataclass(frozen=True)
class Say:
    """A text, and how: words a minute, pitch and its range on espeak-ng's scales of 0 to 99."""

    text: str
    speed: int
    pitch: int
    span: int


@dataclass(frozen=True)
class Library:
    """The installed library: its file and the folder that holds its voices."""

    path: Path
    data: Path

    def variants(self) -> list[str]:
        """The names of its voice variants: each another voice in any accent."""
        return sorted(path.name for path in (self.data / "voices" / "!v").iterdir())

    def facts(self) -> dict[str, str]:
        """What the sounds depend on, for the marker."""
        version = importlib.metadata.version(PACKAGE)
        return {
            "package": f"{PACKAGE} {version}",
            "library_sha256": hashlib.sha256(self.path.read_bytes()).hexdigest(),
        }


def installed() -> Library:
    """Finds the package's library.

    Raises:
        DataError: The package is not installed, or without its voices.
    """
    advice = "pip install 'sparsity-harness[speech]'"
    if importlib.util.find_spec("espeakng_loader") is None:
        raise DataError(f"the {PACKAGE} package is not installed; {advice}")
    import espeakng_loader

    found = Library(Path(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path()))
    if not found.path.is_file() or not (found.data / "voices" / "!v").is_dir():
        raise DataError(f"{found.path.parent}: {PACKAGE} without its library or voices; {advice}")
    return found


@dataclass(frozen=True)
class Spoken:
    """The sounds of a request, int16 each, at their sample rate, and espeak-ng's version."""

    version: str
    rate: int
    sounds: list[np.ndarray]


def speak(library: Library, voice: str, says: Sequence[Say]) -> Spoken:
    """Has a voice say words; the same request gives the same samples.

    Args:
        library: From `installed`.
        voice: An accent with a variant, e.g. "en-us+f2".
        says: What it says.

    Raises:
        DataError: espeak-ng refused, crashed or hung.
    """
    request = {
        "library": str(library.path),
        "data": str(library.data.parent),
        "voice": voice,
        "says": [[say.text, say.speed, say.pitch, say.span] for say in says],
    }
    child = Path(__file__).with_name("espeak_child.py")
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(child)],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"espeak-ng: {voice} took more than {_TIMEOUT} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        reason = f"killed by signal {-done.returncode}" if done.returncode < 0 else "".join(said)
        raise DataError(f"espeak-ng: {voice} failed ({reason})")
    return _parsed(done.stdout)


def _parsed(content: bytes) -> Spoken:
    rate, size = struct.unpack_from("<II", content)
    position = 8 + size
    version = content[8:position].decode()
    sounds = []
    while position < len(content):
        (size,) = struct.unpack_from("<I", content, position)
        position += 4
        sounds.append(np.frombuffer(content, "<i2", size // 2, position))
        position += size
    return Spoken(version, rate, sounds)
