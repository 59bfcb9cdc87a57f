"""Drive real browsers: Chromium by its WebDriver, Firefox by Marionette, which takes the same commands."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

WAIT_SECONDS = 60
CHROMIUM = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=800,900",
)


class Browser:
    """A browser with one page open; `pointers` are what its driver can move."""

    pointers = ("mouse", "touch", "pen")

    def send(self, command: str, **parameters: Any) -> Any:
        """Send a command of WebDriver, by Marionette's name for it, and return its value."""
        raise NotImplementedError

    def open(self, url: str) -> None:
        """Go to a page, and wait until its model is loaded."""
        self.send("Navigate", url=url)
        ready = "const done = arguments[0]; (function wait() { document.documentElement.dataset.ready"
        self.send("ExecuteAsyncScript", script=f"{ready} ? done(1) : setTimeout(wait, 10) }})()", args=[])

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what the body of a function in the page returns."""
        return self.send("ExecuteScript", script=script, args=list(arguments))

    def draw(self, kind: str, *points: tuple[float, float]) -> None:
        """Draw a line with a ``mouse``, ``pen`` or ``touch``; points are parts of the canvas' side."""
        box = "const b = document.getElementById('paper').getBoundingClientRect(); return [b.x, b.y, b.width]"
        left, top, side = self.run(box)
        at = [{"x": round(left + x * side), "y": round(top + y * side), "duration": 0} for x, y in points]
        moves = [{"type": "pointerMove", "origin": "viewport", **place} for place in at]
        down, up = ({"type": f"pointer{name}", "button": 0} for name in ("Down", "Up"))
        pointer = {"type": "pointer", "id": kind, "parameters": {"pointerType": kind}}
        self.send("PerformActions", actions=[pointer | {"actions": [moves[0], down, *moves[1:], up]}])
        self.send("ReleaseActions")

    def press(self, *keys: str) -> None:
        """Press and release keys, one after the other."""
        strokes = [{"type": f"key{way}", "value": key} for key in keys for way in ("Down", "Up")]
        self.send("PerformActions", actions=[{"type": "key", "id": "keys", "actions": strokes}])


class Chromium(Browser):
    """Commands go over HTTP; this table has their places."""

    PLACES: Mapping[str, tuple[str, str]] = {
        "Navigate": ("POST", "/url"),
        "ExecuteScript": ("POST", "/execute/sync"),
        "ExecuteAsyncScript": ("POST", "/execute/async"),
        "PerformActions": ("POST", "/actions"),
        "ReleaseActions": ("DELETE", "/actions"),
        "TakeScreenshot": ("GET", "/screenshot"),
        "DeleteSession": ("DELETE", ""),
    }

    def __init__(self, address: str, options: Mapping[str, Any]) -> None:
        self._base = f"{address}/session"
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        self._base += "/" + self._ask("POST", "", wanted)["sessionId"]

    def send(self, command: str, **parameters: Any) -> Any:
        method, place = self.PLACES[command]
        return self._ask(method, place, parameters if method == "POST" else None)

    def _ask(self, method: str, place: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + place, data, method=method)
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
            return json.load(answer)["value"]


class Firefox(Browser):
    """Commands are JSON on a socket, each with its length before it."""

    pointers = ("mouse", "touch")

    def __init__(self, connection: socket.socket) -> None:
        self._stream = connection.makefile("rwb")
        self._read()
        self._number = 0
        self.send("NewSession")

    def send(self, command: str, **parameters: Any) -> Any:
        self._number += 1
        message = json.dumps([0, self._number, f"WebDriver:{command}", parameters]).encode()
        self._stream.write(b"%d:%s" % (len(message), message))
        self._stream.flush()
        _, _, error, value = self._read()
        assert error is None, error
        return value["value"] if isinstance(value, dict) and set(value) == {"value"} else value

    def _read(self) -> Any:
        length = bytearray()
        while (byte := self._stream.read(1)) != b":":
            length += byte
        return json.loads(self._stream.read(int(length)))


def needed(*names: str) -> str:
    """Return the path of the first program of `names`; skip where there is none, which CI does not allow."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None and os.environ.get("CI") == "true":
        pytest.fail(f"a program is needed: {names[0]}")
    return found or pytest.skip(f"a program is needed: {names[0]}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium without a window."""
    program, driver = needed("chromium", "chromium-browser"), needed("chromedriver")
    with tempfile.TemporaryDirectory() as profile:
        arguments = [*CHROMIUM, f"--user-data-dir={profile}"]
        with started([driver, "--port=0"], profile) as process:
            port = port_in(process, "successfully on port ")
            browser = Chromium(f"http://127.0.0.1:{port}", {"binary": program, "args": arguments})
            yield browser
            browser.send("DeleteSession")


@contextmanager
def firefox() -> Iterator[Browser]:
    """Start Firefox without a window."""
    program = needed("firefox-esr", "firefox")
    with tempfile.TemporaryDirectory() as profile:
        own = 'user_pref("marionette.port", 0);\nuser_pref("dom.w3c_touch_events.enabled", 1);\n'
        Path(profile, "user.js").write_text(own, encoding="utf-8")
        command = [program, "--headless", "--marionette", "--no-remote", "--profile", profile]
        with started([*command, "--width=800", "--height=900"], profile) as process:
            address = ("127.0.0.1", port_in(process, "Listening on port "))
            with socket.create_connection(address, WAIT_SECONDS) as connection:
                yield Firefox(connection)


@contextmanager
def started(command: Sequence[str], home: str) -> Iterator[subprocess.Popen[str]]:
    """Start a program whose files are in `home`; end it afterwards."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "HOME": home, "MOZ_HEADLESS": "1"},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def port_in(process: subprocess.Popen[str], words: str) -> int:
    """Return the number that follows `words` in what a program says."""
    assert process.stdout is not None
    return next(int(line.partition(words)[2].strip(" .\n")) for line in process.stdout if words in line)


BROWSERS = {"chromium": chromium, "firefox": firefox}
