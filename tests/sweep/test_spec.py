"""Sweeps: the shipped files, how they expand, and what is no sweep."""

import re

import pytest

from harness.config import compose, shipped
from harness.errors import ConfigError
from harness.sweep import spec
from harness.sweep.plan import plan
from harness.sweep.spec import load, names
from harness.sweep.table import table_spec
from harness.training import recipe

GOOD = """
title: A table
scale: small
seeds: [1, 2]
blocks:
  - overrides: [model.units=16]
    cells: [sparsity=dense, sparsity=random sparsity.target=0.75]
  - cells: [sparsity=structured_2x4]
"""


def sweep(folder, content=GOOD, name="mine"):
    path = folder / f"{name}.yaml"
    path.write_text(content)
    return load(str(path))


@pytest.mark.parametrize("name", names())
def test_shipped_sweeps_compose_and_plan(name, monkeypatch):
    # Not every machine has every data set: one fingerprint stands for all of them.
    monkeypatch.setattr("harness.sweep.plan._Alike._fingerprint", lambda self, dataset: "f" * 64)
    loaded = load(name)
    assert loaded.name == name
    configs = loaded.configs()
    assert {config.tracking.experiment for config, _ in configs} == {name}
    assert {config.scale for config, _ in configs} == {loaded.scale}
    cells = plan(configs)
    assert len(cells) >= len(configs), "a cell is named twice"
    assert table_spec(loaded, [config for config, _ in configs]).rows


@pytest.mark.parametrize("strategy", ["mirrored", "multi_worker"])
@pytest.mark.parametrize("name", ["image_classification", "keyword_spotting", "translation"])
def test_full_scale_sweeps_train_over_several_devices(name, strategy):
    """As their headers and docs/images.md have it, with nothing but the strategy added."""
    assert load(name).scale == "full"
    offered = f"strategy={strategy}" in (shipped("sweeps") / f"{name}.yaml").read_text()
    assert offered == (name != "translation")
    extra = [f"strategy={strategy}", "tracking=server", "tracking.uri=http://host:5000"]
    if (name, strategy) == ("translation", "multi_worker"):
        with pytest.raises(ConfigError, match="received multi_worker with model=gnmt"):
            load(name).configs(extra)
        return
    configs = load(name).configs(extra)
    assert {config.strategy.name for config, _ in configs} == {strategy}


@pytest.mark.parametrize("name", ["image_classification", "keyword_spotting", "translation"])
def test_full_scale_sweeps_say_by_which_commands_their_memory_is_told(name):
    """As the sweep trains: a command without its overrides would tell other figures."""
    text = (shipped("sweeps") / f"{name}.yaml").read_text()
    header = re.sub(r" \\\n#\s+", " ", text.partition("title:")[0])
    commands = [
        line.split() for line in re.findall(r"harness describe (.*) --memory$", header, re.M)
    ]
    told = {config.experiment: config for config in map(compose, commands)}

    def of(config):
        training = config.training
        return training.mixed_precision, training.part_size, config.dataset.name, config.model

    meant = {config.experiment: of(config) for config, _ in load(name).configs()}
    assert {experiment: of(config) for experiment, config in told.items()} == meant
    assert all(config.sparsity.pruned for config in told.values())


@pytest.mark.parametrize("name", names())
def test_shipped_schedules_arrive(name):
    for config, _ in load(name).configs():
        if not config.sparsity.pruned:
            continue
        phase, target = config.training.finetune, config.sparsity.target or 0.5
        for steps_per_epoch in (53, 544, 5_000):
            steps = recipe.length(phase, steps_per_epoch).total_steps
            schedule = config.sparsity.pruner(steps, config.seed).schedule
            last = schedule.last_update(steps - 1)
            assert float(schedule.sparsity(last)) == pytest.approx(target), (config, steps)


@pytest.mark.parametrize("name", names())
def test_shipped_sweeps_say_where_they_come_from_and_how_to_run_them(name):
    text = (shipped("sweeps") / f"{name}.yaml").read_text()
    header = text.partition("title:")[0].splitlines()
    assert all(line.startswith("#") for line in header)
    assert any(line.startswith("# Source ") and "https://" in line for line in header)
    assert f"# Command   harness sweep {name}" in header
    assert any(line.startswith("# Needs ") for line in header)


def test_the_demo_is_there():
    assert "demo" in names()
    assert [config.sparsity.name for config, _ in load("demo").configs()] == [
        "dense", "random", "random", "random", "structured_2x4",
    ]  # fmt: skip


def test_overrides_come_in_the_tables_order(tmp_path):
    own = ("scale=small", "tracking.experiment=mine")
    target = "sparsity.target=0.75"
    assert sweep(tmp_path).overrides() == [
        ("model.units=16", "sparsity=dense", *own, "seed=1"),
        ("model.units=16", "sparsity=dense", *own, "seed=2"),
        ("model.units=16", "sparsity=random", target, *own, "seed=1"),
        ("model.units=16", "sparsity=random", target, *own, "seed=2"),
        ("sparsity=structured_2x4", *own, "seed=1"),
        ("sparsity=structured_2x4", *own, "seed=2"),
    ]


def test_what_the_user_adds_comes_last_and_replaces_the_seeds(tmp_path):
    found = sweep(tmp_path).configs(["model.units=32", "seed=7,8"])
    assert {config.model.units for config, _ in found} == {32}
    assert [config.seed for config, _ in found] == [7, 8] * 3
    found = sweep(tmp_path).configs(["training.batch_size=32,64"])
    assert len(found) == 12


def test_a_name_that_is_no_sweep_says_which_there_are():
    with pytest.raises(ConfigError, match=r"sweep 'demos' does not exist; accepted: .*demo"):
        load("demos")
    with pytest.raises(ConfigError, match=r"did you mean keyword_spotting_small\?"):
        load("keyword_spoting_small")
    with pytest.raises(ConfigError, match="does not exist"):
        load("no/such/file.yaml")


def without(key):
    lines = GOOD.splitlines()
    return "\n".join(line for line in lines if not line.startswith(f"{key}:"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "received NoneType; accepted: a mapping"),
        ("- a", "received list; accepted: a mapping"),
        ("{", "not YAML"),
        (without("title"), r"missing \['title'\]; accepted keys: aliases, blocks, published"),
        (
            GOOD + "quality: val/acuracy",
            "quality: received 'val/acuracy'; accepted: test/accuracy, .*val/accuracy",
        ),
        (GOOD + "quality: [1]", "quality: received"),
        (GOOD + "sedes: [1]", r"unknown \['sedes'\]"),
        (GOOD.replace("A table", "[1]"), r"title: received \['1'\]; accepted: a text"),
        (GOOD.replace("[1, 2]", "3"), "seeds: received '3'; accepted: a list of whole numbers"),
        (GOOD.replace("[1, 2]", "[]"), r"seeds: received '\[\]'"),
        *(
            (GOOD.replace("[1, 2]", f"[{seed}]"), rf"seeds: received '\[{re.escape(seed)}\]'; acc")
            for seed in (
                "true",
                "010",
                "1_000",
                "0x10",
                "+1",
                "-1",
                "1.0",
                "1e1",
                "null",
                "[1]",
                "１",
            )
        ),
        (GOOD + "title: another", "title is there twice"),
        (GOOD + "published: nothing", "published: received 'nothing'; accepted: examples"),
        ("title: t\nscale: small\nblocks: 3", "blocks: received '3'"),
        ("title: t\nscale: small\nblocks: []", r"blocks: received \[\]"),
        (
            "title: t\nscale: small\nblocks: [3]",
            r"blocks\[0\]: received '3'; accepted: a mapping with overrides, cells and seeds",
        ),
        ("title: t\nscale: small\nblocks: [{cells: []}]", r"blocks\[0\]\.cells: received \[\]"),
        ("title: t\nscale: small\nblocks: [{cells: a=1}]", r"blocks\[0\]\.cells: received 'a=1'"),
        (
            "title: t\nscale: small\nblocks: [{cells: [b=1, [[c=1]]]}]",
            r"blocks\[0\]\.cells\[1\]\[0\]: received \[c=1\]; accepted: KEY=VALUE",
        ),
        (
            "title: t\nscale: small\nblocks: [{cells: [~]}]",
            r"cells\[0\]: received null; acc.*in quotes",
        ),
    ],
)
def test_files_that_are_no_sweep(tmp_path, content, complaint):
    with pytest.raises(ConfigError, match=complaint) as caught:
        sweep(tmp_path, content)
    assert "mine.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_binary_file_is_no_sweep(tmp_path):
    (tmp_path / "x.yaml").write_bytes(b"\x80\xff")
    with pytest.raises(ConfigError, match="not YAML"):
        load(str(tmp_path / "x.yaml"))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("scale: small", "scale: huge"), "scale: received 'huge'; accepted: small, full"),
        (("sparsity=dense", "sparsity=dens"), "sparsity=dens is unknown"),
        (("model.units=16", "model.unit=16"), "model.unit: there is no such key"),
    ],
)
def test_bad_cells_are_refused_as_elsewhere(tmp_path, change, complaint):
    with pytest.raises(ConfigError, match=complaint):
        sweep(tmp_path, GOOD.replace(*change)).configs()


def test_a_name_that_is_no_folder_is_refused(tmp_path):
    for name in ("it's mine", "a ", "é" * 101):
        with pytest.raises(ConfigError, match=r"\.yaml: received .*; accepted: (let|a na)"):
            sweep(tmp_path, name=name)
    with pytest.raises(ConfigError, match="does not exist; accepted"):
        load(f"{'a' * 5000}.yaml")


def test_a_table_beside_a_published_one_takes_its_names_and_layout():
    loaded = load("keyword_spotting")
    spec = table_spec(loaded, [config for config, _ in loaded.configs()])
    assert {row.model for row in spec.rows} == {"DS-CNN-L"}
    assert [column.family for column in spec.page] == ["dense", "2 by 4", "random"]
    assert len(spec.rows) == 6, "75 % and 87.5 %, too, which the layout has no place for"
    assert spec.source.startswith("https://")


def test_a_sweep_may_give_a_key_a_short_name(tmp_path):
    loaded = sweep(tmp_path, GOOD + "aliases: {width: model.units}\n")
    found = [config.model.units for config, _ in loaded.configs(["width=8,24", "seed=1"])]
    assert found == [8, 24, 8, 24, 8, 24]
    with pytest.raises(ConfigError, match="aliases: received"):
        sweep(tmp_path, GOOD + "aliases: [width]\n")
    loaded = load("translation_small")
    directions = [config.dataset.direction for config, _ in loaded.configs(["direction=de_en"])]
    assert set(directions) == {"de_en"}


WRITTEN = """
title: 2026-11-27
scale: small
seeds: [10, 8]
aliases: {on: model.units}
blocks:
  - overrides: {model.units: 16, tracking.uri: 'sqlite:///a, b.db', dataset.data_dir: ~}
    cells:
      - sparsity=random sparsity.target=0.75 model.filters=[32, 64]
      - "sparsity.scope={include: [a], exclude: []} work_dir=my runs (1) sparsity=random"
      - [sparsity=random, "model.filters=[4, 8]", sparsity.target: .5]
      - {sparsity: random, sparsity.scope: {include: [no, 1e3, "a,b"]}, work_dir: 2026_11_27}
      - {training.dense.epochs: null, training.dense.steps: 12, training.dense.optimizer.name: sgd}
"""


def test_a_cell_is_a_line_a_list_or_a_mapping_read_as_written(tmp_path):
    loaded = sweep(tmp_path, WRITTEN)
    assert (loaded.title, loaded.seeds, loaded.aliases) == (
        "2026-11-27",
        (10, 8),
        {"on": "model.units"},
    )
    shared, cells, _ = loaded.blocks[0]
    assert shared == ("model.units=16", "tracking.uri='sqlite:///a, b.db'", "dataset.data_dir=null")
    assert cells == (
        ("sparsity=random", "sparsity.target=0.75", "model.filters=[32, 64]"),
        (
            "sparsity.scope={include: [a], exclude: []}",
            "work_dir=my runs (1)",
            "sparsity=random",
        ),
        ("sparsity=random", "model.filters=[4, 8]", "sparsity.target=.5"),
        ("sparsity=random", "sparsity.scope.include=[no,1e3,'a,b']", "work_dir=2026_11_27"),
        (
            "training.dense.epochs=null",
            "training.dense.steps=12",
            "training.dense.optimizer.name=sgd",
        ),
    )
    configs = [config for config, _ in loaded.configs(["seed=1"])]
    assert configs[0].model.filters == [32, 64]
    assert configs[1].work_dir == "my runs (1)"
    assert configs[3].sparsity.scope.include == ["no", "1e3", "a,b"]
    assert configs[3].work_dir == "2026_11_27"
    assert configs[4].training.dense.epochs is None
    assert {config.tracking.uri for config in configs} == {"sqlite:///a, b.db"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_file_says_its_encoding_by_its_mark(tmp_path, encoding):
    (tmp_path / "mine.yaml").write_text(GOOD.replace("A table", "Größe"), encoding)
    assert load(str(tmp_path / "mine.yaml")).title == "Größe"


def test_a_sweep_named_by_a_date_keeps_its_name(tmp_path):
    loaded = sweep(tmp_path, name="2026_11_27")
    assert {config.tracking.experiment for config, _ in loaded.configs()} == {"2026_11_27"}


READING = """
title: A table
scale: small
blocks:
  - overrides: [sparsity.schedule.begin=0.2]
    cells: [sparsity=dense, sparsity=random, sparsity=structured_2x4]
"""


def test_an_override_of_several_cells_reaches_those_that_read_it(tmp_path):
    loaded = sweep(tmp_path, READING)
    dense, random, structured = loaded.configs(["sparsity.schedule.frequency=20"])
    assert random[0].sparsity.schedule.frequency == 20
    assert [config.sparsity.schedule.begin for config, _ in (random, structured)] == [0.2, 0.2]
    for _, overrides in (dense, structured):
        assert not any("frequency" in override for override in overrides), "nor does its command"
    assert not any("begin" in override for override in dense[1])


@pytest.mark.parametrize(
    ("change", "extra", "complaint"),
    [
        (
            ("random, sparsity=structured_2x4", "structured_2x4"),
            ("frequency=20",),
            "frequency: ther",
        ),
        (
            ("sparsity=random", "sparsity=random sparsity.pattern.n=1"),
            (),
            r"pattern\.n: there is no",
        ),
        (
            ("", ""),
            ("begni=0.1",),
            r"begni: there is no such key; .*did you mean sparsity\.schedule",
        ),
    ],
)
def test_what_no_cell_reads_is_refused(tmp_path, change, extra, complaint):
    loaded = sweep(tmp_path, READING.replace(*change) if change[0] else READING)
    with pytest.raises(ConfigError, match=complaint):
        loaded.configs([f"sparsity.schedule.{override}" for override in extra])


def test_seeds_of_a_cell_are_as_if_each_was_composed(tmp_path, monkeypatch):
    text = "title: t\nscale: small\nseeds: [1, 2, 3]\nblocks:\n"
    text += "  - {cells: [sparsity=dense, sparsity=random]}\n"
    text += "  - {seeds: [7], cells: [sparsity=random model.units=8]}\n"
    made = sweep(tmp_path, text)
    calls = []
    monkeypatch.setattr(spec, "compose", lambda words: calls.append(words) or compose(words))
    found = made.configs()
    assert [overrides for _, overrides in found] == made.overrides()
    assert [config.seed for config, _ in found] == [1, 2, 3, 1, 2, 3, 7]
    assert all(config == compose(overrides) for config, overrides in found)
    assert len({id(config.training) for config, _ in found}) == len(calls) == 3
    assert [config.seed for config, _ in made.configs(["seed=5,6"])] == [5, 6] * 3
