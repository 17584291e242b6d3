"""The cluster that TF_CONFIG describes: which processes train together, and which one this is.

Its form is TensorFlow's: `{"cluster": {"worker": ["HOST:PORT", …]}, "task": {"type": "worker",
"index": 0}}`, the same for all but the index
(https://www.tensorflow.org/guide/distributed_training#setting_up_the_tf_config_environment_variable).
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import ConfigError

_ACCEPTED = (
    'accepted: {"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, "task": {"type": "worker", '
    '"index": 0}}, the same in every process but for the index'
)


@dataclass(frozen=True)
class Cluster:
    """Processes that train one cell together; the first of them is the chief.

    Attributes:
        workers: How many there are.
        index: Which one this process is, from 0 on.
    """

    workers: int
    index: int

    @property
    def is_chief(self) -> bool:
        """Whether this process logs and writes checkpoints."""
        return self.index == 0


def cluster(environment: Mapping[str, str] = os.environ) -> Cluster:
    """Reads TF_CONFIG.

    Raises:
        ConfigError: it is missing, no JSON, or names no cluster of workers and no task in it.
    """
    text = environment.get("TF_CONFIG", "")
    if not text:
        raise ConfigError(f"strategy=multi_worker: TF_CONFIG is not set; {_ACCEPTED}")
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"TF_CONFIG: received no JSON ({error}); {_ACCEPTED}") from None
    found = _parsed(content)
    if found is None:
        raise ConfigError(f"TF_CONFIG: received {text}; {_ACCEPTED}")
    return found


def _parsed(content: Any) -> Cluster | None:
    try:
        workers, task = content["cluster"]["worker"], content["task"]
        kind, index = task["type"], task["index"]
    except (KeyError, TypeError):
        return None
    named = isinstance(workers, list) and all(
        isinstance(address, str) and address.rpartition(":")[2].isdigit() for address in workers
    )
    known = kind == "worker" and set(content["cluster"]) == {"worker"}
    if not named or not known or type(index) is not int or not 0 <= index < len(workers):
        return None
    return Cluster(len(workers), index)
