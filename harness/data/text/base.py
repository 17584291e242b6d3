"""What data sets of sentence pairs in files share."""

from dataclasses import dataclass

from harness.data.base import Data
from harness.data.text.corpora import pair_files
from harness.data.text.corpora.options import PairOptions


@dataclass
class PairFileOptions(PairOptions):
    """Sentences of two languages, line by line, in files."""

    def require(self) -> None:
        """Refuses missing, unaligned or damaged files, and packages that are not installed."""
        pair_files.check(self)

    def fingerprint(self) -> str:
        """sha256 over the sentences of all files and the vocabulary, whatever the direction."""
        return pair_files.fingerprint(self)

    def load(self) -> Data:
        """The pairs, encoded (once: the cache keeps them)."""
        return pair_files.load(self)
