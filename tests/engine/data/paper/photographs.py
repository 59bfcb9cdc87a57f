"""Photographs of sheets, made up: written on, seen at an angle, badly lit, on lined paper, noisy, as JPEG."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from engine.data.dataset import Dataset
from engine.data.paper.printing import draw_sheet
from engine.data.paper.sheet import BOX_SIDE, Sheet

DOTS = 8  # a millimetre, of the sheet before it is photographed
TABLE = 90  # grey of what the sheet lies on


@dataclass(frozen=True)
class Conditions:
    """How a photograph is taken.

    Attributes
    ----------
    angle : float
        Degrees that the camera looks from the side.
    turn : float
        Degrees that the sheet lies askew.
    shadow : float
        Share of the light that is missing on one side of a sharp edge.
    slope : float
        Share of the light that is lost from one end to the other.
    noise : float
        Standard deviation, of 255.
    blur : float
        Radius in pixels.
    lines : bool
        Whether the paper is ruled.
    pen : int
        Grey of the ink.
    """

    angle: float = 0.0
    turn: float = 0.0
    shadow: float = 0.0
    slope: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    lines: bool = False
    pen: int = 30

    @classmethod
    def drawn(cls, rng: np.random.Generator, angle: float = 25.0) -> Conditions:
        """Return conditions as they come; the angle is at most the given one."""
        return cls(
            rng.uniform(0, angle),
            rng.uniform(-20, 20),
            rng.uniform(0, 0.5),
            rng.uniform(0, 0.5),
            rng.uniform(0, 8),
            rng.uniform(0, 1.2),
            bool(rng.random() < 0.3),
            int(rng.integers(10, 90)),
        )


def written(
    sheet: Sheet, data: Dataset, rng: np.random.Generator, conditions: Conditions = Conditions()
) -> tuple[Image.Image, NDArray[np.intp]]:
    """Return the sheet with an image of `data` in each box, and which of its images these are."""
    page = draw_sheet(sheet, DOTS)
    if conditions.lines:
        page = _ruled(page)
    chosen = []
    for box in sheet.boxes:
        index = rng.choice(np.flatnonzero(data.labels == data.classes.index(box.label)))
        side = int(rng.uniform(0.65, 0.95) * BOX_SIDE * DOTS)
        ink = Image.fromarray(data.images[index, ..., 0]).resize((side, side), Image.Resampling.BICUBIC)
        ink = ink.point(lambda value: min(255, 2 * max(0, value - 60)))  # the edge of a pen, not of a pixel
        free = BOX_SIDE * DOTS - side
        left, top = (int(place * DOTS + rng.uniform(0.2, 0.8) * free) for place in (box.left, box.top))
        page.paste(conditions.pen, (left, top), ink)
        chosen.append(index)
    return page, np.array(chosen)


def _ruled(page: Image.Image) -> Image.Image:
    """Return the page as if it were printed on ruled paper."""
    lines = Image.new("L", page.size, 255)
    for y in range(0, page.height, 8 * DOTS):
        lines.paste(150, (0, y, page.width, y + 2))
    return ImageChops.darker(page, lines)


def photographed(
    page: Image.Image, rng: np.random.Generator, conditions: Conditions, long_side: int = 3000
) -> Image.Image:
    """Return a photograph of `page` with so many pixels on its longer side."""
    width, height = long_side * 3 // 4, long_side
    seen = page.transform(
        (width, height),
        Image.Transform.PERSPECTIVE,
        _from_picture(page.size, (width, height), conditions),
        Image.Resampling.BICUBIC,
        fillcolor=TABLE,
    )
    if conditions.blur:
        seen = seen.filter(ImageFilter.GaussianBlur(conditions.blur))
    pixels = np.asarray(seen, np.float32) * _light((height, width), rng, conditions)
    pixels += rng.normal(0, conditions.noise, pixels.shape).astype(np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def saved(photograph: Image.Image, path: Path) -> Path:
    """Write a photograph as phones do."""
    stream = io.BytesIO()
    photograph.save(stream, "JPEG", quality=85)
    path.write_bytes(stream.getvalue())
    return path


def _light(shape: tuple[int, int], rng: np.random.Generator, conditions: Conditions) -> NDArray[np.float32]:
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j].astype(np.float32)
    along = rng.uniform(0, 2 * np.pi)
    slope = 1 - conditions.slope * (1 + (np.cos(along) * x + np.sin(along) * y) / np.sqrt(2)) / 2
    edge = rng.uniform(0, 2 * np.pi)
    is_dark = np.cos(edge) * x + np.sin(edge) * y > rng.uniform(-0.3, 0.3)
    light: NDArray[np.float32] = (0.95 * slope * np.where(is_dark, 1 - conditions.shadow, 1)).astype(
        np.float32
    )
    return light


def _from_picture(
    page: tuple[int, int], picture: tuple[int, int], conditions: Conditions
) -> tuple[float, ...]:
    """Return Pillow's coefficients, which lead from pixels of the picture to pixels of the page."""
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float) * page / max(page)
    turn, angle = np.radians(conditions.turn), np.radians(conditions.angle)
    rotated = corners @ np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    depth = 3.0 + rotated[:, 1] * np.sin(angle)  # seen from three half heights of the page
    seen = np.stack([rotated[:, 0], rotated[:, 1] * np.cos(angle)], axis=1) * 3.0 / depth[:, None]
    fill = 0.97 / (np.abs(seen) / (np.array(picture) / max(picture))).max()
    at = (seen * fill * max(picture) + picture) / 2
    on_page = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float) * page
    rows, values = [], []
    for (x, y), (u, v) in zip(at, on_page, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return tuple(np.linalg.solve(np.array(rows), np.array(values)))
