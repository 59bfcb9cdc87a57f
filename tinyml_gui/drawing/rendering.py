"""Surfaces that follow a drawing, and paint few marks only, however many there are.

A rendering keeps its opacity after every few marks, packed. To undo a mark it goes back to what it kept last
before, and paints from there. Kept opacities stay valid in another colour, and serve stretched in another
size until the marks have been painted anew, a few at a time.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyml_gui.drawing.strokes import SIDE, Clear, Drawing, Mark, PenPoint, Stroke, Surface

__all__ = ["FEW", "Rendering", "Sheet"]

FEW: Final = 16  #: paintings between two opacities that are kept, and those that may be done at a time
_MOST_BYTES: Final = 16_000_000  # of all that a rendering keeps
_LIVE: Final = "#000000"  # the model surface is read by opacity: its colour does not matter


@dataclass(frozen=True)
class _Place:
    """The first `count` marks of a drawing, of which `last` is the last.

    A drawing forgets what was undone when something is added. So the same mark in the same place means that
    all marks before it are the same, too.
    """

    count: int = 0
    last: Mark | None = None

    def lies_on(self, marks: Sequence[Mark]) -> bool:
        """Return whether `marks` begin with these."""
        return self.count == 0 or (self.count <= len(marks) and marks[self.count - 1] is self.last)


@dataclass(frozen=True)
class _Kept:
    """The opacity after the marks of a place."""

    place: _Place
    side: int
    packed: bytes

    @classmethod
    def of(cls, place: _Place, ink: NDArray[np.uint8]) -> _Kept:
        return cls(place, len(ink), zlib.compress(ink.tobytes(), 1))

    def ink(self) -> NDArray[np.uint8]:
        return np.frombuffer(zlib.decompress(self.packed), np.uint8).reshape(self.side, self.side)


class Rendering:
    """A surface that shows the marks of a drawing.

    Parameters
    ----------
    pixels : int
    colour : str

    Attributes
    ----------
    surface : Surface
    """

    def __init__(self, pixels: int, colour: str) -> None:
        self.surface = Surface(pixels, colour)
        self._place: _Place | None = _Place()  # None while there is more on the surface than marks
        self._work = 0  # paintings since the last opacity that was kept
        self._kept: list[_Kept] = []  # in order

    def begin(self) -> None:
        """Begin a stroke, which is no mark yet."""
        self.surface.begin()
        self._place = None

    def took(self, marks: Sequence[Mark]) -> None:
        """The stroke that was begun is the last mark now."""
        self._arrive(_Place(len(marks), marks[-1]))

    def forget(self) -> None:
        """Paint all marks anew next time."""
        self._place = None
        self._kept.clear()

    def show(self, marks: Sequence[Mark], most: int | None = None) -> bool:
        """Paint what is needed to show `marks`, or about `most` of it; return whether they are shown."""
        done = 0
        for count in range(self._go_back(marks) + 1, len(marks) + 1):
            if most is not None and done >= most:
                return False
            mark = marks[count - 1]
            mark.paint(self.surface)
            self._arrive(_Place(count, mark))
            done += mark.work
        return True

    def stretched(self, pixels: int, colour: str) -> Rendering:
        """Return a rendering of another size that shows the same, a little blurred."""
        other = Rendering(pixels, colour)
        other.surface.restore(self.surface.ink())
        other._place, other._work, other._kept = self._place, self._work, list(self._kept)
        return other

    def _go_back(self, marks: Sequence[Mark]) -> int:
        """Show the latest state that leads to `marks` without painting; return its number of marks."""
        cleared = next((i for i in range(len(marks), 0, -1) if isinstance(marks[i - 1], Clear)), 0)
        kept = next((kept for kept in reversed(self._kept) if kept.place.lies_on(marks)), None)
        counts = [cleared, -1 if kept is None else kept.place.count, self._count_here(marks)]
        count = max(counts)
        if count == counts[2]:
            return count
        self._work = 0
        if kept is not None and count == kept.place.count:
            self._place = kept.place
            self.surface.restore(kept.ink())
        else:
            self._place = _Place(count, marks[count - 1]) if count else _Place()
            self.surface.wipe()
        return count

    def _count_here(self, marks: Sequence[Mark]) -> int:
        return -1 if self._place is None or not self._place.lies_on(marks) else self._place.count

    def _arrive(self, place: _Place) -> None:
        assert place.last is not None
        self._place = place
        self._work += place.last.work
        if self._work >= FEW:
            self._work = 0
            self._kept = [kept for kept in self._kept if kept.place.count < place.count]
            self._kept.append(_Kept.of(place, self.surface.ink()))
            self._thin_out()

    def _thin_out(self) -> None:
        """Keep less of what is long ago: undo goes there last."""
        while sum(len(kept.packed) for kept in self._kept) > _MOST_BYTES and len(self._kept) > 1:
            older = len(self._kept) // 2
            self._kept = self._kept[:older][1::2] + self._kept[older:]


class Sheet:
    """A drawing on two surfaces: the one that the network reads and the one that is seen.

    Parameters
    ----------
    colour : str
        Colour of the ink that is seen.
    """

    def __init__(self, colour: str) -> None:
        self.drawing = Drawing()
        self._colour = colour
        self._model = Rendering(SIDE, _LIVE)
        self._view = Rendering(SIDE, colour)
        self._sharper: Rendering | None = None

    @property
    def model(self) -> Surface:
        """The surface that the network reads."""
        return self._model.surface

    @property
    def view(self) -> Surface:
        """The surface that is seen."""
        return self._view.surface

    @property
    def is_sharp(self) -> bool:
        """Whether the view has no stretched ink; else `sharpen` is to be called."""
        return self._sharper is None

    def begin(self) -> None:
        """Begin a stroke."""
        for rendering in (self._model, self._view):
            rendering.begin()

    def extend(self, points: Sequence[PenPoint], erases: bool) -> None:
        """Go on with the stroke, of which `points` are all so far."""
        for surface in (self.model, self.view):
            surface.extend(points, erases)

    def took(self, stroke: Stroke) -> None:
        """The stroke that is on the surfaces has ended."""
        self.drawing.add(stroke)
        for rendering in (self._model, self._view):
            rendering.took(self.drawing.marks)

    def swap(self, old: Mark, new: Mark) -> None:
        """Put `new` in the place of `old`, if that is still on the canvas; `show` is to be called then."""
        if self.drawing.swap(old, new):
            for rendering in (self._model, self._view, self._sharper):
                if rendering is not None:
                    rendering.forget()

    def show(self, under_way: Stroke | None = None) -> None:
        """Show the marks of the drawing as they are now, and the stroke that is under way."""
        for rendering in (self._model, self._view):
            rendering.show(self.drawing.marks)
            self._add(under_way, rendering)

    def recolour(self, colour: str) -> None:
        """Show the ink in another colour."""
        self._colour = colour
        for rendering in (self._view, self._sharper):
            if rendering is not None:
                rendering.surface.recolour(colour)

    def resize(self, pixels: int, under_way: Stroke | None = None) -> None:
        """Give the view another size; where there are many marks, what was there is stretched at first."""
        fresh = Rendering(pixels, self._colour)
        self._sharper = None
        if fresh.show(self.drawing.marks, FEW):
            self._view = fresh
        else:
            self._view, self._sharper = self._view.stretched(pixels, self._colour), fresh
            self._view.show(self.drawing.marks)
        self._add(under_way, self._view)

    def sharpen(self) -> None:
        """Paint a few more marks in the view's own size; show them once they are all there."""
        if self._sharper is not None and self._sharper.show(self.drawing.marks, FEW):
            self._view, self._sharper = self._sharper, None

    def _add(self, under_way: Stroke | None, rendering: Rendering) -> None:
        if under_way is not None:
            rendering.begin()
            under_way.paint(rendering.surface)
