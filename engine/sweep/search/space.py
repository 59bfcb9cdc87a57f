"""A space to search: a recipe, and for some of its fields the values that they may take.

It is written like the grid of a sweep. But as only some of its points are tried, it may have any number of
them, and a field that is a number may have a whole span, ``0.01..0.3``. A span over a factor of ten or more
is drawn from on a logarithmic scale.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from engine.data.dataset import Dataset
from engine.errors import FieldError
from engine.knobs import Scalar
from engine.sweep.description import (
    Run,
    Sweep,
    changed_recipe,
    check_run_of,
    fingerprint_on,
    parts_of_json,
    recipe_to_json,
    run_of,
)
from engine.sweep.fields import Recipe, field_of
from engine.sweep.grid import (
    Axis,
    Settings,
    axis_from_json,
    axis_from_text,
    check_paths,
    with_settings,
)

__all__ = ["Space", "Span", "axis_or_span"]

DECADE = 10
_SPAN = re.compile(r"(.+?)\.\.(.+)")


@dataclass(frozen=True)
class Span:
    """A field that may take any number from `low` to `high`."""

    path: str
    low: float
    high: float

    @property
    def paths(self) -> tuple[str, ...]:
        """The path, as an axis has several."""
        return (self.path,)

    @property
    def name(self) -> str:
        """The path, as an axis names several."""
        return self.path

    @property
    def is_logarithmic(self) -> bool:
        """Whether small numbers matter as much as large ones."""
        return self.low > 0 and self.high >= DECADE * self.low

    def to_json(self) -> str:
        """Return the span as in a file."""
        return f"{self.low!r}..{self.high!r}"


@dataclass(frozen=True)
class Space:
    """A recipe, and the fields of it that a search chooses.

    Raises
    ------
    FieldError
        When there is no such field, or two axes have the same one.
    """

    name: str
    recipe: Recipe
    axes: tuple[Axis | Span, ...]

    def __post_init__(self) -> None:
        check_paths([axis.paths for axis in self.axes])

    @classmethod
    def of(cls, sweep: Sweep) -> Self:
        """Return the space whose points are the runs of `sweep`."""
        return cls(sweep.name, sweep.recipe, sweep.axes)

    @classmethod
    def from_json(cls, value: object, name: str = "search") -> Self:
        """Make a space from the JSON object of a sweep, whose grid may have spans."""
        title, recipe, grid = parts_of_json(value, name)
        if not isinstance(grid, Mapping):
            raise FieldError("grid", "A grid must be an object with the values of each field.")
        return cls(title, recipe, tuple(_from_json(recipe, key, values) for key, values in grid.items()))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that `from_json` reads."""
        grid = {axis.name: axis.to_json() for axis in self.axes}
        return {"name": self.name, **recipe_to_json(self.recipe), "grid": grid}

    def fingerprint(self, data: Dataset) -> str:
        """Return a short hash of the space, whatever it is called, and of what it is searched with."""
        return fingerprint_on(self.to_json(), data)

    def changed(self, values: Mapping[str, Scalar]) -> Space:
        """Return a copy with other values at these paths; raise `FieldError` if an axis has one of them."""
        return replace(self, recipe=changed_recipe(self.recipe, values, self.axes, self.name))

    def check(self, data: Dataset) -> None:
        """Raise `SpecError` or `TrainingError` if the recipe itself cannot be trained with `data`."""
        check_run_of(run_of(0, self.recipe, ()), data)

    def run(self, number: int, settings: Settings, data: Dataset) -> Run:
        """Return a run; raise `SpecError` or `TrainingError` if it cannot be trained with `data`."""
        run = run_of(number, with_settings(self.recipe, settings), settings)
        check_run_of(run, data)
        return run


def axis_or_span(recipe: Recipe, text: str) -> Axis | Span:
    """Make an axis from ``layers.1.units=4,8,16``, or a span from ``train.learning_rate=0.01..0.3``."""
    path, _, values = (part.strip() for part in text.partition("="))
    return _span(recipe, path, values) or axis_from_text(recipe, text)


def _from_json(recipe: Recipe, key: str, values: Any) -> Axis | Span:
    span = _span(recipe, key, values) if isinstance(values, str) and "," not in key else None
    return span or axis_from_json(recipe, key, values)


def _span(recipe: Recipe, path: str, text: str) -> Span | None:
    """Return the span of a field that need not be whole; None if `text` is none, or the field is another."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        return None
    knob = field_of(recipe, path)
    if knob.type is not float:
        return None
    low, high = (float(knob.parse(part)) for part in found.groups())
    if not low < high:
        raise FieldError(path, f"The span of {path} goes from {low:g} to {high:g}; give the lower end first.")
    return Span(path, low, high)
