"""The drawing surface: pen, mouse, keyboard and dropped images in, ink for the network out.

The left button or the pen draws, the right button or the pen's other end erases. Positions are
kept as floats in model pixels (`tinyml_gui.drawing.strokes`), so neither the window's size nor the
screen's pixel ratio changes what the network sees.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QMimeData, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QEnterEvent,
    QFocusEvent,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPointingDevice,
    QResizeEvent,
    QTabletEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.errors import TinyMLError
from tinyml_gui.drawing.paste_and_drop import ink_of, model_of
from tinyml_gui.drawing.pen_echo import PenEcho
from tinyml_gui.drawing.strokes import SIDE, Clear, Drawing, PenPoint, Picture, Stroke, Surface, next_stop
from tinyml_gui.look import theme
from tinyml_gui.look.keys import set_keys

__all__ = ["Canvas"]

_KEYS: Final = "Left button draws, right button erases, Delete clears, Ctrl+Z undoes a stroke"
BRUSH_DEFAULT: Final = 24.0  #: model pixels; about MNIST's pen when a digit fills the canvas
BRUSH_RANGE: Final = (8.0, 60.0)
_ERASER_FACTOR: Final = 1.6  # erasing needs a wider tip than drawing
_PRESSURE: Final = (0.4, 1.2)  # width = brush · (first + second · pressure)
_TAIL: Final = 3  # the newest points: one more may change how they look
_SEAM: Final = 2.0  # px beyond the ink that antialiasing and a ring's line take
_LIVE: Final = "#000000"  # the model surface is read by opacity: its colour does not matter
_DRAW, _ERASE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
_PEN_EVENTS: Final = (QEvent.Type.TabletPress, QEvent.Type.TabletMove, QEvent.Type.TabletRelease)


class Canvas(QWidget):
    """Draw here.

    Signals
    -------
    changed()
        The ink changed: at each pen event, undo, redo, clear, paste and drop.
    history_changed()
        What can be undone, redone or cleared may have changed.
    refused(str)
        A pasted or dropped image cannot be used; one sentence.
    """

    changed = Signal()
    history_changed = Signal()
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._drawing = Drawing()
        self._model = Surface(SIDE, _LIVE)
        self._view = Surface(SIDE, theme.tokens().ink)
        self._points: list[PenPoint] = []
        self._drawn = 0  # points of the stroke under way that are on the surfaces
        self._erases = False
        self._is_target = False
        self._brush = BRUSH_DEFAULT
        self._hover: QPointF | None = None
        self._hint = "Draw here"
        self._echo = PenEcho(self)
        self.setAcceptDrops(True)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName("Drawing canvas")
        self.setAccessibleDescription(_KEYS)
        set_keys(self, _KEYS)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 160)

    # What others read and set

    def ink(self) -> NDArray[np.uint8]:
        """Return what is drawn, (280, 280) uint8, ink bright."""
        self._draw_new_points()
        return self._model.ink()

    @property
    def brush(self) -> float:
        """Width of the brush in model pixels."""
        return self._brush

    def set_brush(self, width: float) -> None:
        """Set the width of the brush, in model pixels."""
        self._brush = min(max(width, BRUSH_RANGE[0]), BRUSH_RANGE[1])
        self.update()

    def set_hint(self, text: str) -> None:
        """Set the sentence shown while nothing is drawn."""
        self._hint = text
        self.update()

    @property
    def can_undo(self) -> bool:
        """Whether there is a stroke to undo."""
        return self._drawing.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether a stroke that was undone can be redone."""
        return self._drawing.can_redo

    @property
    def is_blank(self) -> bool:
        """Whether nothing is drawn."""
        return self._drawing.is_blank and not self._points

    def undo(self) -> None:
        """Undo the last stroke, image or clear."""
        self._drawing.undo()
        self._render()

    def redo(self) -> None:
        """Redo what was undone last."""
        self._drawing.redo()
        self._render()

    def clear(self) -> None:
        """Wipe the canvas; can be undone."""
        if not self.is_blank:
            self._points = []
            self._drawing.add(Clear())
            self._render()

    def put(self, ink: NDArray[np.uint8]) -> None:
        """Replace the drawing by an image, (height, width) uint8, ink bright; can be undone."""
        if not self.is_blank:
            self._drawing.add(Clear())
        self._drawing.add(Picture(ink))
        self._render()

    def paste(self) -> None:
        """Put the clipboard's image on the canvas."""
        if not self._take(QGuiApplication.clipboard().mimeData()):
            self.refused.emit("The clipboard holds no image; copy one first.")

    # The pen

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a stroke with the left button, begin erasing with the right one."""
        if event.button() in (_DRAW, _ERASE) and not self._points:
            self._begin(event.position(), 1.0, event.button() == _ERASE)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with the stroke; without a button, show how wide the brush is."""
        self._move_hover(event.position())
        if self._points:
            self._extend(event.position(), 1.0)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the stroke."""
        if event.button() == (_ERASE if self._erases else _DRAW):
            self._end()

    def tabletEvent(self, event: QTabletEvent) -> None:
        """Draw with a pen: its pressure sets the width, its other end erases."""
        press, move, release = _PEN_EVENTS
        if event.type() == press:
            rubber = event.pointerType() == QPointingDevice.PointerType.Eraser
            self._begin(event.position(), event.pressure(), rubber or event.button() == _ERASE)
        elif event.type() == move and self._points:
            self._extend(event.position(), event.pressure())
        elif event.type() == release:
            self._end()
        event.accept()  # else Qt sends the same again as mouse events

    def _begin(self, position: QPointF, pressure: float, erases: bool) -> None:
        self._erases = erases
        for surface in (self._model, self._view):
            surface.begin()
        self._drawn = 0
        self._extend(position, pressure)
        self.history_changed.emit()

    def _extend(self, position: QPointF, pressure: float) -> None:
        self._points.append(self._pen_point(position, pressure))
        self._update_stroke()
        self.changed.emit()

    def _draw_new_points(self) -> None:
        """Draw the points since the last call; a fast pen sends several of them between two paint events."""
        while self._drawn < len(self._points):
            self._drawn = min(len(self._points), next_stop(self._drawn))
            for surface in (self._model, self._view):
                surface.extend(self._points[: self._drawn], self._erases)

    def _end(self) -> None:
        if self._points:
            self._draw_new_points()
            self._drawing.add(Stroke(tuple(self._points), self._erases))
            self._points = []
            self.changed.emit()
            self.history_changed.emit()

    def _pen_point(self, position: QPointF, pressure: float) -> PenPoint:
        paper = self._paper()
        scale = SIDE / paper.width()
        low, slope = _PRESSURE
        # A mouse has no pressure and draws exactly as wide as the slider says.
        width = self._brush * (1.0 if pressure == 1.0 else low + slope * pressure)
        width *= _ERASER_FACTOR if self._erases else 1.0
        return PenPoint((position.x() - paper.x()) * scale, (position.y() - paper.y()) * scale, width)

    # Keys, clipboard, drops

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete and Backspace clear."""
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.clear()
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept what may be an image; models are the window's."""
        data = event.mimeData()
        event.setAccepted(model_of(data) is None and (data.hasImage() or data.hasUrls()))
        self._show_target(event.isAccepted())

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """The image goes elsewhere."""
        self._show_target(False)

    def dropEvent(self, event: QDropEvent) -> None:
        """Put the dropped image on the canvas."""
        self._show_target(False)
        if self._take(event.mimeData()):
            event.acceptProposedAction()

    def _take(self, data: QMimeData) -> bool:
        """Put an image from the clipboard or a drop on the canvas; tell whether there was one."""
        try:
            ink = ink_of(data)
        except TinyMLError as error:
            self.refused.emit(str(error))
            return True
        if ink is not None:
            self.put(ink)
        return ink is not None

    # Looks

    def sizeHint(self) -> QSize:
        """Prefer a square of the model's own size."""
        return QSize(SIDE, SIDE)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Render the strokes anew, as sharp as the screen is."""
        self._make_view()

    def changeEvent(self, event: QEvent) -> None:
        """Take on the other theme's ink."""
        super().changeEvent(event)
        if theme.is_theme_change(event) or event.type() == QEvent.Type.DevicePixelRatioChange:
            self._make_view()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show how wide the brush is."""
        self._move_hover(event.position())

    def leaveEvent(self, event: QEvent) -> None:
        """Show no brush."""
        self._move_hover(None)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus ring."""
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the focus ring."""
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint paper, ink, brush and focus ring."""
        self._draw_new_points()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self._paint_paper(painter)
        painter.drawImage(self._paper(), self._view.image)
        if self.is_blank:
            self._paint_hint(painter)
        if self._hover is not None:
            self._paint_brush(painter, self._hover)
        painter.end()

    def _paper(self) -> QRectF:
        """The square that is drawn on, in the middle of the widget."""
        side = min(self.width(), self.height())
        # On whole pixels, so that the view is copied to the screen and not resampled.
        return QRectF((self.width() - side) // 2, (self.height() - side) // 2, side, side)

    def _paint_paper(self, painter: QPainter) -> None:
        t = theme.tokens()
        marked = self.hasFocus() or self._is_target
        width = 3 if self._is_target else 2 if marked else 1
        painter.setPen(QPen(QColor(t.accent if marked else t.border), width))
        painter.setBrush(QColor(t.paper))
        inset = width / 2
        painter.drawRoundedRect(
            self._paper().adjusted(inset, inset, -inset, -inset), theme.RADIUS, theme.RADIUS
        )

    def _show_target(self, on: bool) -> None:
        """Show that what is dragged can be dropped here, or no longer."""
        self._is_target = on
        self.update()

    def _paint_hint(self, painter: QPainter) -> None:
        painter.setPen(QColor(theme.tokens().muted))
        painter.setFont(theme.text_font(theme.SECTION))
        centred = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(self._paper(), centred, self._hint)

    def _paint_brush(self, painter: QPainter, where: QPointF) -> None:
        t = theme.tokens()
        radius = self._brush * self._paper().width() / SIDE / 2
        painter.setPen(QPen(QColor(t.bad if self._erases and self._points else t.outline), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(where, radius, radius)

    # Painting all of the canvas at each pen event would cost more than drawing and classifying together.

    def _update_stroke(self) -> None:
        """Paint what the newest pen event changed."""
        if len(self._points) == 1:
            self.update()  # the hint goes
            return
        tail = self._points[-_TAIL:]
        paper = self._paper()
        scale = paper.width() / SIDE
        reach = scale * max(point.width for point in tail) / 2 + _SEAM
        left, right = min(p.x for p in tail), max(p.x for p in tail)
        top, bottom = min(p.y for p in tail), max(p.y for p in tail)
        changed = QRectF(left * scale, top * scale, (right - left) * scale, (bottom - top) * scale)
        changed.translate(paper.topLeft())
        self.update(changed.adjusted(-reach, -reach, reach, reach).toAlignedRect())

    def _move_hover(self, where: QPointF | None) -> None:
        """Move the brush's ring."""
        radius = self._brush * self._paper().width() / SIDE / 2 + _SEAM
        for at in (self._hover, where):
            if at is not None:
                ring = QRectF(at.x() - radius, at.y() - radius, 2 * radius, 2 * radius)
                self.update(ring.toAlignedRect())
        self._hover = where

    def _make_view(self) -> None:
        side = round(self._paper().width() * self.devicePixelRatioF())
        self._view = Surface(max(side, 1), theme.tokens().ink)
        self._render_on(self._view)
        self.update()

    def _render(self) -> None:
        for surface in (self._model, self._view):
            self._render_on(surface)
        self.update()
        self.changed.emit()
        self.history_changed.emit()

    def _render_on(self, surface: Surface) -> None:
        self._drawing.render(surface)
        if self._points:  # a stroke under way
            Stroke(tuple(self._points), self._erases).paint(surface)
            self._drawn = len(self._points)
