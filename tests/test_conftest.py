"""What the tests promise of themselves."""

from types import SimpleNamespace

import pytest

from tests import conftest


@pytest.mark.parametrize(("ci", "outcome"), [("true", "failed"), ("", "skipped")])
def test_nothing_is_skipped_in_ci(monkeypatch, ci, outcome):
    monkeypatch.setenv("CI", ci)
    report = SimpleNamespace(skipped=True, outcome="skipped", longrepr=("file", 3, "Skipped: why"))
    hook = conftest.pytest_runtest_makereport(None, None)
    next(hook)
    with pytest.raises(StopIteration) as stopped:
        hook.send(report)
    assert stopped.value.value.outcome == outcome
    assert "why" in str(report.longrepr)


@pytest.mark.usefixtures("mortal")
def test_root_is_held_by_permissions_too(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        (tmp_path / "file").touch()
    tmp_path.chmod(0o700)
