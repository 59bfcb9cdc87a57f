"""The real program, worked with real pointer and keyboard events."""

from __future__ import annotations

import subprocess

from tests.e2e.conftest import HEIGHT, PATIENCE, WIDTH, Desktop, Window


def test_a_drawn_digit_is_answered_and_the_window_closes(
    desktop: Desktop, window: Window, program: subprocess.Popen[str]
) -> None:
    answer = (112, 112, WIDTH - 300, 444)  # what the network sees
    page = (600, 60, 150, 60)
    window.point(WIDTH // 2, HEIGHT - 60)
    assert desktop.settles(lambda: window.picture(*answer))
    empty, title = window.picture(*answer), window.picture(*page)
    window.drag((WIDTH - 220, 180), (WIDTH - 100, 180), (WIDTH - 180, 340))
    assert desktop.wait(lambda: window.picture(*answer) != empty)
    assert desktop.settles(lambda: window.picture(*answer))
    drawn = window.picture(*answer)
    assert window.picture(*page) == title

    window.keys("ctrl+z")  # the drawing has the focus
    assert desktop.wait(lambda: window.picture(*answer) == empty), "undo did not empty the answer"
    window.keys("ctrl+shift+z")
    assert desktop.wait(lambda: window.picture(*answer) == drawn), "redo did not bring it back"

    window.keys("ctrl+3")
    assert desktop.wait(lambda: window.picture(*page) != title), "Ctrl+3 did not change the page"
    window.keys("alt+F4")
    errors = program.communicate(timeout=PATIENCE)[1]
    assert program.returncode == 0, errors
    assert "Traceback" not in errors
