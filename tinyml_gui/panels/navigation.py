"""The pages' names at the window's left; Ctrl+1, Ctrl+2 … go to them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QButtonGroup, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from tinyml_gui.look import icons, theme
from tinyml_gui.panels.page import Page

__all__ = ["Navigation"]


class Navigation(QWidget):
    """One button per page.

    Signals
    -------
    chosen(int)
        Index of the page to show.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("navigation")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(theme.scaled(theme.NAVIGATION_WIDTH))
        self.actions_of_pages: list[QAction] = []
        self._icons: list[str] = []
        self._group = QButtonGroup(self)
        self._group.idClicked.connect(self.chosen)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(*[theme.GAP] * 4)
        self._column.setSpacing(theme.GRID)
        self._column.setAlignment(Qt.AlignmentFlag.AlignTop)

    def add_page(self, page: Page) -> None:
        """Append a page."""
        name, icon, tip = page.name, page.icon, page.tip
        index = len(self._icons)
        button = QToolButton()
        button.setText(f"  {name}")  # Qt leaves no more than 4 px beside the icon
        button.setAccessibleName(name)
        button.setProperty("role", "page")
        button.setCheckable(True)
        button.setIconSize(QSize(20, 20))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setIcon(icons.icon(icon, quiet=True))
        button.setToolTip(f"{name}: {tip[0].lower()}{tip[1:]} (Ctrl+{index + 1})")
        button.setStatusTip(tip)
        self._icons.append(icon)
        self._group.addButton(button, index)
        self._column.addWidget(button)
        self._add_action(name, tip, index)

    def show_page(self, index: int) -> None:
        """Mark page `index` as the one shown."""
        self._group.button(index).setChecked(True)

    def set_compact(self, compact: bool) -> None:
        """Show icons alone where the window is narrow; the tooltips still name the pages."""
        style = Qt.ToolButtonStyle
        self.setFixedWidth(theme.NAVIGATION_COMPACT if compact else theme.scaled(theme.NAVIGATION_WIDTH))
        for button in self._group.buttons():
            assert isinstance(button, QToolButton)
            button.setToolButtonStyle(style.ToolButtonIconOnly if compact else style.ToolButtonTextBesideIcon)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.is_theme_change(event):
            for index, name in enumerate(self._icons):
                self._group.button(index).setIcon(icons.icon(name, quiet=True))

    def _add_action(self, name: str, tip: str, index: int) -> None:
        action = QAction(f"&{name}", self)
        action.setStatusTip(tip)
        action.setShortcut(f"Ctrl+{index + 1}")
        action.triggered.connect(self._group.button(index).click)
        self.actions_of_pages.append(action)
