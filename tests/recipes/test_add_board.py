"""The recipe "to add a board" of ARCHITECTURE.md, applied to a copy: one file."""

from __future__ import annotations

from pathlib import Path

from tests.recipes.tree import copy_of_tree, replace_once, run_in, touched

FILE = "engine/boards/boards.py"
START = "    for board in (\n"
BOARD = """        _board(
            "blue-pill",
            "Blue Pill",
            "cortex-m3",
            72,
            (64, 20),
            "STM32F103x8 datasheet (STMicroelectronics DS5319)",
        ),
"""


def test_one_file_adds_a_board(tmp_path: Path) -> None:
    copy = copy_of_tree(tmp_path)
    replace_once(copy / FILE, START, START + BOARD)
    assert touched(copy) == {FILE}

    told = run_in(copy, "engine", "info", "mlp-32-32", "--board", "blue-pill").stdout
    assert "Blue Pill" in told
    assert "64 KB" in told
    contract = "tests/engine/boards/test_boards.py"
    tried = run_in(copy, "pytest", "-n", 0, "-p", "no:cacheprovider", "-vv", contract, "-k", "blue")
    assert "blue-pill" in tried.stdout
