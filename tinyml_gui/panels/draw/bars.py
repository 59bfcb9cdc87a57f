"""Probabilities as bars in fixed rows: the content of a row changes, its place does not."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tinyml_gui.look import theme
from tinyml_gui.viewmodels.drawing import Bar
from tinyml_gui.viewmodels.quantities import percent

__all__ = ["ProbabilityBars"]

_ROW_LOW, _ROW_SMALL, _ROW_HIGH = 16, 18, 26
_BAR_HEIGHT = 8
_ROWS = 10  # at least, so that nothing else moves when a model with fewer classes is opened


class ProbabilityBars(QWidget):
    """A row per class: its label, a bar, its percentage."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bars: tuple[Bar, ...] = ()
        self._note = ""
        self._label_width = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setAccessibleName("Class probabilities")

    def show_bars(self, bars: Sequence[Bar]) -> None:
        """Show `bars`, one per row, in the order given."""
        if len(bars) != len(self._bars):
            self._bars = tuple(bars)
            self._label_width = 0.0
            self.updateGeometry()
            self.update()
        before, self._bars = self._bars, tuple(bars)
        shown = [f"{bar.label} {_percent(bar)}" for bar in bars if bar.probability is not None]
        self.setAccessibleDescription(", ".join(shown))
        # Most rows say 0.0 % before and after: painting only those that look different halves the work.
        for i, (old, new) in enumerate(zip(before, self._bars, strict=False)):
            if self._look(old) != self._look(new):
                self.update(self._row(i).toAlignedRect())

    def set_note(self, note: str) -> None:
        """Show a few words below the bars, where there is room."""
        if note != self._note:
            self._note = note
            self.update()

    def _look(self, bar: Bar) -> tuple[str, str, bool, int]:
        return bar.label, _percent(bar), bar.is_top, round(self.width() * (bar.probability or 0.0))

    def _row(self, index: int) -> QRectF:
        height = min(self.height() / max(len(self._bars), _ROWS), float(theme.scaled(_ROW_HIGH)))
        return QRectF(0, index * height, self.width(), height)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, theme.scaled(_ROW_LOW) * max(len(self._bars), _ROWS))

    def sizeHint(self) -> QSize:
        return QSize(240, self.minimumSizeHint().height())  # what is higher comes from room that is left

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._bars:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        is_small = self._row(0).height() <= theme.scaled(_ROW_SMALL)
        plain = theme.number_font(theme.CAPTION + 1 if is_small else theme.BODY)
        bold = QFont(plain)
        bold.setWeight(QFont.Weight.DemiBold)
        before = self._label_width
        label_width, number_width = self._columns(QFontMetricsF(bold))
        if self._label_width != before:
            self.update()  # the rows that are not painted now begin elsewhere too
        for i, bar in enumerate(self._bars):
            row = self._row(i)
            if event.region().intersects(row.toAlignedRect()):
                painter.setFont(bold if bar.is_top else plain)
                _paint_row(painter, row, bar, label_width, number_width)
        if self._note and len(self._bars) < _ROWS:
            painter.setFont(theme.text_font(theme.CAPTION))
            painter.setPen(QColor(theme.tokens().muted))
            painter.drawText(self._row(len(self._bars)), Qt.AlignmentFlag.AlignVCenter, self._note)
        painter.end()

    def _columns(self, metrics: QFontMetricsF) -> tuple[float, float]:
        """Width of the label and number columns; labels may widen theirs but never narrow it again."""
        widest = max(metrics.horizontalAdvance(bar.label) for bar in self._bars)
        limit = self.width() * 0.4
        self._label_width = min(max(self._label_width, widest, metrics.horizontalAdvance("W")), limit)
        return self._label_width + theme.GAP, metrics.horizontalAdvance(percent(1.0)) + theme.GAP


def _paint_row(painter: QPainter, row: QRectF, bar: Bar, label_width: float, number_width: float) -> None:
    t = theme.tokens()
    middle = Qt.AlignmentFlag.AlignVCenter
    painter.setPen(QColor(t.text if bar.is_top else t.muted))
    label = QFontMetricsF(painter.font()).elidedText(
        bar.label, Qt.TextElideMode.ElideRight, label_width - theme.GAP
    )
    painter.drawText(QRectF(row.x(), row.y(), label_width, row.height()), middle, label)
    if bar.probability is not None:
        painter.drawText(row, middle | Qt.AlignmentFlag.AlignRight, _percent(bar))
    track = QRectF(row.x() + label_width, 0, row.width() - label_width - number_width, _BAR_HEIGHT)
    track.moveTop(row.center().y() - _BAR_HEIGHT / 2)
    _paint_bar(painter, track, bar)


def _paint_bar(painter: QPainter, track: QRectF, bar: Bar) -> None:
    t = theme.tokens()
    radius = track.height() / 2
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(t.sunken))
    painter.drawRoundedRect(track, radius, radius)
    filled = QRectF(track)
    filled.setWidth(track.width() * (bar.probability or 0.0))
    if filled.width() >= 1.0:
        painter.setBrush(QColor(t.accent if bar.is_top else t.muted))
        painter.drawRoundedRect(filled, min(radius, filled.width() / 2), radius)


def _percent(bar: Bar) -> str:
    return "" if bar.probability is None else percent(bar.probability)
