"""The nodes of each call of an int8 network: the table `INT8_NODES`.

Every tensor passes through QuantizeLinear and DequantizeLinear (QDQ) with the scale and zero point that our
int8 network has there, and weights and biases are the same integers. A runtime replaces such groups by whole
numbers. It rounds once where we round twice, so a number may differ by 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.formats.onnx_files import nodes
from engine.formats.onnx_files.graph import Graph, Tensor, per_channel
from engine.int8.arithmetic import Affine, Requantization
from engine.int8.calls import (
    IntegerAvgPool,
    IntegerCall,
    IntegerConv2D,
    IntegerDense,
    IntegerDepthwise,
    IntegerFixedSoftmax,
    IntegerGather,
    IntegerMaxPool,
    IntegerMean,
    IntegerSoftmax,
    IntegerTable,
)
from engine.nn.activations import LINEAR, ActivationFunction
from engine.nn.layers.prelu import IntegerPReLU
from engine.nn.layers.upsample import IntegerUpsampling
from engine.shapes import Shape

__all__ = ["INT8_NODES"]

Write = Callable[[Graph, Any, ActivationFunction, Tensor], Tensor]
"""Adds the nodes of a call, which computes an activation function, too; returns their result."""

SMALLEST = float(np.finfo(np.float32).tiny)  # a scale must not be 0


def _unit(scaling: Requantization) -> NDArray[np.float64]:
    """Return the scale of the sums of each channel, which follows from its multiplier."""
    factors = scaling.multiplier.astype(np.float64) * 2.0 ** (-31.0 - scaling.shift)
    return np.maximum(factors * scaling.scale, SMALLEST)


def _sums(graph: Graph, call: Any, weight: NDArray[np.int8]) -> tuple[str, str]:
    """Add weight and bias of a weighted sum; the first axis of `weight` runs over its channels."""
    unit = _unit(call.requantization)
    scales = np.maximum(unit / call.source.scale, SMALLEST)
    return graph.dequantized("weight", weight, scales), graph.dequantized("bias", call.bias, unit)


def _requantized(graph: Graph, call: Any, function: ActivationFunction, y: Tensor) -> Tensor:
    """Return sums `y` as `function` of them, in int8; a function with a table reads int8."""
    scaling = call.requantization
    if scaling.table is not None:
        y = graph.quantized(y, Affine(scaling.scale, scaling.zero_point))
    return graph.quantized(nodes.activated(graph, y, function), call.target)


def _slid(graph: Graph, call: Any, x: Tensor, weight: NDArray[np.int8], shape: Shape, group: int) -> Tensor:
    window = vars(call.window)
    return graph.add(
        "Conv",
        x,
        shape,
        *_sums(graph, call, weight),
        kernel_shape=[window["kernel"]] * 2,
        strides=[window["stride"]] * 2,
        pads=nodes.pads(x.shape, shape, window),
        group=group,
    )


def _convolution(graph: Graph, call: IntegerConv2D, function: ActivationFunction, x: Tensor) -> Tensor:
    shape = nodes.unpooled(call.in_shape, call.out_shape, vars(call.window), call.pool)
    y = _slid(graph, call, x, call.weight.transpose(0, 3, 1, 2), shape, 1)
    y = _requantized(graph, call, function, y)
    if call.pool == 1:
        return y
    return graph.quantized(nodes.largest(graph, y, call.out_shape, call.pool), call.target)


def _depthwise(graph: Graph, call: IntegerDepthwise, function: ActivationFunction, x: Tensor) -> Tensor:
    weight = call.weight.transpose(2, 0, 1)[:, None]
    image, shape = ((1, 1, *s) if len(s) == 1 else s for s in (x.shape, call.out_shape))
    y = _slid(graph, call, graph.arranged(x, image), weight, shape, len(weight))
    return graph.arranged(_requantized(graph, call, function, y), call.out_shape)


def _dense(graph: Graph, call: IntegerDense, function: ActivationFunction, x: Tensor) -> Tensor:
    y = graph.add("Gemm", x, call.out_shape, *_sums(graph, call, call.weight), transB=1)
    return _requantized(graph, call, function, y)


def _prelu(graph: Graph, call: IntegerPReLU, function: ActivationFunction, x: Tensor) -> Tensor:
    factors = call.multiplier[1].astype(np.float64) * 2.0 ** (-31.0 - call.shift[1])
    scales = np.maximum(factors * call.target.scale / call.source.scale, SMALLEST)
    slope = graph.dequantized("slope", per_channel(call.weight[1], x.shape), scales)
    return graph.quantized(graph.add("PRelu", x, x.shape, slope), call.target)


def _table(graph: Graph, call: IntegerTable, function: ActivationFunction, x: Tensor) -> Tensor:
    return x if function is LINEAR else graph.quantized(nodes.activated(graph, x, function), call.target)


def _mean(graph: Graph, call: IntegerAvgPool, function: ActivationFunction, x: Tensor) -> Tensor:
    y = nodes.averaged(graph, x, call.out_shape, (call.window_height, call.window_width))
    return graph.quantized(y, call.target)


def _channel_mean(graph: Graph, call: IntegerMean, function: ActivationFunction, x: Tensor) -> Tensor:
    return graph.quantized(nodes.averaged(graph, x, call.out_shape, call.in_shape[:2]), call.target)


def _softmax(graph: Graph, call: IntegerCall, function: ActivationFunction, x: Tensor) -> Tensor:
    return graph.quantized(nodes.FUNCTIONS["softmax"](graph, x), call.target)


INT8_NODES: Mapping[type[IntegerCall], Write] = {
    IntegerConv2D: _convolution,
    IntegerDepthwise: _depthwise,
    IntegerDense: _dense,
    IntegerMaxPool: lambda graph, call, function, x: graph.quantized(
        nodes.largest(graph, x, call.out_shape, call.size), call.target
    ),
    IntegerAvgPool: _mean,
    IntegerUpsampling: lambda graph, call, function, x: graph.quantized(
        nodes.enlarged(graph, x, call.out_shape, call.factor), call.target
    ),
    IntegerTable: _table,
    IntegerMean: _channel_mean,
    IntegerSoftmax: _softmax,
    IntegerFixedSoftmax: _softmax,
    IntegerPReLU: _prelu,
    IntegerGather: lambda graph, call, function, x: graph.quantized(
        nodes.gathered(graph, x, call.order), call.target
    ),
}
"""What each kind of int8 call is in ONNX. Layers whose calls have no line are refused."""
