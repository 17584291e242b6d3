"""`harness data prepare`: folders that are whole or not there, and say what they are."""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli.commands import main
from harness.data import prepare
from harness.data.prepare import MARKER, Prepared, Preparer, marker_of, source_of
from harness.errors import DataError
from harness.options import choice


@pytest.fixture(autouse=True)
def numbers(monkeypatch):
    """A data set of as many files as are asked for; of none it cannot be made."""

    @dataclass
    class Numbers(Preparer):
        help = "numbers, one a file"
        name: str = "numbers"

        def options(self, parser):
            parser.add_argument("--count", type=int, default=3)

        def write(self, folder, given):
            for number in range(given.count):
                (folder / f"{number}.txt").write_text(str(number))
            if not given.count:
                (folder / "half").write_text("written")
                raise DataError("--count=0: accepted: 1 or more")
            return Prepared("counted numbers", ("dataset=numbers",), {"count": given.count})

    monkeypatch.setattr(prepare.PREPARERS, "_choices", dict(prepare.PREPARERS))
    choice(Numbers)


def count(number):
    return argparse.Namespace(count=number)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_command_makes_a_marked_folder_and_says_how_to_use_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "prepare", "numbers", "--count", "2"]) == 0
    assert names(tmp_path / "data" / "numbers") == ["0.txt", "1.txt", MARKER]
    marker = json.loads((tmp_path / "data" / "numbers" / MARKER).read_text())
    assert (marker["prepared"], marker["source"]) == ("numbers", "counted numbers")
    assert marker["count"] == 2
    shown = capsys.readouterr().out
    assert "3 files" in shown
    assert "use it with dataset=numbers dataset.data_dir=data/numbers" in shown
    assert names(tmp_path / "data") == ["numbers"], "no temporary folder is left"


def test_help_names_what_can_be_made(capsys):
    for words in (["data", "prepare", "--help"], ["data", "prepare", "numbers", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
        assert "numbers, one a file" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["data", "prepare", "letters"])
    assert ended.value.code == 2
    assert "numbers" in capsys.readouterr().err


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(DataError, match="--count=0"):
        prepare.prepare("numbers", tmp_path / "out", count(0))
    assert names(tmp_path) == []


def test_a_prepared_folder_is_replaced_by_force_only(tmp_path):
    out = tmp_path / "out"
    out.mkdir()  # an empty folder is as good as none
    prepare.prepare("numbers", out, count(3))
    with pytest.raises(DataError, match=r"prepared already; .*--force"):
        prepare.prepare("numbers", out, count(1))
    with pytest.raises(DataError, match="--count=0"):
        prepare.prepare("numbers", out, count(0), force=True)
    assert len(names(out)) == 4, "the old one stays when the new one fails"
    prepare.prepare("numbers", out, count(1), force=True)
    assert names(out) == ["0.txt", MARKER]
    assert names(tmp_path) == ["out"]


def test_other_peoples_files_are_never_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    for out in (tmp_path / "out", tmp_path / "out" / "thesis.tex"):
        with pytest.raises(DataError, match=r"accepted: a folder to make"):
            prepare.prepare("numbers", out, count(1), force=True)
    assert names(tmp_path / "out") == ["thesis.tex"]


def test_a_folder_that_is_used_meanwhile_is_not_replaced(tmp_path, monkeypatch):
    out, write = tmp_path / "out", prepare.PREPARERS.find("numbers").write

    def slow(self, folder, given):
        out.mkdir()
        (out / "thesis.tex").touch()
        return write(self, folder, given)

    monkeypatch.setattr(prepare.PREPARERS.find("numbers"), "write", slow)
    with pytest.raises(DataError, match="holds other files"):
        prepare.prepare("numbers", out, count(1))
    assert names(out) == ["thesis.tex"]
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("failure", [OSError(16, "busy"), KeyboardInterrupt()])
def test_the_old_folder_is_put_back_if_the_new_one_cannot_take_its_name(
    tmp_path, monkeypatch, failure
):
    out, replace = tmp_path / "out", Path.replace
    prepare.prepare("numbers", out, count(3))

    def fail(path, target):
        if path.name == "new":
            raise failure
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", fail)
    wanted = DataError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(wanted):
        prepare.prepare("numbers", out, count(1), force=True)
    assert len(names(out)) == 4
    assert names(tmp_path) == ["out"]


def test_a_linked_folder_stays_where_it_is(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    for number in (1, 2):
        prepare.prepare("numbers", tmp_path / "out", count(number), force=True)
        assert (tmp_path / "out").is_symlink()
        assert len(names(tmp_path / "disk")) == number + 1


def test_a_place_where_nothing_can_be_made_is_refused_in_a_line(tmp_path, capsys):
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "out"
    assert main(["data", "prepare", "numbers", "--out", str(out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"--out={out}: cannot be made there" in line


def test_the_marker_is_read_back(tmp_path):
    assert marker_of(tmp_path) is None
    prepare.prepare("numbers", tmp_path / "out", count(1))
    assert marker_of(tmp_path / "out")["count"] == 1
    assert source_of(tmp_path / "out", "found") == "counted numbers"
    assert source_of(tmp_path, "found") == "found"
    (tmp_path / "out" / MARKER).write_text("{}")
    with pytest.raises(DataError, match=f"{MARKER}: damaged"):
        marker_of(tmp_path / "out")
