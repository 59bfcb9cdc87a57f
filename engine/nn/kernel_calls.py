"""What exported code does, one call of a C kernel after the other, before any format is chosen.

A layer says which kernels compute it, with which sizes and arrays (`LayerSpec.c_calls`). Neighbouring calls
then merge where one kernel can do both: each class here says what it becomes when a scaling, an
activation or a maximum follows. Nothing compares kernels' names, so a new kernel joins in by its methods.

Exported feature maps have the channels last in memory too, (height, width, channels). The engine has (row,
channel, column), which a flat vector remembers: `reordered` moves the weights that read one.

An int8 network comes from the same calls: each says which integer call it is (`Call.integer`), once it is
known how its input is held and what the calibration range of its output is. So does training on a device:
each says which kernels compute it and its gradient, and which of its arrays learn (`Call.training`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from engine.int8.arithmetic import HIGH, LOW, Affine, Int8s, Int32s, Requantization
from engine.int8.calls import IntegerCall, IntegerGather, IntegerTable
from engine.int8.ranges import LayerRanges
from engine.int8.stage_code import FAST, StageCode, Variant
from engine.int8.sums import RealSum
from engine.nn.activations import LINEAR, ActivationFunction
from engine.shapes import Shape, size

__all__ = [
    "Array",
    "Call",
    "Copy",
    "Gather",
    "Order",
    "Start",
    "Training",
    "WeightedParts",
    "WeightedSum",
    "channels_last",
    "scaled_sum",
    "weighted_parts",
]

Order = NDArray[np.int64]
"""Which feature of the engine stands at each place of exported code's flat vector."""


def channels_last(values: NDArray[Any]) -> NDArray[Any]:
    """Return a feature map (height, channels, width), or a vector, flat as exported code holds it."""
    return (values.transpose(0, 2, 1) if values.ndim == 3 else values).ravel()


@dataclass(frozen=True, eq=False)
class Array:
    """Numbers that a kernel reads.

    Attributes
    ----------
    values : ndarray
        float32 weights, or integers.
    features : int or None
        The axis that runs over the numbers of a flat input, None where there is no such axis.
    rows : bool
        Whether each entry of the first axis is a row of a matrix that the kernel multiplies with, so that a
        format may lay out the rows as its kernel reads them.
    """

    values: NDArray[Any]
    features: int | None = None
    rows: bool = False

    @property
    def flat(self) -> NDArray[Any]:
        """The numbers in the order of memory; real ones as float32."""
        floats = np.issubdtype(self.values.dtype, np.floating)
        return self.values.astype(np.float32).ravel() if floats else self.values.ravel()

    def reordered(self, order: Order) -> Array:
        """Return the array for an input in `order`."""
        if self.features is None:
            return self
        return dataclasses.replace(self, values=np.take(self.values, order, self.features))


@dataclass(frozen=True)
class Start:
    """Random numbers that learning from scratch begins with, by mean and standard deviation."""

    mean: float = 0.0
    spread: float = 0.0


@dataclass(frozen=True)
class Training:
    """How a call trains on a device.

    What `backward` reads, and so what has to be remembered for it, follows from its parameters in C. The
    slope of the call's function is not its task.

    Attributes
    ----------
    forward, backward : str
        Kernels; `backward` is empty where there is no gradient besides the function's slope.
    learned : mapping of str to Start
        The arrays that training changes.
    kept : int
        Bytes that `forward` leaves for `backward`.
    scratch : int
        Numbers that `backward` needs room for, if it asks for scratch memory.
    """

    forward: str
    backward: str
    learned: Mapping[str, Start] = field(default_factory=dict)
    kept: int = 0
    scratch: int = 0


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a kernel.

    Attributes
    ----------
    kernel : str
        Its name, that of its C file.
    in_shape, out_shape : tuple of int
    sizes : mapping of str to int
        Arguments by name, besides those that the shapes give.
    arrays : mapping of str to Array
        Weights by name.
    function : ActivationFunction or None
        Applied to each output by the kernel itself.
    """

    kernel: str
    in_shape: Shape
    out_shape: Shape
    sizes: Mapping[str, int] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    function: ActivationFunction | None = None

    in_place: ClassVar[bool] = False
    """Whether the output may overwrite the input; then each number also keeps its place."""
    view: ClassVar[bool] = False
    """Whether there is nothing to compute."""
    takes_function: ClassVar[bool] = False
    many_registers: ClassVar[bool] = False
    """Whether its fast kernel uses registers that have to be saved; then the network's others may too."""

    @property
    def functions(self) -> Mapping[str, str]:
        """The C functions that its kernel may ask for, by the name of the parameter."""
        return {"function": (self.function or LINEAR).name}

    @property
    def taps(self) -> int:
        """How many numbers are read for each that is computed."""
        return max(1, size(self.in_shape) // size(self.out_shape))

    def merged(self, before: Call) -> Call | None:
        """Return the one call that does `before` and then this, or None where there is none."""
        return None

    def applied(self, function: ActivationFunction) -> Call | None:
        """Return this call with `function` applied to its output."""
        free = self.takes_function and self.function is None
        return self.replace(function=function) if free else None

    def scaled(self, scale: NDArray[np.float64], shift: NDArray[np.float64]) -> Call | None:
        """Return this call with its output scaled and shifted channel by channel."""
        return None

    def pooled(self, side: int, out_shape: Shape) -> Call | None:
        """Return this call with the maximum taken of squares of its output."""
        return None

    def reordered(self, order: Order) -> Self:
        """Return this call for a flat input in `order`."""
        return self.replace(arrays={name: a.reordered(order) for name, a in self.arrays.items()})

    def order_after(self, order: Order | None) -> Order | None:
        """Return the order of the output when the input is in `order` (None: as the engine's)."""
        return order if self.in_place else None

    def integer(self, source: Affine, ranges: LayerRanges) -> IntegerCall | None:
        """Return the int8 call that does this one's work, or None where int8 cannot express it.

        Parameters
        ----------
        source : Affine
            How the input is held; how the output is held follows from it and from `ranges`.
        ranges : LayerRanges
            The calibration ranges of the output and of the argument of the call's function.
        """
        return None

    def code(self, variant: Variant = FAST) -> StageCode:
        """Return the C of this call in floats; its arrays as they are, unless overridden."""
        arrays = {name: array.flat for name, array in self.arrays.items()}
        return StageCode(self.kernel, self.sizes, arrays, functions=self.functions)

    def training(self) -> Training:
        """Return the kernels that train this call; without arrays that learn, unless overridden."""
        return Training(self.kernel, f"train_{self.kernel}_backward")

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some attributes changed."""
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True, eq=False)
class Copy(Call):
    """Nothing but a copy: the network has nothing to compute."""

    in_place: ClassVar[bool] = True

    def integer(self, source: Affine, ranges: LayerRanges) -> IntegerCall:
        same = np.arange(LOW, LOW + 256).astype(np.int8)
        return IntegerTable(self.in_shape, self.out_shape, source, source, same)


@dataclass(frozen=True, eq=False)
class Gather(Call):
    """The numbers of a flat vector in another order, array ``order``."""

    def integer(self, source: Affine, ranges: LayerRanges) -> IntegerCall:
        order = self.arrays["order"].values.astype(np.int32)
        return IntegerGather(self.in_shape, self.out_shape, source, source, order)


def scaled_sum(
    weight: NDArray[Any], bias: NDArray[Any] | float, axis: int, scale: NDArray[Any], shift: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the weight and bias of a weighted sum whose output is scaled and shifted channel by channel.

    Parameters
    ----------
    weight : ndarray
        Its `axis` runs over the channels.
    bias : ndarray, shape (channels,), or 0.0
    axis : int
    scale, shift : ndarray, shape (channels,)
    """
    axes = [1] * weight.ndim
    axes[axis] = -1
    return weight * scale.reshape(axes), bias * scale + shift


WeightedParts = tuple[Shape, Shape, Affine, Affine, Int8s, Int32s, Requantization]
"""The attributes that all integer calls have that sum with weights, in their order."""


def weighted_parts(call: Call, source: Affine, sums: RealSum, ranges: LayerRanges) -> WeightedParts:
    """Return the integers of `call`, which has `sums` and perhaps a function.

    What clamps is done by clamping; for any other function the sums are scaled to int8 over the range of
    its argument and looked up in a table.
    """
    function = call.function
    if function is None or function.clamps:
        limits = (-math.inf, math.inf) if function is None else function.codomain
        held = target = ranges.output.within(*limits).affine.coarser(sums.smallest_scale)
        (low, high), table = held.clamp(*limits), None
    else:
        argument = ranges.argument or ranges.output
        held, target = argument.affine.coarser(sums.smallest_scale), function.target(ranges.output)
        low, high, table = LOW, HIGH, function.table(held, target)
    integers = sums.scaled_to(held.scale)
    scaling = Requantization(integers.multiplier, integers.shift, held.zero_point, low, high, table)
    shapes = (call.in_shape, call.out_shape)
    return (*shapes, source, target, integers.weight, integers.bias, scaling)


@dataclass(frozen=True, eq=False)
class WeightedSum(Call):
    """A call with arrays ``weight`` and ``bias`` whose output is ``function(weight · x + bias)``.

    Attributes
    ----------
    channel_axis : int
        The axis of the weight that runs over the output channels.
    biased : bool
        Whether the bias is more than zeros that must stay.
    """

    channel_axis: int = 0
    biased: bool = True

    takes_function: ClassVar[bool] = True

    def integer(self, source: Affine, ranges: LayerRanges) -> IntegerCall | None:
        weight, bias = self.arrays["weight"].values, self.arrays["bias"].values
        sums = RealSum.of(weight, bias, self.channel_axis, source.scale)
        return self.weighted(weighted_parts(self, source, sums, ranges))

    def weighted(self, parts: WeightedParts) -> IntegerCall | None:
        """Return the int8 call made of `parts`, or None where int8 cannot express it."""
        return None

    @property
    def taps(self) -> int:
        return self.arrays["weight"].values.size // self.arrays["bias"].values.size

    @classmethod
    def of(
        cls,
        kernel: str,
        shapes: tuple[Shape, Shape],
        weight: Array,
        bias: NDArray[np.float32] | None,
        sizes: Mapping[str, int],
        channel_axis: int = 0,
    ) -> Self:
        """Return the call for input and output `shapes`; a missing bias is zero."""
        channels = weight.values.shape[channel_axis]
        array = Array(np.zeros(channels, np.float32) if bias is None else bias)
        arrays = {"weight": weight, "bias": array}
        return cls(kernel, *shapes, sizes, arrays, None, channel_axis, bias is not None)

    def training(self) -> Training:
        weight = self.arrays["weight"].values
        fan_in = weight.size // weight.shape[self.channel_axis]
        gain = 1.0 if self.function is None else self.function.gain
        learned = {"weight": Start(spread=(gain / fan_in) ** 0.5)}
        return Training(
            f"train_{self.kernel}",
            f"train_{self.kernel}_backward",
            learned | ({"bias": Start()} if self.biased else {}),
            kept=size(self.out_shape) if self.sizes.get("pool", 1) > 1 else 0,
            scratch=fan_in,
        )

    def scaled(self, scale: NDArray[np.float64], shift: NDArray[np.float64]) -> Call | None:
        weight, bias = self.arrays["weight"], self.arrays["bias"].values
        if self.function is not None or scale.shape != bias.shape or self.sizes.get("pool", 1) != 1:
            return None
        values, moved = scaled_sum(weight.values, bias, self.channel_axis, scale, shift)
        arrays = {
            "weight": dataclasses.replace(weight, values=values.astype(np.float32)),
            "bias": Array(moved.astype(np.float32)),
        }
        return self.replace(arrays=arrays, biased=True)

    def pooled(self, side: int, out_shape: Shape) -> Call | None:
        in_order = self.function is None or self.function.monotone
        if not in_order or self.sizes.get("pool") != 1:  # only once, and only by kernels that have it
            return None
        return self.replace(out_shape=out_shape, sizes={**self.sizes, "pool": side})
