"""Scripts for other devices: they parse, name files that exist, and do what they say with tools."""

import os
import re
import shutil
import subprocess

import pytest

from harness.export.timing import scripts

#: Stands in for adb: runs what the device would, and times a file by the number of its letters.
ADB = r"""#!/usr/bin/env bash
echo "adb $*" >>"$CALLS"
for word in "$@"; do case $word in --graph=*) file=$(basename "${word#--graph=}") ;; esac; done
case "$*" in
  *--graph=*broken*--enable_op_profiling=true*) echo "failed to load: why" && exit 1 ;;
  *--enable_op_profiling=true*) echo "Fully Connected (NC, F32)" ;;
  *--graph=*broken*) echo "failed to load" && exit 1 ;; # as the tool does, and adb with it
  *--graph=*) echo "Inference timings in us: Init: 1, First inference: 9, Warmup (avg): 8, \
Inference (avg): $((${#file} * 1000))" ;;
esac
"""
#: Stands in for trtexec: with its kernels for 2:4 twice as fast.
TRTEXEC = r"""#!/usr/bin/env bash
echo "trtexec $*" >>"$CALLS"
if [[ "${REFUSED:-}" && "$*" == *$REFUSED* ]]; then echo "[E] no such kernel" >&2; exit 1; fi
for word in "$@"; do case $word in --saveEngine=*) touch "${word#--saveEngine=}" ;; esac; done
case "$*" in
  *--sparsity=enable*) echo "[I] (Sparsity) Layers eligible for sparse math: conv1" ;;
  *--loadEngine=enable*) echo "[I] GPU Compute Time: mean = 1.6 ms, median = 1.5 ms, p" ;;
  *--loadEngine=disable*) echo "[I] GPU Compute Time: mean = 3.2 ms, median = 3 ms, p" ;;
esac
"""
PYTHON = '#!/usr/bin/env bash\necho "python3 $*" >>"$CALLS"\n'


@pytest.fixture
def folder(tmp_path):
    files = {
        "dense": "dense.tflite",
        "tflite": "model.tflite",
        "tflite_sparse": "model_sparse.tflite",
    }
    for name in files.values():
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "saved_model").mkdir()
    files["saved_model"] = "saved_model"
    told = scripts.write(tmp_path, {kind: tmp_path / name for kind, name in files.items()})
    assert told == [
        f"run where the device is: {tmp_path / name}" for name in (scripts.ARM, scripts.GPU)
    ]
    return tmp_path


def run(folder, script, refused="", **tools):
    """Runs a script with stand-ins for its tools; returns its lines, and what it called."""
    done, calls = ended(folder, script, refused, **tools)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines(), calls


def ended(folder, script, refused="", **tools):
    """What became of a script with stand-ins for its tools, and what it called."""
    shelf = folder / "tools"
    shelf.mkdir()
    for name, text in tools.items():
        (shelf / name).write_text(text)
        (shelf / name).chmod(0o755)
    calls = folder / "calls.txt"
    path = {"PATH": f"{shelf}:{os.environ['PATH']}", "CALLS": str(calls), "ROUNDS": "3"}
    path["REFUSED"] = refused
    done = subprocess.run(
        [folder / script], env={**os.environ, **path}, capture_output=True, text=True, timeout=60
    )
    return done, calls.read_text().splitlines()


@pytest.mark.parametrize("script", [scripts.ARM, scripts.GPU])
def test_they_parse(folder, script):
    assert os.access(folder / script, os.X_OK)
    for check in (["bash", "-n"], ["shellcheck"]):
        if shutil.which(check[0]):
            done = subprocess.run([*check, folder / script], capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr


def test_all_files_that_they_name_exist(folder):
    for script in (scripts.ARM, scripts.GPU):
        text = (folder / script).read_text()
        assert "@" not in text.replace("$@", "").replace("[@]", ""), "a place was not filled in"
    text = (folder / scripts.ARM).read_text()
    (names,) = re.findall(r"^FILES=\((.*)\)$", text, re.MULTILINE)
    assert names.split() == ["dense.tflite", "model.tflite", "model_sparse.tflite"]
    assert all((folder / name).exists() for name in names.split())
    assert "--saved-model saved_model " in (folder / scripts.GPU).read_text()


def test_a_script_takes_the_place_of_an_earlier_one_whole(tmp_path):
    for name in (scripts.ARM, scripts.GPU):
        (tmp_path / name).write_text("earlier")
        os.link(tmp_path / name, tmp_path / f"{name}.before")
    scripts.write(tmp_path, {"tflite": tmp_path / "a.tflite", "onnx": tmp_path / "a.onnx"})
    for name in (scripts.ARM, scripts.GPU):
        assert (tmp_path / f"{name}.before").read_text() == "earlier", "not written over"
        assert os.access(tmp_path / name, os.X_OK)
    assert len([*tmp_path.iterdir()]) == 4


def test_on_arm_files_take_turns_and_factors_are_of_a_round(folder):
    (folder / "benchmark_model").write_text("the tool")
    lines, calls = run(folder, scripts.ARM, adb=ADB)
    pushed = [call.split()[2] for call in calls if call.startswith("adb push")]
    assert pushed == ["benchmark_model", "dense.tflite", "model.tflite", "model_sparse.tflite"]
    timed = [call for call in calls if "--num_runs=50" in call]
    order = [re.search(r"/(\w+)\.tflite", call)[1] for call in timed]
    assert order == ["dense", "model", "model_sparse"] * 3 * 2
    assert all("--use_xnnpack=true" in call for call in timed)
    assert not any("--signature_to_run_for" in call for call in timed), "they have one graph"
    assert [call.split("--num_threads=")[1][0] for call in timed] == ["1"] * 9 + ["4"] * 9
    assert "dense.tflite 1 12.000 1.00×" in lines
    assert "model_sparse.tflite 4 19.000 0.63×" in lines
    assert len((folder / "benchmark_arm.csv").read_text().splitlines()) == 19
    assert "Fully Connected" in (folder / "profile_model.txt").read_text()


def test_of_files_that_have_several_graphs_one_is_timed(folder):
    (folder / "benchmark_model").write_text("the tool")
    scripts.write(folder, {"tflite": folder / "model.tflite"}, "step")
    _, calls = run(folder, scripts.ARM, adb=ADB)
    timed = [call for call in calls if "--graph=" in call]
    assert timed
    assert all("--signature_to_run_for=step" in call for call in timed)


def test_a_file_that_does_not_run_there_stops_no_other(folder):
    (folder / "broken.tflite").write_bytes(b"x")
    (folder / "benchmark_model").write_text("the tool")
    files = {"dense": folder / "dense.tflite", "tflite": folder / "broken.tflite"}
    assert scripts.write(folder, files)[1].startswith("no benchmark_gpu.sh: it needs one of onnx")
    assert not (folder / scripts.GPU).exists(), "that of files which are not there now"
    done, calls = ended(folder, scripts.ARM, adb=ADB)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert done.stderr.count("broken.tflite: not timed (see profile_broken.txt)") == 3 * 2
    assert (folder / "profile_broken.txt").read_text() == "failed to load: why\n"
    assert len([call for call in calls if "/dense.tflite" in call and "=50" in call]) == 3 * 2
    assert "dense.tflite 1 12.000 1.00×" in lines
    assert not [line for line in lines if line.startswith("broken.tflite 1 ")]


def test_on_a_gpu_engines_with_and_without_2_by_4_take_turns(folder):
    lines, calls = run(folder, scripts.GPU, trtexec=TRTEXEC, python3=PYTHON)
    assert calls[0].startswith("python3 -m tf2onnx.convert --saved-model saved_model --opset 17")
    built = [call for call in calls if "--saveEngine" in call]
    assert [re.search(r"--sparsity=(\w+)", call)[1] for call in built] == ["disable", "enable"]
    assert all("--onnx=model.onnx --fp16" in call for call in built)
    ran = [call for call in calls if "--loadEngine" in call]
    turns = [re.search(r"--loadEngine=(\w+)", call)[1] for call in ran]
    assert turns == ["disable", "enable"] * 3
    assert "[I] (Sparsity) Layers eligible for sparse math: conv1" in lines
    assert lines[-2:] == ["round 3, sparsity disable: 3 ms", "round 3, sparsity enable: 1.5 ms"]


def test_kernels_that_the_gpu_refuses_stop_no_others(folder):
    (folder / "enable.engine").write_text("of an earlier network")
    tools = {"trtexec": TRTEXEC, "python3": PYTHON}
    done, _ = ended(folder, scripts.GPU, "--sparsity=enable", **tools)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sparsity enable: not built (see benchmark_gpu_enable.txt)" in done.stderr
    assert "no such kernel" in (folder / "benchmark_gpu_enable.txt").read_text()
    assert done.stdout.splitlines()[-2:] == [
        "round 2, sparsity disable: 3 ms",
        "round 3, sparsity disable: 3 ms",
    ]


def test_an_engine_that_does_not_run_stops_no_other(folder):
    lines, _ = run(folder, scripts.GPU, "--loadEngine=disable", trtexec=TRTEXEC, python3=PYTHON)
    assert lines[-2:] == [
        "round 3, sparsity disable: not timed",
        "round 3, sparsity enable: 1.5 ms",
    ]


def test_without_any_engine_it_says_so_and_fails(folder):
    done, _ = ended(folder, scripts.GPU, "--onnx", trtexec=TRTEXEC, python3=PYTHON)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 2, done.stderr


def test_an_onnx_file_of_an_earlier_network_is_made_anew(folder):
    made = folder / "model.onnx"
    made.write_text("of an earlier network")
    os.utime(made, (0, 0))
    _, calls = run(folder, scripts.GPU, trtexec=TRTEXEC, python3=PYTHON)
    assert calls[0].startswith("python3 -m tf2onnx.convert")
    made.write_text("of this one")
    shutil.rmtree(folder / "tools")
    (folder / "calls.txt").unlink()
    _, calls = run(folder, scripts.GPU, trtexec=TRTEXEC, python3=PYTHON)
    assert calls[0].startswith("trtexec")


def test_an_onnx_file_needs_no_conversion(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"x")
    told = scripts.write(tmp_path, {"onnx": tmp_path / "model.onnx"})
    assert told[0].startswith("no benchmark_arm.sh: it needs a TensorFlow Lite file")
    text = (tmp_path / scripts.GPU).read_text()
    assert "MODEL=model.onnx" in text
    assert "tf2onnx" not in text
