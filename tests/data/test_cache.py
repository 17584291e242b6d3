"""Where the cache is."""

from pathlib import Path

import pytest

from harness.data.cache import folder_of


@pytest.mark.parametrize(
    ("given", "variables", "folder"),
    [
        ("/given", {"HARNESS_CACHE": "/ours", "XDG_CACHE_HOME": "/xdg"}, "/given"),
        (None, {"HARNESS_CACHE": "~/ours", "XDG_CACHE_HOME": "/xdg"}, "/home/ours"),
        (None, {"HARNESS_CACHE": "", "XDG_CACHE_HOME": "/xdg"}, "/xdg/sparsity-harness"),
        (None, {"XDG_CACHE_HOME": ""}, "/home/.cache/sparsity-harness"),
        (None, {}, "/home/.cache/sparsity-harness"),
    ],
)
def test_the_nearest_word_for_it_counts(monkeypatch, given, variables, folder):
    for name in ("HARNESS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home", **variables}.items():
        monkeypatch.setenv(name, value)
    assert folder_of(given) == Path(folder)
