"""Passwords of stores: taken from a URI where one is given, used, and written nowhere.

A URI's user and password stay in this process's environment, where the processes that it
starts find them; every config, tag, file, report and message has the URI without them.
"""

import json
import os
import re

#: The environment variable in which processes pass on what they took: URI -> URI with it.
VARIABLE = "HARNESS_CREDENTIALS"
_USERINFO = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?P<user>[^\s/?#'\"]*)@", re.IGNORECASE)


def taken(uri: str) -> str:
    """A URI without its user and password, which `whole` knows from now on."""
    found = _USERINFO.match(uri)
    if found is None:
        return uri
    public = hidden(uri)
    os.environ[VARIABLE] = json.dumps({**_known(), public: uri})
    return public


def whole(uri: str) -> str:
    """A URI with the user and password that were taken from it, for who opens the store."""
    return _known().get(uri, uri)


def hidden(text: str) -> str:
    """A text in which no URI has a user or password."""
    return _USERINFO.sub(lambda match: match["scheme"], text)


def _known() -> dict[str, str]:
    known: dict[str, str] = json.loads(os.environ.get(VARIABLE) or "{}")
    return known
