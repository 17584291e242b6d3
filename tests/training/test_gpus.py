"""GPUs as the driver tells of them, and the warning where TensorFlow sees none."""

import subprocess
import tomllib

import pytest

from harness.training import gpus
from harness.training.gpus import Gpu
from tests.settings import ROOT

pytestmark = pytest.mark.anywhere

FOUND = [("0", Gpu("GPU-aa11", "A100", 81920)), ("1", Gpu("GPU-bb22", "A100", 40960))]


def fake_driver(folder):
    """A program in a folder that answers as nvidia-smi does for two GPUs."""
    program = folder / "nvidia-smi"
    lines = ("0, GPU-aa11, A100, 81920", "1, GPU-bb22, A100, 40960")
    program.write_text("\n".join(["#!/bin/sh", *(f"echo '{line}'" for line in lines), ""]))
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def driver(tmp_path):
    """The path of a fake `nvidia-smi`."""
    return fake_driver(tmp_path)


def test_the_driver_is_asked(driver):
    assert gpus.installed(driver) == FOUND


@pytest.mark.parametrize("body", ["echo 'No devices were found'; exit 6", "echo 'a, b, c, d'"])
def test_a_driver_without_gpus_has_none(tmp_path, body):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    assert gpus.installed(str(program)) == []
    assert gpus.installed(str(tmp_path / "missing"), tmp_path) == []


def test_without_its_program_the_drivers_folder_names_the_gpus(tmp_path):
    for number, uuid in enumerate(("GPU-aa11", "GPU-bb22", "GPU-????????")):
        file = tmp_path / "gpus" / f"0000:0{number}:00.0" / "information"
        file.parent.mkdir(parents=True)
        file.write_text(f"Model: \t\t A100\nIRQ:   \t\t 36\nGPU UUID: \t {uuid}\n")
    found = gpus.installed(str(tmp_path / "missing"), tmp_path)
    assert found == [("0", Gpu("GPU-aa11", "A100")), ("1", Gpu("GPU-bb22", "A100"))]
    assert [gpu.id for gpu in gpus.visible(found, {"CUDA_VISIBLE_DEVICES": "1,0"})] == ["1", "0"]


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        (None, ["GPU-aa11", "GPU-bb22"]),
        ("1", ["1"]),
        ("1, 0", ["1", "0"]),
        ("GPU-bb", ["GPU-bb"]),
        ("MIG-3f,0", ["MIG-3f", "0"]),
        ("0,7,1", ["0"]),
        ("-1", []),
        ("", []),
    ],
)
def test_what_a_process_was_given_is_respected(given, ids):
    environment = {} if given is None else {"CUDA_VISIBLE_DEVICES": given}
    assert [gpu.id for gpu in gpus.visible(FOUND, environment)] == ids


def test_a_driver_that_tells_of_no_gpu_leaves_the_word_to_who_gave_them(tmp_path):
    given = {"CUDA_VISIBLE_DEVICES": "0,GPU-aa,-1,1"}
    assert gpus.visible([], given, (tmp_path,)) == [Gpu("0"), Gpu("GPU-aa")]
    assert gpus.visible([], given, (tmp_path / "missing",)) == []
    assert gpus.visible([], {}, (tmp_path,)) == []


def test_memory_is_that_of_the_gpu_or_the_least_it_can_be():
    assert gpus.visible(FOUND, {"CUDA_VISIBLE_DEVICES": "GPU-aa"})[0].memory_mib == 81920
    assert gpus.visible(FOUND, {"CUDA_VISIBLE_DEVICES": "0"})[0].memory_mib == 40960
    assert gpus.visible(FOUND, {"CUDA_VISIBLE_DEVICES": "MIG-3f"})[0].memory_mib is None


@pytest.mark.parametrize(
    ("seen", "driver", "given", "warned"),
    [
        (0, True, None, True),
        (0, True, "0,1", True),
        (0, True, "-1", False),
        (0, True, "", False),
        (0, False, None, False),
        (1, True, None, False),
    ],
)
def test_a_gpu_that_tensorflow_does_not_see_is_told_with_the_cure(seen, driver, given, warned):
    text = gpus.unseen(seen, driver, given)
    assert (text is not None) == warned
    assert not warned or "make setup GPU=1" in text


def test_a_driver_is_found_by_its_folder_or_its_program(tmp_path, driver):
    missing = tmp_path / "missing"
    assert gpus.has_driver(tmp_path, str(missing))
    assert gpus.has_driver(missing, driver)
    assert not gpus.has_driver(missing, str(missing))


def test_the_gpu_extra_is_of_the_tensorflow_that_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (wanted,) = [name for name in project["dependencies"] if name.startswith("tensorflow")]
    extra = project["optional-dependencies"]["gpu"]
    assert extra == [wanted.replace("tensorflow", "tensorflow[and-cuda]")]


def test_setup_installs_cuda_only_where_it_is_asked_for():
    def planned(*words):
        done = subprocess.run(
            ["make", "-n", "-B", "setup", *words], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "--constraint requirements.lock 'tensorflow[and-cuda]'" in planned("GPU=1")
    assert "and-cuda" not in planned()
    assert "and-cuda" not in planned("GPU=0")
