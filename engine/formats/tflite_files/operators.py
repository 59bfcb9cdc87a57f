"""What each operator of a file becomes: one function for each, in the table `OPERATORS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from engine.formats.tflite_files import micro
from engine.formats.tflite_files.chain import Chain
from engine.formats.tflite_files.graph import Operator, Tensor, name_of
from engine.formats.tflite_files.weights import Weights, integers_of
from engine.int8.arithmetic import Affine
from engine.int8.integers import LayerIntegers
from engine.nn.activations import LEAK, PROBABILITY
from engine.nn.layers import (
    Activation,
    AvgPool2D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GlobalAvgPool2D,
    MaxPool2D,
    PReLU,
    Upsample2D,
)
from engine.nn.layers.elementwise import MOST_CLASSES
from engine.nn.specs import LayerSpec

__all__ = ["OPERATORS"]

Take = Callable[[Chain, Operator], None]
Table = Callable[[Affine, Affine, Operator], tuple[int, ...]]

FUSED = {"NONE": "linear", "RELU": "relu", "RELU6": "relu6"}
TANH = Affine(1 / 128, 0)
LARGEST_POOL = 14


def _fused(operator: Operator, options: Any) -> str:
    """Return the activation that an operator applies to its output, as in the schema."""
    name = name_of("ActivationFunctionType", options.FusedActivationFunction())
    if name not in FUSED:
        raise operator.refusal(f"applies {name}", f"only {', '.join(FUSED)} can come in there")
    return name


def _window(operator: Operator, options: Any, weight: Tensor) -> dict[str, Any]:
    """Return the fields of a convolution."""
    height, width = weight.shape[1:3]
    strides = (options.StrideH(), options.StrideW())
    dilations = (options.DilationHFactor(), options.DilationWFactor())
    if height != width or strides[0] != strides[1] or set(dilations) != {1}:
        what = f"has a kernel of {height}×{width}, strides {strides} and dilations {dilations}"
        raise operator.refusal(what, "only square kernels with one stride and no dilation can come in")
    return {
        "kernel": height,
        "stride": int(strides[0]),
        "padding": name_of("Padding", options.Padding()).lower(),
        "activation": FUSED[_fused(operator, options)],
    }


def _convolution(chain: Chain, operator: Operator) -> None:
    weights, options = Weights.of(chain, operator, 4), operator.options("Conv2DOptions")
    weight, channels = weights.weight, chain.image(operator)[2]
    if weight.shape[3] != channels:
        what = f"has weights for {weight.shape[3]} of {channels} channels"
        raise operator.refusal(what, "convolutions in groups cannot come in")
    fields = _window(operator, options, weight)
    layer = chain.make(operator, Conv2D, filters=weight.shape[0], **fields)
    weights.add(chain, operator, layer, weight.numbers, 0, _fused(operator, options))


def _depthwise(chain: Chain, operator: Operator) -> None:
    """Add a depthwise convolution, or an ordinary one where a single channel becomes several."""
    weights, options = Weights.of(chain, operator, 4), operator.options("DepthwiseConv2DOptions")
    weight, channels = weights.weight, chain.image(operator)[2]
    fields, limits = _window(operator, options, weight), _fused(operator, options)
    if weight.shape[0] != 1 or channels not in (1, weight.shape[3]):
        what = f"makes {weight.shape[3]} of {channels} channels"
        raise operator.refusal(what, "only one filter for each channel can come in")
    if channels == weight.shape[3]:
        layer = chain.make(operator, DepthwiseConv2D, **fields)
        weights.add(chain, operator, layer, weight.numbers[0], 2, limits)
    else:
        layer = chain.make(operator, Conv2D, filters=weight.shape[3], **fields)
        weights.add(chain, operator, layer, weight.numbers.transpose(3, 1, 2, 0), 0, limits)


def _dense(chain: Chain, operator: Operator) -> None:
    weights = Weights.of(chain, operator, 2)
    limits = _fused(operator, operator.options("FullyConnectedOptions"))
    chain.flatten(operator)
    units, features = weights.weight.shape
    if features != chain.shape[0]:
        what = f"has weights for {features} of {chain.shape[0]} numbers"
        raise operator.refusal(what, "convert the network again")
    layer = chain.make(operator, Dense, units=units, activation=FUSED[limits])
    values = chain.in_engine_order(weights.weight.numbers)
    chain.flattened = None
    weights.add(chain, operator, layer, values, 0, limits, single=True)


def _pool(layer: type[LayerSpec], whole: type[LayerSpec] | None = None) -> Take:
    """Return what adds pooling; `whole` is the layer that pools all of an image, of any shape."""

    def take(chain: Chain, operator: Operator) -> None:
        options = operator.options("Pool2DOptions")
        height, width, _ = chain.image(operator)
        window, strides = (
            (options.FilterHeight(), options.FilterWidth()),
            (options.StrideH(), options.StrideW()),
        )
        chain.same_scale(operator)
        if _fused(operator, options) != "NONE":
            raise operator.refusal("applies an activation", "put it before the pooling")
        square = window[0] == window[1] and 0 < window[0] <= LARGEST_POOL
        if whole is not None and window == (height, width) and not square:
            chain.add(operator, whole())
            return
        if not square or window not in {strides, (height, width)}:
            what = f"has a window of {window} and strides {strides}"
            raise operator.refusal(what, "only squares that do not overlap can come in")
        if name_of("Padding", options.Padding()) == "SAME" and (height % window[0] or width % window[1]):
            raise operator.refusal("pads its input", "only pooling without padding can come in")
        chain.add(operator, chain.make(operator, layer, size=int(window[0])))

    return take


def _mean(chain: Chain, operator: Operator) -> None:
    (axes,) = chain.operands(operator, 1)
    height, width, _ = chain.image(operator)
    if axes is None or sorted(int(a) % 4 for a in axes.numbers.ravel()) != [1, 2]:
        raise operator.refusal(
            "takes the mean over other axes", "only that over rows and columns can come in"
        )
    scales, integers = chain.scales(operator), None
    if scales is not None:
        pair = micro.mean_multiplier(*scales, height * width)
        integers = integers_of(operator, scales[1], [1.0], np.zeros(1, np.int32), [pair])
    chain.add(operator, GlobalAvgPool2D(), None, integers)


def _reshape(chain: Chain, operator: Operator) -> None:
    chain.reshape(operator)


def _activation(function: str, table: Table) -> Take:
    """Return what adds an activation function, which is a table in int8."""

    def take(chain: Chain, operator: Operator) -> None:
        scales, integers = chain.scales(operator), None
        if scales is not None:
            integers = LayerIntegers(scales[1], table=table(*scales, operator))
        chain.add(operator, Activation(function), None, integers)

    return take


def _always_as(wanted: Affine, table: Callable[[Affine], tuple[int, ...]]) -> Table:
    """Return the table of a function whose outputs must be held as `wanted`."""

    def checked(source: Affine, target: Affine, operator: Operator) -> tuple[int, ...]:
        if target != wanted:
            what = f"holds its output in steps of {target.scale:g} around {target.zero_point}"
            remedy = f"they must be {wanted.scale:g} around {wanted.zero_point}, convert the network again"
            raise operator.refusal(what, remedy)
        return table(source)

    return checked


def _leaky(chain: Chain, operator: Operator) -> None:
    slope = float(operator.options("LeakyReluOptions").Alpha())
    if abs(slope - LEAK) > 1e-6:
        raise operator.refusal(f"has a slope of {slope:g}", f"only {LEAK:g} can come in")
    table: Table = lambda source, target, _: micro.leaky_relu_table(source, target, slope)  # noqa: E731
    _activation("leaky_relu", table)(chain, operator)


def _softmax(chain: Chain, operator: Operator) -> None:
    beta = float(operator.options("SoftmaxOptions").Beta())
    if beta != 1:
        raise operator.refusal(f"has a beta of {beta:g}", "only 1 can come in")
    if chain.affine is not None and chain.shape[-1] > MOST_CLASSES:
        raise operator.refusal(
            f"has {chain.shape[-1]} classes", f"in int8 at most {MOST_CLASSES} can come in"
        )
    _activation("softmax", _always_as(PROBABILITY, micro.exponentials))(chain, operator)


def _prelu(chain: Chain, operator: Operator) -> None:
    (slope,) = chain.operands(operator, 1)
    if chain.scales(operator) is not None:
        raise operator.refusal("is rounded in another way here in int8", "use ReLU, or convert to float32")
    if slope is None or slope.numbers.size != chain.shape[-1]:
        raise operator.refusal("has no slope for each channel", "share the slopes over rows and columns")
    if slope.kind != "FLOAT32" or not np.isfinite(slope.numbers).all():
        raise operator.refusal("has slopes that are not finite", "train the network again")
    chain.add(operator, PReLU(), {"slope": chain.in_engine_order(slope.numbers.ravel())})


def _upsample(chain: Chain, operator: Operator) -> None:
    height, width, channels = chain.image(operator)
    shape = chain.graph.tensor(operator.output).shape[1:]
    factor = shape[0] // height if shape else 0
    if shape != (factor * height, factor * width, channels):
        raise operator.refusal("does not repeat all pixels as often", "only whole factors can come in")
    if operator.options("ResizeNearestNeighborOptions").AlignCorners():
        raise operator.refusal("aligns corners", "convert the network without that")
    chain.same_scale(operator)
    chain.add(operator, chain.make(operator, Upsample2D, factor=factor))


OPERATORS: Mapping[str, Take] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "MAX_POOL_2D": _pool(MaxPool2D),
    "AVERAGE_POOL_2D": _pool(AvgPool2D, whole=GlobalAvgPool2D),
    "MEAN": _mean,
    "RESHAPE": _reshape,
    "SQUEEZE": _reshape,
    "EXPAND_DIMS": _reshape,
    "RESIZE_NEAREST_NEIGHBOR": _upsample,
    "RELU": _activation("relu", lambda source, target, _: micro.relu_table(source, target)),
    "RELU6": _activation("relu6", lambda source, target, _: micro.relu6_table(source, target)),
    "LEAKY_RELU": _leaky,
    "LOGISTIC": _activation("sigmoid", _always_as(PROBABILITY, micro.logistic_table)),
    "TANH": _activation("tanh", _always_as(TANH, micro.tanh_table)),
    "SOFTMAX": _softmax,
    "PRELU": _prelu,
}
"""Every operator that can come in, by its name in the schema."""
