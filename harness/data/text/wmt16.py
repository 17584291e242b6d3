"""WMT16, English and German: 4.5 million training pairs, newstest2013 and newstest2015.

Training is Europarl v7, Common Crawl and News Commentary v11
(https://www.statmt.org/wmt16/translation-task.html). The published tables validate on
newstest2013 and test on newstest2015. TensorFlow Datasets' wmt16_translate does otherwise: its
*validation* split is newstest2015, the published test set, and newstest2013 is nowhere in it.
So this reads its own configuration of wmt_translate, which `harness data prepare wmt16` makes.
"""

import dataclasses
import hashlib
import multiprocessing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.data import cache, tfds_files
from harness.data.base import Data
from harness.data.text.base import PairFileOptions
from harness.data.text.corpora import tokens
from harness.errors import DataError
from harness.options import NOTHING, choice, decides

LANGUAGES = ("de", "en")
#: TFDS split -> the files' name before the language.
FILES = {"train": "train", "validation": "newstest2013", "test": "newstest2015"}
#: TFDS split -> the sets in it, by TFDS' names.
SUBSETS = {
    "train": ["europarl_v7", "commoncrawl", "newscommentary_v11"],
    "validation": ["newstest2013"],
    "test": ["newstest2015"],
}
#: TFDS puts the languages before a configuration's own name.
_NAME = "newstest2013_newstest2015"
_VARIANT = f"de-en.{_NAME}"
_VERSION = "1.0.0"


@choice
@dataclass
class Wmt16(PairFileOptions):
    """WMT16's English and German.

    `source=files`: `data_dir` has train, newstest2013 and newstest2015, each as .en and .de, .gz or
    not, as `harness data prepare wmt16` makes them; `source=tfds`: what that has left under
    TensorFlow Datasets' folder (`data_dir` optional).
    """

    sources: ClassVar[tuple[str, ...]] = ("files", "tfds")

    name: str = "wmt16"
    validation_files: str | None = decides(NOTHING, default=FILES["validation"])
    test_files: str | None = decides(NOTHING, default=FILES["test"])

    def require(self) -> None:
        """Refuses missing, unaligned or damaged files, and packages that are not installed."""
        if self.source == "tfds":
            tokens.require(self.tokenizer)
            tfds_files.require()
            _folder(self)
        else:
            super().require()

    def fingerprint(self) -> str:
        """sha256 over the sentences and the vocabulary; files and TFDS of the same ones agree."""
        return super(Wmt16, self._as_files()).fingerprint()

    def load(self) -> Data:
        """The pairs, encoded (once: the cache keeps them)."""
        return super(Wmt16, self._as_files()).load()

    def _as_files(self) -> "Wmt16":
        """The same, read from text files; those of TFDS are written once, to the cache."""
        if self.source == "files":
            return self
        prepared = _folder(self)
        name = f"wmt16-{_sha256(prepared)[:24]}"
        root = cache.folder_of(self.cache_dir)
        folder = cache.built(root, name, lambda unfinished: _apart(prepared, unfinished))
        return dataclasses.replace(
            self,
            source="files",
            data_dir=str(folder),
            train_files=FILES["train"],
            validation_files=FILES["validation"],
            test_files=FILES["test"],
        )


def builder(data_dir: str | None) -> Any:
    """TFDS' builder of exactly these splits."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.translate import wmt

    config = wmt.WmtConfig(name=_NAME, version=_VERSION, language_pair=LANGUAGES, subsets=SUBSETS)
    return tfds.builder("wmt_translate", config=config, data_dir=data_dir)


def write_text(prepared: Path, folder: Path) -> None:
    """Writes a prepared TFDS folder's pairs as text files, aligned line by line.

    Args:
        prepared: of `builder`.
        folder: gets `train.en`, `newstest2013.en` and so on.
    """
    for split, name in FILES.items():
        one, two = (folder / f"{name}.{language}" for language in LANGUAGES)
        with one.open("wb") as first, two.open("wb") as second:
            for example in tfds_files.examples(prepared, split):
                for language, file in zip(LANGUAGES, (first, second), strict=True):
                    # A newline within a sentence would move every line after it.
                    file.write(b" ".join(example[language].split(b"\n")) + b"\n")


def _folder(config: Wmt16) -> Path:
    try:
        return tfds_files.folder("wmt_translate", config.data_dir, tuple(SUBSETS), _VARIANT)
    except DataError as error:
        reason = str(error).split("; prepare it with")[0]
        raise DataError(
            f"{reason}; prepare it with: harness data prepare wmt16 --out FOLDER (the folder has"
            " text files, for dataset.source=files)"
        ) from None


def _apart(prepared: Path, folder: Path) -> None:
    """`write_text` in a process of its own: TensorFlow is not for those that only plan."""
    process = multiprocessing.get_context("spawn").Process(
        target=write_text, args=(prepared, folder)
    )
    process.start()
    process.join()
    if process.exitcode:
        raise DataError(f"{prepared}: cannot be read; the lines above say why")


def _sha256(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.glob("*.tfrecord*")):
        total.update(path.name.encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                total.update(block)
    return total.hexdigest()
