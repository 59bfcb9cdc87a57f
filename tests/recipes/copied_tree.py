"""A temporary copy of the program: a recipe of ARCHITECTURE.md is applied to it, then it runs its tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("engine", "resources", "tinyml_gui", "tests", "pyproject.toml", "ARCHITECTURE.md", "README.md")
TIME_LIMIT = 300  # seconds


class CopiedTree:
    """The program's source in a folder of its own.

    Parameters
    ----------
    folder : Path
        Where to copy it.

    Attributes
    ----------
    touched : set of str
        Which files a recipe has added or changed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.touched: set[str] = set()
        for part in PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / part, folder / part)

    def add(self, path: str, text: str) -> None:
        """Add a file."""
        assert not (self.folder / path).exists(), f"{path} is there already"
        self._write(path, text)

    def insert(self, path: str, before: str, line: str) -> None:
        """Insert a line before the first one that begins with the text `before`."""
        lines = (self.folder / path).read_text(encoding="utf-8").splitlines()
        place = next(i for i, there in enumerate(lines) if there.startswith(before))
        self._write(path, "\n".join([*lines[:place], line, *lines[place:]]) + "\n")

    def _write(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text, encoding="utf-8")
        self.touched.add(path)

    def test(self, *arguments: str) -> str:
        """Run pytest with `arguments` on the copy and return its last line; fail as it does."""
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIME_LIMIT,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        return done.stdout.strip().splitlines()[-1]

    def run(self, program: str) -> str:
        """Run a Python program with the copy's modules and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout.strip()
