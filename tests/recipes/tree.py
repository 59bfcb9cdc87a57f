"""Temporary copies of the source tree, for tests that apply a recipe of ARCHITECTURE.md to one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PARTS = ("engine", "resources", "tests", "tinyml_gui")
_FILES = ("pyproject.toml", "ARCHITECTURE.md", "README.md")


def copy_of_tree(tmp_path: Path) -> Path:
    """Return a folder with a copy of the program and its tests."""
    tree = tmp_path / "tree"
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for part in _PARTS:
        shutil.copytree(ROOT / part, tree / part, ignore=ignored)
    for name in _FILES:
        shutil.copy(ROOT / name, tree / name)
    return tree


def touched(tree: Path) -> set[str]:
    """Return the paths of the source files that `tree` has besides those here, or that differ."""
    found = (path for part in _PARTS for path in (tree / part).rglob("*") if path.is_file())
    names = {path.relative_to(tree).as_posix() for path in found if "__pycache__" not in path.parts}
    return {
        name
        for name in names
        if not (ROOT / name).is_file() or (ROOT / name).read_bytes() != (tree / name).read_bytes()
    }


def run_in(tree: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run ``python -m`` with `words` in `tree`, whose packages are imported; failing is an assertion."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done


def replace_once(path: Path, old: str, new: str) -> None:
    """Replace `old`, which must stand in the file once, by `new`."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new), encoding="utf-8")
