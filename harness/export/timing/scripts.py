"""Scripts that time exported files where this machine cannot: on an Arm device, on a GPU.

On Arm the stock runtime's own tool runs the TensorFlow Lite files in turns
(https://ai.google.dev/edge/litert/models/measurement); on a GPU TensorRT's runs the network with
and without kernels for 2:4, which NVIDIA's GPUs have from Ampere on
(https://docs.nvidia.com/deeplearning/tensorrt/latest/reference/command-line-programs.html).
"""

import shlex
from collections.abc import Mapping
from pathlib import Path

from harness.export.tflite import write as write_file

ARM, GPU = "benchmark_arm.sh", "benchmark_gpu.sh"
#: Formats that TensorRT can be given, the one that needs no conversion first.
_FOR_GPU = ("onnx", "saved_model")

_ARM = """\
#!/usr/bin/env bash
# Times the TensorFlow Lite files beside this script on an Android device, in turns, and prints of
# each the median milliseconds of one example and how many times faster it is than the first.
# Needs adb and a device that allows USB debugging; on Arm with Linux, `harness export --latency`
# runs by itself.
#
#   ./benchmark_arm.sh
#   THREADS="1 4" ROUNDS=9 MASK=f0 ./benchmark_arm.sh    # MASK: the cores, as taskset has them
#   TOOL=./benchmark_model ./benchmark_arm.sh            # one's own build instead of the nightly
#   SIGNATURE=encode ./benchmark_arm.sh                  # another graph of files that have several
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

FILES=(@FILES@)
THREADS="${THREADS:-1 4}" ROUNDS="${ROUNDS:-5}" MASK="${MASK:-}" TOOL="${TOOL:-benchmark_model}"
URL=https://storage.googleapis.com/tensorflow-nightly-public/prod/tensorflow/release/lite/tools/nightly/latest/android_aarch64_benchmark_model
SIGNATURE="${SIGNATURE:-@SIGNATURE@}"
THERE=/data/local/tmp/sparsity_harness TIMES=benchmark_arm.csv

[ -f "$TOOL" ] || curl --fail --location --output "$TOOL" "$URL"
adb shell mkdir -p "$THERE"
adb push "$TOOL" "$THERE/benchmark_model"
adb shell chmod +x "$THERE/benchmark_model"
for file in "${FILES[@]}"; do adb push "$file" "$THERE/"; done

run() { # FILE THREADS FLAG…
  local file=$1 threads=$2
  shift 2
  adb shell ${MASK:+taskset "$MASK"} "$THERE/benchmark_model" "--graph=$THERE/$file" \\
    "--num_threads=$threads" --use_xnnpack=true ${SIGNATURE:+"--signature_to_run_for=$SIGNATURE"} \\
    "$@" </dev/null 2>&1
}

echo "threads,round,file,ms" >"$TIMES"
for threads in $THREADS; do
  for ((round = 1; round <= ROUNDS; round++)); do
    for file in "${FILES[@]}"; do
      us=$(run "$file" "$threads" --warmup_runs=5 --num_runs=50 |
        sed -n 's/.*Inference (avg): *\\([0-9.e+]*\\).*/\\1/p' | tail -n 1 || true)
      [ -n "$us" ] || { echo "$file: not timed (see profile_${file%.tflite}.txt)" >&2; continue; }
      echo "$threads,$round,$file,$(awk "BEGIN { print $us / 1000 }")" | tee -a "$TIMES"
    done
  done
done
# which kernels ran, operation by operation
for file in "${FILES[@]}"; do
  run "$file" 1 --num_runs=20 --enable_op_profiling=true >"profile_${file%.tflite}.txt" || true
done

echo
echo "file threads ms × of ${FILES[0]}, round by round"
for threads in $THREADS; do
  for file in "${FILES[@]}"; do
    awk -F, -v threads="$threads" -v file="$file" -v first="${FILES[0]}" '
      $1 == threads && $3 == first { base[$2] = $4 }
      $1 == threads && $3 == file { ms[++n] = $4; round[n] = $2 }
      function median(v, n,   i, j, t) {
        for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j - 1] > v[j]; j--) {
          t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
        }
        return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
      }
      END {
        for (i = 1; i <= n; i++) if (round[i] in base) factor[++m] = base[round[i]] / ms[i]
        if (n) printf "%s %s %.3f %s\\n", file, threads, median(ms, n),
          m ? sprintf("%.2f×", median(factor, m)) : "-"
      }' "$TIMES"
  done
done
"""

_GPU = """\
#!/usr/bin/env bash
# Times the network beside this script on a GPU by TensorRT, with and without its kernels for 2:4,
# in turns. They need NVIDIA's Ampere or later, and zeros in 2:4 (sparsity=structured_2x4).
# Needs trtexec, of TensorRT 8 or later@NEEDS@.
#
#   ./benchmark_gpu.sh
#   SHAPES=NAME:32x224x224x3 ROUNDS=9 PRECISION="--fp16 --int8" ./benchmark_gpu.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

MODEL=@MODEL@
ROUNDS="${ROUNDS:-5}" PRECISION="${PRECISION:---fp16}" SHAPES="${SHAPES:-}"
@CONVERT@
read -ra FLAGS <<<"$PRECISION${SHAPES:+ --shapes=$SHAPES}"
built=0
for sparsity in disable enable; do
  rm -f "$sparsity.engine" # of an earlier network
  if trtexec "--onnx=$MODEL" "${FLAGS[@]}" "--sparsity=$sparsity" "--saveEngine=$sparsity.engine" \\
    --profilingVerbosity=detailed --verbose >"benchmark_gpu_$sparsity.txt" 2>&1; then
    built=1
  else
    rm -f "$sparsity.engine"
    echo "sparsity $sparsity: not built (see benchmark_gpu_$sparsity.txt)" >&2
  fi
done
[ "$built" = 1 ] || exit 1
echo "layers that may, and that do, run with sparse weights:"
grep "(Sparsity)" benchmark_gpu_enable.txt || echo "none: are the zeros in 2:4?"

for ((round = 1; round <= ROUNDS; round++)); do
  for sparsity in disable enable; do
    [ -f "$sparsity.engine" ] || continue
    ms=$(trtexec "--loadEngine=$sparsity.engine" ${SHAPES:+"--shapes=$SHAPES"} --warmUp=500 \\
      --duration=5 --useSpinWait --noDataTransfers --useCudaGraph |
      sed -n 's/.*GPU Compute Time:.*median = \\([0-9.]*\\) ms.*/\\1/p' | tail -n 1 || true)
    [ -z "$ms" ] || ms+=" ms"
    echo "round $round, sparsity $sparsity: ${ms:-not timed}"
  done
done
"""


def write(folder: Path, files: Mapping[str, Path], signature: str = "") -> list[str]:
    """Writes the scripts that files can be timed by.

    Args:
        folder: takes the scripts; holds the files.
        files: format (or `DENSE`, …) -> file, the one first that others are compared with.
        signature: the graph to be timed, of TensorFlow Lite files that have several.

    Returns:
        What to say: which scripts there are, and why another is not.
    """
    lite = [path.name for path in files.values() if path.suffix == ".tflite"]
    given = next((files[kind].name for kind in _FOR_GPU if kind in files), None)
    told = []
    for name, text, wanted in (
        (ARM, _arm(lite, signature) if lite else None, "a TensorFlow Lite file, such as tflite"),
        (GPU, None if given is None else _gpu(given), f"one of {', '.join(_FOR_GPU)}"),
    ):
        path = folder / name
        if text is None:
            path.unlink(missing_ok=True)  # an earlier one would name files that are gone
            told.append(f"no {name}: it needs {wanted}, by --formats")
            continue
        write_file(path, text.encode())
        path.chmod(0o755)
        told.append(f"run where the device is: {path}")
    return told


def _arm(files: list[str], signature: str) -> str:
    text = _ARM.replace("@SIGNATURE@", signature)
    return text.replace("@FILES@", " ".join(map(shlex.quote, files)))


def _gpu(given: str) -> str:
    """From an ONNX file, or from a SavedModel by way of one."""
    if given.endswith(".onnx"):
        return _filled(given, "", "")
    folder = shlex.quote(given)
    convert = (
        # one that is newer was made of this folder before
        f'[ "$MODEL" -nt {folder} ] || python3 -m tf2onnx.convert --saved-model {folder} '
        '--opset 17 --output "$MODEL"'
    )
    return _filled("model.onnx", ", and of Python tf2onnx", f"{convert}\n")


def _filled(model: str, needs: str, convert: str) -> str:
    text = _GPU.replace("@MODEL@", shlex.quote(model)).replace("@NEEDS@", needs)
    return text.replace("@CONVERT@\n", convert)
