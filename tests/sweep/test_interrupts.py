"""What signals do to a command that runs cells."""

import os
import signal

import pytest

from harness.sweep.interrupts import Interrupted, interruptible


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_block_once(number):
    before = signal.getsignal(number)
    done = []

    @interruptible()
    def run():
        try:
            os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), number)  # it tidies up meanwhile
            done.append("tidied")

    with pytest.raises(Interrupted) as caught:
        run()
    assert done == ["tidied"]
    assert caught.value.code == 128 + number
    assert str(caught.value) == "interrupted; the same command goes on from here"
    assert signal.getsignal(number) == before


def test_nohup_has_a_lost_terminal_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_slurms_warning_has_the_job_queued_again(tmp_path, monkeypatch):
    scontrol = tmp_path / "scontrol"
    scontrol.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path / "called"}\n')
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    again = "checkpointed; SLURM has queued job 42 again"
    with pytest.raises(Interrupted, match=again), interruptible():
        os.kill(os.getpid(), signal.SIGUSR1)
    assert (tmp_path / "called").read_text() == "requeue 42\n"

    scontrol.write_text("#!/bin/sh\necho 'slurm_requeue error: disabled' >&2; exit 1\n")
    refused = r"did not queue job 42 again \(slurm_requeue error"
    with pytest.raises(Interrupted, match=refused), interruptible():
        os.kill(os.getpid(), signal.SIGUSR1)


def test_elsewhere_the_warning_ends_nothing(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with interruptible():
        os.kill(os.getpid(), signal.SIGUSR1)
