"""A peer library in a virtual environment of its own, measured from here.

tfmot 0.8.1 needs legacy tf_keras and sets `TF_USE_LEGACY_KERAS` when it is imported, so it
runs in a child process, which waits for one JSON request a line and answers in kind: that
way both sides can be measured in turns.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".bench"  # git-ignored

TF_KERAS = ("tf_keras~=2.21.0", "tensorflow~=2.21.0")
# TensorBoard is what tfmot's PruningSummaries writes with.
TFMOT = ("tensorflow-model-optimization==0.8.1", *TF_KERAS, "tensorboard")


def environment(name: str, requirements: tuple[str, ...]) -> Path:
    """The Python of a virtual environment with these packages, made on first use."""
    home = FOLDER / name
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = home / "installed.txt"
    if not done.exists() or done.read_text() != "\n".join(requirements):
        print(f"Installing {', '.join(requirements)} in {home.relative_to(ROOT)} …", flush=True)
        venv.create(home, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, *requirements], check=True, stderr=subprocess.DEVNULL)
        done.write_text("\n".join(requirements))
    return python


class Peer:
    """A running measuring process."""

    def __init__(self, module: str, name: str, requirements: tuple[str, ...]) -> None:
        self._process = subprocess.Popen(
            [str(environment(name, requirements)), "-m", module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        )

    def ask(self, measurement: str, **arguments: Any) -> Any:
        """The answer to one request; RuntimeError with the child's words if it failed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"measure": measurement, **arguments}) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("@"):  # anything else is chatter of the libraries
                answer = json.loads(line[1:])
                if "error" in answer:
                    raise RuntimeError(answer["error"])
                return answer["result"]
        raise RuntimeError(f"the measuring process ended: {self._process.wait()}")

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


def serve(measurements: dict[str, Any]) -> None:
    """The child's side: answers requests until the parent closes the pipe."""
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": measurements[request.pop("measure")](**request)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        print("@" + json.dumps(answer), flush=True)
