"""House rules that no linter checks: file sizes, Qt-free parts, declared imports, no dispatch on names."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("engine", "resources", "tinyml_gui")
MAX_LINES = 400
MAX_MODULES = 15
# One file for each registered kind: as many as there are.
KINDS = {"engine/nn/layers", "engine/commands", "engine/export/writers"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# Distributions whose module has another name.
MODULE_OF = {
    "pillow": "PIL",
    "pyelftools": "elftools",
    "pyside6-essentials": "PySide6",
    "scikit-learn": "sklearn",
}
# Comes with PySide6; importable on its own.
COMES_ALONG = {"shiboken6"}

SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
CODE = [path for path in SOURCES if not path.is_relative_to(ROOT / "resources")]
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=name_of(path))


def modules_of(requirements: Iterable[str]) -> set[str]:
    """Return the modules that come with the distributions that `requirements` name."""
    names = (Requirement(line).name.lower() for line in requirements)
    return {MODULE_OF.get(name, name) for name in names}


def declared_modules() -> set[str]:
    extras = {name: lines for name, lines in PROJECT["optional-dependencies"].items() if name != "dev"}
    return modules_of(PROJECT["dependencies"]).union(*map(modules_of, extras.values()))


def imported_modules(path: Path) -> Iterator[str]:
    """Yield the top-level name of each import in `path`, late ones included."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def compared_strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of each string constant in `path` that something is compared or matched with."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.Compare, ast.MatchValue)):
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.lineno, part.value


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=name_of)
def test_files_stay_readable_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < MAX_LINES


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_modules_open_with_their_idea(path: Path) -> None:
    assert ast.get_docstring(tree_of(path)) or not path.read_text(encoding="utf-8").strip()


def rooms() -> list[Path]:
    """Return the folders that hold modules of the engine and of the window."""
    return sorted({path.parent for path in CODE})


@pytest.mark.parametrize("room", rooms(), ids=name_of)
def test_a_room_is_small_enough_to_know(room: Path) -> None:
    modules = [path for path in room.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MAX_MODULES or name_of(room) in KINDS


def test_the_map_shows_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert [name for name in map(name_of, rooms()) if f"`{name}/`" not in text] == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_are_declared(path: Path) -> None:
    if path.name.startswith("build_"):  # makes a resource, from the source tree; says itself what to install
        return
    known = declared_modules() | COMES_ALONG | set(sys.stdlib_module_names) | set(PACKAGES)
    assert set(imported_modules(path)) <= known


def test_what_users_must_install_is_used() -> None:
    assert modules_of(PROJECT["dependencies"]) <= {name for path in CODE for name in imported_modules(path)}


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_nothing_is_decided_by_comparing_the_kind_of_a_layer(path: Path) -> None:
    from engine.nn.layers import LAYERS

    assert [(line, text) for line, text in compared_strings(path) if text in LAYERS] == []


STARTERS = {"execv", "execve", "execvp", "popen", "posix_spawn", "spawnv", "startfile", "system", "QProcess"}


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_one_module_starts_programs(path: Path) -> None:
    """Only that one knows how to find them, where to run them and how to end them."""
    if name_of(path) == "engine/boards/programs.py":
        return
    assert not {"subprocess", "pty"} & set(imported_modules(path))
    names = {node.attr for node in ast.walk(tree_of(path)) if isinstance(node, ast.Attribute)}
    assert not names & STARTERS


@pytest.mark.parametrize("module", ["engine.cli", "engine.commands", "tinyml_gui.viewmodels"])
def test_importing_without_a_window_loads_no_qt(module: str) -> None:
    code = f"""
import importlib, pkgutil, sys
package = importlib.import_module({module!r})
for found in pkgutil.iter_modules(getattr(package, "__path__", ()), {module!r} + "."):
    importlib.import_module(found.name)
print(*sorted(set(sys.modules) & {{"PySide6", "shiboken6", "pyqtgraph", "torch", "onnx", "sklearn"}}))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []


def test_qt_does_not_lose_references_to_none() -> None:
    """PySide6 6.12.0 on Python 3.11 drops one in every void call, until the process dies."""
    qtcore = pytest.importorskip("PySide6.QtCore")
    thing = qtcore.QObject()
    before = sys.getrefcount(None)
    for _ in range(1000):
        thing.setObjectName("x")
    assert before - sys.getrefcount(None) <= 50
