"""`harness export`: the files of a trained model."""

import argparse
import sys
from pathlib import Path

from harness.cli import flags


def options(parser: argparse.ArgumentParser) -> None:
    """The command's options, beside its overrides, the first of which may be a RUN or a FILE."""
    parser.epilog = (
        "The first word may be a run's id, or a .keras or .packed file; without one, the files"
        " are those of the finished cell of KEY=VALUE."
    )
    parser.add_argument("--formats", metavar="A,B", help="what to write (default: the config's)")
    parser.add_argument(
        "--out", type=Path, default=Path("exported"), help="folder of the files (default exported)"
    )
    parser.add_argument("--latency", action="store_true", help="time the TensorFlow Lite files")
    parser.add_argument(
        "--benchmark-script",
        action="store_true",
        help="write scripts that time the files on an Arm device and on a GPU",
    )
    parser.add_argument(
        "--shrink", action="store_true", help="take dead channels out of the model first"
    )
    parser.set_defaults(command=export)


def export(parsed: argparse.Namespace) -> int:
    """Writes them.

    Returns:
        The exit code: 1 if a format failed.

    Raises:
        HarnessError: what was asked for cannot be had.
    """
    from harness.cell.exporting import export_again

    source, *overrides = parsed.overrides or [None]
    if source is not None and flags.is_override(source):
        source, overrides = None, parsed.overrides
    formats = None if parsed.formats is None else [f for f in parsed.formats.split(",") if f]

    def on_stage(stage: str) -> None:
        print(f"{stage} …", file=sys.stderr)  # noqa: T201

    text, complete = export_again(
        source,
        overrides,
        formats,
        parsed.out,
        on_stage,
        timed=parsed.latency,
        scripted=parsed.benchmark_script,
        shrunk=parsed.shrink,
    )
    print(text)  # noqa: T201
    return 0 if complete else 1
