"""What is remembered between two starts: the window's layout, the theme, the brush, recent files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QByteArray, QSettings

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
        """Width of the brush in model pixels."""
        try:
            return float(self.text("brush", ""))
        except ValueError:
            return None

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
    def splitter(self) -> QByteArray:
        """How the width is shared between page and drawing."""
        return self._bytes("splitter")

    @splitter.setter
    def splitter(self, state: QByteArray) -> None:
        self._store.setValue("splitter", state)

    @property
    def recent_files(self) -> list[str]:
        """Paths of the files opened or saved last, newest first; those gone are left out."""
        return [path for path in self._recent() if Path(path).is_file()]

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
        return [str(v) for v in value] if isinstance(value, list) else []

    def _bytes(self, key: str) -> QByteArray:
        value = self._store.value(key)
        return value if isinstance(value, QByteArray) else QByteArray()
