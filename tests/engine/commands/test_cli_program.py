"""The command line as a program of its own, and what it prints with."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import engine.commands
from engine.commands import COMMANDS
from engine.terminal.console import plain, table

ROOT = Path(__file__).resolve().parents[3]


def test_started_as_a_module() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "engine", "info", "lenet", "--json"], cwd=ROOT, capture_output=True, check=True
    )
    assert json.loads(result.stdout)["parameters"] == 107_786
    assert result.stderr == b""


def test_a_folder_that_hides_a_part_is_named(tmp_path: Path) -> None:
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "__init__.py").touch()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "engine", "info", "lenet"]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert str(tmp_path / "resources") in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="pipes break in another way here")
def test_a_reader_that_leaves_is_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        result = subprocess.run(
            [sys.executable, "-m", "engine", "info", "lenet"],
            cwd=ROOT,
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)
    assert (result.returncode, result.stderr) == (1, b"")


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_an_interruption_before_the_command_begins_is_one_line() -> None:
    pressing = "import signal, sys; sys.addaudithook(lambda event, found: event == 'import' and found[0] == "
    pressing += "'engine.commands.sources' and signal.raise_signal(signal.SIGINT))"
    code = f"{pressing}\nfrom engine.cli import main\nsys.exit(main(['info', 'lenet']))"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "tinyml: interrupted.\n")


def test_every_command_is_in_the_table() -> None:
    names = (module.name for module in pkgutil.iter_modules(engine.commands.__path__, "engine.commands."))
    modules = {name: importlib.import_module(name) for name in names}
    with_options = {name for name, module in modules.items() if hasattr(module, "register")}
    assert with_options == {command.module for command in COMMANDS}
    assert len({command.name for command in COMMANDS}) == len(COMMANDS)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["paint"], []])
def test_what_names_no_command_imports_none(words: list[str]) -> None:
    code = f"import sys; from engine.cli import main; main({words}); print(*sys.modules, file=sys.stderr)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    imported = set(result.stderr.splitlines()[-1].split())
    heavy = {"numpy", "PIL", "tqdm", "engine.nn", "engine.data", *(command.module for command in COMMANDS)}
    assert imported & heavy == set()


def test_a_command_imports_no_other() -> None:
    code = "import sys; from engine.cli import main; main(['data', '--json']); print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    imported = set(result.stdout.splitlines()[-1].split())
    assert imported & {command.module for command in COMMANDS} == {"engine.commands.data"}


def test_what_json_lacks_becomes_plain() -> None:
    value = {"a": np.float32(0.5), "b": [float("nan"), float("inf")], 3: (np.int64(1), np.arange(2))}
    assert plain(value) == {"a": 0.5, "b": [None, None], "3": [1, [0, 1]]}


def test_tables_are_aligned() -> None:
    assert table([("name", "n"), ("a", 10), ("long name", 5)]) == [
        "name        n",
        "a          10",
        "long name   5",
    ]
