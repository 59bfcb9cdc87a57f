"""The nodes of each kernel call of a float network: the table `FLOAT_NODES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from engine.formats.onnx_files import nodes
from engine.formats.onnx_files.graph import Graph, Tensor, per_channel
from engine.nn.kernel_calls import Call, Copy, Gather
from engine.nn.layers.conv2d import Convolution
from engine.nn.layers.dense import Product
from engine.nn.layers.depthwise import ChannelFilters
from engine.nn.layers.elementwise import Map, Softmax
from engine.nn.layers.norm import ScaleShift
from engine.nn.layers.pool import Maximum, Mean
from engine.nn.layers.prelu import PReLUCall
from engine.nn.layers.upsample import Upsampling

__all__ = ["FLOAT_NODES"]

Write = Callable[[Graph, Any, Tensor], Tensor]
"""Adds the nodes of a call that reads a tensor, and returns their result."""


def _values(call: Call, name: str) -> Any:
    return call.arrays[name].values


def _convolution(graph: Graph, call: Convolution, x: Tensor) -> Tensor:
    side = call.sizes["pool"]
    shape = nodes.unpooled(call.in_shape, call.out_shape, call.sizes, side)
    weight = _values(call, "weight").transpose(0, 3, 1, 2)
    y = nodes.activated(graph, _slid(graph, call, x, weight, shape, 1), call.function)
    return y if side == 1 else nodes.largest(graph, y, call.out_shape, side)


def _depthwise(graph: Graph, call: ChannelFilters, x: Tensor) -> Tensor:
    weight = _values(call, "weight").transpose(2, 0, 1)[:, None]
    y = _slid(graph, call, x, weight, call.out_shape, len(weight))
    return nodes.activated(graph, y, call.function)


def _slid(graph: Graph, call: Call, x: Tensor, weight: Any, shape: Any, group: int) -> Tensor:
    window = call.sizes
    return graph.add(
        "Conv",
        x,
        shape,
        graph.constant("weight", weight),
        graph.constant("bias", _values(call, "bias")),
        kernel_shape=[window["kernel"]] * 2,
        strides=[window["stride"]] * 2,
        pads=nodes.pads(call.in_shape, shape, window),
        group=group,
    )


def _product(graph: Graph, call: Product, x: Tensor) -> Tensor:
    arrays = [graph.constant(name, _values(call, name)) for name in ("weight", "bias")]
    return nodes.activated(graph, graph.add("Gemm", x, call.out_shape, *arrays, transB=1), call.function)


def _scale_shift(graph: Graph, call: ScaleShift, x: Tensor) -> Tensor:
    scale, shift = _values(call, "scale"), _values(call, "shift")
    statistics = (("mean", np.zeros(len(scale))), ("variance", np.ones(len(scale))))
    arrays = [graph.constant(*array) for array in (("scale", scale), ("shift", shift), *statistics)]
    y = graph.add("BatchNormalization", x, x.shape, *arrays, epsilon=0.0)
    return nodes.activated(graph, y, call.function)


def _prelu(graph: Graph, call: PReLUCall, x: Tensor) -> Tensor:
    slope = per_channel(_values(call, "slope"), x.shape)
    return graph.add("PRelu", x, x.shape, graph.constant("slope", slope))


def _mean(graph: Graph, call: Mean, x: Tensor) -> Tensor:
    window = (call.sizes["window_height"], call.sizes["window_width"])
    return nodes.averaged(graph, x, call.out_shape, window)


FLOAT_NODES: Mapping[type[Call], Write] = {
    Convolution: _convolution,
    ChannelFilters: _depthwise,
    Product: _product,
    Maximum: lambda graph, call, x: nodes.largest(graph, x, call.out_shape, call.sizes["size"]),
    Mean: _mean,
    Upsampling: lambda graph, call, x: nodes.enlarged(graph, x, call.out_shape, call.sizes["factor"]),
    Map: lambda graph, call, x: nodes.activated(graph, x, call.function),
    Softmax: lambda graph, call, x: nodes.FUNCTIONS["softmax"](graph, x),
    PReLUCall: _prelu,
    ScaleShift: _scale_shift,
    Gather: lambda graph, call, x: nodes.gathered(graph, x, _values(call, "order")),
    Copy: lambda graph, call, x: nodes.activated(graph, x, call.function),
}
"""What each kind of call is in ONNX. Layers whose calls have no line are refused."""
