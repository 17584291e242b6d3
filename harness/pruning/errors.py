"""What the pruning core refuses, and what it warns about."""

from harness.errors import HarnessError


class PruningError(HarnessError):
    """A pruner that cannot do what was asked: the message names the layer and the reason."""


class PruningWarning(UserWarning):
    """Pruning goes on, but ends elsewhere than the arguments suggest."""
