import re
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.report.layout import difference
from harness.report.pages import page_tables
from harness.report.published import parse_published, published_names, read_published

HEAD = "row,column,value,unit,by,source,notes\n"
IMAGES = Path(__file__).parents[2] / "docs" / "images.md"
#: Arm's, each from Arm's own dense network: pull request 743 of tensorflow/model-optimization.
FROM_ARMS_DENSE = {
    ("image_classification", "InceptionV3"): -2.02,
    ("image_classification", "MobilenetV1 224"): -3.62,
    ("image_classification", "MobilenetV2 224"): -5.02,
    ("keyword_spotting", "DS-CNN-L"): -0.90,
}


@pytest.mark.parametrize("name", sorted(page_tables()))
def test_every_value_of_a_page_is_shown_in_its_table(name):
    spec = page_tables()[name]
    shown = {(row.model, row.sparsity) for row in spec.rows}
    table = read_published(spec.published)
    assert set(table.values) <= shown
    if name != "examples":
        assert shown <= set(table.values)
    beside = {one for row in shown for one in table.partners(*row)}
    assert beside == set(table.beside), "none is kept that no row shows"
    every = [*table.values.values(), *table.beside]
    assert all(value.source.startswith("https://") and value.by for value in every)


def test_a_source_with_its_own_dense_is_compared_with_that():
    table = read_published("image_classification")
    assert table.baseline("InceptionV3", "2 by 4").value == 77.82
    assert table.baseline("InceptionV3", "random 50%").value == 78.1
    assert table.baseline("MobilenetV2 224", "2 by 4").value == 71.77
    found = {(one.column, one.value) for one in table.partners("InceptionV3", "2 by 4")}
    assert found == {("dense", 77.82), ("random 50%", 77.47)}
    assert table.partners("MobilenetV2 224", "2 by 4") == (), "the guide has them itself"
    assert table.partners("InceptionV3", "random 50%") == ()


def test_what_2_by_4_lost_is_said_in_one_way_everywhere():
    words = IMAGES.read_text(encoding="utf-8")
    for (name, model), lost in FROM_ARMS_DENSE.items():
        table = read_published(name)
        found = table.get(model, "2 by 4").value - table.baseline(model, "2 by 4").value
        assert found == pytest.approx(lost)
        if name == "image_classification":
            assert difference(found) in words
    assert not re.search(r"published losses", words, re.IGNORECASE)


def test_values_are_those_of_what_was_released():
    example = read_published("examples").get("mnist_cnn", "2 by 4")
    assert (example.value, example.by) == (98.66, "Arm")
    assert "/blob/v0.8.0/" in example.source
    first = read_published("image_classification").get("MobilenetV1 224", "dense")
    assert "7251ec7" in first.notes


def test_no_name_is_an_empty_table():
    assert read_published(None).values == {}


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(ConfigError, match=r"nonsense.*accepted: .*translation"):
        read_published("nonsense")
    assert published_names() == sorted(page_tables())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("row,column,value\n", "columns"),
        (HEAD + "m,dense,high,%,Arm,https://x,\n", "'high' is no number"),
        (HEAD + "m,dense,1,%,Arm,,\n", "no source"),
        (HEAD + "m,dense,1,%,Arm,https://x,\nm,dense,2,%,Arm,https://x,\n", "twice"),
        (HEAD + "".join(f"m,dense,1,%,{by},https://x,\n" for by in "abb"), "twice"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path, text, words):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        parse_published(path)
