"""The options that commands of the command line share, or have many of."""

import argparse
from pathlib import Path


def config_dir(parser: argparse.ArgumentParser) -> None:
    """The folder of one's own presets and sweeps."""
    parser.add_argument(
        "--config-dir",
        metavar="DIR",
        help="presets (GROUP/NAME.yaml) and sweeps (sweeps/NAME.yaml) of your own",
    )


def is_override(word: str) -> bool:
    """Whether a word is KEY=VALUE, and no path of a sweep or a model that has a = in it."""
    named = word.endswith((".yaml", ".yml", ".keras", ".packed"))
    return "=" in word and not (named and Path(word).is_file())


def overrides(parser: argparse.ArgumentParser) -> None:
    """Hydra overrides, as many as one likes."""
    parser.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help="Hydra overrides")


def report_options(parser: argparse.ArgumentParser) -> None:
    """What `harness report` reads and writes."""
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
    uri(parser)
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
    parser.add_argument("--ui", type=taken, help="the MLflow address that run ids link to")
    parser.add_argument("--out", type=Path, help="folder of the files (default: results)")


def uri(parser: argparse.ArgumentParser) -> None:
    """The store's address; a user and password in it are taken before anybody sees it."""
    parser.add_argument("--uri", type=taken, help="the MLflow store")


def taken(text: str) -> str:
    """A URI without the user and password in it, which are kept for who opens the store."""
    from harness.config import credentials

    return credentials.taken(text)


#: What `--jobs` is where nobody said it.
_UNSAID = 0


def jobs(parser: argparse.ArgumentParser) -> None:
    """How many cells run at once."""
    parser.add_argument(
        "--jobs",
        type=_at_once,
        default=_UNSAID,
        metavar="N",
        help="cells at once, each on a GPU of its own if there are any, or on its share of the"
        " cores; auto: one a GPU, or two, or one for every four cores (default 1; auto with"
        " --jobs-per-device above 1)",
    )
    parser.add_argument(
        "--jobs-per-device",
        type=positive,
        default=1,
        metavar="N",
        help="cells that share a GPU, each with its share of the memory (default 1)",
    )


def at_once(parsed: argparse.Namespace) -> int | None:
    """Cells at once, None for `auto`: who only says how many share a GPU wants them all shared."""
    if parsed.jobs != _UNSAID:
        jobs: int | None = parsed.jobs
        return jobs
    return 1 if parsed.jobs_per_device == 1 else None


def _at_once(text: str) -> int | None:
    return None if text == "auto" else positive(text)


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"received {text}; accepted: a whole number from 1 on")
    return int(text)
