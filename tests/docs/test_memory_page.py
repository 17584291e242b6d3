"""The commands of docs/memory.md run, of a narrow network and few examples."""

import shlex

from harness.cli.commands import main
from tests.docs.test_readme import commands

PAGE = commands("docs/memory.md")
SMALLER = ("model.width=0.25", "dataset.size=64", "training.batch_size=4")


def test_memory_is_described_without_data(capsys):
    (described,) = PAGE
    assert main([*shlex.split(described)[1:], *SMALLER]) == 0
    printed = capsys.readouterr().out
    for part in (
        "weights",
        "optimizer",
        "activations and gradients",
        "fits cards of 24, 40, 80 GB",
    ):
        assert part in printed
