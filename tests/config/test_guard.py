"""Nothing in a config can make the harness import or call code outside the allow-list.

Every attack would leave a file behind; Hydra runs in a process of its own.
"""

import pytest

from harness.config import compose
from harness.config.guard import refuse_foreign
from harness.errors import ConfigError
from tests.settings import shell

MARK = "touched"


@pytest.fixture
def folder(tmp_path):
    """A folder with a package that tells if it is imported, for processes that start there."""
    package = tmp_path / "evil"
    package.mkdir()
    (package / "__init__.py").write_text(f"open({MARK!r}, 'w').close()\n")
    (tmp_path / "own").mkdir()
    return tmp_path


def attack(folder, *arguments, content=None):
    """Runs the Hydra application; returns the line with which it refused."""
    if content is not None:
        (folder / "own" / "mine.yaml").write_text(f"defaults: [config, _self_]\n{content}\n")
        arguments = ("--config-dir", "own", "--config-name", "mine", *arguments)
    done = shell(*arguments, cwd=folder, module="harness.run")
    assert not (folder / MARK).exists(), "code ran"
    assert done.returncode == 2, done.stderr[-2000:]
    lines = done.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("harness: ")
    assert sorted(path.name for path in folder.iterdir()) == ["evil", "own"], "half-written"
    return lines[0]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (
            'hydra: {callbacks: {x: {_target_: os.mkdir, path: "touched"}}}',
            "hydra.callbacks.x._target_: received 'os.mkdir'",
        ),
        (
            "hydra: {callbacks: {x: {_target_: hydra_plugins.evil.os.mkdir, path: touched}}}",
            "hydra.callbacks.x._target_: received 'hydra_plugins.evil.os.mkdir'",
        ),
        (
            "hydra: {callbacks: {x: '${oc.decode:\"{_target_: os.mkdir, path: touched}\"}'}}",
            "hydra.callbacks.x: received '${oc.decode:",
        ),
        (
            'hydra: {job_logging: {formatters: {x: {"()": logging.os.mkdir, path: touched}}}}',
            "hydra.job_logging.formatters.x.(): received 'logging.os.mkdir'",
        ),
        (
            "hydra: {job_logging: {handlers: {x: {class: evil.Handler}}}}",
            "hydra.job_logging.handlers.x.class: received 'evil.Handler'",
        ),
        (
            "hydra: {job_logging: {handlers: {console: {stream: ext://evil.x}}}}",
            "hydra.job_logging.handlers.console.stream: received 'ext://evil.x'",
        ),
        (
            "hydra: {job_logging: {handlers: {x: {class: logging.FileHandler, "
            "filename: touched}}}}",
            "hydra.job_logging.handlers.x.class: received 'logging.FileHandler'",
        ),
        (
            "hydra: {run: {dir: touched}, output_subdir: .hydra}",
            "hydra.run.dir: received 'touched'; accepted: a folder in the work folder",
        ),
        ("hydra: {searchpath: [pkg://evil]}", "hydra.searchpath: received pkg://evil"),
        (
            "hydra: {job: {env_set: {PYTHONPATH: /evil}}}",
            "hydra.job.env_set.PYTHONPATH: received '/evil'",
        ),
    ],
)
def test_a_malicious_file_runs_nothing(folder, content, complaint):
    assert complaint in attack(folder, content=content)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["+hydra.callbacks={x: {_target_: pathlib.Path.touch, self: touched}}"],
            "hydra.callbacks.x._target_: received 'pathlib.Path.touch'",
        ),
        (
            ["-m", "hydra.launcher._target_=os.mkdir", "+hydra.launcher.path=touched"],
            "hydra.launcher",
        ),
        (["hydra.searchpath=[pkg://evil]"], "hydra.searchpath: received pkg://evil"),
        (["--config-path", "pkg://evil"], "hydra.searchpath: received pkg://evil"),
        (
            ["hydra/job_logging=default"],
            "hydra.job_logging.handlers.file.class: received 'logging.FileHandler'; accepted: ",
        ),
        (["-m", "hydra.sweep.dir=touched"], "hydra.sweep.dir: received 'touched'; accepted"),
        (["-m", "hydra.sweep.subdir=../../touched"], "hydra.sweep.subdir: received '../../touc"),
        (["hydra.output_subdir=../../touched"], "hydra.output_subdir: received '../../touched'"),
        (["--experimental-rerun", "config.pickle"], "--experimental-rerun: it unpickles a file"),
    ],
)
def test_a_malicious_command_line_runs_nothing(folder, arguments, complaint):
    assert complaint in attack(folder, *arguments)


def test_the_other_commands_are_guarded_too():
    with pytest.raises(ConfigError, match=r"hydra\.searchpath: received pkg://tests"):
        compose(["hydra.searchpath=[pkg://tests]"])
    with pytest.raises(ConfigError, match=r"hydra\.callbacks\.x\._target_: received 'os\.mkdir'"):
        compose(["+hydra.callbacks.x={_target_: os.mkdir}"])


@pytest.mark.parametrize(
    "target",
    [
        "hydra._internal.core_plugins.basic_launcher.BasicLauncher",
        "hydra._internal.core_plugins.basic_sweeper.BasicSweeper",
        "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher",
        "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher",
        "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper",
    ],
)
def test_launchers_and_sweepers_pass(target):
    refuse_foreign({"hydra": {"launcher": {"_target_": target, "n_jobs": 2}}})


@pytest.mark.parametrize(
    "folder",
    [
        "${work_dir}",
        "${work_dir}/hydra",
        "${work_dir}/${now:%Y-%m-%d}/${hydra.job.num}",
        "${work_dir}/..hidden",
        "work/here",
        "work",
    ],
)
def test_hydra_writes_in_the_work_folder(folder):
    for key in ("run", "sweep"):
        refuse_foreign({"work_dir": "work", "hydra": {key: {"dir": folder}}})


@pytest.mark.parametrize(
    "folder",
    [
        "/etc",
        "elsewhere",
        "workshop",
        "work/../elsewhere",
        "${work_dir}/../elsewhere",
        "${work_dir}shop",
        "${work_dir}/${hydra.job.override_dirname}",
        "${work_dir}/${oc.env:HOME}",
        "${work_dir}/${seed}",
        "${now:%Y}",
        "${hydra.job.num}",
        "~/x",
        "",
    ],
)
def test_and_nowhere_else(folder):
    for key in ("run", "sweep"):
        with pytest.raises(
            ConfigError, match=rf"hydra\.{key}\.dir: received .* accepted: a folder in"
        ):
            refuse_foreign({"work_dir": "work", "hydra": {key: {"dir": folder}}})


@pytest.mark.parametrize("key", ["hydra.sweep.subdir", "hydra.output_subdir"])
def test_nor_do_the_folders_below_lead_out(key):
    section, _, name = key.partition(".")[2].rpartition(".")
    for below in (None, ".", ".hydra", "${hydra.job.num}", "${hydra:job.num}", "${now:%H}/x"):
        hydra = {section: {name: below}} if section else {name: below}
        refuse_foreign({"work_dir": "work", "hydra": hydra})
    for below in ("..", "a/../../b", "/etc", "~", "${seed}", "${hydra.job.override_dirname}"):
        hydra = {section: {name: below}} if section else {name: below}
        with pytest.raises(ConfigError, match=rf"{key}: received"):
            refuse_foreign({"work_dir": "work", "hydra": hydra})


@pytest.mark.parametrize("key", ["setup", "teardown", "python", "srun_args"])
def test_a_launcher_runs_the_cells_and_nothing_beside(key):
    target = "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher"
    refuse_foreign({"hydra": {"launcher": {"_target_": target, key: None}}})
    for value in ("rm", ["rm"]):
        with pytest.raises(ConfigError, match=rf"hydra\.launcher\.{key}.*: received"):
            refuse_foreign({"hydra": {"launcher": {"_target_": target, key: value}}})


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "",
        None,
        {"a": 1},
        ["hydra_plugins.x.y.FooLauncher"],
        "${x}",
        "hydra.utils.call",
        "hydra._internal.core_plugins.basic_launcher.os.system",
        "hydra_plugins.x.os.system",
        "hydra_plugins.x.y.FooLauncher.launch",
        "evil.hydra_plugins.x.y.FooLauncher",
    ],
)
@pytest.mark.parametrize("place", ["model", "hydra", "anywhere"])
def test_other_targets_do_not(target, place):
    with pytest.raises(ConfigError, match=rf"{place}\.deep\[1\]\._target_: received"):
        refuse_foreign({place: {"deep": [1, {"_target_": target}]}})


@pytest.mark.parametrize(
    "text",
    ["${seed}", "a ${oc.env:HOME} b", "${now:%Y}", "${hydra:job.name}", "plain", "$5", "{x}"],
)
def test_harmless_texts_pass(text):
    refuse_foreign({"work_dir": text})


@pytest.mark.parametrize(
    "text",
    [
        "${oc.decode:'{_target_: x}'}",
        "${oc.create:{a: 1}}",
        "${oc.select:nothing,{_target_: x}}",
        "a ${ oc.decode:x } b",
        "${oc.env:X,${oc.decode:y}}",
        "${oc.${kind}:x}",
        "ext://os.system",
        "${custom:x}",
    ],
)
def test_texts_that_make_more_than_texts_do_not(text):
    with pytest.raises(ConfigError, match=r"a\[0\]\.b: received"):
        refuse_foreign({"a": [{"b": text}]})


def test_the_shipped_configs_pass_with_every_logging(tmp_path):
    for name in ("disabled", "none", "stdout"):
        done = shell(
            "--cfg", "hydra", f"hydra/job_logging={name}", cwd=tmp_path, module="harness.run"
        )
        assert done.returncode == 0, done.stderr
        assert not list(tmp_path.iterdir())
