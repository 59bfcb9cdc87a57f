"""Say in one sentence which system package is missing, before Qt fails with a message that says less.

Qt's wheels contain Qt, but not the system libraries that it needs. Where one is missing, either PySide6
cannot be imported, or Qt aborts the process while it opens the display.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

__all__ = ["display_problem", "import_problem"]

#: Shared library and the Debian package that holds it.
_PACKAGES: Final = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libX11.so.6": "libx11-6",
    "libxcb.so.1": "libxcb1",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}
_IMPORT_LIBRARIES: Final = (
    "libGL.so.1",
    "libEGL.so.1",
    "libglib-2.0.so.0",
    "libfontconfig.so.1",
    "libxkbcommon.so.0",
    "libdbus-1.so.3",
)
_WINDOW_LIBRARIES: Final = (
    "libxcb-cursor.so.0",
    "libxcb-icccm.so.4",
    "libxcb-image.so.0",
    "libxcb-keysyms.so.1",
    "libxcb-randr.so.0",
    "libxcb-render-util.so.0",
    "libxcb-shape.so.0",
    "libxcb-shm.so.0",
    "libxcb-sync.so.1",
    "libxcb-xfixes.so.0",
    "libxcb-xkb.so.1",
    "libxkbcommon-x11.so.0",
    "libX11.so.6",
)


def import_problem(error: ImportError, loads: Callable[[str], bool] | None = None) -> str:
    """Return the sentence for PySide6 refusing to be imported with `error`."""
    found = re.search(r"(lib[\w.+-]+\.so[.\d]*)", str(error))
    if found is None:
        again = "Install the application again: pip install --force-reinstall tinyml-studio"
        return f"Qt cannot be loaded ({error}). {again}"
    missing = [found[1], *_missing(_IMPORT_LIBRARIES, loads or _loads)]
    return _install_sentence(missing)


def display_problem(
    environment: Mapping[str, str] = os.environ, loads: Callable[[str], bool] | None = None
) -> str:
    """Return the sentence for what keeps Qt from opening a window; empty when nothing does.

    Parameters
    ----------
    environment : mapping
    loads : callable, optional
        Tells whether a shared library can be loaded; tests pass their own.
    """
    platform = environment.get("QT_QPA_PLATFORM", "").partition(":")[0]
    if not sys.platform.startswith("linux") or platform not in ("", "xcb"):
        return ""
    if not platform and environment.get("WAYLAND_DISPLAY"):
        return ""
    missing = _missing(_WINDOW_LIBRARIES, loads or _loads)
    if missing:
        return _install_sentence(missing)
    return _connection_problem(environment.get("DISPLAY", ""))


def _missing(names: tuple[str, ...], loads: Callable[[str], bool]) -> list[str]:
    return [name for name in names if not loads(name)]


def _install_sentence(libraries: list[str]) -> str:
    packages = sorted({_PACKAGES.get(name, name) for name in libraries})
    return (
        f"Qt needs system libraries that are not installed ({', '.join(sorted(set(libraries)))}). "
        f"On Debian or Ubuntu: sudo apt-get install --no-install-recommends {' '.join(packages)}"
    )


def _loads(name: str) -> bool:
    """Tell whether the dynamic loader finds a library, or a frozen program brings it along."""
    bundled = Path(getattr(sys, "_MEIPASS", "/nonexistent")) / name
    try:
        ctypes.CDLL(str(bundled) if bundled.exists() else name)
    except OSError:
        return False
    return True


def _connection_problem(display: str) -> str:
    """Try the display as Qt would: Qt itself aborts when it does not answer."""
    if not display:
        return (
            "There is no display to open a window on (DISPLAY is not set). Start the program from a desktop "
            "session, or with: xvfb-run tinyml-gui"
        )
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return _install_sentence(["libxcb.so.1"])
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    failed = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return f"The display {display} does not answer; check DISPLAY." if failed else ""
