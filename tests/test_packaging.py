"""What is handed out: the wheel holds every package, resource and kernel, and nothing of the workshop."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("engine", "resources", "tinyml_gui")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def is_litter(path: Path) -> bool:
    return "__pycache__" in path.parts or path.suffix == ".pyc"


def shipped_files() -> set[str]:
    """Return the files below the packages that a user's copy must hold."""
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    names = {path.relative_to(ROOT).as_posix() for path in files if not is_litter(path)}
    return {name for name in names if not name.startswith("resources/pictures/")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel from a copy, so that the checkout stays clean."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        "out",
        ".",
    ]
    subprocess.run(command, cwd=source, check=True, capture_output=True, text=True)
    return zipfile.ZipFile(next((source / "out").glob("*.whl")))


def test_every_folder_with_modules_is_a_listed_package() -> None:
    modules = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in modules}
    assert found == set(PROJECT["tool"]["setuptools"]["packages"])


def test_every_package_says_that_it_is_one() -> None:
    for package in PROJECT["tool"]["setuptools"]["packages"]:
        assert (ROOT / Path(*package.split(".")) / "__init__.py").is_file()


@pytest.mark.slow
def test_wheel_holds_exactly_what_is_shipped(wheel: zipfile.ZipFile) -> None:
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == shipped_files()


@pytest.mark.slow
def test_wheel_starts_both_programs(wheel: zipfile.ZipFile) -> None:
    entry_points = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    text = wheel.read(entry_points).decode()
    assert "tinyml = engine.cli:main" in text
    assert "tinyml-gui = tinyml_gui.program.app:main" in text


@pytest.mark.slow
def test_wheel_carries_its_licence(wheel: zipfile.ZipFile) -> None:
    metadata = Parser().parsestr(
        wheel.read(next(name for name in wheel.namelist() if name.endswith("METADATA"))).decode()
    )
    assert metadata["License-Expression"] == "MIT"
    assert any(name.endswith("LICENSE") for name in wheel.namelist())


def test_qt_is_held_below_the_release_that_crashes() -> None:
    qt = [r for r in map(Requirement, PROJECT["project"]["dependencies"]) if r.name == "PySide6-Essentials"]
    on_old_python = [r for r in qt if r.marker is None or r.marker.evaluate({"python_version": "3.11"})]
    assert [r.specifier.contains("6.12.0") for r in on_old_python] == [False]


@pytest.mark.parametrize("requirement", PROJECT["project"]["dependencies"])
def test_dependencies_have_a_lower_bound(requirement: str) -> None:
    assert any(s.operator == ">=" for s in Requirement(requirement).specifier)


@pytest.mark.parametrize("name", ["window libraries", "test tools", "start", "tests"])
def test_readme_keeps_the_commands_that_are_run_from_it(name: str) -> None:
    after = README.partition(f"<!-- command: {name} -->")[2]
    block = after.partition("```sh\n")[2].partition("```")[0]
    assert len(block.strip().splitlines()) == 1
