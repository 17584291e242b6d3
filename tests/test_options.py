"""Choices of installed packages."""

from harness import options
from harness.pruning.pattern.base import PATTERNS
from harness.pruning.score.base import SCORES


def test_what_is_installed_is_looked_through_once(monkeypatch):
    looked = []
    monkeypatch.setattr(options, "entry_points", lambda group: looked.append(group) or ())
    options._import_installed.cache_clear()
    for room in (PATTERNS, SCORES):
        monkeypatch.setattr(room, "_listed", False)
        room.names()
    assert looked == [options.ENTRY_POINTS]
