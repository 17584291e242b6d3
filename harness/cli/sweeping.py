"""`harness sweep` and `harness search`: their flags, and what they call."""

import argparse
from pathlib import Path
from typing import Any

from harness.cli import flags
from harness.errors import ConfigError


def add_sweep(commands: Any) -> None:
    """Adds `harness sweep`."""
    sweep = commands.add_parser("sweep", help="run all cells of a table, then write it")
    sweep.add_argument("name", metavar="NAME", help="a sweep of sweeps/, or a YAML file's path")
    flags.overrides(sweep)
    flags.jobs(sweep)
    sweep.add_argument("--out", type=Path, default=None, help="folder of the table's files")
    _instead(sweep)
    sweep.set_defaults(command=_sweep)


def add_search(commands: Any) -> None:
    """Adds `harness search`."""
    search = commands.add_parser(
        "search",
        help="seek settings that serve several ends, such as accuracy and bytes",
        description="KEY=A,B, KEY=interval(LOW,HIGH) and KEY=tag(log,interval(LOW,HIGH)) are "
        "searched; any other KEY=VALUE is of every cell.",
    )
    flags.overrides(search)
    flags.jobs(search)
    search.add_argument("--name", default="search", help="of the study and its experiment")
    search.add_argument(
        "--trials", type=flags.positive, default=20, help="done in all (default 20)"
    )
    search.add_argument(
        "--objective",
        action="append",
        default=[],
        metavar="METRIC",
        help="may be repeated (default: the task's quality, and the TFLite file's gzipped bytes)",
    )
    search.add_argument("--out", type=Path, default=None, help="folder of the front's files")
    search.set_defaults(command=_search)


def _instead(sweep: argparse.ArgumentParser) -> None:
    """What `harness sweep` does instead of running the sweep here."""
    group = sweep.add_mutually_exclusive_group()
    group.add_argument(
        "--dry-run", action="store_true", help="say what each cell will need, and run nothing"
    )
    group.add_argument(
        "--rehearse",
        action="store_true",
        help="two steps of every cell, in a throw-away store: memory and seconds a step",
    )
    group.add_argument("--on", metavar="ENGINE", help="submit the cells: slurm, ray")
    group.add_argument("--status", action="store_true", help="how the submitted cells are")
    group.add_argument("--cancel", action="store_true", help="end the submitted cells")
    sweep.add_argument("--json", action="store_true", help="print what is said as JSON")


def _sweep(parsed: argparse.Namespace) -> int:
    from harness.sweep.spec import load

    told = parsed.dry_run or parsed.rehearse or parsed.status
    if parsed.json and not told:
        raise ConfigError("--json: accepted with --dry-run, --rehearse or --status")
    given, extra = load(parsed.name), parsed.overrides
    jobs, shared = flags.at_once(parsed), parsed.jobs_per_device
    if parsed.dry_run:
        from harness.sweep.dry_run import dry_run

        return dry_run(given, extra, jobs=jobs, per_device=shared, as_json=parsed.json)
    if parsed.rehearse:
        from harness.sweep.rehearse import rehearse

        return rehearse(given, extra, jobs=jobs, per_device=shared, as_json=parsed.json)
    if parsed.on or parsed.status or parsed.cancel:
        return _detached(parsed, given)
    from harness.sweep.launch import launch_sweep

    return launch_sweep(given, extra, jobs=jobs, per_device=shared, out=parsed.out)


def _detached(parsed: argparse.Namespace, sweep: Any) -> int:
    from harness.sweep import detached

    way = "--on" if parsed.on else "--status" if parsed.status else "--cancel"
    if parsed.jobs_per_device != 1:
        raise ConfigError(
            f"--jobs-per-device: received {parsed.jobs_per_device} with {way}; accepted: without it"
        )
    if (jobs := flags.at_once(parsed)) != 1:
        raise ConfigError(f"--jobs: received {jobs or 'auto'} with {way}; accepted: without it")
    if parsed.status:
        return detached.status(sweep, parsed.overrides, as_json=parsed.json)
    if parsed.cancel:
        return detached.cancel(sweep, parsed.overrides)
    return detached.submit(sweep, parsed.overrides, on=parsed.on, out=parsed.out)


def _search(parsed: argparse.Namespace) -> int:
    from harness.sweep.search import search

    return search(
        parsed.name,
        parsed.overrides,
        trials=parsed.trials,
        objectives=parsed.objective,
        jobs=flags.at_once(parsed),
        per_device=parsed.jobs_per_device,
        out=parsed.out,
    )
