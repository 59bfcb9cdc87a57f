"""A display of its own, and the real program on it, worked with real pointer and keyboard events."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

CHECKOUT = Path(__file__).resolve().parent.parent.parent
TOOLS = ("Xvfb", "xdotool", "openbox", "import")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
PATIENCE = 20.0  # s
START_PATIENCE = 60.0  # s; beside other tests the start alone has taken more than 20
LOOKS = 5
WIDTH, HEIGHT = 1200, 800


@dataclass
class Desktop:
    """A display with a window manager; `run` gives what an X program prints."""

    environment: dict[str, str]

    def run(self, *command: str) -> str:
        return subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True, timeout=PATIENCE
        ).stdout.strip()

    def wait(self, done: Callable[[], bool], patience: float = PATIENCE) -> bool:
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if done():
                return True
            time.sleep(0.05)
        return False

    def settles(self, look: Callable[[], str]) -> bool:
        """Wait until several looks in a row are the same: a busy machine shows things late."""
        looks: list[str] = []

        def same() -> bool:
            looks.append(look())
            return len(looks) >= LOOKS and len(set(looks[-LOOKS:])) == 1

        return self.wait(same)


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    if MISSING or not sys.platform.startswith("linux"):
        pytest.skip(f"needs {', '.join(MISSING) or 'X11'}; apt-get install xvfb xdotool openbox imagemagick")
    read, write = os.pipe()
    # Without -noreset the server starts anew when its last client goes, and refuses who comes just then.
    screen = ["-screen", "0", "1400x900x24", "-nolisten", "tcp", "-noreset", "-displayfd", str(write)]
    server = subprocess.Popen(["Xvfb", *screen], pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as pipe:
        display = f":{pipe.readline().strip()}"  # the server has chosen a free one and is ready
    environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "HOME": str(tmp_path)}
    environment |= {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_DATA_HOME": str(tmp_path / "data")}
    environment.pop("WAYLAND_DISPLAY", None)
    manager = subprocess.Popen(["openbox"], env=environment, stderr=subprocess.DEVNULL)
    yield Desktop(environment)
    for process in (manager, server):
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture
def program(desktop: Desktop) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        [sys.executable, "-m", "tinyml_gui"],
        cwd=CHECKOUT,
        env=desktop.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield started
    if started.poll() is None:
        started.kill()
    started.communicate()


@dataclass
class Window:
    """The program's window, addressed by its own pixels."""

    desktop: Desktop
    number: str

    def point(self, x: int, y: int) -> None:
        self.desktop.run("xdotool", "mousemove", "--window", self.number, str(x), str(y))

    def drag(self, *corners: tuple[int, int]) -> None:
        """Draw with the left button, in small steps."""
        self.point(*corners[0])
        self.desktop.run("xdotool", "mousedown", "1")
        for (x0, y0), (x1, y1) in pairwise(corners):
            for step in range(1, 11):
                self.point(x0 + (x1 - x0) * step // 10, y0 + (y1 - y0) * step // 10)
        self.desktop.run("xdotool", "mouseup", "1")

    def picture(self, width: int, height: int, x: int, y: int) -> str:
        """Return a digest of a part of what the window shows."""
        crop = f"{width}x{height}+{x}+{y}"
        shot = ("import", "-display", self.desktop.environment["DISPLAY"], "-window", self.number)
        return self.desktop.run(*shot, "-crop", crop, "-format", "%#", "info:-")

    def pixels(self) -> NDArray[np.uint8]:
        """Return what the window shows, (height, width, 3)."""
        shot = ("import", "-display", self.desktop.environment["DISPLAY"], "-window", self.number)
        raw = subprocess.run([*shot, "-depth", "8", "rgb:-"], check=True, capture_output=True).stdout
        return np.frombuffer(raw, np.uint8).reshape(HEIGHT, WIDTH, 3)

    def keys(self, *keys: str) -> None:
        """Press keys once the window manager and the server agree that they come here: else they are lost."""
        assert self.desktop.wait(self.has_focus), "the window never had the keyboard's focus"
        self.desktop.run("xdotool", "key", *keys)

    def has_focus(self) -> bool:
        """Tell whether the window is active and has the focus; ask for both where it has not."""
        if self._says("getactivewindow") == self.number == self._says("getwindowfocus"):
            return True
        self._says("windowactivate", self.number)
        return False

    def _says(self, *command: str) -> str:
        """Return xdotool's answer; empty while there is none, as when no window is active yet."""
        asked = ["xdotool", *command]
        environment = self.desktop.environment
        answer = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
        return answer.stdout.strip()

    def click(self, x: int, y: int) -> None:
        self.point(x, y)
        self.desktop.run("xdotool", "click", "1")


@pytest.fixture
def window(desktop: Desktop, program: subprocess.Popen[str]) -> Window:
    found: list[str] = []

    def shown() -> bool:
        search = ["xdotool", "search", "--onlyvisible", "--name", "TinyML Studio"]
        answer = subprocess.run(search, env=desktop.environment, capture_output=True, text=True, check=False)
        found[:] = answer.stdout.split()
        return bool(found) or program.poll() is not None

    assert desktop.wait(shown, START_PATIENCE), "the window never came"
    assert program.poll() is None, program.communicate()[1]
    number = found[-1]
    desktop.run("xdotool", "windowsize", "--sync", number, str(WIDTH), str(HEIGHT))
    shown_window = Window(desktop, number)
    assert desktop.wait(shown_window.has_focus), "the window never had the keyboard's focus"
    return shown_window
