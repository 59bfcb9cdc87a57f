"""The drawing surface: pen, mouse, keyboard and dropped images in, ink for the network out.

The left button or the pen draws, the right button or the pen's other end erases. Positions are
kept as floats in model pixels (`tinyml_gui.drawing.strokes`), so neither the window's size nor the
screen's pixel ratio changes what the network sees.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QMimeData, QPointF, QRectF, QSize, Qt, QTimer, Signal
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
    QPointingDevice,
    QResizeEvent,
    QTabletEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.errors import TinyMLError
from resources.look import PEN
from tinyml_gui.drawing.paper import SEAM, area_of, paint_paper, paint_ring
from tinyml_gui.drawing.paste_and_drop import model_of, picture_of
from tinyml_gui.drawing.pen_echo import PenEcho
from tinyml_gui.drawing.rendering import Sheet
from tinyml_gui.drawing.strokes import SIDE, Clear, PenPoint, Picture, Stroke, next_stop
from tinyml_gui.look import theme
from tinyml_gui.look.keys import set_keys

__all__ = ["Canvas"]

_KEYS: Final = "Left button draws, right button erases, Delete clears, Ctrl+Z undoes a stroke"
BRUSH_DEFAULT: Final = PEN.brush
BRUSH_RANGE: Final = (8.0, 60.0)
_TAIL: Final = 3  # the newest points: one more may change how they look
_REST_MS: Final = 100  # from the last change of size until the ink is painted anew
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
    given(object)
        An image was pasted or dropped: its file's `Path`, or a `QImage`. Who reads it calls `put`.
    refused(str)
        A pasted or dropped image cannot be used; one sentence.
    """

    changed = Signal()
    history_changed = Signal()
    given = Signal(object)
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sheet = Sheet(theme.tokens().ink)
        self._sharpening = QTimer(self)
        self._sharpening.setSingleShot(True)
        self._sharpening.timeout.connect(self._sharpen)
        self._points: list[PenPoint] = []
        self._drawn = 0  # points of the stroke under way that are on the surfaces
        self._erases = False
        self._rough: Picture | None = None  # what stands for an image that is being read
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
        return self._sheet.model.ink()

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
        return self._sheet.drawing.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether a stroke that was undone can be redone."""
        return self._sheet.drawing.can_redo

    @property
    def is_blank(self) -> bool:
        """Whether nothing is drawn."""
        return self._sheet.drawing.is_blank and not self._points

    def undo(self) -> None:
        """Undo the last stroke, image or clear."""
        self._sheet.drawing.undo()
        self._render()

    def redo(self) -> None:
        """Redo what was undone last."""
        self._sheet.drawing.redo()
        self._render()

    def clear(self) -> None:
        """Wipe the canvas; can be undone."""
        if not self.is_blank:
            self._points = []
            self._sheet.drawing.add(Clear())
            self._render()

    def put(self, ink: NDArray[np.uint8], rough: bool = False) -> None:
        """Replace the drawing by an image, (height, width) uint8, ink bright; can be undone.

        A `rough` image is replaced by the next one, unless it was undone meanwhile.
        """
        picture, before = Picture(ink), self._rough
        self._rough = picture if rough else None
        if before is None:
            if not self.is_blank:
                self._sheet.drawing.add(Clear())
            self._sheet.drawing.add(picture)
        else:
            self._sheet.swap(before, picture)
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
        self._sheet.begin()
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
            self._sheet.extend(self._points[: self._drawn], self._erases)

    def _end(self) -> None:
        if self._points:
            self._draw_new_points()
            self._sheet.took(Stroke(tuple(self._points), self._erases))
            self._points = []
            self.changed.emit()
            self.history_changed.emit()

    def _pen_point(self, position: QPointF, pressure: float) -> PenPoint:
        paper = self._paper()
        scale = SIDE / paper.width()
        low, slope = PEN.pressure
        # A mouse has no pressure and draws exactly as wide as the slider says.
        width = self._brush * (1.0 if pressure == 1.0 else low + slope * pressure)
        width *= PEN.eraser if self._erases else 1.0
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
        """Pass on an image from the clipboard or a drop; tell whether there was one."""
        try:
            image = picture_of(data)
        except TinyMLError as error:
            self.refused.emit(str(error))
            return True
        if image is not None:
            self._rough = None
            self.given.emit(image)
        return image is not None

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
        if theme.is_theme_change(event):
            self._sheet.recolour(theme.tokens().ink)
            self.update()
        elif event.type() == QEvent.Type.DevicePixelRatioChange:
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
        paint_paper(painter, self._paper(), self.hasFocus(), self._is_target)
        painter.drawImage(self._paper(), self._sheet.view.image)
        if self.is_blank:
            self._paint_hint(painter)
        if self._hover is not None:
            erases = self._erases and bool(self._points)
            paint_ring(painter, self._hover, self._brush * self._paper().width() / SIDE / 2, erases)
        painter.end()

    def _paper(self) -> QRectF:
        """The square that is drawn on, in the middle of the widget."""
        side = min(self.width(), self.height())
        # On whole pixels, so that the view is copied to the screen and not resampled.
        return QRectF((self.width() - side) // 2, (self.height() - side) // 2, side, side)

    def _show_target(self, on: bool) -> None:
        """Show that what is dragged can be dropped here, or no longer."""
        self._is_target = on
        self.update()

    def _paint_hint(self, painter: QPainter) -> None:
        painter.setPen(QColor(theme.tokens().muted))
        painter.setFont(theme.text_font(theme.SECTION))
        centred = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(self._paper(), centred, self._hint)

    # Painting all of the canvas at each pen event would cost more than drawing and classifying together.

    def _update_stroke(self) -> None:
        """Paint what the newest pen event changed."""
        if len(self._points) == 1:
            self.update()  # the hint goes
            return
        self.update(area_of(self._points[-_TAIL:], self._paper()))

    def _move_hover(self, where: QPointF | None) -> None:
        """Move the brush's ring."""
        radius = self._brush * self._paper().width() / SIDE / 2 + SEAM
        for at in (self._hover, where):
            if at is not None:
                ring = QRectF(at.x() - radius, at.y() - radius, 2 * radius, 2 * radius)
                self.update(ring.toAlignedRect())
        self._hover = where

    def _make_view(self) -> None:
        """Fit the view to the screen; where there are many strokes, they are painted anew when it rests."""
        side = round(self._paper().width() * self.devicePixelRatioF())
        self._sheet.resize(max(side, 1), self._under_way())
        if not self._sheet.is_sharp:
            self._sharpening.start(_REST_MS)
        self.update()

    def _sharpen(self) -> None:
        if not self._points:
            self._sheet.sharpen()
            self.update()
        if not self._sheet.is_sharp:
            self._sharpening.start(_REST_MS if self._points else 0)

    def _render(self) -> None:
        self._sheet.show(self._under_way())
        self.update()
        self.changed.emit()
        self.history_changed.emit()

    def _under_way(self) -> Stroke | None:
        self._draw_new_points()
        return Stroke(tuple(self._points), self._erases) if self._points else None
