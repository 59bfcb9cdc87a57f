"""What exported code does, one call of a C kernel after the other, before any format is chosen.

A layer says which kernels compute it, with which sizes and arrays (`LayerSpec.c_calls`). Neighbouring calls
then merge where one kernel can do both: each class here says what it becomes when a scaling, an
activation or a maximum follows. Nothing compares kernels' names, so a new kernel joins in by its methods.

Exported feature maps have the channels last in memory too, (height, width, channels). The engine has (row,
channel, column), which a flat vector remembers: `reordered` moves the weights that read one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from engine.specs import Shape

if TYPE_CHECKING:
    from engine.layers.elementwise import ActivationFunction

__all__ = ["Array", "Call", "Order", "WeightedSum"]

Order = NDArray[np.int64]
"""Which feature of the engine stands at each place of exported code's flat vector."""


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

    def reordered(self, order: Order) -> Array:
        """Return the array for an input in `order`."""
        if self.features is None:
            return self
        return dataclasses.replace(self, values=np.take(self.values, order, self.features))


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

    def pooled(self, size: int, out_shape: Shape) -> Call | None:
        """Return this call with the maximum taken of squares of its output."""
        return None

    def reordered(self, order: Order) -> Self:
        """Return this call for a flat input in `order`."""
        return self.replace(arrays={name: a.reordered(order) for name, a in self.arrays.items()})

    def order_after(self, order: Order | None) -> Order | None:
        """Return the order of the output when the input is in `order` (None: as the engine's)."""
        return order if self.in_place else None

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some attributes changed."""
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True, eq=False)
class WeightedSum(Call):
    """A call with arrays ``weight`` and ``bias`` whose output is ``function(weight · x + bias)``.

    Attributes
    ----------
    channel_axis : int
        The axis of the weight that runs over the output channels.
    """

    channel_axis: int = 0

    takes_function: ClassVar[bool] = True

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
        return cls(kernel, *shapes, sizes, {"weight": weight, "bias": array}, None, channel_axis)

    def scaled(self, scale: NDArray[np.float64], shift: NDArray[np.float64]) -> Call | None:
        weight, bias = self.arrays["weight"], self.arrays["bias"].values
        if self.function is not None or scale.shape != bias.shape or self.sizes.get("pool", 1) != 1:
            return None
        axes = [1] * weight.values.ndim
        axes[self.channel_axis] = -1
        values = (weight.values * scale.reshape(axes)).astype(np.float32)
        moved = Array((bias * scale + shift).astype(np.float32))
        return self.replace(arrays={"weight": dataclasses.replace(weight, values=values), "bias": moved})

    def pooled(self, size: int, out_shape: Shape) -> Call | None:
        in_order = self.function is None or self.function.monotone
        if not in_order or self.sizes.get("pool") != 1:  # only once, and only by kernels that have it
            return None
        return self.replace(out_shape=out_shape, sizes={**self.sizes, "pool": size})
