import pytest

from harness.errors import ConfigError
from harness.report.pages import page_tables
from harness.report.published import parse_published, published_names, read_published

HEAD = "row,column,value,unit,source,notes\n"


@pytest.mark.parametrize("name", sorted(page_tables()))
def test_every_value_of_a_page_is_shown_in_its_table(name):
    spec = page_tables()[name]
    shown = {(row.model, row.sparsity) for row in spec.rows}
    values = read_published(spec.published).values
    beside = {key for key in values if key[1].startswith("dense for") or key[1].endswith("(Arm)")}
    assert set(values) - beside <= shown
    if name != "examples":
        assert shown <= set(values)
    assert all(value.source.startswith("https://") for value in values.values())


def test_a_source_with_its_own_dense_is_compared_with_that():
    table = read_published("image_classification")
    assert table.baseline("InceptionV3", "2 by 4").value == 77.82
    assert table.baseline("InceptionV3", "random 50%").value == 78.1
    assert table.baseline("MobilenetV2 224", "2 by 4").value == 71.77


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
        (HEAD + "m,dense,high,%,https://x,\n", "'high' is no number"),
        (HEAD + "m,dense,1,%,,\n", "no source"),
        (HEAD + "m,dense,1,%,https://x,\nm,dense,2,%,https://x,\n", "twice"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path, text, words):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        parse_published(path)
