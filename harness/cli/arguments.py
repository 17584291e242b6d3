"""Arguments that several commands take."""

import argparse


def take_overrides(parser: argparse.ArgumentParser) -> None:
    """Takes `KEY=VALUE`, any number of them."""
    parser.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help="Hydra overrides")


def take_jobs(parser: argparse.ArgumentParser) -> None:
    """Takes how many cells run at once."""
    parser.add_argument(
        "--jobs",
        type=at_once,
        default=1,
        metavar="N",
        help="cells at once, each on a GPU of its own if there are any; auto: one a GPU",
    )
    parser.add_argument(
        "--jobs-per-device",
        type=positive,
        default=1,
        metavar="N",
        help="cells that share a GPU, each with its share of the memory (default 1)",
    )


def at_once(text: str) -> int | None:
    """A number of cells; None for `auto`."""
    return None if text == "auto" else positive(text)


def positive(text: str) -> int:
    """A whole number from 1 on.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"received {text}; accepted: a whole number from 1 on")
    return int(text)
