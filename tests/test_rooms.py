"""Rooms import one way: what `docs/contributing/architecture.md` says of them."""

import ast
import re
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import ib_runner

ROOT = Path(ib_runner.__file__).parent
#: modules and functions that pickle what they are given
PICKLING = {"pickle", "cloudpickle", "dill", "shelve", "torch.save", "torch.load", "joblib.dump"}


def room_of(module: str) -> str:
    return module.split(".")[1]


def imports(path: Path) -> set[str]:
    """The modules of ours that are imported when ``path`` is, not those of its functions."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module == "ib_runner":
            found |= {f"ib_runner.{name.name}" for name in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ib_runner."):
            found.add(node.module)
    return found


def rooms() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        module = ".".join(("ib_runner", *path.relative_to(ROOT).with_suffix("").parts))
        if module not in ("ib_runner.__init__", "ib_runner.__main__"):
            here = room_of(module)
            found.setdefault(here, set()).update(room_of(one) for one in imports(path))
            found[here].discard(here)
    return found


def test_no_circle():
    TopologicalSorter(rooms()).prepare()  # CycleError names the rooms


def test_who_knows_whom():
    known = rooms()
    assert not known["information"] & {"runs", "config", "stages", "commands", "measurements"}
    assert not known["measurements"] & {"runs", "config", "stages", "commands", "figures"}
    assert not known["figures"] & {"runs", "config", "stages", "commands", "measurements"}
    assert not known["config"] & {"runs", "stages", "commands"}
    assert "commands" not in known["stages"]


def test_no_pickle_is_read_or_written():
    found = set()
    others = (ROOT.parent / name for name in ("scripts", "examples", "docs"))
    for path in (one for top in (ROOT, *others) for one in top.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                modules = {node.module or ""}
            else:
                modules = {ast.unparse(node)} if isinstance(node, ast.Attribute) else set()
            if modules & PICKLING or any("reduction" in one.split(".") for one in modules):
                found.add(path)
    assert not found


def test_the_page_about_them_names_files_that_exist():
    page = (ROOT.parent / "docs" / "contributing" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_0-9]+/[a-z_0-9/]+\.(?:py|yaml))`", page))
    assert len(named) > 20
    missing = {one for one in named if not any((top / one).exists() for top in (ROOT, ROOT.parent))}
    assert not missing
    rooms_named = set(re.findall(r"`([a-z]+)/`", page))
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} <= rooms_named


def test_the_wheel_holds_every_room():
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text(encoding="utf-8"))
    named = set(project["tool"]["setuptools"]["packages"])
    folders = {
        ".".join(("ib_runner", *path.parent.relative_to(ROOT).parts))
        for path in ROOT.rglob("__init__.py")
    }
    assert named == folders | {"ib_runner.conf"}
