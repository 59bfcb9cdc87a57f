"""The calls of C kernels that exported code makes, whatever the export format.

A layer returns the calls that compute it, with their sizes and arrays (`LayerSpec.c_calls`). Neighbouring
calls are then merged if one kernel can do the work of both: the methods of a call return what it becomes when
a scaling, an activation or a maximum follows. Nothing compares the names of kernels, so a new kernel only has
to define these methods.

Exported feature maps are (height, width, channels) in memory; those of the engine are (height, channels,
width). So the numbers of a flattened vector are in another order, and `reordered` permutes the weights that
read them.

An int8 network is made of the same calls: `Call.integer` returns the int8 call for a given quantization of
the input and the calibration ranges. So is training on a device: `Call.training` names the kernels that
compute a call and its gradient, and the arrays that are trained.
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
from engine.int8.integers import GivenSum, LayerIntegers
from engine.int8.ranges import LayerRanges
from engine.int8.sums import RealSum
from engine.nn.activations import LINEAR, ActivationFunction
from engine.shapes import Shape, size
from engine.stage_code import FAST, StageCode, Variant

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
"""For each place of a flat vector in exported code, the index of that feature in the engine; (features,)."""


def channels_last(values: NDArray[Any]) -> NDArray[Any]:
    """Return a feature map (height, channels, width), or a vector, flat in the order of exported code."""
    return (values.transpose(0, 2, 1) if values.ndim == 3 else values).ravel()


@dataclass(frozen=True, eq=False)
class Array:
    """A constant array that a kernel reads.

    Attributes
    ----------
    values : ndarray
        Weights, or integers; of any shape.
    features : int or None
        The axis that runs over the numbers of a flat input; None if there is no such axis.
    """

    values: NDArray[Any]
    features: int | None = None

    @property
    def flat(self) -> NDArray[Any]:
        """The values as a vector in the order of memory; real numbers as float32."""
        floats = np.issubdtype(self.values.dtype, np.floating)
        return self.values.astype(np.float32).ravel() if floats else self.values.ravel()

    def reordered(self, order: Order) -> Array:
        """Return the array for a flat input in `order`."""
        if self.features is None:
            return self
        return dataclasses.replace(self, values=np.take(self.values, order, self.features))


@dataclass(frozen=True)
class Start:
    """Start values for training from scratch: normally distributed, `spread` is the standard deviation."""

    mean: float = 0.0
    spread: float = 0.0


@dataclass(frozen=True)
class Training:
    """How a call is trained on a device.

    The parameters of the C function of `backward` say what it reads, and so what must be kept in memory for
    it. It does not compute the derivative of the call's activation function; that is done separately.

    Attributes
    ----------
    forward, backward : str
        Names of kernels; `backward` is empty if there is no gradient but that of the activation function.
    learned : mapping of str to Start
        The arrays that are trained, by name.
    kept : int
        Bytes that `forward` writes for `backward`.
    scratch : int
        How many floats of scratch memory `backward` needs, if its C function has that parameter.
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
        Name of the kernel and of its C file.
    in_shape, out_shape : tuple of int
    sizes : mapping of str to int
        Arguments of the kernel by name, besides those that follow from the shapes.
    arrays : mapping of str to Array
        Constant arrays by name.
    function : ActivationFunction or None
        The activation function that the kernel itself applies to its output.
    """

    kernel: str
    in_shape: Shape
    out_shape: Shape
    sizes: Mapping[str, int] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    function: ActivationFunction | None = None

    in_place: ClassVar[bool] = False
    """Whether the output may overwrite the input. Then output number i is computed from input number i."""
    view: ClassVar[bool] = False
    """Whether nothing is computed, so that no call is exported."""
    takes_function: ClassVar[bool] = False
    """Whether the kernel can apply an activation function to its output."""
    many_registers: ClassVar[bool] = False
    """Whether its fast kernel uses callee-saved registers; then other kernels of the network may, too."""

    @property
    def functions(self) -> Mapping[str, str]:
        """The C functions that can be passed to its kernel, by the name of the parameter."""
        return {"function": (self.function or LINEAR).name}

    @property
    def taps(self) -> int:
        """How many numbers are read for each number of the output."""
        return max(1, size(self.in_shape) // size(self.out_shape))

    def merged(self, before: Call) -> Call | None:
        """Return the one call that does the work of `before` and then of this call; None if there is none."""
        return None

    def applied(self, function: ActivationFunction) -> Call | None:
        """Return this call with `function` applied to its output; None if the kernel cannot do that."""
        free = self.takes_function and self.function is None
        return self.replace(function=function) if free else None

    def scaled(self, scale: NDArray[np.float64], shift: NDArray[np.float64]) -> Call | None:
        """Return this call with the output scaled and shifted by channel; None if the kernel cannot do that.

        `scale` and `shift` have the shape (channels,).
        """
        return None

    def pooled(self, side: int, out_shape: Shape) -> Call | None:
        """Return this call followed by max pooling over squares; None if the kernel cannot do that."""
        return None

    def reordered(self, order: Order) -> Self:
        """Return this call for a flat input in `order`, its arrays permuted accordingly."""
        return self.replace(arrays={name: a.reordered(order) for name, a in self.arrays.items()})

    def order_after(self, order: Order | None) -> Order | None:
        """Return the order of the output for an input in `order`; None is the order of the engine."""
        return order if self.in_place else None

    def integer(self, source: Affine, ranges: LayerRanges) -> IntegerCall | None:
        """Return the int8 call that does this one's work, or None if int8 cannot express it.

        Parameters
        ----------
        source : Affine
            Scale and zero point of the input. Those of the output follow from them and from `ranges`.
        ranges : LayerRanges
            Calibration ranges of the output, and of the input of the call's activation function.
        """
        return None

    def code(self, variant: Variant = FAST) -> StageCode:
        """Return this call as C code for floats; its arrays are not rearranged, unless overridden."""
        arrays = {name: array.flat for name, array in self.arrays.items()}
        return StageCode(self.kernel, self.sizes, arrays, functions=self.functions)

    def training(self) -> Training:
        """Return how this call is trained on a device; no array is trained, unless overridden."""
        return Training(self.kernel, f"train_{self.kernel}_backward")

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some attributes changed."""
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True, eq=False)
class Copy(Call):
    """A copy of the input, for a network that computes nothing."""

    in_place: ClassVar[bool] = True

    def integer(self, source: Affine, ranges: LayerRanges) -> IntegerCall:
        same = np.arange(LOW, LOW + 256).astype(np.int8)
        return IntegerTable(self.in_shape, self.out_shape, source, source, same)


@dataclass(frozen=True, eq=False)
class Gather(Call):
    """The numbers of a flat vector in the order that the array ``order`` gives."""

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
"""The attributes of `engine.int8.calls.weighted.IntegerWeighted`, in their order."""


def weighted_parts(call: Call, source: Affine, sums: RealSum, ranges: LayerRanges) -> WeightedParts:
    """Return the attributes of the int8 call that computes `call`, whose weighted sums are `sums`.

    An activation function that clamps is computed by the limits of the requantization. For any other function
    the sums are requantized to the calibration range of its input, then looked up in a table.
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
    scales = (integers.multiplier, integers.shift)
    scaling = Requantization(*scales, held.zero_point, low, high, table, held.scale)
    shapes = (call.in_shape, call.out_shape)
    return (*shapes, source, target, integers.weight, integers.bias, scaling)


def given_parts(call: WeightedSum, source: Affine, given: LayerIntegers, sums: GivenSum) -> WeightedParts:
    """Return the attributes of the int8 call that computes `call` with integers that are `given`."""
    integers = sums.sums(call.arrays["weight"].values, call.channel_axis)
    table = None if given.table is None else given.bytes_table
    scaling = sums.requantization(given.argument or given.output, table)
    shapes = (call.in_shape, call.out_shape)
    return (*shapes, source, given.output, integers.weight, integers.bias, scaling)


@dataclass(frozen=True, eq=False)
class WeightedSum(Call):
    """A call with arrays ``weight`` and ``bias`` whose output is ``function(weight · x + bias)``.

    Attributes
    ----------
    channel_axis : int
        The axis of the weight that runs over the output channels.
    biased : bool
        Whether the layer has a bias. Otherwise the array ``bias`` holds zeros and is not trained.
    """

    channel_axis: int = 0
    biased: bool = True

    takes_function: ClassVar[bool] = True

    def integer(self, source: Affine, ranges: LayerRanges) -> IntegerCall | None:
        given = ranges.integers
        if given is not None and given.sums is not None:
            return self.weighted(given_parts(self, source, given, given.sums))
        weight, bias = self.arrays["weight"].values, self.arrays["bias"].values
        sums = RealSum.of(weight, bias, self.channel_axis, source.scale)
        return self.weighted(weighted_parts(self, source, sums, ranges))

    def weighted(self, parts: WeightedParts) -> IntegerCall | None:
        """Return the int8 call with the attributes `parts`, or None if int8 cannot express it."""
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
        if not in_order or self.sizes.get("pool") != 1:  # a kernel that can pool, and only once
            return None
        return self.replace(out_shape=out_shape, sizes={**self.sizes, "pool": side})
