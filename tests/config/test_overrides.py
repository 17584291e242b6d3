"""Overrides as typed: a text is what was typed, whatever it looks like to Hydra."""

import re
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config import compose, compose_data, expand
from harness.config.kinds import accepted, is_place, is_text, is_texts, keys, kinds
from harness.config.overrides import for_hydra, pieces, quoted_form, single
from harness.errors import ConfigError
from tests.settings import shell

#: What Hydra, YAML or Python would read as something else, or not at all.
TEXTS = [
    "2026_11_27", "2026-11-27", "12e4", "1e3", "0123", "0x1F", "1_000", ".5", "-1", "+1", "12:30",
    "true", "False", "no", "on", "inf", "-inf", "nan", "None", "a b", " a ", "a  b", "/home/jörg",
    "/data/日本", "a=b", "run (1)", "x(1,2)", "[a,b]", "{a,b}", "{a: b}", "a#b", "#", "a&b", "a;b",
    "it's", 'say "so"', "C:\\runs\\", "a\\b", "\\'", "$HOME", "100%", "*", "a:b", "`x`", "!x", "@x",
    "|", "<>", "?", "(a", "a)", "str(1)", "interval (1)", "a\nb", "a/~b",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_texts_arrive_as_typed(text):
    given = [f"dataset.data_dir={text}", f"training.name={text}", f"work_dir={text}"]
    (each,) = expand(given)
    assert each == given
    for key, override in zip(("dataset.data_dir", "training.name", "work_dir"), each, strict=True):
        assert raw(override, key) == text


def raw(override, key):
    """What Hydra composes, before a cell's own checks."""
    from harness.config.compose import _composed

    found = _composed([override])
    for name in key.split("."):
        found = found[name]
    return found


@given(st.text(st.characters(codec="utf-8", exclude_characters=",\0$~"), min_size=1))
def test_any_text_without_a_comma_arrives_as_typed(text):
    override = f"training.name={text}"
    if text.lower() == "null" or single(override) == override:
        return  # null, or in quotes already
    from hydra.core.override_parser.overrides_parser import OverridesParser

    assert expand([override]) == [[override]]
    assert OverridesParser.create().parse_override(single(override)).value() == text


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_any_text_in_its_quoted_form_is_one_value(text):
    (override,) = shlex.split(quoted_form(f"training.name={text}"))
    assert expand([override]) == [[override]]
    from hydra.core.override_parser.overrides_parser import OverridesParser

    assert OverridesParser.create().parse_override(single(override)).value() == text


def test_an_experiment_named_by_a_date_keeps_its_name():
    for name in ("2026_11_27", "1e3", "0123", "no", "true", "inf"):
        assert compose([f"tracking.experiment={name}"]).tracking.experiment == name


def test_every_text_key_of_the_schema_is_found():
    texts = {key for key in keys() if is_text(key)}
    assert texts > {
        "tracking.experiment", "tracking.uri", "work_dir", "scale", "training.name",
        "training.dense_weights", "training.finetune.start", "dataset.data_dir",
        "dataset.train_files", "dataset.speaker_pattern", "model.name", "sparsity.name",
    }  # fmt: skip
    lists = {key for key in keys() if is_texts(key)}
    assert lists == {
        "dataset.words", "export.compress", "export.formats", "sparsity.scope.include",
        "sparsity.scope.exclude", "sparsity.scope.types",
    }  # fmt: skip
    assert not texts & lists
    assert not is_text("model.filters")
    assert not is_text("seed")
    assert is_text("hydra.run.dir")
    assert kinds("no.such.key") == []
    assert accepted("no.such.key") == ""
    places = {key for key in keys() if is_place(key)}
    assert places >= {"work_dir", "dataset.data_dir", "dataset.cache_dir", "training.dense_weights"}
    assert "tracking.experiment" not in places


def test_lists_of_texts_take_their_elements_as_typed():
    words = compose_data(
        ["dataset=speech_commands", "dataset.words=[yes,no,on,off,true,null,1e3,01, a b ,'x,y']"]
    ).words  # type: ignore[attr-defined]
    assert words == ["yes", "no", "on", "off", "true", "null", "1e3", "01", "a b", "x,y"]
    assert compose(["sparsity.scope.exclude=[]"]).sparsity.scope.exclude == []
    globs = compose(["sparsity=random", "sparsity.scope.include=[conv_[12]*,1]"])
    assert globs.sparsity.scope.include == ["conv_[12]*", "1"]
    assert expand(["dataset.words=[yes,no],[on]"]) == [
        ["dataset.words=[yes,no]"],
        ["dataset.words=[on]"],
    ]


def test_texts_within_a_section_are_texts_too():
    config = compose(["sparsity=random", "sparsity.scope={include: [no, 1e3], exclude: [2_0]}"])
    assert config.sparsity.scope.include == ["no", "1e3"]
    assert config.sparsity.scope.exclude == ["2_0"]
    with pytest.raises(
        ConfigError, match=r"received {name: 1e3};.* write training\.dense\.optimizer=1e3"
    ):
        compose(["training.dense.optimizer={name: 1e3}"])


def test_null_is_no_text_where_a_key_may_be_null():
    assert compose(["dataset.data_dir=null"]).dataset.data_dir is None
    with pytest.raises(ConfigError, match=r"received null; accepted: a text \(the text"):
        compose(["tracking.experiment=null"])
    assert compose(["tracking.experiment='null'"]).tracking.experiment == "null"


def test_quotes_around_a_value_are_not_part_of_it():
    override = "dataset.data_dir='/home/jörg/~ (a=b)#, c'"
    assert expand([override]) == [[override]]
    assert raw(override, "dataset.data_dir") == "/home/jörg/~ (a=b)#, c"


def test_a_comma_outside_quotes_and_brackets_makes_several_values():
    assert expand(["work_dir=1e3, a b ,'c,d'"]) == [
        ["work_dir=1e3"],
        ["work_dir=a b"],
        ["work_dir='c,d'"],
    ]
    assert expand(["work_dir=choice(1e3,2_0)"]) == [["work_dir=1e3"], ["work_dir=2_0"]]
    assert expand(["work_dir=it's,that's"]) == [["work_dir=it's"], ["work_dir=that's"]]
    assert expand(["++work_dir=a,b"]) == [["++work_dir=a"], ["++work_dir=b"]]
    assert expand(["work_dir=${oc.env:HOME,x}"]) == [["work_dir=${oc.env:HOME,x}"]]
    assert for_hydra("work_dir=1e3,2") == "work_dir='1e3','2'", "a multirun of Hydra's"


def test_several_values_for_one_cell_say_how_a_comma_is_written():
    with pytest.raises(ConfigError) as caught:
        compose(["work_dir=a,b"])
    line = str(caught.value)
    assert line.startswith("work_dir=a,b: received several values (a, b); accepted here: one")
    (shown,) = shlex.split(re.search(r'"work_dir=.*"', line)[0])
    assert compose([shown]).work_dir == "a,b"
    with pytest.raises(ConfigError, match=r"seed=range\(1,9\): .*\(1, 2, 3, 4, …\); accepted here"):
        compose(["seed=range(1,9)"])


def test_interpolations_stay(monkeypatch):
    monkeypatch.setenv("SOMEWHERE", "/some/where")
    assert (
        compose(["dataset.data_dir=${oc.env:SOMEWHERE}/x=1"]).dataset.data_dir == "/some/where/x=1"
    )


def test_home_is_where_a_place_begins_with_a_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    config = compose(["dataset.data_dir=~/data", "work_dir=~", "tracking.uri=sqlite:///~/m.db"])
    assert config.dataset.data_dir == "/home/me/data"
    assert config.work_dir == "/home/me"
    assert config.tracking.uri == "sqlite:////home/me/m.db"
    assert raw("training.name=~/x", "training.name") == "~/x", "a name is no place"
    assert compose(["dataset.data_dir=~nobody_of_this_name/x"]).dataset.data_dir[0] == "~"


def test_pieces_are_cut_outside_quotes_and_brackets():
    assert pieces("a, b,'c,d',e(f,g),[h,i") == ["a", "b", "'c,d'", "e(f,g)", "[h", "i"]
    assert pieces("") == [""]
    assert pieces("'a\\',b',\"c") == ["'a\\',b'", '"c']


@pytest.mark.parametrize("text", ["2026_11_27", "a=b", "run (1)", "no"])
def test_the_hydra_application_takes_texts_as_typed(tmp_path, text):
    done = shell("--cfg", "job", f"training.name={text}", cwd=tmp_path, module="harness.run")
    assert done.returncode == 0, done.stderr
    import yaml

    assert yaml.safe_load(done.stdout)["training"]["name"] == text
    assert not list(Path(tmp_path).iterdir())


@pytest.mark.parametrize("written", ["{name: sgd, momentum: .9}", "{name:sgd,momentum:.9}"])
def test_a_choice_and_its_options_in_one_are_shown_one_by_one(written):
    with pytest.raises(ConfigError, match="set one by one: write ") as caught:
        compose([f"training.dense.optimizer={written}"])
    words = str(caught.value).partition("write ")[2]
    assert words == "training.dense.optimizer=sgd training.dense.optimizer.momentum=.9"
    assert compose(shlex.split(words)).training.dense.optimizer.momentum == 0.9


def test_some_options_of_the_choice_there_is_are_set_at_once():
    config = compose(["training.dense.optimizer={learning_rate: .5, clip_norm: 1.0}"])
    assert (config.training.dense.optimizer.learning_rate, config.sparsity.name) == (0.5, "dense")
