"""Any two text files that are aligned line by line."""

from dataclasses import dataclass

from harness.data.text.base import PairFileOptions
from harness.options import choice


@choice
@dataclass
class ParallelText(PairFileOptions):
    """Your own pairs: `data_dir` has, say, train.en and train.de, .gz or not.

    Without `validation_files` and `test_files`, shares of the training pairs are held out.
    """

    name: str = "parallel_text"
    validation_share: float = 0.02
    test_share: float = 0.02
    vocabulary_size: int = 8000
