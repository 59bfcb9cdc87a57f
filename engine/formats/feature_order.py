"""The order of the numbers that flattening gives, in other programs.

The engine flattens a feature map row by row, and in each row channel by channel. Others take channels last
(Keras, TensorFlow Lite, images) or channels first (PyTorch, the Sequential text format). Whatever has one
weight for each of these numbers is permuted on its way in and out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.nn.call_chain import output_orders
from engine.nn.kernel_calls import Order
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.shapes import Shape

__all__ = ["InputOrders", "channels_first", "channels_last", "from_file", "to_file"]

InputOrders = Callable[[ModelSpec], list[Order | None]]
"""For each layer, the index in the engine of each number that it reads in a file; None for the same order."""


def channels_last(spec: ModelSpec) -> list[Order | None]:
    """Return the orders of files whose feature maps are (height, width, channels)."""
    blank = Model(spec, np.zeros(ParamLayout(spec).size, np.float32), ("",) * spec.classes)
    return [None, *output_orders(blank)[:-1]]


def channels_first(spec: ModelSpec) -> list[Order | None]:
    """Return the orders of files whose feature maps are (channels, height, width)."""
    orders: list[Order | None] = []
    image: Shape = spec.input_shape
    for row, order in zip(spec.rows(), channels_last(spec), strict=True):
        if len(row.in_shape) == 3:
            image = row.in_shape
        orders.append(None if order is None else order.reshape(image).transpose(2, 0, 1).ravel())
    return orders


def from_file(values: NDArray[Any], order: Order | None, axis: int) -> NDArray[Any]:
    """Return `values` of a file, whose `axis` runs over flat features, in the order of the engine."""
    return values if order is None else np.take(values, np.argsort(order), axis)


def to_file(values: NDArray[Any], order: Order | None, axis: int) -> NDArray[Any]:
    """Return `values` of the engine, whose `axis` runs over flat features, in the order of the file."""
    return values if order is None else np.take(values, order, axis)
