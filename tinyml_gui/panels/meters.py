"""How much of a memory something takes: a bar, its figures, and how those were obtained."""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from tinyml_gui.look import theme
from tinyml_gui.look.widgets import Elided, caption, label, set_role
from tinyml_gui.viewmodels.fit import Meter

__all__ = ["MeterRows", "MeterTile", "ShareBar"]

_HEIGHT: Final = 8
_LEAST: Final = 3.0  # px, so that a small share is visible
_ROLES: Final = {"": "caption-strong", "warning": "caption-warning", "error": "field-error"}
_GAP: Final = 2.0  # px between the parts of a bar
_SHORTEST: Final = 20 * theme.GRID


class ShareBar(QWidget):
    """A bar that is filled in part."""

    def __init__(self, height: int = _HEIGHT, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._share = 0.0
        self._state = ""
        self._parts: tuple[float, ...] = ()
        self._height = height
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def share(self) -> float:
        """How much is filled, 0 … 1; more where it is too much."""
        return self._share

    def show_meter(self, meter: Meter) -> None:
        """Fill the bar as `meter` says."""
        shown = (meter.share, meter.state, meter.parts)
        if shown != (self._share, self._state, self._parts):
            self._share, self._state, self._parts = shown
            self.update()
        self.setAccessibleName(meter.spoken)

    def sizeHint(self) -> QSize:
        return QSize(_SHORTEST, self._height)

    def minimumSizeHint(self) -> QSize:
        return QSize(_SHORTEST // 2, self._height)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        t = theme.tokens()
        track = QRectF(self.rect())
        radius = track.height() / 2
        painter.setBrush(QColor(t.sunken))
        painter.drawRoundedRect(track, radius, radius)
        if self._share <= 0:
            return
        filled = QRectF(track)
        filled.setWidth(max(_LEAST, track.width() * min(1.0, self._share)))
        painter.setBrush(QColor({"warning": t.warning, "error": t.bad}.get(self._state, t.accent)))
        painter.drawRoundedRect(filled, min(radius, filled.width() / 2), radius)
        self._paint_gaps(painter, track)

    def _paint_gaps(self, painter: QPainter, track: QRectF) -> None:
        """Cut the bar where one part ends and the next begins, as far as there is room."""
        painter.setBrush(QColor(theme.tokens().surface))
        ends = accumulate(part * track.width() for part in self._parts[:-1])
        for end, part in zip(ends, self._parts, strict=False):
            if part * track.width() >= 2 * _GAP:
                painter.drawRect(QRectF(end - _GAP / 2, 0, _GAP, track.height()))


class MeterRows(QWidget):
    """Meters below each other: name, bar, figure, limit, how the figure was obtained."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.GAP + theme.GRID)
        self._grid.setVerticalSpacing(theme.GAP)
        self._grid.setColumnStretch(1, 1)
        self._rows: list[_Row] = []

    def show_meters(self, meters: tuple[Meter, ...]) -> None:
        """Show `meters`, one per row."""
        while len(self._rows) < len(meters):
            self._rows.append(_Row(self._grid, len(self._rows)))
        for row, meter in zip(self._rows, meters, strict=True):
            row.fill(meter)


class _Row:
    """The widgets of one meter, in a row of a grid."""

    def __init__(self, grid: QGridLayout, row: int) -> None:
        self._title, self._used, self._limit, self._how = label(), label(), label(role="muted"), caption()
        self.bar = ShareBar()
        for figure in (self._used, self._limit):
            figure.setFont(theme.number_font())
        self._widgets = (self._title, self.bar, self._used, self._limit, self._how)
        right, left = Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignLeft
        middle = Qt.AlignmentFlag.AlignVCenter
        sides = (left, Qt.AlignmentFlag(0), right, left, left)
        for column, (widget, side) in enumerate(zip(self._widgets, sides, strict=True)):
            grid.addWidget(widget, row, column, side | middle)

    def fill(self, meter: Meter) -> None:
        self._title.setText(meter.title)
        self._used.setText(meter.used)
        set_role(self._used, meter.state or "body")
        self._limit.setText(meter.limit)
        self._how.setText(meter.how)
        self.bar.show_meter(meter)
        for widget in self._widgets:
            widget.setToolTip(meter.tip)


class _WholeOrNothing(Elided):
    """Words that are left out where there is no room for all of them."""

    def _fit(self) -> None:
        super()._fit()
        if self.text() != self.whole:
            self.setText("")


class MeterTile(QWidget):
    """One meter in a small space: its words above a thin bar."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title, self._used, self._limit = caption(), caption(), _WholeOrNothing("caption")
        self._limit.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._used.setFont(theme.number_font(theme.CAPTION))
        self.bar = ShareBar(theme.GRID + 2)
        words = QHBoxLayout()
        words.setSpacing(theme.GRID)
        words.addWidget(self._title)
        words.addWidget(self._used)
        words.addWidget(self._limit, stretch=1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addStretch()
        column.addLayout(words)
        column.addWidget(self.bar)
        column.addStretch()

    @property
    def text(self) -> str:
        """What the tile says."""
        return self.bar.accessibleName()

    def fill(self, meter: Meter) -> None:
        """Show `meter`."""
        self._title.setText(meter.title)
        self._used.setText(meter.used)
        set_role(self._used, _ROLES[meter.state])
        self._limit.show_text(meter.limit)
        self.bar.show_meter(meter)
        self.setToolTip(f"{meter.title}: {meter.tip}" if meter.tip else "")
