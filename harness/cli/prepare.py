"""`harness data prepare NAME`: the files of a data set that can be made here."""

import argparse
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """A parser of its own: its names are those of `harness.data.prepare`, options included."""
    from harness.data.prepare import PREPARERS

    every = argparse.ArgumentParser(
        prog="harness data prepare", description="Make the files of a data set."
    )
    names = every.add_subparsers(required=True, metavar="NAME")
    for name, preparer in PREPARERS:
        made = names.add_parser(name, help=preparer.help, description=preparer.help)
        default = Path("data", name)
        made.add_argument(
            "--out", type=Path, default=default, metavar="FOLDER", help=f"default {default}"
        )
        made.add_argument("--force", action="store_true", help="replace what was prepared there")
        preparer().options(made)
        made.set_defaults(command=_prepare, name=name)
    return every


def _prepare(parsed: argparse.Namespace) -> int:
    from harness.data.prepare import prepare

    print(prepare(parsed.name, parsed.out, parsed, force=parsed.force))  # noqa: T201
    return 0
