"""Labels of the flat validation folder: every accepted file, and its refusals."""

import tarfile

import numpy as np
import pytest

from harness.data.images.imagenet_labels import read
from harness.errors import DataError
from tests.data.images.photo_files import IDS, SYNSETS, truth, validation, write_kit

NAMES = list(validation())
EXPECTED = [SYNSETS.index(name) for name in truth()]
PAIRS = list(zip(NAMES, truth(), strict=True))


def test_ids_of_the_challenge_go_through_its_table(tmp_path):
    """They are numbered otherwise than the sorted synsets: taken as they are, all were wrong."""
    write_kit(tmp_path)
    assert [IDS[name] - 1 for name in truth()] != EXPECTED
    labels = read(tmp_path, NAMES, SYNSETS)
    assert labels.tolist() == EXPECTED
    assert labels.dtype == np.int64


@pytest.mark.parametrize("place", ["data", "ILSVRC2012_devkit_t12/data"])
def test_the_kit_may_lie_in_its_folder(tmp_path, place):
    write_kit(tmp_path / place)
    assert read(tmp_path, NAMES, SYNSETS).tolist() == EXPECTED


def test_the_kit_may_be_packed(tmp_path):
    write_kit(tmp_path / "kit")
    archive = tmp_path / "ILSVRC2012_devkit_t12.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "kit", "ILSVRC2012_devkit_t12/data")
    assert read(tmp_path, NAMES, SYNSETS).tolist() == EXPECTED
    whole = archive.read_bytes()
    for damaged in (whole[:300], whole[:300] + b"\xff" * 40 + whole[340:], whole[:-8] + b"?" * 8):
        archive.write_bytes(damaged)
        with pytest.raises(DataError, match=r"t12\.tar\.gz: .*fetch it again"):
            read(tmp_path, NAMES, SYNSETS)


@pytest.mark.parametrize(
    ("file", "lines"),
    [
        ("val.txt", [f"{name} {SYNSETS.index(label)}" for name, label in PAIRS]),
        ("val.txt", [f"{name} {label}" for name, label in reversed(PAIRS)]),
        ("validation_labels.txt", [f"{name},{label}" for name, label in PAIRS]),
        (
            "LOC_val_solution.csv",
            ["ImageId,PredictionString"]
            + [f"{name[:-5]},{label} 1 2 30 40 {label} 5 6 7 8" for name, label in PAIRS],
        ),
        ("imagenet_2012_validation_synset_labels.txt", truth()),
    ],
)
def test_lines_of_names_and_classes(tmp_path, file, lines):
    (tmp_path / file).write_text("\n".join(lines) + "\n")
    assert read(tmp_path, NAMES, SYNSETS).tolist() == EXPECTED


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("val.txt", "\n".join(truth()[:-1]), "6 labels for 7 validation photographs"),
        ("val.txt", "\n".join(["5"] * 7), "received 5; accepted: synsets"),
        ("val.txt", "\n".join(["n99999999"] * 7), "n99999999 is no class of the training"),
        ("val.txt", f"{NAMES[0]} 0\n", r"no label for ILSVRC2012_val_00000002\.JPEG \(6 are"),
        ("val.txt", f"{NAMES[0]} 0\n{NAMES[1]}", rf"no class beside {NAMES[1]}"),
        ("val.txt", "".join(f"{name} 3\n" for name in NAMES), "class 3; accepted: 0 to 2"),
        ("ILSVRC2012_validation_ground_truth.txt", "9\n" * 7, r"9 is no id of meta\.mat"),
        ("ILSVRC2012_validation_ground_truth.txt", "1\n" * 6, "6 labels for 7"),
        ("meta.mat", "", "not the development kit's table"),
        ("meta.mat", "<html>" * 99, "not the development kit's table"),
    ],
)
def test_labels_of_something_else_are_refused(tmp_path, file, content, message):
    if file != "val.txt":
        write_kit(tmp_path)
    (tmp_path / file).write_text(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path, NAMES, SYNSETS)


def test_ground_truth_needs_its_table(tmp_path):
    write_kit(tmp_path)
    (tmp_path / "meta.mat").unlink()
    with pytest.raises(DataError, match=r"meta\.mat: cannot be read"):
        read(tmp_path, NAMES, SYNSETS)
