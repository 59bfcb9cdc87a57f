"""Plots as SVG text: a heat map, and points with their front. They need no script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import log10

__all__ = ["Point", "heat_map", "scatter"]

CELL = 18
LEFT, BOTTOM, TOP = 46, 34, 24
WIDTH, HEIGHT = 460, 280
COLD, HOT = (68, 1, 84), (253, 231, 37)  # ends of the scale; in between over a green
MIDDLE = (33, 145, 140)


@dataclass(frozen=True)
class Point:
    """A network in a plot: both numbers, whether no other one beats it, and what it is called."""

    x: float
    y: float
    is_best: bool
    title: str


def heat_map(cells: Mapping[tuple[int, int], float], title: str, x_label: str, y_label: str) -> str:
    """Return a heat map of `cells`, by row and column; hovering over a cell tells its value."""
    rows, columns = (sorted({place[axis] for place in cells}) for axis in (0, 1))
    low, high = min(cells.values()), max(cells.values())
    width, height = LEFT + CELL * len(columns) + 8, TOP + CELL * len(rows) + BOTTOM
    parts = [_text(LEFT, 14, title, "start")]
    for (row, column), value in cells.items():
        x, y = LEFT + CELL * columns.index(column), TOP + CELL * rows.index(row)
        colour = _colour((value - low) / (high - low) if high > low else 1.0)
        tip = escape(f"{y_label} {row}, {x_label} {column}: {value:.4g}")
        shape = f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="{colour}">'
        parts.append(f"{shape}<title>{tip}</title></rect>")
    for place, row in enumerate(rows):
        parts.append(_text(LEFT - 4, TOP + CELL * place + 13, str(row), "end"))
    for place, column in enumerate(columns):
        parts.append(_text(LEFT + CELL * place + CELL / 2, height - BOTTOM + 13, str(column), "middle"))
    parts.append(_text(LEFT, height - 6, f"{x_label} →, {y_label} ↓; from {low:.4g} to {high:.4g}", "start"))
    return _svg(width, height, parts)


def scatter(points: Sequence[Point], title: str, x_label: str, y_label: str) -> str:
    """Return points over a logarithmic x axis, with a line through those that no other one beats."""
    shown = [point for point in points if point.x > 0]
    if not shown:
        return ""
    xs, ys = [log10(point.x) for point in shown], [point.y for point in shown]
    place = _Frame(min(xs), max(xs), min(ys), max(ys))
    parts = [_text(LEFT, 14, title, "start"), *place.axes(x_label, y_label)]
    best = sorted((point for point in shown if point.is_best), key=lambda point: point.x)
    if len(best) > 1:
        line = " ".join("{:.1f},{:.1f}".format(*place.of(point)) for point in best)
        parts.append(f'<polyline points="{line}" class="front"/>')
    for point in sorted(shown, key=lambda point: point.is_best):
        x, y = place.of(point)
        kind, radius = ("best", 4) if point.is_best else ("other", 2.5)
        tip = escape(point.title)
        shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" class="{kind}">'
        parts.append(f"{shape}<title>{tip}</title></circle>")
    return _svg(WIDTH, HEIGHT, parts)


@dataclass(frozen=True)
class _Frame:
    """The part of the plane that is shown; x as logarithms."""

    left: float
    right: float
    low: float
    high: float

    def of(self, point: Point) -> tuple[float, float]:
        """Return where a point is drawn."""
        x = (log10(point.x) - self.left) / (self.right - self.left or 1)
        y = (point.y - self.low) / (self.high - self.low or 1)
        return LEFT + 8 + x * (WIDTH - LEFT - 24), HEIGHT - BOTTOM - 8 - y * (HEIGHT - BOTTOM - TOP - 16)

    def axes(self, x_label: str, y_label: str) -> Iterable[str]:
        """Yield both axes with the numbers at their ends."""
        bottom = HEIGHT - BOTTOM
        yield f'<path d="M{LEFT},{TOP} V{bottom} H{WIDTH - 8}" class="axis"/>'
        yield _text(LEFT - 4, bottom - 4, f"{self.low:.4g}", "end")
        yield _text(LEFT - 4, TOP + 12, f"{self.high:.4g}", "end")
        yield _text(LEFT + 8, bottom + 14, f"{_short(10**self.left)}", "start")
        yield _text(WIDTH - 8, bottom + 14, f"{_short(10**self.right)}", "end")
        yield _text((LEFT + WIDTH) / 2, bottom + 28, f"{x_label} (logarithmic) →, {y_label} ↑", "middle")


def _svg(width: float, height: float, parts: Iterable[str]) -> str:
    return f'<svg width="{width:g}" height="{height:g}" role="img">{"".join(parts)}</svg>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"


def _colour(share: float) -> str:
    (start, end), part = ((COLD, MIDDLE), 2 * share) if share < 0.5 else ((MIDDLE, HOT), 2 * share - 1)
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in zip(start, end, strict=True))
