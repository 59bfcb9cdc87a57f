"""From opening the Deploy page to a verified header, with real pointer and keyboard events."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.conftest import PATIENCE, WIDTH, Desktop, Window

ACCENT = (0x1D, 0x5F, 0xD1)
BOARDS = (300, 167)  # where the list of boards is
PAGE = slice(140, WIDTH - 330)  # without navigation and drawing
TALL, WIDE = 10, 100  # px: taller than a bar, wider than a check box; above the button's text


def primary_button(window: Window) -> tuple[int, int] | None:
    """Return the middle of the page's one filled button, None where it is not enabled or not there."""
    filled = np.all(window.pixels()[:, PAGE] == ACCENT, axis=2)
    wide = filled.sum(axis=1) > WIDE
    tops = np.flatnonzero(np.convolve(wide, np.ones(TALL), "valid") == TALL)
    if not len(tops):
        return None
    middle = int(tops[0]) + TALL // 2
    return int(np.flatnonzero(filled[middle]).mean()) + PAGE.start, middle


@pytest.mark.skipif(shutil.which("cc") is None, reason="a C compiler is needed: cc")
def test_a_verified_header_for_a_chosen_board(
    desktop: Desktop, window: Window, program: subprocess.Popen[str], tmp_path: Path
) -> None:
    config = tmp_path / "config"
    window.keys("ctrl+6")
    window.click(*BOARDS)
    window.keys("End", "Return")  # the last board: no emulator has its core
    found: list[tuple[int, int]] = []

    def ready() -> bool:
        place = primary_button(window)
        found[:] = [place] if place is not None else []
        return bool(found)

    assert desktop.wait(ready, 60), "the model was never ready to be exported"
    window.click(*found[0])
    header = tmp_path / "tinyml-export" / "digits.h"
    assert desktop.wait(lambda: header.is_file() and "Verified" in header.read_text(), 120)
    text = header.read_text()
    assert "digits_run_int8" in text
    assert "This computer: agrees" in text
    window.keys("alt+F4")
    errors = program.communicate(timeout=PATIENCE)[1]
    assert program.returncode == 0, errors
    assert any("raspberry-pi-zero-2" in path.read_text() for path in config.rglob("*.conf"))
