"""TF_CONFIG: read as TensorFlow means it, and refused in one line."""

import json

import pytest

from harness.errors import ConfigError
from harness.training.cluster import cluster
from tests.settings import harness

WORKERS = ["127.0.0.1:2001", "127.0.0.1:2002"]


def config(workers=WORKERS, kind="worker", index=1):
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": kind, "index": index}})


def test_a_cluster_is_read():
    found = cluster({"TF_CONFIG": config()})
    assert (found.workers, found.index, found.is_chief) == (2, 1, False)
    assert cluster({"TF_CONFIG": config(index=0)}).is_chief


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "TF_CONFIG is not set"),
        ("{", "received no JSON"),
        ("[]", r"received \[\]"),
        ("{}", "received {}"),
        (config(index=2), '"index": 2'),
        (config(index=-1), '"index": -1'),
        (config(index="0"), '"index": "0"'),
        (config(kind="ps"), '"type": "ps"'),
        (config(workers="127.0.0.1:1"), "received"),
        (config(workers=["127.0.0.1"], index=0), "received"),
    ],
)
def test_anything_else_is_refused(text, complaint):
    environment = {} if text is None else {"TF_CONFIG": text}
    with pytest.raises(ConfigError, match=rf'{complaint}.*; accepted: {{"cluster": ') as caught:
        cluster(environment)
    assert "\n" not in str(caught.value)


def test_the_command_line_refuses_before_anything_is_written(tmp_path):
    done = harness("run", "strategy=multi_worker", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("harness: strategy=multi_worker: TF_CONFIG is not set; accepted:")
    assert list(tmp_path.iterdir()) == []
