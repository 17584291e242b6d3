"""A process that has a run open is told from those that have ended, never by age."""

import platform
import subprocess
import sys

from harness.tracking import process
from tests.settings import python

HERE = "from harness.tracking import process; print(process.identity())"


def test_a_living_process_is_not_dead():
    assert not process.is_dead(process.identity())
    with subprocess.Popen([sys.executable, "-c", HERE + "; input()"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as other:  # fmt: skip
        assert not process.is_dead(other.stdout.readline())
        other.communicate("\n")


def test_an_ended_process_is_dead():
    assert process.is_dead(python(HERE))


def test_a_number_that_is_used_again_is_another_process():
    host, boot, space, number, _ = process.identity().split()
    assert process.is_dead(f"{host} {boot} {space} {number} 1")


def test_after_a_reboot_all_are_dead():
    host, _, space, number, start = process.identity().split()
    assert process.is_dead(f"{host} another-boot {space} {number} {start}")


def test_another_machine_of_the_same_name_is_told_from_one_that_was_booted_again(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(process, "_MACHINE", tmp_path / "machine-id")
    _, _, space, number, start = process.identity().split()
    old = f"{platform.node()} another-boot {space} {number} {start}"
    assert process.is_dead(old), "nothing tells machines of one name from each other"
    (tmp_path / "machine-id").write_text("0123456789abcdef\n")
    host, *rest = process.identity().split()
    assert "0123456789abcdef" not in host
    assert process.is_dead(f"{host} another-boot {space} {number} {start}")
    assert process.is_dead(old), "as it was told before"
    (tmp_path / "machine-id").write_text("fedcba9876543210\n")
    for boot in (rest[0], "another-boot"):
        there = f"{host} {boot} {space} {number} {start}"
        assert not process.is_dead(there)
        assert process.is_out_of_sight(there)


def test_of_other_machines_and_containers_nothing_is_known():
    host, boot, space, number, _ = process.identity().split()
    assert not process.is_dead(f"other {boot} {space} {number} 1")
    assert not process.is_dead(f"{host} {boot} pid:[1] {number} 1")
    for text in ("", "nonsense", f"{host} {boot} {space} x 1", f"{host} ? ? {number} ?"):
        assert not process.is_dead(text)


def test_what_is_out_of_sight_is_told_from_what_is_no_process():
    host, boot, space, number, start = process.identity().split()
    assert process.is_out_of_sight(f"other {boot} {space} {number} 1")
    assert process.is_out_of_sight(f"{host} {boot} pid:[1] {number} 1")
    assert not process.is_out_of_sight(f"{host} {boot} {space} {number} {start}")
    assert not process.is_out_of_sight(f"{host} another-boot {space} {number} {start}"), "dead"
    assert not process.is_out_of_sight("")
