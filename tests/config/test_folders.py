"""A user's own presets and sweeps beside the shipped ones."""

import pytest

from harness.config import compose, options
from harness.config.folders import VARIABLE, command, own, use
from harness.errors import ConfigError
from harness.sweep.spec import load, names
from tests.settings import harness, shell

MINE = "defaults: [random]\n\nname: mine\ntarget: 0.6\n"
SWEEP = "title: Ours\nscale: small\nblocks: [{cells: [sparsity=mine]}]\n"
PRIMARY = "defaults:\n  - config\n  - override sparsity: mine\n  - _self_\nseed: 4\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    place = tmp_path / "my presets (1), ours"
    files = {"sparsity/mine.yaml": MINE, "sweeps/ours.yaml": SWEEP, "primary.yaml": PRIMARY}
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(content)
    return place


def test_a_folder_adds_presets_and_sweeps(folder):
    assert own() is None
    with pytest.raises(ConfigError, match="sparsity=mine is unknown"):
        compose(["sparsity=mine"])
    use(folder)
    assert own() == folder
    assert {"mine", "random"} <= set(options("sparsity"))
    assert compose(["sparsity=mine"]).sparsity.target == 0.6
    assert {"ours", "demo"} <= set(names())
    ((config, _),) = load("ours").configs()
    assert config.sparsity.name == "mine"
    assert command("sweep", "ours").startswith("harness sweep ours --config-dir '")


def test_what_is_no_folder_or_hides_a_shipped_file_is_refused(folder):
    with pytest.raises(ConfigError, match="received nowhere, which is no folder; accepted"):
        use("nowhere")
    (folder / "sparsity" / "dense.yaml").write_text(MINE)
    with pytest.raises(ConfigError, match=r"dense\.yaml has the name of a shipped one; rename it"):
        use(folder)
    (folder / "sparsity" / "dense.yaml").unlink()
    (folder / "sweeps" / "demo.yaml").write_text(SWEEP)
    with pytest.raises(ConfigError, match=r"demo\.yaml has the name of a shipped one"):
        use(folder)
    assert own() is None


@pytest.mark.parametrize(
    "words",
    [
        ("--config-dir", "{}", "sweep", "ours"),
        ("sweep", "ours", "seed=1", "--config-dir", "{}"),
        ("--config-dir={}", "sweep", "ours"),
    ],
)
def test_every_command_takes_it_anywhere(folder, words):
    bad = "tracking.uri=sqlite:////no/such/folder/m.db"
    done = harness(*(word.format(folder) for word in words), bad, cwd=folder.parent)
    assert "/no/such/folder does not exist; make it" in done.stderr, "all names were known"


def test_the_hydra_application_takes_it_too(folder):
    for words in (("sparsity=mine",), ("--config-name", "primary")):
        bad = "tracking.uri=sqlite:////no/such/folder/m.db"
        words = ("--config-dir", str(folder), *words, bad)
        done = shell(*words, cwd=folder.parent, module="harness.run")
        assert "/no/such/folder does not exist; make it" in done.stderr, done.stderr


def test_a_preset_of_ones_own_names_no_code(folder):
    (folder / "sparsity" / "mine.yaml").write_text(MINE + "_target_: os.system\n")
    use(folder)
    with pytest.raises(ConfigError, match=r"_target_"):
        compose(["sparsity=mine"])


def test_a_text_that_a_preset_writes_as_a_number_is_no_other_text(folder):
    (folder / "tracking").mkdir()
    preset = folder / "tracking" / "today.yaml"
    text = "defaults: [local, _self_]\nname: today\nexperiment: {}\n"
    preset.write_text(text.format("2026_11_27"))
    use(folder)
    with pytest.raises(ConfigError, match=r"tracking\.experiment: .*number 20261127;.* in quotes"):
        compose(["tracking=today"])
    preset.write_text(text.format("'2026_11_27'"))
    assert compose(["tracking=today"]).tracking.experiment == "2026_11_27"
