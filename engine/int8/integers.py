"""The integers of a layer that another program chose: kept as they are, instead of following from ranges.

A network that comes in as int8 has scales, zero points and multipliers already. Ranges could only come near
them. So what a layer's int8 form needs beside the parameters is stored number by number, and an imported
network computes what the interpreter of its own program computes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.errors import QuantizationError
from engine.int8.arithmetic import HIGH, LOW, MAX_SHIFT, Affine, Int8s, Int32s, Requantization
from engine.int8.sums import LARGEST_INPUT, LARGEST_WEIGHT, SUM_LIMIT, IntegerSum

__all__ = ["GivenSum", "IntegersFaultError", "LayerIntegers", "affine_from_json"]

TABLE_SIZE = 256
MAX_CHANNELS = 1 << 16
UNIT = (1 << 31) - 1  # exp(0) as a Q31 number

_NumberT = TypeVar("_NumberT", int, float)


class IntegersFaultError(QuantizationError):
    """Integers that no kernel can compute with.

    Parameters
    ----------
    what : str
        What is wrong with them, without what to do.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"the integers of a layer cannot be used: {what}; import the network again.")
        self.what = what


@dataclass(frozen=True)
class GivenSum:
    """How the sums of a layer are computed; the tuples have a number for each output channel.

    Attributes
    ----------
    steps : tuple of float
        The parameters are this many times the int8 weights.
    bias : tuple of int
    multiplier, shift : tuple of int
        See `engine.int8.arithmetic.Requantization`, also for the limits.
    low, high : int
    """

    steps: tuple[float, ...]
    bias: tuple[int, ...]
    multiplier: tuple[int, ...]
    shift: tuple[int, ...]
    low: int = LOW
    high: int = HIGH

    def __post_init__(self) -> None:
        lists = (self.steps, self.bias, self.multiplier, self.shift)
        _need(len({len(numbers) for numbers in lists}) == 1, "a number for each channel is missing")
        _need(all(0 < step < math.inf for step in self.steps), "a step of the weights is not positive")
        _need(all(abs(bias) <= SUM_LIMIT for bias in self.bias), "a bias is larger than 2^29")
        _need(all(0 <= m < 1 << 31 for m in self.multiplier), "a multiplier is no Q31 number")
        _need(all(1 <= s <= MAX_SHIFT for s in self.shift), "a multiplier is 0.5 or larger")
        _need(LOW <= self.low <= self.high <= HIGH, "the limits are not in -128 … 127")

    def sums(self, weight: NDArray[Any], axis: int) -> IntegerSum:
        """Return the integers for a real `weight` whose `axis` runs over the output channels."""
        _need(weight.shape[axis] == len(self.steps), "the number of channels is another one")
        shape = [1] * weight.ndim
        shape[axis] = -1
        rounded = np.rint(weight.astype(np.float64) / np.array(self.steps).reshape(shape))
        others = tuple(i for i in range(weight.ndim) if i != axis)
        _need(bool((np.abs(rounded) <= LARGEST_WEIGHT).all()), "a weight is not in -127 … 127")
        largest = np.abs(rounded).sum(axis=others).max(initial=0) * LARGEST_INPUT
        _need(largest <= SUM_LIMIT, "its sums can exceed 2^29")
        return IntegerSum(rounded.astype(np.int8), *map(_int32s, (self.bias, self.multiplier, self.shift)))

    def requantization(self, held: Affine, table: Int8s | None) -> Requantization:
        """Return the step from sums to numbers that are `held`, and then looked up in `table`, if any."""
        parts = (_int32s(self.multiplier), _int32s(self.shift))
        return Requantization(*parts, held.zero_point, self.low, self.high, table, held.scale)

    @classmethod
    def from_json(cls, value: object) -> GivenSum:
        """Make it from parsed JSON, or raise `QuantizationError`."""
        found = _object(value, cls)
        bias, multiplier, shift = (_numbers(found[name], _whole) for name in ("bias", "multiplier", "shift"))
        steps, limits = _numbers(found["steps"], _real), (_whole(found["low"]), _whole(found["high"]))
        return cls(steps, bias, multiplier, shift, *limits)


@dataclass(frozen=True)
class LayerIntegers:
    """The integers of one layer.

    Attributes
    ----------
    output : Affine
        Scale and zero point of the layer's output.
    sums : GivenSum or None
        For a layer that computes sums.
    table : tuple of int or None
        256 numbers, for a layer that looks its outputs up; what is in it depends on the layer.
    argument : Affine or None
        How the sums are held that are looked up in the table, where one call computes both.
    """

    output: Affine
    sums: GivenSum | None = None
    table: tuple[int, ...] | None = None
    argument: Affine | None = None

    def __post_init__(self) -> None:
        for affine in (self.output, self.argument):
            fits = affine is None or (0 < affine.scale < math.inf and LOW <= affine.zero_point <= HIGH)
            _need(fits, "a scale is not positive or a zero point is not in -128 … 127")
        _need(self.table is None or len(self.table) == TABLE_SIZE, "a table must have 256 numbers")

    def then(self, after: LayerIntegers) -> LayerIntegers:
        """Return the integers of a call that computes this layer and the one `after` it."""
        return LayerIntegers(after.output, self.sums, after.table, self.output)

    @property
    def bytes_table(self) -> Int8s:
        """The table as int8, (256,); raise `QuantizationError` if it is none."""
        table = np.array(self.table or (), np.int64)
        _need(len(table) == TABLE_SIZE and bool((np.abs(table + 0.5) < 128).all()), "a table is missing")
        return table.astype(np.int8)

    @property
    def exponentials(self) -> Int32s:
        """The table as int32, (256,), for `engine.int8.calls.IntegerFixedSoftmax`; or `QuantizationError`."""
        table = np.array(self.table or (), np.int64)
        first = len(table) == TABLE_SIZE and table[0] == UNIT and bool((table >= 0).all())
        _need(first and bool((np.diff(table) <= 0).all()), "exponentials are missing")
        return table.astype(np.int32)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, value: object) -> LayerIntegers:
        """Make them from parsed JSON, or raise `QuantizationError`."""
        empty: dict[str, Any] = {"sums": None, "table": None, "argument": None}
        found = _object({**empty, **value} if isinstance(value, Mapping) else value, cls)
        sums, table, argument = found["sums"], found["table"], found["argument"]
        return cls(
            affine_from_json(found["output"]),
            None if sums is None else GivenSum.from_json(sums),
            None if table is None else _numbers(table, _whole),
            None if argument is None else affine_from_json(argument),
        )


def affine_from_json(value: object) -> Affine:
    """Return the scale and zero point that ``asdict`` made a JSON object of, or raise `QuantizationError`."""
    found = _object(value, Affine)
    affine = Affine(_real(found["scale"]), _whole(found["zero_point"]))
    _need(affine.scale > 0 and LOW <= affine.zero_point <= HIGH, "a scale or zero point is out of range")
    return affine


def _need(fits: bool, what: str) -> None:
    if not fits:
        raise IntegersFaultError(what)


def _object(value: object, cls: Any) -> Mapping[str, Any]:
    names = {field.name for field in fields(cls)}
    found: Mapping[str, Any] = dict(value) if isinstance(value, Mapping) else {}
    _need(set(found) == names, f"there must be {', '.join(sorted(names))}")
    return found


def _numbers(value: Any, read: Callable[[Any], _NumberT]) -> tuple[_NumberT, ...]:
    _need(isinstance(value, (list, tuple)) and len(value) <= MAX_CHANNELS, "a list of numbers is missing")
    return tuple(map(read, value))


def _real(value: Any) -> float:
    _need(type(value) is float and math.isfinite(value), "a number is not finite")
    return float(value)


def _whole(value: Any) -> int:
    _need(type(value) is int and abs(value) < 1 << 32, "a number is not whole")
    return int(value)


def _int32s(numbers: tuple[int, ...]) -> Int32s:
    return np.array(numbers, np.int64).astype(np.int32)
