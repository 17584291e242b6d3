"""The errors that users cause and can mend.

Every stage raises `HarnessError` (or a subclass) for input it refuses. The command
line prints its message as one line and exits with 2; anything else is a defect of
ours and keeps its traceback.
"""

import errno

#: The exit code of a command that Ctrl-C ended, as shells have it.
INTERRUPTED = 130


#: The exit code of a command that did it all, but for what waits until its store is back.
WAITING = 3

#: What the system says of a disk on which nothing more can be written.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def full(error: OSError) -> str:
    """The line for an error of `FULL`: nothing is lost but what was being written."""
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror}{where}: free some, or choose other folders; then the same command"


def first_line(error: BaseException) -> str:
    """The first line of what an error says, or its name if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def one_line(text: str) -> str:
    """Replaces what does not print, line breaks and terminal codes among it, by spaces."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else " " for sign in text)


class HarnessError(ValueError):
    """Refused input: the message says what was received, what is accepted, what to do."""


class ConfigError(HarnessError):
    """A config key or value that no cell can have."""


class NotReadError(ConfigError):
    """A key that nothing has, or that the choice made does not read: `key`, dotted."""

    def __init__(self, line: str, key: str = ""):
        super().__init__(line)
        self.key = key


class DataError(HarnessError):
    """A data set that is missing, laid out differently or damaged."""


class TrackingError(HarnessError):
    """An MLflow store that cannot be reached, read or written."""


class ExportError(HarnessError):
    """A model that cannot be converted, or whose conversion does not match it.

    `correlation` is that of its outputs with the model's, if there were any.
    """

    def __init__(self, line: str, correlation: float | None = None):
        super().__init__(line)
        self.correlation = correlation


class ReportError(HarnessError):
    """A report that cannot be drawn as asked, or written where asked."""
