"""Names that become folders."""

import pytest

from harness.config import compose
from harness.config.names import LONGEST, need_name
from harness.errors import ConfigError


@pytest.mark.parametrize("name", ["demo", "2026_11_27", "größe 2", "日本", "a.b-c", "a" * LONGEST])
def test_names_that_folders_can_have(name, tmp_path):
    need_name("key", name)
    (tmp_path / name).mkdir()


@pytest.mark.parametrize("size", [256, 300, 500, LONGEST + 1])
def test_names_too_long_for_a_folder_are_refused_in_bytes(size):
    accepted = f"accepted: a name of up to {LONGEST} bytes"
    with pytest.raises(ConfigError, match=accepted) as caught:
        compose([f"tracking.experiment={'x' * size}"])
    assert len(str(caught.value)) < 200
    with pytest.raises(ConfigError, match=accepted):
        need_name("key", "é" * (LONGEST // 2 + 1))


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "-a", " a", "a ", "a.", "a\n", "a:b", "../a"]
)
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(ConfigError, match=r"key: received .*; accepted: letters, digits"):
        need_name("key", name)
