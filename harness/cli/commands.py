"""The command line: `harness run | sweep | search | report | collect | describe | …`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import harness
from harness.errors import FULL, INTERRUPTED, ConfigError, HarnessError, full

_EPILOG = """\
examples:
  harness sweep demo                                  the five-minute demo
  harness run sparsity=random sparsity.target=0.75    one cell (its dense baseline comes along)
  harness run sparsity=random sparsity.target=0.5,0.75 seed=1,2,3
  harness describe sparsity=structured_2x4            what that would prune, before any training
  harness report demo                                 the table, from the finished runs
  harness collect demo                                keep them in files, to be committed
  harness export RUN --formats tflite,tflite_int8     files of a finished run, checked and scored
  harness ui --open                                   browse the runs of the newest sweep

KEY=VALUE are Hydra overrides; conf/ lists the keys, and a wrong one is answered with those
accepted. `python -m harness.run` is the same job as an ordinary Hydra application.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit code: 0 done; 1 a cell failed; 2 refused input, said in one line; 128 and the
        signal's number where one ended it.
    """
    folder = os.environ.get("HARNESS_CONFIG_DIR")
    try:
        parsed = _parse(arguments)
        return int(parsed.command(parsed))
    except HarnessError as error:
        from harness.config.credentials import hidden

        print(f"harness: {hidden(str(error))}", file=sys.stderr)  # noqa: T201
        return 2
    except OSError as error:
        if error.errno not in FULL:
            raise
        print(f"harness: {full(error)}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt as stopped:
        line = str(stopped) or "interrupted; the same command goes on from here"
        print(f"harness: {line}", file=sys.stderr)  # noqa: T201
        return getattr(stopped, "code", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    finally:  # a program that calls several commands
        os.environ["HARNESS_CONFIG_DIR"] = folder or ""


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Takes overrides after options, too: `harness sweep demo --jobs 2 seed=1`."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:2] == ["data", "prepare"]:
        return _prepare_parser().parse_args(words[2:])
    parser = _parser()
    words = _with_own_folder(words)
    parsed, rest = parser.parse_known_args(words)
    if rest and not (hasattr(parsed, "overrides") and all("=" in word for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        parsed.overrides += rest
    return parsed


def _with_own_folder(words: list[str]) -> list[str]:
    """Takes `--config-dir DIR` from anywhere among the words, and puts it to use."""
    flag = argparse.ArgumentParser(prog="harness", add_help=False, allow_abbrev=False)
    _config_dir(flag)
    parsed, rest = flag.parse_known_args(words)
    folder = parsed.config_dir or os.environ.get("HARNESS_CONFIG_DIR")
    if folder:
        from harness.config.folders import use

        use(folder)
    return rest


def _config_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config-dir",
        metavar="DIR",
        help="presets (GROUP/NAME.yaml) and sweeps (sweeps/NAME.yaml) of your own",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="harness",
        description="Sparsity research harness: configs to pruned models to tables.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"harness {harness.__version__}")
    _config_dir(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run cells, with their dense baselines")
    _overrides(run)
    _jobs(run)
    run.set_defaults(command=_run)

    sweep = commands.add_parser("sweep", help="run all cells of a table, then write it")
    sweep.add_argument("name", metavar="NAME", help="a sweep of sweeps/, or a YAML file's path")
    _overrides(sweep)
    _jobs(sweep)
    sweep.add_argument("--out", type=Path, default=None, help="folder of the table's files")
    _instead(sweep)
    sweep.set_defaults(command=_sweep)

    _search_parser(commands)

    report = commands.add_parser("report", help="write tables from the finished runs")
    report.add_argument("name", metavar="TABLE", nargs="?", help="a sweep's name (default: all)")
    _overrides(report)
    _report_options(report)
    report.set_defaults(command=_report)

    collect = commands.add_parser("collect", help="keep finished runs in files to commit")
    collect.add_argument("names", metavar="SWEEP", nargs="*", help="its name (default: all)")
    collect.add_argument("--uri", default=None, help="the MLflow store")
    collect.add_argument(
        "--into", type=Path, default=None, metavar="FOLDER", help="default results/runs"
    )
    collect.set_defaults(command=_collect)

    describe = commands.add_parser("describe", help="what a cell is, before spending anything")
    _overrides(describe)
    describe.add_argument("--json", action="store_true", help="print JSON")
    describe.set_defaults(command=_describe)

    data = commands.add_parser(
        "data",
        help="check a data set and print its fingerprint; `data prepare NAME` makes one",
        epilog="`harness data prepare --help` lists the data sets that can be made here.",
    )
    _overrides(data)
    data.set_defaults(command=_data)

    export = commands.add_parser("export", help="write the files of a trained model, checked")
    export.add_argument(
        "source",
        metavar="RUN|FILE",
        nargs="?",
        help="a run's id, or a .keras or .packed file (default: the cell of KEY=VALUE)",
    )
    _overrides(export)
    export.add_argument("--formats", metavar="A,B", help="what to write (default: the config's)")
    export.add_argument(
        "--out", type=Path, default=Path("exported"), help="folder of the files (default exported)"
    )
    export.add_argument("--latency", action="store_true", help="time the TensorFlow Lite files")
    export.set_defaults(command=_export)

    store = commands.add_parser("store", help="point a store that was moved to its artifacts")
    store.add_argument("action", metavar="move", choices=["move"], help="the one thing to do")
    _overrides(store)
    store.add_argument("--uri", default=None, help="the MLflow store")
    store.set_defaults(command=_store)

    ui = commands.add_parser("ui", help="show a sweep's runs in MLflow, at 127.0.0.1")
    ui.add_argument("name", metavar="SWEEP", nargs="?", help="its name (default: the newest)")
    _overrides(ui)
    ui.add_argument("--uri", default=None, help="the MLflow store")
    ui.add_argument("--port", type=int, default=5000, help="of the server (default 5000)")
    ui.add_argument("--open", action="store_true", help="open the link in a browser, too")
    ui.set_defaults(command=_ui)
    return parser


def _prepare_parser() -> argparse.ArgumentParser:
    """A parser of its own: its names are those of `harness.data.prepare`, options included."""
    from harness.data.prepare import PREPARERS

    parser = argparse.ArgumentParser(
        prog="harness data prepare", description="Make the files of a data set."
    )
    names = parser.add_subparsers(required=True, metavar="NAME")
    for name, preparer in PREPARERS:
        made = names.add_parser(name, help=preparer.help, description=preparer.help)
        default = Path("data", name)
        made.add_argument(
            "--out", type=Path, default=default, metavar="FOLDER", help=f"default {default}"
        )
        made.add_argument("--force", action="store_true", help="replace what was prepared there")
        preparer().options(made)
        made.set_defaults(command=_prepare, name=name)
    return parser


def _is_override(word: str) -> bool:
    """Whether a word is KEY=VALUE, and no path of a sweep's file that has a = in it."""
    return "=" in word and not (word.endswith((".yaml", ".yml")) and Path(word).is_file())


def _overrides(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help="Hydra overrides")


def _report_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--table", action="append", default=[], help="TABLE; may be repeated")
    parser.add_argument(
        "--experiment", help="the MLflow experiment to read; without TABLE, whatever it holds"
    )
    parser.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="keep runs by parameter, metric or tag (=, !=, <, <=, >, >=); may be repeated",
    )
    parser.add_argument("--since", help="keep runs started since: 2026-11-24, 36h, 7d")
    parser.add_argument("--format", help="files to write: md,csv,tex,html (default: all)")
    parser.add_argument("--no-plots", action="store_true", help="draw no plots")
    parser.add_argument("--uri", help="the MLflow store")
    parser.add_argument(
        "--from",
        dest="kept",
        type=Path,
        metavar="FOLDER",
        help="rebuild tables from the runs that `harness collect` kept there (results/runs)",
    )
    parser.add_argument(
        "--watch", action="store_true", help="follow a sweep under way, on a page of its own"
    )
    parser.add_argument("--ui", help="the MLflow address that run ids link to")
    parser.add_argument("--out", type=Path, help="folder of the files (default: results)")


def _jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jobs",
        type=_at_once,
        default=1,
        metavar="N",
        help="cells at once, each on a GPU of its own if there are any; auto: one a GPU",
    )
    parser.add_argument(
        "--jobs-per-device",
        type=_positive,
        default=1,
        metavar="N",
        help="cells that share a GPU, each with its share of the memory (default 1)",
    )


def _at_once(text: str) -> int | None:
    return None if text == "auto" else _positive(text)


def _positive(text: str) -> int:
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"received {text}; accepted: a whole number from 1 on")
    return int(text)


def _search_parser(commands: Any) -> None:
    search = commands.add_parser(
        "search",
        help="seek settings that serve several ends, such as accuracy and bytes",
        description="KEY=A,B, KEY=interval(LOW,HIGH) and KEY=tag(log,interval(LOW,HIGH)) are "
        "searched; any other KEY=VALUE is of every cell.",
    )
    _overrides(search)
    _jobs(search)
    search.add_argument("--name", default="search", help="of the study and its experiment")
    search.add_argument("--trials", type=_positive, default=20, help="done in all (default 20)")
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


# Each command imports what it needs: a wrong key must not wait for MLflow or TensorFlow.


def _run(parsed: argparse.Namespace) -> int:
    from harness.config import compose, expand
    from harness.config.ignored import refuse_ignored

    cells = [(compose(each), tuple(each)) for each in expand(parsed.overrides)]
    refuse_ignored(cells)
    from harness.sweep.launch import launch

    return launch(cells, jobs=parsed.jobs, per_device=parsed.jobs_per_device)


def _sweep(parsed: argparse.Namespace) -> int:
    from harness.sweep.spec import load

    told = parsed.dry_run or parsed.rehearse or parsed.status
    if parsed.json and not told:
        raise ConfigError("--json: accepted with --dry-run, --rehearse or --status")
    given, extra = load(parsed.name), parsed.overrides
    if parsed.dry_run:
        from harness.sweep.dry_run import dry_run

        return dry_run(given, extra, jobs=_resolved_jobs(parsed), as_json=parsed.json)
    if parsed.rehearse:
        from harness.sweep.rehearse import rehearse

        return rehearse(given, extra, jobs=_resolved_jobs(parsed), as_json=parsed.json)
    if parsed.on or parsed.status or parsed.cancel:
        return _detached(parsed, given)
    from harness.sweep.launch import launch_sweep

    shared = parsed.jobs_per_device
    return launch_sweep(given, extra, jobs=parsed.jobs, per_device=shared, out=parsed.out)


def _resolved_jobs(parsed: argparse.Namespace) -> int:
    from harness.sweep.devices import Devices

    return Devices.found(parsed.jobs_per_device).jobs(parsed.jobs)


def _detached(parsed: argparse.Namespace, sweep: Any) -> int:
    from harness.sweep import detached

    if parsed.status:
        return detached.status(sweep, parsed.overrides, as_json=parsed.json)
    if parsed.cancel:
        return detached.cancel(sweep, parsed.overrides)
    if parsed.jobs != 1:
        jobs = parsed.jobs or "auto"
        raise ConfigError(f"--jobs: received {jobs} with --on; accepted: without it")
    return detached.submit(sweep, parsed.overrides, on=parsed.on, out=parsed.out)


def _search(parsed: argparse.Namespace) -> int:
    from harness.sweep.search import search

    return search(
        parsed.name,
        parsed.overrides,
        trials=parsed.trials,
        objectives=parsed.objective,
        jobs=parsed.jobs,
        out=parsed.out,
    )


def _report(parsed: argparse.Namespace) -> int:
    from harness.config.credentials import taken
    from harness.report import FORMATS, Selection, parse_filter, parse_since
    from harness.sweep.publish import Request, print_reports

    # `harness report --table demo seed=1`: the first word is an override, not a table
    words = [parsed.name] if parsed.name else []
    overrides = [word for word in words if _is_override(word)] + parsed.overrides
    selection = Selection(
        tuple(parse_filter(text) for text in parsed.filter),
        parse_since(parsed.since) if parsed.since else None,
    )
    print_reports(
        Request(
            tables=tuple([word for word in words if not _is_override(word)] + parsed.table),
            overrides=tuple(overrides),
            experiment=parsed.experiment,
            selection=selection,
            formats=tuple(parsed.format.split(",")) if parsed.format else FORMATS,
            plots=not parsed.no_plots,
            uri=taken(parsed.uri) if parsed.uri else None,
            kept=parsed.kept,
            out=parsed.out,
            ui=parsed.ui,
            watch=parsed.watch,
        )
    )
    return 0


def _collect(parsed: argparse.Namespace) -> int:
    from harness.sweep.collecting import collect_runs

    collect_runs(parsed.names, parsed.uri, parsed.into)
    return 0


def _describe(parsed: argparse.Namespace) -> int:
    from harness.config import compose
    from harness.config.ignored import refuse_ignored

    config = compose(parsed.overrides)
    refuse_ignored([(config, parsed.overrides)])
    from harness.cell.preview import describe

    print(describe(config, as_json=parsed.json))  # noqa: T201
    return 0


def _data(parsed: argparse.Namespace) -> int:
    from harness.cell.preview import describe_data
    from harness.config import compose_data

    print(describe_data(compose_data(parsed.overrides)))  # noqa: T201
    return 0


def _prepare(parsed: argparse.Namespace) -> int:
    from harness.data.prepare import prepare

    print(prepare(parsed.name, parsed.out, parsed, force=parsed.force))  # noqa: T201
    return 0


def _export(parsed: argparse.Namespace) -> int:
    from harness.cell.exporting import export_again

    source, overrides = parsed.source, parsed.overrides
    if source and _is_override(source) and not Path(source).is_file():
        source, overrides = None, [source, *overrides]
    formats = None if parsed.formats is None else [f for f in parsed.formats.split(",") if f]

    def on_stage(stage: str) -> None:
        print(f"{stage} …", file=sys.stderr)  # noqa: T201

    text, complete = export_again(source, overrides, formats, parsed.out, on_stage, parsed.latency)
    print(text)  # noqa: T201
    return 0 if complete else 1


def _store(parsed: argparse.Namespace) -> int:
    from harness.config import compose
    from harness.tracking.moved import move

    print(move(parsed.uri or compose(parsed.overrides).tracking.uri))  # noqa: T201
    return 0


def _ui(parsed: argparse.Namespace) -> int:
    from harness.cli.ui import show
    from harness.config import compose
    from harness.config.credentials import taken

    name, overrides = parsed.name, parsed.overrides
    if name and _is_override(name):
        name, overrides = None, [name, *overrides]
    elif name and name.endswith((".yaml", ".yml")):
        name = Path(name).stem
    uri = taken(parsed.uri) if parsed.uri else compose(overrides).tracking.uri
    return show(uri, name, parsed.port, opened=parsed.open)


if __name__ == "__main__":
    sys.exit(main())
