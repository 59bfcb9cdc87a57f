"""The few building blocks that every page is made of; their looks come from the stylesheet by role."""

from __future__ import annotations

import functools

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QAction, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QScrollBar,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from tinyml_gui.look import icons, theme

__all__ = [
    "Card",
    "Elided",
    "Fitting",
    "HeadFigures",
    "IconButton",
    "Scrolling",
    "Shrinking",
    "button",
    "caption",
    "disclosure",
    "key_figure",
    "label",
    "muted",
    "name_of",
    "name_unseen",
    "page_head",
    "section",
    "set_role",
    "set_state",
    "title",
]


def set_role(widget: QWidget, role: str) -> None:
    """Set the role of `widget`; its look follows, even when it is on the screen already."""
    _restyle(widget, "role", role)


def set_state(widget: QWidget, state: str) -> None:
    """Set the state of `widget`: ``""``, ``"selected"``, ``"warning"`` or ``"error"``."""
    _restyle(widget, "state", state)


def _restyle(widget: QWidget, name: str, value: str) -> None:
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def label(text: str = "", role: str = "body", wrap: bool = False) -> QLabel:
    """Return a label of the type scale."""
    made = QLabel(text)
    made.setProperty("role", role)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    return made


def title(text: str) -> QLabel:
    """Return a page's title, 20 px."""
    return label(text, "title")


def section(text: str) -> QLabel:
    """Return a section's title, 15 px."""
    return label(text, "section")


def caption(text: str = "", wrap: bool = False) -> QLabel:
    """Return small grey text, 11 px."""
    return label(text, "caption", wrap)


def name_of(field: QWidget, text: str) -> QLabel:
    """Return the caption of `field`; screen readers read it with the field, if both stand in one widget.

    An accessible name alone does not do for a list of choices: on Linux its name is what is chosen.
    """
    made = caption(text)
    made.setBuddy(field)
    return made


def name_unseen(field: QWidget, text: str) -> None:
    """Give `field`, which already has its place, a name that only screen readers read."""
    made = name_of(field, text)
    made.setParent(field.parentWidget())
    made.hide()


def muted(text: str = "", wrap: bool = False) -> QLabel:
    """Return grey text of body size."""
    return label(text, "muted", wrap)


def key_figure(text: str = "") -> QLabel:
    """Return a label for the page's one large number, 28 px light."""
    made = label(text, "key-figure")
    made.setFont(theme.number_font(theme.KEY_FIGURE))
    return made


def button(text: str, role: str = "") -> QPushButton:
    """Return a push button; `role` is ``"primary"`` for the one main action of a page."""
    made = QPushButton(text)
    made.setProperty("role", role)
    return made


def disclosure(text: str) -> QToolButton:
    """Return a quiet button that shows something while it is checked."""
    made = QToolButton()
    made.setText(text)
    made.setCheckable(True)
    made.setProperty("role", "disclosure")
    made.setArrowType(Qt.ArrowType.RightArrow)
    made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    made.toggled.connect(functools.partial(_turn_arrow, made))
    return made


def _turn_arrow(made: QToolButton, shown: bool) -> None:
    made.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)


class HeadFigures:
    """What stands beside a page's title: its key figure, a second one where int8 has its own, a caption."""

    def __init__(self) -> None:
        self.figure, self.in_int8 = key_figure(), key_figure()
        self.caption = Shrinking()
        self._names = (muted("float"), muted("int8"))
        self.widgets = (self.figure, self._names[0], self.in_int8, self._names[1], self.caption)
        self.show_figures("", "")

    def show_figures(self, figure: str, caption: str, in_int8: str = "", tip: str = "") -> None:
        """Show `figure`, beside it `in_int8` where there is one, and what they are."""
        self.figure.setText(figure)
        self.in_int8.setText(in_int8)
        self.caption.show_text(caption)
        for widget in (self.in_int8, *self._names):
            widget.setVisible(bool(in_int8))
        for widget in self.widgets[:-1]:
            widget.setToolTip(tip)


def page_head(text: str, figures: HeadFigures) -> QHBoxLayout:
    """Return the first row of a page: its title at the left, its key figures at the right.

    It ends where the cards below it end that scroll.
    """
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, theme.SCROLL_BAR, 0)
    row.setSpacing(theme.GAP)
    row.addWidget(title(text))
    row.addStretch()
    for widget in figures.widgets:
        row.addWidget(widget, alignment=Qt.AlignmentFlag.AlignBaseline)
    return row


class _QuietBar(QScrollBar):
    """A scroll bar that is there but not seen while there is nothing to scroll."""

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.maximum() > self.minimum():
            super().paintEvent(event)


class Scrolling(QScrollArea):
    """Scrolls `inside` up and down only, and leaves the focus to what is in it.

    At its right `theme.SCROLL_BAR` is kept free for the bar, so that nothing shrinks when there is one.
    """

    def __init__(self, inside: QWidget) -> None:
        super().__init__()
        self.inside = inside
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setVerticalScrollBar(_QuietBar())
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(inside)

    def minimumSizeHint(self) -> QSize:
        """Need the width of what is inside, but not its height."""
        needed = self.inside.minimumSizeHint().expandedTo(self.inside.minimumSize())
        return QSize(needed.width() + theme.SCROLL_BAR, super().minimumSizeHint().height())


class Fitting(Scrolling):
    """Gives `inside` all of its place, and scrolls only where that is less than `inside` needs at least."""

    def __init__(self, inside: QWidget) -> None:
        super().__init__(inside)
        self.setWidgetResizable(False)  # Qt would give it the height that it prefers

    def viewportEvent(self, event: QEvent) -> bool:
        handled = super().viewportEvent(event)
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):
            self._fit()
        return handled

    def _fit(self) -> None:
        room, layout = self.viewport().size(), self.inside.layout()
        if layout is not None and layout.hasHeightForWidth():
            least = layout.minimumHeightForWidth(room.width())
        else:
            least = self.inside.minimumSizeHint().height()
        self.inside.resize(room.width(), max(room.height(), least))


class Elided(QLabel):
    """One line of grey text that ends in dots where there is no room; all of it is the tooltip then."""

    def __init__(self, role: str = "muted", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._all = ""
        self.setProperty("role", role)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def show_text(self, text: str) -> None:
        """Show as much of `text` as there is room for."""
        self._all = text
        self._fit()

    @property
    def whole(self) -> str:
        """The text, also where there is no room for it."""
        return self._all

    def sizeHint(self) -> QSize:
        return QSize(0, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        shown = self.fontMetrics().elidedText(self._all, Qt.TextElideMode.ElideRight, self.width())
        self.setText(shown)
        self.setToolTip("" if shown == self._all else self._all)


class Shrinking(Elided):
    """One line of grey text that takes the room that it needs where there is some."""

    def __init__(self, role: str = "muted", parent: QWidget | None = None) -> None:
        super().__init__(role, parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    def show_text(self, text: str) -> None:
        super().show_text(text)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        width = self.fontMetrics().horizontalAdvance(self.whole) + 1 if self.whole else 0
        return QSize(width, super().sizeHint().height())


class Card(QFrame):
    """A rounded surface with a vertical layout, `body`."""

    def __init__(self, parent: QWidget | None = None, margin: int = theme.GAP_WIDE) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(margin, margin, margin, margin)
        self.body.setSpacing(theme.GAP)


class IconButton(QToolButton):
    """A square button of one icon, with its accessible name as tooltip; follows the theme.

    Parameters
    ----------
    icon : str
        One of `tinyml_gui.look.icons.NAMES`.
    name : str
        What it does, for the tooltip and for screen readers.
    """

    def __init__(self, icon: str, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = icon
        self._painted_for = ""
        self.setProperty("role", "icon")
        self.setIconSize(QSize(20, 20))
        self.setToolTip(name)
        self.setAccessibleName(name)
        self._paint_icon()

    def follow(self, action: QAction) -> IconButton:
        """Trigger `action` when clicked, and be enabled when it is."""
        self.clicked.connect(action.trigger)
        action.enabledChanged.connect(self.setEnabled)
        self.setEnabled(action.isEnabled())
        shortcut = action.shortcut().toString()
        self.setToolTip(f"{self.accessibleName()} ({shortcut})" if shortcut else self.accessibleName())
        return self

    def changeEvent(self, event: QEvent) -> None:
        """Draw the icon anew in the other theme's colours."""
        super().changeEvent(event)
        if theme.is_theme_change(event):
            self._paint_icon()

    def _paint_icon(self) -> None:
        # Qt announces a change of palette also where none of the colours changed.
        if self._painted_for != theme.tokens().name:
            self._painted_for = theme.tokens().name
            self.setIcon(icons.icon(self._icon))
