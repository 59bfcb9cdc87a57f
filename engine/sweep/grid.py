"""A grid: which fields take which values. Every combination is one run.

Several fields can change together as one axis: a rate for each activation function, for example. Combinations
are counted before any of them is made.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import FieldError
from engine.knobs import Knob, Scalar
from engine.sweep.fields import Recipe, field_of, with_field
from engine.words import short

__all__ = [
    "MOST_RUNS",
    "SEED",
    "Axis",
    "Settings",
    "axes_from_json",
    "axis_from_json",
    "axis_from_text",
    "check_paths",
    "combinations",
    "count",
    "with_settings",
]

MOST_RUNS = 20_000
SEED = "train.seed"
Settings = tuple[tuple[str, Scalar], ...]
_RANGE = re.compile(r"\s*(-?\d+)\s*\.\.\s*(-?\d+)\s*")


@dataclass(frozen=True)
class Axis:
    """Fields that change together.

    Attributes
    ----------
    paths : tuple of str
    values : tuple of tuple
        Each has one value for each path.
    """

    paths: tuple[str, ...]
    values: tuple[tuple[Scalar, ...], ...]

    @property
    def name(self) -> str:
        """The paths as one text, as in a file."""
        return ", ".join(self.paths)

    def to_json(self) -> list[Any]:
        """Return the values as in a file."""
        return [list(row) if len(self.paths) > 1 else row[0] for row in self.values]


def axis_from_text(recipe: Recipe, text: str) -> Axis:
    """Make an axis from ``layers.1.units=4,8,16`` or ``layers.1.units=4..16``."""
    path, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not path:
        raise FieldError(
            "grid", f"A grid is written FIELD=VALUE,VALUE,… or FIELD=LOW..HIGH, got {short(text)!r}."
        )
    knob = field_of(recipe, path)
    span = _span(knob, path, values)
    parsed = span if span is not None else [knob.parse(item) for item in values.split(",") if item.strip()]
    return _checked((path,), [(value,) for value in parsed])


def axes_from_json(recipe: Recipe, grid: object) -> tuple[Axis, ...]:
    """Make axes from a JSON object of values by path.

    Values are a list, or the text ``"LOW..HIGH"``. Where the key names several paths, separated by commas,
    each item of the list is a list with one value for each.
    """
    if not isinstance(grid, Mapping):
        raise FieldError("grid", "A grid must be an object with a list of values for each field.")
    return tuple(axis_from_json(recipe, key, values) for key, values in grid.items())


def axis_from_json(recipe: Recipe, key: str, values: Any) -> Axis:
    """Make the axis of one key of a JSON grid; see `axes_from_json`."""
    paths = tuple(path.strip() for path in key.split(","))
    knobs = [field_of(recipe, path) for path in paths]
    if isinstance(values, str) and len(knobs) == 1 and (span := _span(knobs[0], key, values)) is not None:
        values = span
    if not isinstance(values, list):
        raise FieldError(key, f"The values of {key} must be a list, or LOW..HIGH for whole numbers.")
    rows = [item if len(paths) > 1 else [item] for item in values]
    if not all(isinstance(row, list) and len(row) == len(paths) for row in rows):
        raise FieldError(
            key, f"Each value of {key} must be a list of {len(paths)} values, one for each field."
        )
    return _checked(paths, [tuple(map(_value, knobs, row)) for row in rows])


def _value(knob: Knob, value: Any) -> Scalar:
    knob.check(value)
    number: Scalar = float(value) if knob.type is float else value
    return number


def _span(knob: Knob, path: str, text: str) -> list[Scalar] | None:
    """Return the whole numbers from ``LOW..HIGH``; None if `text` is no such range."""
    found = _RANGE.fullmatch(text)
    if found is None or knob.type is not int:
        return None
    low, high = map(int, found.groups())
    knob.check(low)
    knob.check(high)
    if high - low >= MOST_RUNS:
        raise FieldError(
            path, f"{path} has {high - low + 1:,} values; at most {MOST_RUNS:,} runs are supported."
        )
    return list(range(low, high + 1))


def _checked(paths: tuple[str, ...], values: Sequence[tuple[Scalar, ...]]) -> Axis:
    axis = Axis(paths, tuple(values))
    if not values:
        raise FieldError(axis.name, f"The grid has no values for {axis.name}; give at least one.")
    again = [value for value, times in Counter(values).items() if times > 1]
    if again:
        text = ", ".join(map(str, again[0]))
        raise FieldError(axis.name, f"The grid has the value {text} of {axis.name} twice; leave one out.")
    return axis


def check_paths(axes: Sequence[tuple[str, ...]]) -> None:
    """Raise `FieldError` unless there are axes, and no two of them change the same field."""
    if not axes:
        raise FieldError("grid", "The grid is empty; name at least one field and its values.")
    twice = [path for path, n in Counter(path for paths in axes for path in paths).items() if n > 1]
    if twice:
        raise FieldError(twice[0], f"The grid names {twice[0]} twice; leave one of them out.")


def count(axes: Sequence[Axis]) -> int:
    """Return the number of combinations; raise `FieldError` for a grid that makes no sense."""
    check_paths([axis.paths for axis in axes])
    total = math.prod(len(axis.values) for axis in axes)
    if total > MOST_RUNS:
        sizes = " × ".join(str(len(axis.values)) for axis in axes)
        raise FieldError(
            "grid",
            f"The grid has {total:,} runs ({sizes}); at most {MOST_RUNS:,} are supported: leave out values.",
        )
    return total


def combinations(recipe: Recipe, axes: Sequence[Axis]) -> Iterator[tuple[Recipe, Settings]]:
    """Yield each combination with its settings: the last axis changes fastest, seeds slowest."""
    ordered = sorted(axes, key=lambda axis: SEED not in axis.paths)
    for values in itertools.product(*(axis.values for axis in ordered)):
        settings = tuple(
            pair
            for axis, row in zip(ordered, values, strict=True)
            for pair in zip(axis.paths, row, strict=True)
        )
        yield with_settings(recipe, settings), settings


def with_settings(recipe: Recipe, settings: Settings) -> Recipe:
    """Return a copy of `recipe` with these values at these paths."""
    for path, value in settings:
        recipe = with_field(recipe, path, value)
    return recipe
