"""What is remembered between two starts: the window's layout, the theme, the brush, recent files.

Anyone may have written the file. A value that is not of its kind counts as absent, so its reader takes the
default.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from PySide6.QtCore import QByteArray, QSettings

from engine.files import is_file

__all__ = ["Settings"]

_RECENT_COUNT: Final = 8


class Settings:
    """Named, typed access to a `QSettings`.

    Parameters
    ----------
    store : QSettings, optional
        Where to keep them; the user's own configuration when left out.
    """

    def __init__(self, store: QSettings | None = None) -> None:
        self._store = store if store is not None else QSettings()

    @property
    def theme(self) -> str:
        """``system``, ``light`` or ``dark``."""
        return self.text("theme", "system")

    @theme.setter
    def theme(self, mode: str) -> None:
        self._store.setValue("theme", mode)

    @property
    def page(self) -> str:
        """Name of the page shown last."""
        return self.text("page", "")

    @page.setter
    def page(self, name: str) -> None:
        self._store.setValue("page", name)

    @property
    def brush(self) -> float | None:
        """Width of the brush in model pixels; None unless it is a finite number."""
        return self._number("brush")

    @brush.setter
    def brush(self, width: float) -> None:
        self._store.setValue("brush", str(width))

    @property
    def geometry(self) -> QByteArray:
        """The window's place and size."""
        return self._bytes("geometry")

    @geometry.setter
    def geometry(self, state: QByteArray) -> None:
        self._store.setValue("geometry", state)

    @property
    def drawing_width(self) -> float | None:
        """How much of the window's width the drawing takes, in pixels; None unless it is a finite number."""
        return self._number("drawing_width")

    @drawing_width.setter
    def drawing_width(self, width: float) -> None:
        self._store.setValue("drawing_width", str(width))

    @property
    def recent_files(self) -> list[str]:
        """Paths of the files opened or saved last, newest first; those gone are left out."""
        return [path for path in self._recent() if is_file(path)]

    def add_recent_file(self, path: str | Path) -> None:
        """Put `path` first among the recent files."""
        full = str(Path(path).absolute())
        recent = [full, *(p for p in self._recent() if p != full)]
        self._store.setValue("recent_files", recent[:_RECENT_COUNT])

    def clear_recent_files(self) -> None:
        """Forget which files were opened."""
        self._store.remove("recent_files")

    def text(self, key: str, default: str = "") -> str:
        """Return the text remembered under `key`."""
        value = self._store.value(key, default)
        return value if isinstance(value, str) else default

    def set_text(self, key: str, value: str) -> None:
        """Remember `value` under `key`."""
        self._store.setValue(key, value)

    def _recent(self) -> list[str]:
        value = self._store.value("recent_files", [])
        # The INI format gives a list of one back as plain text.
        if isinstance(value, str):
            return [value]
        paths = value if isinstance(value, list) else []
        return [path for path in paths if isinstance(path, str)][:_RECENT_COUNT]

    def _number(self, key: str) -> float | None:
        try:
            number = float(self.text(key))
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def _bytes(self, key: str) -> QByteArray:
        value = self._store.value(key)
        return value if isinstance(value, QByteArray) else QByteArray()
