"""Where presets and sweeps lie: those that are shipped, and a user's own beside them."""

import os
import shlex
from pathlib import Path

from harness.config.credentials import hidden
from harness.errors import ConfigError

#: The variable that holds the user's own folder: the processes of the cells inherit it.
VARIABLE = "HARNESS_CONFIG_DIR"


def shipped(folder: str) -> Path:
    """The folder `conf`, `sweeps`, `published` or (a checkout's alone) `runs` as shipped."""
    package = Path(__file__).resolve().parents[1]
    checkout = {name: Path("results", name) for name in ("published", "runs")}.get(
        folder, Path(folder)
    )
    installed = package / folder
    return installed if installed.is_dir() else package.parent / checkout


def use(folder: str | Path) -> None:
    """Adds a folder of a user's own to the shipped ones, for this process and those it starts.

    It may hold presets (`sparsity/mine.yaml`, found as `sparsity=mine`) and sweeps
    (`sweeps/mine.yaml`); a name that is shipped stays what it is.

    Raises:
        ConfigError: there is no such folder, or it has a file that is shipped, too.
    """
    path = Path(folder).expanduser().absolute()
    if not path.is_dir():
        raise ConfigError(
            f"--config-dir: received {folder}, which is no folder; accepted: a folder with "
            "GROUP/NAME.yaml (presets) and sweeps/NAME.yaml"
        )
    for file in sorted(path.glob("*/*.yaml")):
        kind = "sweeps" if file.parent.name == "sweeps" else "conf"
        name = file.relative_to(path / "sweeps" if kind == "sweeps" else path)
        if (shipped(kind) / name).exists():
            raise ConfigError(f"--config-dir: {file} has the name of a shipped one; rename it")
    os.environ[VARIABLE] = str(path)


def own() -> Path | None:
    """The user's own folder, if one is in use."""
    return Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def preset_files(group: str) -> list[Path]:
    """The files of a group's presets, the shipped ones first."""
    return _files(shipped("conf") / group, group)


def sweep_files() -> list[Path]:
    """The files of all sweeps that are known by name, the shipped ones first."""
    return _files(shipped("sweeps"), "sweeps")


def _files(first: Path, name: str) -> list[Path]:
    mine = own()
    places = [first, mine / name] if mine else [first]
    return [file for place in places for file in sorted(place.glob("*.yaml"))]


def command(verb: str, *words: str) -> str:
    """A line for the shell that runs `harness VERB WORDS` with the folders in use.

    Example:
        >>> command("run", "work_dir=my runs")
        "harness run 'work_dir=my runs'"
    """
    mine = own()
    line = shlex.join(["harness", verb, *words, *(["--config-dir", str(mine)] if mine else [])])
    return hidden(line)
