"""The ordinary Hydra application behind `python -m harness.run`.

All of Hydra's flags work (`--multirun`, `--cfg job`, `hydra/launcher=…`, tab completion);
each job runs its cell, and the dense baseline it needs, as `harness run` does.
"""

import argparse
import atexit
import gc
import os
import sys

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from harness.config import (
    compose,
    credentials,
    expand,
    folders,
    guard,
    options,
    shipped,
    to_config,
)
from harness.config.compose import presets, require_composable
from harness.config.explain import explain
from harness.config.ignored import refuse_ignored
from harness.config.overrides import for_hydra
from harness.config.schema import register
from harness.errors import INTERRUPTED, ConfigError, HarnessError


def main() -> int:
    """Runs the Hydra application on this process's arguments.

    Returns:
        The exit code: 0 done; 1 a cell failed; 2 refused input, said in one line.
    """
    atexit.register(gc.freeze)  # as `harness` does
    register(presets)
    guard.install()
    # With this Hydra raises instead of printing errors of its own; ours are one line.
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    # Hydra prints overrides, and writes them and the config into files.
    credentials.take_environment()
    sys.argv[1:] = credentials.taken_from(sys.argv[1:])
    try:
        _refuse_pickles(sys.argv[1:])
        _use_own_folder(sys.argv[1:])
        _check_jobs(sys.argv[1:])
        sys.argv[1:] = [word if word.startswith("-") else for_hydra(word) for word in sys.argv[1:]]
        hydra.main(version_base="1.3", config_path=str(shipped("conf")), config_name="config")(
            _task
        )()
    except _Undone as undone:
        return undone.code
    except HarnessError as error:
        return _refused(str(error))
    except (HydraException, OmegaConfBaseException) as error:
        cause = error.__cause__
        return _refused(str(cause) if isinstance(cause, HarnessError) else explain(error, options))
    except KeyboardInterrupt as stopped:
        if str(stopped):
            _refused(str(stopped))
        return getattr(stopped, "code", INTERRUPTED)
    return 0


def _refuse_pickles(arguments: list[str]) -> None:
    """Refuses the one flag of Hydra's that reads a pickle, which can call any code."""
    if any(argument.startswith("--e") for argument in arguments):
        raise ConfigError(
            "--experimental-rerun: it unpickles a file; run the cell again with its overrides"
        )


def _use_own_folder(arguments: list[str]) -> None:
    """Lets the checks know the presets of Hydra's `--config-dir`, which Hydra itself reads."""
    flags = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    flags.add_argument("--config-dir", "-cd")
    folder = flags.parse_known_args(arguments)[0].config_dir
    if folder:
        folders.use(folder)


def _check_jobs(arguments: list[str]) -> None:
    """Refuses bad cells before anything is spent; of a multirun, if there are no others.

    Beside others they are refused as their turn comes. Only where the flags leave the configs what
    they are for the other commands; with a primary config of the user's own, each job is checked as
    it starts.

    Raises:
        ConfigError: the one cell there is; of a multirun what all ignore, or Hydra cannot compose.
        _Undone: each job of a multirun is refused, and has been told of.
    """
    flags = [argument for argument in arguments if argument.startswith("-")]
    overrides = [argument for argument in arguments if not argument.startswith("-")]
    if not set(flags) <= {"-m", "--multirun"}:
        return
    if not flags:
        refuse_ignored([(compose(overrides), overrides)])
        return
    good, refusals = [], []
    for each in expand(overrides):
        try:
            config = compose(each)
            config.dataset.check_folder()
        except HarnessError as error:
            require_composable(each)  # Hydra would begin none of the jobs
            refusals.append(str(error))
        else:
            good.append((config, each))
    if not good:
        for line in dict.fromkeys(refusals):
            _refused(line)
        raise _Undone(2)
    refuse_ignored(good)


def _task(composed: DictConfig) -> None:
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from harness.sweep.launch import launch

    hydra_config = HydraConfig.get()
    overrides = tuple(hydra_config.overrides.task)
    last = hydra_config.mode != RunMode.MULTIRUN
    program = _program(str(hydra_config.job.config_name))
    try:
        cells = [(to_config(composed, overrides), overrides)]
        code = launch(cells, further=last, program=program)
    except HarnessError as error:
        if last:
            raise
        _refused(str(error))  # Hydra goes on, and gives an exception back when all jobs have run
        raise _Undone(1) from None
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise _Undone(code if last else 1)


class _Undone(Exception):  # noqa: N818 - it has been told; `code` is this command's
    """A job whose cells are not all done."""

    def __init__(self, code: int):
        super().__init__(code)
        self.code = code


def _program(config_name: str) -> tuple[str, ...]:
    """What composes a job's config from its overrides, if not `harness run`."""
    if config_name == "config":
        return ()
    folder = folders.own()
    where = ("--config-dir", str(folder)) if folder else ()
    return ("python", "-m", "harness.run", *where, "--config-name", config_name)


def _refused(line: str) -> int:
    print(f"harness: {credentials.hidden(line)}", file=sys.stderr)  # noqa: T201
    return 2
