"""Whether one set of translations is better than another: sacrebleu's paired bootstrap.

Koehn 2004, https://aclanthology.org/W04-3250, as sacrebleu has it, over the test's sentences. It
scores detokenised text (13a), as `test/bleu_13a` does.
"""

import contextlib
import io
import logging
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from harness.tracking.answers import Answers

#: Draws of a test set.
SAMPLES = 1000


def available() -> bool:
    """Whether sacrebleu is installed."""
    return find_spec("sacrebleu") is not None


def paired(ours: Answers, theirs: Answers) -> tuple[float, float] | None:
    """Compares two runs' translations of one test set.

    Args:
        ours: what the one said.
        theirs: what the other said of the same sentences.

    Returns:
        The difference in BLEU, and its p-value; None where they are not of the same sentences.
    """
    if not ours.said or ours.reference != theirs.reference or not available():
        return None
    from sacrebleu.metrics import BLEU
    from sacrebleu.significance import PairedTest

    systems: list[tuple[str, Sequence[str]]] = [
        ("theirs", list(theirs.said)),
        ("ours", list(ours.said)),
    ]
    logging.getLogger("sacrebleu").setLevel(logging.WARNING)
    with contextlib.redirect_stderr(io.StringIO()):
        test = PairedTest(
            systems,
            {"BLEU": BLEU()},
            references=[list(ours.reference)],
            test_type="bs",
            n_samples=SAMPLES,
        )
        _, scores = test()
    found: Any = scores["BLEU"]
    return found[1].score - found[0].score, found[1].p_value
