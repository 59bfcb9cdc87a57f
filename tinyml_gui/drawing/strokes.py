"""A drawing is a list of marks; a surface is one rendering of it.

Marks live in model pixels (`SIDE` × `SIDE`, independent of window and screen), so the same list is
rendered twice: on the surface the network reads and, at the screen's own resolution, on the one the
user sees. Undo takes marks off the list (`tinyml_gui.drawing.rendering`). A surface keeps ink as
opacity, so the ink's colour never reaches the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from resources.look import PEN

__all__ = ["SIDE", "Clear", "Drawing", "Mark", "PenPoint", "Picture", "Stroke", "Surface", "next_stop"]

SIDE: Final = PEN.side  #: model pixels a side

_CHUNK: Final = 32  # points of a stroke that are drawn anew at each pen event
_SOLID, _ROUND_CAP, _ROUND_JOIN = Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin
_OVER = QPainter.CompositionMode.CompositionMode_SourceOver
_OUT = QPainter.CompositionMode.CompositionMode_DestinationOut


def next_stop(drawn: int) -> int:
    """Return the next number of points, after `drawn`, at which `Surface.extend` has to be called."""
    return (drawn // _CHUNK + 1) * _CHUNK


@dataclass(frozen=True)
class PenPoint:
    """Where the pen was and how wide it drew, in model pixels."""

    x: float
    y: float
    width: float


class Mark(Protocol):
    """One undoable thing on the canvas."""

    @property
    def work(self) -> int:
        """How often something is painted for this mark."""

    def paint(self, surface: Surface) -> None:
        """Put this mark on `surface`."""


@dataclass(frozen=True)
class Stroke:
    """What the pen drew, or erased, between press and release."""

    points: tuple[PenPoint, ...]
    erases: bool = False

    @property
    def work(self) -> int:
        """How often a part of the stroke is painted."""
        return len(self.points) // _CHUNK + 1

    def paint(self, surface: Surface) -> None:
        """Put the whole stroke on `surface`, exactly as the pen did."""
        surface.begin()
        drawn = 0
        while drawn < len(self.points):
            drawn = min(len(self.points), next_stop(drawn))
            surface.extend(self.points[:drawn], self.erases)


@dataclass(frozen=True, eq=False)
class Picture:
    """An image that was pasted or dropped; `ink` is (height, width) uint8, ink bright."""

    ink: NDArray[np.uint8]
    work: ClassVar[int] = 1

    def paint(self, surface: Surface) -> None:
        """Put the image on `surface`, as large as fits, in the middle."""
        surface.picture(self.ink)


@dataclass(frozen=True)
class Clear:
    """Everything wiped off; a mark like any other, so that clearing can be undone."""

    work: ClassVar[int] = 1

    def paint(self, surface: Surface) -> None:
        """Wipe `surface`."""
        surface.wipe()


class Surface:
    """An image of `pixels` × `pixels` that marks are painted on.

    Parameters
    ----------
    pixels : int
    colour : str
        Colour of the ink.
    """

    def __init__(self, pixels: int, colour: str) -> None:
        self.image = QImage(pixels, pixels, QImage.Format.Format_ARGB32_Premultiplied)
        self._colour = QColor(colour)
        self._scale = pixels / SIDE
        self._start = 0
        self.wipe()
        self._below = QImage(self.image)

    def wipe(self) -> None:
        """Take all ink off."""
        self.image.fill(Qt.GlobalColor.transparent)

    def begin(self) -> None:
        """Begin a stroke: what is there now stays below it."""
        self._below = QImage(self.image)
        self._start = 0

    def extend(self, points: Sequence[PenPoint], erases: bool) -> None:
        """Draw (or erase) the stroke as far as it goes, `points` being all of it so far.

        The newest points are drawn as one path over what was below them: pieces drawn one by one would
        darken each other's antialiased edges. Older points are final, so that the work stays bounded.
        """
        self.image = QImage(self._below)  # shared until painted on
        self._paint_path(points[self._start :], erases)
        if len(points) % _CHUNK == 0:
            self._below = QImage(self.image)
            self._start = len(points) - 1

    def picture(self, ink: NDArray[np.uint8]) -> None:
        """Draw an image of shape (height, width), ink bright, as large as fits, in the middle."""
        height, width = ink.shape
        scale = SIDE / max(height, width)
        target = QRectF(0, 0, width * scale, height * scale)
        target.moveCenter(QPointF(SIDE / 2, SIDE / 2))
        painter = self._painter()
        painter.drawImage(target, _tinted(ink, self._colour))
        painter.end()

    def restore(self, ink: NDArray[np.uint8]) -> None:
        """Put back what `ink` returned, here or, stretched, on a surface of another size."""
        if len(ink) == self.image.width():
            self.image = _tinted(ink, self._colour)
        else:
            self.wipe()
            self.picture(ink)

    def recolour(self, colour: str) -> None:
        """Give all ink another colour."""
        self._colour = QColor(colour)
        for image in (self.image, self._below):
            painter = QPainter(image)
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
            painter.fillRect(image.rect(), self._colour)
            painter.end()

    def ink(self) -> NDArray[np.uint8]:
        """Return the opacity, (pixels, pixels) uint8, ink bright: what preprocessing reads."""
        side = self.image.width()
        rows = np.frombuffer(self.image.constBits(), np.uint32).reshape(side, side)
        return (rows >> 24).astype(np.uint8)

    def _paint_path(self, points: Sequence[PenPoint], erases: bool) -> None:
        painter = self._painter()
        painter.setCompositionMode(_OUT if erases else _OVER)
        for width, run in _runs_of_one_width(points):
            painter.setPen(QPen(self._colour, width, _SOLID, _ROUND_CAP, _ROUND_JOIN))
            if len(run) == 1:
                painter.drawPoint(run[0])
            else:
                painter.drawPolyline(run)
        painter.end()

    def _painter(self) -> QPainter:
        painter = QPainter(self.image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.scale(self._scale, self._scale)
        return painter


def _runs_of_one_width(points: Sequence[PenPoint]) -> list[tuple[float, list[QPointF]]]:
    """Split a path where the pen's width changes; each run begins where the one before ended."""
    runs: list[tuple[float, list[QPointF]]] = []
    before: list[QPointF] = []
    for point in points:
        here = QPointF(point.x, point.y)
        if runs and runs[-1][0] == point.width:
            if here != runs[-1][1][-1]:
                runs[-1][1].append(here)
        else:
            runs.append((point.width, [*before, here] if before != [here] else [here]))
        before = [here]
    return runs


def _tinted(ink: NDArray[np.uint8], colour: QColor) -> QImage:
    """Return `ink` as an image of one colour, premultiplied by the opacity that ink is."""
    height, width = ink.shape
    channels = np.array([colour.blue(), colour.green(), colour.red(), 255], np.uint16)
    pixels = (ink[:, :, None].astype(np.uint16) * channels // 255).astype(np.uint8)
    data = pixels.tobytes()  # B, G, R, A bytes are what the format holds on little-endian machines
    return QImage(data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied).copy()


class Drawing:
    """The marks on the canvas, with undo and redo by the mark."""

    def __init__(self) -> None:
        self._done: list[Mark] = []
        self._undone: list[Mark] = []

    @property
    def marks(self) -> Sequence[Mark]:
        """What is on the canvas, oldest first."""
        return self._done

    @property
    def can_undo(self) -> bool:
        """Whether there is a mark to undo."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether a mark that was undone can be redone."""
        return bool(self._undone)

    @property
    def is_blank(self) -> bool:
        """Whether nothing was drawn since the start or the last clear."""
        return not self._done or isinstance(self._done[-1], Clear)

    def add(self, mark: Mark) -> None:
        """Append `mark`; what was undone before is forgotten."""
        self._done.append(mark)
        self._undone.clear()

    def swap(self, old: Mark, new: Mark) -> bool:
        """Put `new` in the place of `old`; return whether `old` was there."""
        place = next((i for i, mark in enumerate(self._done) if mark is old), None)
        if place is not None:
            self._done[place] = new
        return place is not None

    def undo(self) -> None:
        """Take the last mark off."""
        if self._done:
            self._undone.append(self._done.pop())

    def redo(self) -> None:
        """Put the mark that was undone last on again."""
        if self._undone:
            self._done.append(self._undone.pop())
