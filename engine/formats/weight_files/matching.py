"""Give each layer of a network the arrays of a file that are meant for it.

Names of layers say little, and not every format keeps their order. So a layer gets arrays with its names and
shapes; where several layers need the same, they get them in the file's order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import FileError, SpecError
from engine.formats.assemble import assembled, checked
from engine.formats.reader import Imported, ReadOptions, class_names
from engine.formats.weight_files.conventions import Convention, Slot, Slots
from engine.nn.kernel_calls import Order
from engine.nn.layers.norm import EPSILON
from engine.nn.param import FloatArray
from engine.nn.specs import LayerRow, ModelSpec
from engine.shapes import Shape, describe_shape
from engine.words import short

__all__ = ["WEIGHTS_TAKE", "Arrays", "filled", "natural"]

Arrays = Mapping[str, NDArray[Any]]
WEIGHTS_TAKE: Final = frozenset({"classes", "network"})
"""The options that readers of weights use."""

_LISTED: Final = 6


@dataclass(frozen=True, eq=False)
class _Group:
    """The arrays of one layer in a file, by role."""

    name: str
    arrays: Arrays

    @property
    def shapes(self) -> dict[str, Shape]:
        return {role: values.shape for role, values in self.arrays.items()}

    @property
    def words(self) -> str:
        return f"{short(self.name, 60) or 'arrays'} ({_described(self.shapes)})"


def filled(
    path: Path, arrays: Arrays, convention: Convention, options: ReadOptions, epsilon: float | None = None
) -> Imported:
    """Return the network that the user names, with the `arrays` of the file `path`.

    Parameters
    ----------
    path : Path
    arrays : mapping of str to ndarray
        By name: that of the layer, a dot, and the role of the array in the layer; in the file's order.
    convention : Convention
    options : ReadOptions
        Its `network` is the network.
    epsilon : float or None
        What batch norm adds to the variance in the file's program; None if the file does not say it.

    Raises
    ------
    SpecError
        Naming the layer that finds no arrays, and those that are left.
    FileError
        When the network has no layer for some arrays.
    """
    assert options.network is not None
    spec, groups = checked(options.network), _groups(arrays, convention)
    found: list[dict[str, FloatArray]] = []
    added = convention.epsilon if epsilon is None else epsilon
    for row, order in zip(spec.rows(), convention.orders(spec), strict=True):
        slots = convention.slots_of(row.layer, row.in_shape)
        group = _take(groups, row, slots)
        found.append({name: _values(slots[name], group, order, added) for name in _wanted(row, slots)})
    if groups:
        left = ", ".join(group.words for group in groups[:_LISTED])
        raise FileError(path, f"the network has no layer for {left}; name the network that was trained.")
    classes, remarks = class_names(path, options, spec.classes)
    return Imported(assembled(spec, found, classes), (*remarks, *_assumed(spec, convention, epsilon)))


def _values(slot: Slot, group: Arrays, order: Order | None, epsilon: float) -> FloatArray:
    """Return an array of a layer as the engine has it."""
    values = slot.read(group[slot.role], order)
    return values + np.float32(epsilon - EPSILON) if slot.is_variance else values


def _assumed(spec: ModelSpec, convention: Convention, epsilon: float | None) -> tuple[str, ...]:
    """Return the remark about batch norm whose epsilon the file does not say."""
    slots = (convention.slots_of(row.layer, row.in_shape) for row in spec.rows())
    has_variance = any(slot.is_variance for found in slots for slot in found.values())
    if epsilon is not None or not has_variance:
        return ()
    usual = f"{convention.epsilon:g}, as {convention.name} has it unless told otherwise"
    return (f"The epsilon of batch norm was taken as {usual}.",)


def _groups(arrays: Arrays, convention: Convention) -> list[_Group]:
    """Return the arrays by layer, in the file's order."""
    groups: dict[str, dict[str, NDArray[Any]]] = {}
    for key, values in arrays.items():
        name, _, role = key.rpartition(".")
        if role not in convention.ignored:
            groups.setdefault(name, {})[role] = values
    return [_Group(name, members) for name, members in groups.items()]


def _wanted(row: LayerRow, slots: Slots) -> dict[str, Shape]:
    """Return the shape in the file of each array that the layer needs, by the engine's name."""
    params = row.layer.params(row.in_shape)
    return {name: slots[name].shape(param.shape) for name, param in params.items()}


def _take(groups: list[_Group], row: LayerRow, slots: Slots) -> Arrays:
    """Return the arrays for a layer by role, and remove their group from `groups`."""
    wanted = {slots[name].role: shape for name, shape in _wanted(row, slots).items()}
    if not wanted:
        return {}
    for place, group in enumerate(groups):
        if group.shapes == wanted:
            return groups.pop(place).arrays
    rest = ", ".join(group.words for group in groups[:_LISTED]) or "nothing more"
    reason = f"{row.layer.title} needs {_described(wanted)}; the file has {rest}"
    raise SpecError(f"{reason}; name the network that was trained.", row.index)


def _described(shapes: Mapping[str, Shape]) -> str:
    return ", ".join(
        f"{short(role, 40)} {describe_shape(shape) or 1}" for role, shape in sorted(shapes.items())
    )


def natural(names: Sequence[str]) -> list[str]:
    """Return `names` sorted so that ``conv10`` comes after ``conv9``."""

    def parts(name: str) -> list[tuple[int, str]]:
        return [(int(digits or -1), word) for digits, word in re.findall(r"(\d{1,9})|(\D+)", name)]

    return sorted(names, key=parts)
