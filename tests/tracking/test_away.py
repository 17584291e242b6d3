"""A store that is away: waited for, and told of."""

import threading

import pytest

from harness.errors import TrackingError
from harness.tracking import away, store
from tests.runs import locked


@pytest.fixture
def told(monkeypatch):
    lines = []
    monkeypatch.setattr(away, "tell", lines.append)
    return lines


@pytest.mark.parametrize(
    "said",
    [
        "API request to http://host/api failed with exception ('Connection broken: "
        "IncompleteRead(0 bytes read, 2 more expected)')",
        "API request to http://host/api failed with error code 503 != 200",
    ],
)
def test_a_server_that_dies_in_the_middle_of_an_answer_is_away(said):
    assert away.is_away(RuntimeError(said))


def test_a_call_waits_for_a_store_that_comes_back(told, monkeypatch):
    answers = iter([ConnectionError("Connection refused"), ConnectionError("timed out"), 7])

    def call():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(away, "PAUSE", 0.01)
    assert away.patiently("http://host", call) == 7
    assert told == [
        "the store http://host does not answer; waiting for it",
        "the store http://host answers again",
    ]


def test_a_store_that_never_comes_back_is_one_line(told, monkeypatch):
    def call():
        raise ConnectionError("Connection refused")

    monkeypatch.setattr(away, "PAUSE", 0.01)
    with pytest.raises(TrackingError, match="has not answered for"), away.patience(0.05):
        away.patiently("http://host", call)


def test_other_errors_are_no_wait(told):
    def call():
        raise ValueError("no such run")

    with pytest.raises(ValueError, match="no such run"):
        away.patiently("http://host", call)
    assert told == []


def test_readers_wait_for_a_locked_store(store_uri, told, monkeypatch):
    monkeypatch.setattr(away, "PAUSE", 0.1)
    holding = locked(store_uri)
    holding.__enter__()
    timer = threading.Timer(7, lambda: holding.__exit__(None, None, None))
    timer.start()
    with store.read_only(store.sqlite_path(store_uri)) as db:
        assert db.execute("SELECT count(*) FROM experiments").fetchone() == (1,)
    timer.join()
    assert told[-1].endswith("answers again")
