"""Cold start: from the start of a fresh process to the first painted window, median of five.

Fresh means a new interpreter; the files are in the system's cache after the first run. Run it as
``python -m tests.benchmarks.startup``; without a display Qt's offscreen platform is used.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

from tests.benchmarks.report import Figure, show

RUNS = 5
BAR_SECONDS = 1.0

# CLOCK_MONOTONIC is one for all processes, so parent and child read the same clock. The window says
# `painted` in the middle of its first paint; one turn of the event loop later everything is on the screen.
CHILD = """
import os, sys, time
from tinyml_gui.program import app as program

def painted():
    print(time.monotonic(), flush=True)
    os._exit(0)

def create(app, settings=None, make=program.create_window):
    from PySide6.QtCore import QTimer
    window = make(app, settings)
    timer = QTimer(window, singleShot=True, interval=0)
    timer.timeout.connect(painted)
    window.painted.connect(timer.start)
    return window

program.create_window = create
sys.exit(program.main([]))
"""


def once() -> float:
    """Return the seconds of one start."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "XDG_CONFIG_HOME": folder}
        if not environment.get("DISPLAY"):
            environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        started = time.monotonic()
        child = subprocess.run(
            [sys.executable, "-c", CHILD],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    return float(child.stdout) - started


def main() -> int:
    once()  # byte code and the system's cache
    seconds = [once() for _ in range(RUNS)]
    figures = [
        Figure("start, median", 1000 * statistics.median(seconds), "ms", 1000 * BAR_SECONDS),
        Figure("start, fastest", 1000 * min(seconds), "ms"),
        Figure("start, slowest", 1000 * max(seconds), "ms"),
    ]
    return show(f"Start to the first painted window, {RUNS} fresh processes", figures)


if __name__ == "__main__":
    sys.exit(main())
