"""Nodes that float32 and int8 networks share: activation functions, windows, pooling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from engine.formats.onnx_files.graph import Graph, Tensor
from engine.nn.activations import LEAK, ActivationFunction
from engine.nn.layers.rows import PADDINGS, Geometry
from engine.shapes import Shape

__all__ = ["FUNCTIONS", "activated", "averaged", "enlarged", "gathered", "largest", "pads", "unpooled"]

Apply = Callable[[Graph, Tensor], Tensor]


def _node(operator: str, **attributes: Any) -> Apply:
    return lambda graph, x: graph.add(operator, x, x.shape, **attributes)


def _relu6(graph: Graph, x: Tensor) -> Tensor:
    limits = [graph.constant(what, np.array(value)) for what, value in (("low", 0.0), ("high", 6.0))]
    return graph.add("Clip", x, x.shape, *limits)


FUNCTIONS: Mapping[str, Apply] = {
    "linear": lambda graph, x: x,
    "relu": _node("Relu"),
    "leaky_relu": _node("LeakyRelu", alpha=LEAK),
    "relu6": _relu6,
    "sigmoid": _node("Sigmoid"),
    "tanh": _node("Tanh"),
    "softmax": _node("Softmax", axis=1),
}
"""The nodes of each activation function, by the name that `engine.nn.activations` gives it."""


def activated(graph: Graph, x: Tensor, function: ActivationFunction | None) -> Tensor:
    """Return `function` of `x`."""
    return x if function is None else FUNCTIONS[function.name](graph, x)


def pads(source: Shape, out: Shape, window: Mapping[str, int]) -> list[int]:
    """Return the padding of a kernel that slides over `source`: top, left, bottom, right.

    `window` has the sizes ``kernel``, ``stride``, ``top`` and ``left``.
    """
    before = (window["top"], window["left"])
    reach = [(n - 1) * window["stride"] + window["kernel"] for n in out[:2]]
    after = [max(0, r - n - b) for r, n, b in zip(reach, source[:2], before, strict=True)]
    return [*before, *after]


def unpooled(source: Shape, out: Shape, window: Mapping[str, int], side: int) -> Shape:
    """Return what a convolution gives before squares of `side` become the pixels of `out`.

    Rows and columns that are left over are not in `out`, so they follow from the padding.
    """
    if side == 1:
        return out
    height, width = source[:2]
    for padding in PADDINGS:
        geometry = Geometry.of(height, width, window["kernel"], window["stride"], padding)
        spans = (geometry.rows, geometry.columns)
        before = (window["top"], window["left"]) == tuple(span.before for span in spans)
        if before and out[:2] == tuple(span.out // side for span in spans):
            return (spans[0].out, spans[1].out, out[2])
    raise AssertionError(window)


def largest(graph: Graph, x: Tensor, shape: Shape, side: int) -> Tensor:
    """Return the largest number of each square of `x`."""
    return graph.add("MaxPool", x, shape, kernel_shape=[side, side], strides=[side, side])


def averaged(graph: Graph, x: Tensor, shape: Shape, window: tuple[int, ...]) -> Tensor:
    """Return the mean of each `window` of `x`; a vector if `shape` is one."""
    if len(shape) == 3:
        return graph.add("AveragePool", x, shape, kernel_shape=list(window), strides=list(window))
    pooled = graph.add("GlobalAveragePool", x, (1, 1, *shape))
    return graph.arranged(pooled, shape)


def enlarged(graph: Graph, x: Tensor, shape: Shape, factor: int) -> Tensor:
    """Return `x` with each pixel repeated in both directions."""
    scales = graph.constant("scales", np.array([1, 1, factor, factor], np.float32))
    how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return graph.add("Resize", x, shape, "", scales, **how)


def gathered(graph: Graph, x: Tensor, order: Any) -> Tensor:
    """Return the numbers of a vector in another `order`."""
    return graph.add("Gather", x, x.shape, graph.constant("order", order.astype(np.int64)), axis=1)
