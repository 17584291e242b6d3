"""The command line: `harness run | sweep | search | report | collect | describe | …`."""

import argparse
import atexit
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import harness
from harness.cli import export_files, flags, prepare, sweeping
from harness.errors import FULL, INTERRUPTED, ConfigError, HarnessError, full

_EPILOG = """\
examples:
  harness sweep demo                                  the five-minute demo
  harness run sparsity=random sparsity.target=0.75    one cell (its dense baseline comes along)
  harness run sparsity=random sparsity.target=0.5,0.75 seed=1,2,3
  harness describe sparsity=structured_2x4            what that would prune, before any training
  harness report demo                                 the table, from the finished runs
  harness deliver                                     what runs could not tell a store then away
  harness collect demo                                keep them in files, to be committed
  harness export RUN --formats tflite,tflite_int8     files of a finished run, checked and scored
  harness ui --open                                   browse the runs of the newest sweep

KEY=VALUE are Hydra overrides; conf/ lists the keys, and a wrong one is answered with those
accepted. `python -m harness.run` is the same job as an ordinary Hydra application.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit code: 0 done; 1 a cell failed; 2 refused input, said in one line; 3 all trained,
        and something waits for its store; 128 and the signal's number where one ended it.
    """
    folder = os.environ.get("HARNESS_CONFIG_DIR")
    atexit.register(gc.freeze)  # or Python goes through all packages before it ends, for seconds
    try:
        return _done(_parse(arguments))
    except HarnessError as error:
        from harness.config.credentials import hidden

        print(f"harness: {hidden(str(error))}", file=sys.stderr)  # noqa: T201
        return 2
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        if error.errno not in FULL:
            raise
        print(f"harness: {full(error)}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt as stopped:
        line = str(stopped) or "interrupted; the same command goes on from here"
        print(f"harness: {line}", file=sys.stderr)  # noqa: T201
        return getattr(stopped, "code", INTERRUPTED)
    finally:  # a program that calls several commands
        os.environ["HARNESS_CONFIG_DIR"] = folder or ""


def _done(parsed: argparse.Namespace) -> int:
    """Does what a command does; an error of a store that it meets is a line."""
    try:
        return int(parsed.command(parsed))
    except HarnessError:
        raise
    except Exception:
        from harness.tracking.store import told  # what speaks to no store need not import it

        with told():
            raise


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Takes overrides after options, too: `harness sweep demo --jobs 2 seed=1`."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if any("://" in word for word in words):  # others need not wait for the import
        from harness.config import credentials

        words = credentials.taken_from(words)
    if words[:2] == ["data", "prepare"]:
        return prepare.parser().parse_args(words[2:])
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
    flags.config_dir(flag)
    parsed, rest = flag.parse_known_args(words)
    folder = parsed.config_dir or os.environ.get("HARNESS_CONFIG_DIR")
    if folder:
        from harness.config.folders import use

        use(folder)
    return rest


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="harness",
        description="Sparsity research harness: configs to pruned models to tables.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"harness {harness.__version__}")
    flags.config_dir(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run cells, with their dense baselines")
    flags.overrides(run)
    flags.jobs(run)
    run.set_defaults(command=_run)

    sweeping.add_sweep(commands)
    sweeping.add_search(commands)

    report = commands.add_parser("report", help="write tables from the finished runs")
    report.add_argument("name", metavar="TABLE", nargs="?", help="a sweep's name (default: all)")
    flags.overrides(report)
    flags.report_options(report)
    report.set_defaults(command=_report)

    collect = commands.add_parser("collect", help="keep finished runs in files to commit")
    collect.add_argument("names", metavar="SWEEP", nargs="*", help="its name (default: all)")
    flags.uri(collect)
    collect.add_argument(
        "--into", type=Path, default=None, metavar="FOLDER", help="default results/runs"
    )
    collect.set_defaults(command=_collect)

    deliver = commands.add_parser(
        "deliver",
        help="send what waits since a store was away",
        description="Sends the metrics, files and tags that cells wrote while their store did not "
        "answer, in order, each once; what could not be sent is said, and exits with 3.",
    )
    deliver.add_argument(
        "work_dir", metavar="FOLDER", nargs="?", help="a work folder (default: work_dir's)"
    )
    deliver.add_argument(
        "--uri", type=flags.taken, help="the MLflow store, if its address has changed meanwhile"
    )
    deliver.add_argument(
        "--from",
        dest="of",
        type=flags.taken,
        metavar="URI",
        help="only what is meant for this store, by the address that it had",
    )
    deliver.set_defaults(command=_deliver)

    describe = commands.add_parser("describe", help="what a cell is, before spending anything")
    flags.overrides(describe)
    describe.add_argument("--json", action="store_true", help="print JSON")
    describe.add_argument("--memory", action="store_true", help="and what training needs of it")
    describe.set_defaults(command=_describe)

    data = commands.add_parser(
        "data",
        help="check a data set and print its fingerprint; `data prepare NAME` makes one",
        epilog="`harness data prepare --help` lists the data sets that can be made here.",
    )
    flags.overrides(data)
    data.set_defaults(command=_data)

    export = commands.add_parser("export", help="write the files of a trained model, checked")
    flags.overrides(export)
    export_files.options(export)

    store = commands.add_parser("store", help="point a store that was moved to its artifacts")
    store.add_argument("action", metavar="move", choices=["move"], help="the one thing to do")
    flags.overrides(store)
    flags.uri(store)
    store.set_defaults(command=_store)

    ui = commands.add_parser("ui", help="show a sweep's runs in MLflow, at 127.0.0.1")
    ui.add_argument("name", metavar="SWEEP", nargs="?", help="its name (default: the newest)")
    flags.overrides(ui)
    flags.uri(ui)
    ui.add_argument("--port", type=int, default=5000, help="of the server (default 5000)")
    ui.add_argument("--open", action="store_true", help="open the link in a browser, too")
    ui.set_defaults(command=_ui)
    return parser


# Each command imports what it needs: a wrong key must not wait for MLflow or TensorFlow.


def _run(parsed: argparse.Namespace) -> int:
    from harness.config import compose, expand
    from harness.config.ignored import refuse_ignored

    cells = [(compose(each), tuple(each)) for each in expand(parsed.overrides)]
    refuse_ignored(cells)
    from harness.sweep.launch import launch

    return launch(cells, jobs=flags.at_once(parsed), per_device=parsed.jobs_per_device)


def _report(parsed: argparse.Namespace) -> int:
    from harness.plots import PRELOAD
    from harness.system.cores import usable
    from harness.system.forks import forking

    every = not (parsed.name or parsed.table)
    if parsed.kept and every and not parsed.no_plots and len(usable()) > 1:
        forking(PRELOAD)  # it imports Matplotlib while this process imports the rest
    from harness.report import FORMATS, Selection, parse_filter, parse_since
    from harness.sweep.publish import Request, print_reports

    # `harness report --table demo seed=1`: the first word is an override, not a table
    words = [parsed.name] if parsed.name else []
    overrides = [word for word in words if flags.is_override(word)] + parsed.overrides
    selection = Selection(
        tuple(parse_filter(text) for text in parsed.filter),
        parse_since(parsed.since) if parsed.since else None,
    )
    print_reports(
        Request(
            tables=tuple([word for word in words if not flags.is_override(word)] + parsed.table),
            overrides=tuple(overrides),
            experiment=parsed.experiment,
            selection=selection,
            formats=tuple(parsed.format.split(",")) if parsed.format else FORMATS,
            plots=not parsed.no_plots,
            uri=parsed.uri,
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


def _deliver(parsed: argparse.Namespace) -> int:
    from rich.console import Console

    from harness.config import compose
    from harness.sweep.waiting import deliver_all

    named = parsed.work_dir
    if named is not None and not Path(named).is_dir():
        raise ConfigError(
            f"deliver: received {named}, which is no folder; accepted: the work folder itself, as "
            f"in `harness deliver {named.partition('=')[2] or 'work'}`"
        )
    work_dir = named or compose([]).work_dir
    return deliver_all(Console(highlight=False), work_dir, parsed.uri, parsed.of)


def _describe(parsed: argparse.Namespace) -> int:
    from harness.config import compose
    from harness.config.ignored import refuse_ignored

    config = compose(parsed.overrides)
    refuse_ignored([(config, parsed.overrides)])
    from harness.sweep.gpu_places import HIDDEN

    if config.strategy.name != "mirrored":  # that counts the GPUs, to share a batch among them
        os.environ.update(HIDDEN)  # cells that run beside it have the GPUs and all their memory
    from harness.cell.description import describe

    print(describe(config, as_json=parsed.json, memory=parsed.memory))  # noqa: T201
    return 0


def _data(parsed: argparse.Namespace) -> int:
    from harness.cell.description import describe_data
    from harness.config import compose_data

    print(describe_data(compose_data(parsed.overrides)))  # noqa: T201
    return 0


def _store(parsed: argparse.Namespace) -> int:
    from harness.config import compose
    from harness.tracking.moved import move

    config = compose(parsed.overrides)
    print(move(parsed.uri or config.tracking.uri, config.work_dir))  # noqa: T201
    return 0


def _ui(parsed: argparse.Namespace) -> int:
    from harness.cli.ui import show
    from harness.config import compose

    name, overrides = parsed.name, parsed.overrides
    if name and flags.is_override(name):
        name, overrides = None, [name, *overrides]
    elif name and name.endswith((".yaml", ".yml")):
        name = Path(name).stem
    uri = parsed.uri or compose(overrides).tracking.uri
    return show(uri, name, parsed.port, opened=parsed.open)


if __name__ == "__main__":
    sys.exit(main())
