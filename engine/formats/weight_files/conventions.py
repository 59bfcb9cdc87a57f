"""What other programs call the arrays of a layer, and how they order axes and features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.formats import feature_order
from engine.formats.feature_order import InputOrders
from engine.nn.kernel_calls import Order
from engine.nn.layers import BatchNorm, Conv2D, Dense, DepthwiseConv2D, PReLU
from engine.nn.param import FloatArray
from engine.nn.specs import LayerSpec
from engine.shapes import Shape

__all__ = ["KERAS", "PYTORCH", "Convention", "Slot"]


@dataclass(frozen=True)
class Slot:
    """One array of a layer in a file.

    Attributes
    ----------
    role : str
        Its name in the file, within the layer.
    axes : tuple of int or None
        The engine's axes in the order of the file; None for the same order.
    unit : int or None
        Where the file has an axis of length 1 more.
    features : int or None
        The engine's axis that runs over the numbers of a flat input.
    is_variance : bool
        Whether the layer adds its epsilon to these numbers.
    """

    role: str
    axes: tuple[int, ...] | None = None
    unit: int | None = None
    features: int | None = None
    is_variance: bool = False

    def written(self, values: FloatArray, order: Order | None) -> FloatArray:
        """Return the engine's `values` as the file has them, for a flat input in `order`."""
        if self.features is not None:
            values = feature_order.to_file(values, order, self.features)
        if self.axes is not None:
            values = values.transpose(self.axes)
        return values if self.unit is None else np.expand_dims(values, self.unit)

    def read(self, values: NDArray[Any], order: Order | None) -> NDArray[Any]:
        """Return the file's `values` as the engine has them; the reverse of `written`."""
        if self.unit is not None:
            values = values.squeeze(self.unit)
        if self.axes is not None:
            values = values.transpose(np.argsort(self.axes))
        return values if self.features is None else feature_order.from_file(values, order, self.features)

    def shape(self, engine: Shape) -> Shape:
        """Return the shape in the file of an array that has the shape `engine` here."""
        found = engine if self.axes is None else tuple(engine[axis] for axis in self.axes)
        return found if self.unit is None else (*found[: self.unit], 1, *found[self.unit :])


Slots = Mapping[str, Slot]


@dataclass(frozen=True)
class Convention:
    """How one program stores the arrays of layers.

    Attributes
    ----------
    name : str
    slots : mapping
        For each type of layer, the slot of each array by the engine's name.
    orders : callable
        The order of flat features.
    epsilon : float
        What its batch norm adds to the variance, unless a file says otherwise.
    ignored : frozenset of str
        Roles of arrays that no inference reads.
    """

    name: str
    slots: Mapping[type[LayerSpec], Slots]
    orders: InputOrders
    epsilon: float
    ignored: frozenset[str] = frozenset()

    def slots_of(self, layer: LayerSpec, in_shape: Shape) -> Slots:
        """Return the slots of `layer`: as in the engine, for a layer that the convention does not know."""
        known = self.slots.get(type(layer))
        return known or {name: Slot(name) for name in layer.params(in_shape)}


PYTORCH: Final = Convention(
    "PyTorch",
    {
        Conv2D: {"weight": Slot("weight", (0, 3, 1, 2)), "bias": Slot("bias")},
        DepthwiseConv2D: {"weight": Slot("weight", (2, 0, 1), unit=1), "bias": Slot("bias")},
        Dense: {"weight": Slot("weight", features=1), "bias": Slot("bias")},
        BatchNorm: {
            "scale": Slot("weight", features=0),
            "shift": Slot("bias", features=0),
            "mean": Slot("running_mean", features=0),
            "variance": Slot("running_var", features=0, is_variance=True),
        },
        PReLU: {"slope": Slot("weight", features=0)},
    },
    feature_order.channels_first,
    1e-5,
    frozenset({"num_batches_tracked"}),
)
"""``state_dict`` of convolutions (filters, channels, height, width) over feature maps with channels first."""

KERAS: Final = Convention(
    "Keras",
    {
        Conv2D: {"weight": Slot("0", (1, 2, 3, 0)), "bias": Slot("1")},
        DepthwiseConv2D: {"weight": Slot("0", unit=3), "bias": Slot("1")},
        Dense: {"weight": Slot("0", (1, 0), features=1), "bias": Slot("1")},
        BatchNorm: {
            "scale": Slot("0", features=0),
            "shift": Slot("1", features=0),
            "mean": Slot("2", features=0),
            "variance": Slot("3", features=0, is_variance=True),
        },
        PReLU: {"slope": Slot("0", features=0)},
    },
    feature_order.channels_last,
    1e-3,
)
"""The variables of a layer by their number, kernels (height, width, channels, filters), channels last."""
