"""The house: which room may import which, stated once, and no circles."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.settings import ROOT

#: The floors, top to bottom: a room imports from floors beneath its own, never from its own or
#: above (rooms of one floor stand apart). A line of several names is one floor.
FLOORS = (
    ("run", "__main__"),
    ("cli",),
    ("sweep",),
    ("cell", "report"),
    ("tracking", "tasks"),
    ("plots",),
    ("config",),
    ("training",),
    ("export",),
    ("data",),
    ("models", "pruning"),
    ("metrics",),
    ("options", "digest", "system"),
    ("errors",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
#: Packages that only these rooms may import.
ONLY = {
    "mlflow": {"tracking"},
    "hydra": {"config", "cli"},
    "jinja2": {"report"},
    "matplotlib": {"plots"},
}


def modules() -> dict[str, ast.Module]:
    found = {}
    for path in sorted((ROOT / "harness").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = ast.parse(path.read_text())
    return found


MODULES = modules()


def imported(name: str, tree: ast.Module) -> Iterator[str]:
    """Every module that a file imports; late imports, and those of types only, are included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: imports are written in full"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else str(node.module)


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_room_has_its_floor():
    assert {room(name) for name in MODULES} - {""} == set(FLOOR)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_room_imports_from_its_own_floor_or_above(name):
    here = room(name)
    if not here:
        return
    for target in imported(name, MODULES[name]):
        there = room(target) if target in MODULES else ""
        if there and there != here:
            assert FLOOR[there] > FLOOR[here], f"{name} imports {target}: an arrow upwards"
        package = target.split(".")[0]
        assert here in ONLY.get(package, {here}), f"{name} imports {package}"


def test_there_are_no_circles():
    graph = {
        name: {
            target
            for target in imported(name, tree)
            # a package holds its modules: they may ask it, and it does not count as a circle
            if target in MODULES and target != name and not name.startswith(f"{target}.")
        }
        for name, tree in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_loose_files_are_few():
    assert len(list((ROOT / "harness").glob("*.py"))) <= 8


def test_no_file_is_long():
    long = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "harness").rglob("*.py")
        if len(path.read_text().splitlines()) >= 400
    ]
    assert not long
