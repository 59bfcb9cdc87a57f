"""Accuracy² over training time as a surface above two fields, seen from any side.

This is the ratio that the published work draws: high where a network learns much in little time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.boards.boards import Board
from tinyml_gui.viewmodels.sweep.heat_map import heat_map
from tinyml_gui.viewmodels.sweep.results import SECONDS, VALIDATION, Field, SweepResults

__all__ = ["Side", "Surface", "surface"]

FLOOR = -0.5  # of the cube in which everything is drawn; it reaches to 0.5


@dataclass(frozen=True, eq=False)
class Surface:
    """A height in each cell of the heat map.

    Attributes
    ----------
    across, down : Field
    height : ndarray of float, shape (rows, columns)
        Squared validation accuracy in per cent over training time in seconds; nan where it is not known.
    numbers : ndarray of int, shape (rows, columns)
        The number of the run in a cell; -1 where there is none.
    greyed : ndarray of bool, shape (rows, columns)
    """

    across: Field
    down: Field
    height: NDArray[np.float64]
    numbers: NDArray[np.intp]
    greyed: NDArray[np.bool_]

    @property
    def top(self) -> float:
        """The greatest height; 0 where none is known."""
        return float(np.nanmax(self.height)) if np.isfinite(self.height).any() else 0.0

    @property
    def words(self) -> str:
        """What is to be seen."""
        known = int(np.isfinite(self.height).sum())
        return (
            f"{known:,} networks, the highest at {self.top:,.0f} %²/s"
            if known
            else "No network has ended yet"
        )

    @property
    def shares(self) -> NDArray[np.float64]:
        """The heights over the greatest one, 0 to 1."""
        return self.height / self.top if self.top else self.height

    def corners(self) -> NDArray[np.float64]:
        """Return x, y and z of all cells in the cube, shape (rows, columns, 3)."""
        rows, columns = self.height.shape
        y, x = np.meshgrid(_spread(rows), _spread(columns), indexing="ij")
        return np.stack([x, -y, FLOOR + self.shares], axis=-1)


@dataclass(frozen=True)
class Side:
    """From where the cube is seen: turned by `azimuth`, from `elevation` above the floor, in degrees."""

    azimuth: float = -40.0
    elevation: float = 28.0

    @property
    def extent(self) -> float:
        """How high the cube looks, turned in any way."""
        e = math.radians(self.elevation)
        return math.cos(e) + math.sqrt(2) * math.sin(e)

    def turned(self, right: float, up: float) -> Side:
        """Return the side after the cube was turned; the floor is never seen from below."""
        elevation = min(90.0, max(0.0, self.elevation + up))
        return replace(self, azimuth=(self.azimuth + right + 180) % 360 - 180, elevation=elevation)

    def project(self, corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where points of the cube are seen, right and up, and how far away they are.

        Parameters
        ----------
        corners : ndarray of float, shape (..., 3)

        Returns
        -------
        seen : ndarray of float, shape (..., 2)
        depth : ndarray of float, shape (...)
            Greater for what is further away.
        """
        a, e = math.radians(self.azimuth), math.radians(self.elevation)
        x, y, z = corners[..., 0], corners[..., 1], corners[..., 2]
        right, away = x * math.cos(a) - y * math.sin(a), x * math.sin(a) + y * math.cos(a)
        up = z * math.cos(e) + away * math.sin(e)
        return np.stack([right, up], axis=-1), away * math.cos(e) - z * math.sin(e)


def surface(results: SweepResults, board: Board | None) -> Surface | None:
    """Return the surface of a sweep; None where nothing changes."""
    found = heat_map(results)
    if found is None:
        return None
    seconds = results.figures(SECONDS)
    height = np.full(len(seconds), math.nan)
    known = results.ended & (seconds > 0)
    height[known] = results.figures(VALIDATION)[known] ** 2 / seconds[known]
    at, greyed = found.numbers, results.greyed(board)
    return Surface(
        found.across, found.down, np.where(at < 0, math.nan, height[at]), at, (at >= 0) & greyed[at]
    )


def _spread(count: int) -> NDArray[np.float64]:
    return np.linspace(FLOOR, -FLOOR, count) if count > 1 else np.zeros(1)
