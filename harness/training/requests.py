"""Who may want a checkpoint between two segments' ends, and what it asks of the loop."""

from contextlib import AbstractContextManager, nullcontext


class Requests:
    """What the training loop asks; this one wants nothing.

    `harness.cell.job.Signals` has signals want checkpoints.
    """

    def wanted(self) -> bool:
        """Whether a checkpoint of this step is wanted; asked after every step."""
        return False

    def ending(self) -> bool:
        """Whether training shall end at the checkpoint that is wanted."""
        return False

    def stepping(self) -> AbstractContextManager[None]:
        """Lets nothing break off the block's steps, each of which ends with `wanted`."""
        return nullcontext()

    def deferred(self) -> AbstractContextManager[None]:
        """Lets nothing break off the block: what wants to, waits until `checkpointed`."""
        return nullcontext()

    def checkpointed(self) -> None:
        """Called after a checkpoint that was wanted; an exception ends training there."""
