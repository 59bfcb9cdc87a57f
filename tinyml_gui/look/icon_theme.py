"""Ours, in the theme's colours, for the icons that Qt's own dialogs ask for by name.

Qt finds them as an icon theme of the desktop, which is a folder of pictures with an index.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtGui import QIcon

from tinyml_gui.look import icons
from tinyml_gui.look.theme import Tokens

__all__ = ["NAMED", "use_icon_theme"]

#: What Qt calls an icon, and which of ours it is.
NAMED: Final = {
    "computer": "computer",
    "drive-harddisk": "computer",
    "edit-clear": "remove",
    "folder": "folder",
    "folder-new": "folder_new",
    "folder-open": "folder",
    "go-next": "right",
    "go-previous": "left",
    "go-up": "up",
    "text-x-generic": "file",
    "user-desktop": "computer",
    "user-home": "folder",
    "user-trash": "clear",
    "view-list-details": "list",
    "view-list-icons": "grid",
}
_INDEX: Final = """[Icon Theme]
Name={name}
Comment=Icons of the application
Directories=all

[all]
Size=24
MinSize=8
MaxSize=256
Type=Scalable
"""


def use_icon_theme(t: Tokens, folder: str) -> None:
    """Write the icons for theme `t` into `folder` and let Qt take its own from there."""
    name = f"tinyml-{t.name}"
    home = Path(folder) / name
    (home / "all").mkdir(parents=True, exist_ok=True)
    (home / "index.theme").write_text(_INDEX.format(name=name), encoding="utf-8")
    for wanted, ours in NAMED.items():
        (home / "all" / f"{wanted}.svg").write_text(icons.svg(ours, t.text), encoding="utf-8")
    QIcon.setThemeSearchPaths([folder])
    QIcon.setThemeName(name)
