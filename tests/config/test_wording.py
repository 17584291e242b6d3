"""What sparsities are called by the config's names for them."""

import pytest

from harness.config.wording import sparsity_label


@pytest.mark.parametrize(
    ("name", "target", "label"),
    [
        ("dense", None, "dense"),
        ("random", 0.5, "random 50%"),
        ("random", 0.875, "random 87.5%"),
        ("structured_2x4", None, "2 by 4"),
        ("structured_1x4", None, "1 by 4"),
        ("block_1x4", 0.5, "block 1 by 4 50%"),
        ("custom_exact", 0.5, "custom exact 50%"),
        ("random", 1 / 3, "random 33.3333%"),
        ("random", 0.00001, "random 0.001%"),
    ],
)
def test_labels(name, target, label):
    assert sparsity_label(name, target) == label
