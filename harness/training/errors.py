"""What training refuses."""

from harness.errors import HarnessError


class TrainingError(HarnessError):
    """Training that cannot go on: a checkpoint of another model, or a loss that diverged."""
