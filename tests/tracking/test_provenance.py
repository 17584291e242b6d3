"""Provenance: the commit and whether it was changed, with git and without."""

import subprocess

import pytest

import harness
from harness.tracking import provenance


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder in which the package seems to lie."""
    package = tmp_path / "harness"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(harness, "__file__", str(package / "__init__.py"))
    provenance.git_state.cache_clear()
    yield tmp_path
    provenance.git_state.cache_clear()


def git(folder, *arguments):
    name = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    command = ["git", "-C", str(folder), *name, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def state():
    provenance.git_state.cache_clear()
    return provenance.git_state()


def test_a_clean_and_a_changed_checkout(checkout):
    git(checkout, "init", "-q")
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "first")
    commit = git(checkout, "rev-parse", "HEAD")
    assert state() == (commit, "false")
    (checkout / "results.csv").write_text("untracked files are what runs write")
    assert state() == (commit, "false")
    (checkout / "harness" / "__init__.py").write_text("changed = True")
    assert state() == (commit, "true")


def test_outside_a_checkout(checkout):
    assert state() == ("unknown", "unknown")


def test_a_checkout_around_an_installed_package_is_not_its_own(checkout):
    """A virtual environment inside somebody's repository says nothing about the harness."""
    git(checkout.parent, "init", "-q")
    assert state() == ("unknown", "unknown")


def test_without_git(checkout, monkeypatch):
    git(checkout, "init", "-q")
    monkeypatch.setenv("PATH", "")
    assert state() == ("unknown", "unknown")


def test_a_repository_without_a_commit(checkout):
    git(checkout, "init", "-q")
    assert state() == ("unknown", "unknown")


def test_tags_are_texts_and_name_the_versions_that_count():
    tags = provenance.tags("harness sweep demo seed=1")
    assert all(isinstance(value, str) and value for value in tags.values())
    packages = dict(entry.split(" ") for entry in tags["harness.packages"].split(", "))
    assert packages.keys() == set(provenance.PACKAGES)
    assert all(found[0].isdigit() for found in packages.values())
    assert tags["harness.command"] == "harness sweep demo seed=1"
    assert tags["mlflow.source.name"] == "harness sweep"
    assert tags["harness.version"] == harness.__version__


def test_a_missing_package_and_a_strange_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "PACKAGES", ("no-such-package",))
    monkeypatch.setattr(provenance, "_CPUINFO", tmp_path / "none")
    provenance.cpu_model.cache_clear()
    tags = provenance.tags("harness run")
    provenance.cpu_model.cache_clear()
    assert tags["harness.packages"] == "no-such-package none"
    assert tags["harness.cpu"]


def test_memory_is_a_number_of_gib_or_unknown(monkeypatch):
    assert float(provenance.memory_gib()) > 0.1
    monkeypatch.setattr(provenance.os, "sysconf", lambda name: (_ for _ in ()).throw(ValueError()))
    assert provenance.memory_gib() == "unknown"
