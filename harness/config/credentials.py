"""Passwords of stores: taken from a URI where one is given, used, and written nowhere.

A URI's user and password stay in this process's environment, where the processes that it
starts find them; every config, tag, file, report and message has the URI without them. They are
taken where a command hears of them first, for whatever takes its words on may write these down.
"""

import json
import os
import re
from collections.abc import Iterable

#: The environment variable in which processes pass on what they took: URI -> URI with it.
VARIABLE = "HARNESS_CREDENTIALS"
#: Where MLflow looks for a store, and `tracking=server` with it.
_MLFLOW = "MLFLOW_TRACKING_URI"
#: What a database's URI may say behind its `?` that nobody may read, in small letters.
_SECRETS = ("password", "passwd", "pwd", "sslpassword", "odbc_connect", "token", "access_token")

_SCHEME = r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)"
#: Databases whose passwords may have a `/`, `?` or `#` as it is (SQLAlchemy's `make_url`).
_DATABASE = r"(?P<scheme>\b(?:postgresql|mysql|mssql)[+\w]*://)"
#: How users and passwords stand in a URI: all of a text, or in the middle of one.
_WHOLE = [
    re.compile(rf"\A{_SCHEME}[^/?#]*@", re.IGNORECASE),
    re.compile(rf"\A{_DATABASE}[^:/@]*:[^@]*@", re.IGNORECASE),
]
_WITHIN = [
    re.compile(rf"{_SCHEME}[^\s/?#'\"]*@", re.IGNORECASE),
    re.compile(rf"{_DATABASE}[^\s:/@'\"]*:[^\s@'\"]*@", re.IGNORECASE),
]
_QUERY = re.compile(rf"{_SCHEME}[^\s?#'\"]*\?[^\s#'\"]*", re.IGNORECASE)
#: A word that gives one URI, and a URI among others in a word of Hydra's grammar.
_GIVEN = re.compile(
    rf"(?P<head>(?:[^=\s:/]*=)?)(?P<quote>['\"]?)(?P<uri>{_SCHEME}.*)(?P=quote)",
    re.IGNORECASE | re.DOTALL,
)
_AMONG = re.compile(
    rf"{_SCHEME}(?:[^\s/?#'\",{{}}()\[\]]*@)?(?:\[[^\s\]]*\])?[^\s'\",{{}}()\[\]]*", re.IGNORECASE
)


def taken(uri: str) -> str:
    """A URI without its user and password, which `whole` knows from now on."""
    public = uri
    for pattern in _WHOLE:
        public = pattern.sub(lambda match: match["scheme"], public)
    public = _without_secrets(public)
    if public != uri:
        learn({public: uri})
    return public


def taken_from(words: Iterable[str]) -> list[str]:
    """Words of a command line, overrides among them, as `taken` leaves the URIs in them.

    Example:
        >>> taken_from(["sweep", "demo", "tracking.uri=http://ann:secret@host:5000"])
        ['sweep', 'demo', 'tracking.uri=http://host:5000']
    """
    return [_taken_from(word) if "://" in word else word for word in words]


def take_environment() -> None:
    """Takes those of MLflow's own variable, of which a config could show the value."""
    if uri := os.environ.get(_MLFLOW):
        os.environ[_MLFLOW] = taken(uri)


def whole(uri: str) -> str:
    """A URI with the user and password that were taken from it, for who opens the store."""
    return known().get(uri, uri)


def hidden(text: str) -> str:
    """A text in which no URI has a user or password."""
    if "://" not in text:
        return text
    for public, uri in known().items():
        text = text.replace(uri, public)
    for pattern in _WITHIN:
        text = pattern.sub(lambda match: match["scheme"], text)
    return _QUERY.sub(lambda match: _without_secrets(match[0]), text)


def known() -> dict[str, str]:
    """What was taken: URI -> URI with it. For a process that does not inherit it: `learn`."""
    found: dict[str, str] = json.loads(os.environ.get(VARIABLE) or "{}")
    return found


def learn(more: dict[str, str]) -> None:
    """Knows what another process, or this one, has taken."""
    if more:
        os.environ[VARIABLE] = json.dumps({**known(), **more})


def _taken_from(word: str) -> str:
    found = _GIVEN.fullmatch(word)
    if found is None or word.count("://") > 1:
        return _AMONG.sub(lambda match: taken(match[0]), word)
    quote, uri = found["quote"], found["uri"]
    if quote:
        uri = uri.replace(f"\\{quote}", quote)
    public = taken(uri)
    if quote:
        public = public.replace(quote, f"\\{quote}")
    return f"{found['head']}{quote}{public}{quote}"


def _without_secrets(uri: str) -> str:
    """A URI without the passwords behind its `?`."""
    address, mark, query = uri.partition("?")
    parts = query.split("&")
    kept = [part for part in parts if part.partition("=")[0].lower() not in _SECRETS]
    if len(kept) == len(parts):
        return uri
    return f"{address}{mark}{'&'.join(kept)}" if kept else address
