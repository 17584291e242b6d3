"""WMT16's text files from TensorFlow Datasets, with the published held-out sets."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from harness.data import tfds_files
from harness.data.prepare.base import Prepared, Preparer
from harness.data.text import wmt16
from harness.options import choice


@choice
@dataclass
class Wmt16Files(Preparer):
    """What TensorFlow Datasets prepares, as text."""

    help: ClassVar[str] = (
        "WMT16 EN-DE through TensorFlow Datasets: 4.5 million pairs, newstest2013 and newstest2015"
    )

    name: str = "wmt16"

    def options(self, parser: argparse.ArgumentParser) -> None:
        """Adds --tfds-dir."""
        parser.add_argument(
            "--tfds-dir", help="where TFDS keeps its downloads and files (its default otherwise)"
        )

    def write(self, folder: Path, given: argparse.Namespace) -> Prepared:
        """Downloads and prepares what TFDS does not have yet (some 2 GB), and writes it as text.

        Raises:
            DataError: tensorflow-datasets is not installed.
        """
        tfds_files.require()
        builder = wmt16.builder(given.tfds_dir)
        builder.download_and_prepare()
        wmt16.write_text(Path(builder.data_dir), folder)
        counts = {split: info.num_examples for split, info in builder.info.splits.items()}
        return Prepared(
            source="WMT16 DE-EN of TensorFlow Datasets, newstest2013 and newstest2015 held out",
            overrides=("dataset=wmt16", "dataset.source=files"),
            facts={"subsets": wmt16.SUBSETS, "pairs": counts},
        )
