"""Operators with weights: convolutions, matrix products, and what multiplies and adds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.formats.onnx_files.reading.protobuf import Fault
from engine.formats.onnx_files.reading.steps import Apply, Step, Values
from engine.formats.onnx_files.reading.windows import Slide, slide_of
from engine.nn.layers import BatchNorm, Conv2D, Dense, DepthwiseConv2D
from engine.nn.layers.norm import EPSILON
from engine.nn.specs import LayerSpec

__all__ = ["add", "batch_norm", "conv", "divide", "gemm", "matmul", "multiply", "scaler", "subtract"]


def conv(step: Step) -> None:
    """Add a convolution, with one filter for each channel or for all."""
    flow, weight, bias = step.flow, step.constant(1, "weight"), step.optional(2)
    if not flow.is_image() and weight.shape == (flow.places.size, 1, 1, 1):
        _scale_vector(step, weight, bias)
        return
    height, width, channels = flow.image()
    if weight.ndim != 4 or len(weight) < 1:
        raise Fault("its kernel has not two dimensions; use layers for images.")
    groups = step.attribute("group", 1)
    depthwise = groups == channels == len(weight) and weight.shape[1] == 1 and groups > 1
    if groups != 1 and not depthwise:
        raise Fault(f"it has {groups} groups; use one, or as many as there are channels in and out.")
    pads, flow.pads = flow.pads or (0, 0, 0, 0), None
    slide = slide_of(step.node, (height, width), weight.shape[2:], pads)
    side, padding, offset = slide.fitted((height, width))
    placed = slide.placed(weight, side, offset)
    _remark_kernel(step, slide, side)
    sizes = {"kernel": side, "stride": slide.stride[0], "padding": padding}
    common: dict[str, Any] = {**sizes, "activation": "linear", "bias": bias is not None}
    params = {"weight": placed.transpose(0, 2, 3, 1)} | ({} if bias is None else {"bias": bias})
    layer: LayerSpec
    if depthwise:
        layer, params["weight"] = DepthwiseConv2D(**common), placed[:, 0].transpose(1, 2, 0)
    else:
        layer = Conv2D(filters=len(weight), **common)
    flow.builder.add(layer, params)
    flow.continue_with_layer()


def _scale_vector(step: Step, weight: Values, bias: Values | None) -> None:
    """Multiply each number of a vector, which int8 files write as a convolution over one pixel."""
    axes = (1, -1, 1, 1)
    offset = np.zeros(1) if bias is None else bias.reshape(axes)
    step.flow.builder.scale(*step.flow.by_channel(weight.reshape(axes), offset))


def _remark_kernel(step: Step, slide: Slide, side: int) -> None:
    if slide.kernel != (side, side):
        rows, columns = slide.kernel
        step.flow.builder.remarks.append(
            f"The kernel {rows}×{columns} of {step.node} became {side}×{side} with zeros, because its "
            "padding or form is not among ours."
        )


def gemm(step: Step) -> None:
    """Add a dense layer whose bias is in the same node."""
    weight = step.constant(1, "weight") * np.float32(step.attribute("alpha", 1))
    if step.position != 0 or step.attribute("transA", 0):
        raise Fault("it multiplies the weight from the other side; export the network again.")
    _dense(step, weight if step.attribute("transB", 0) else weight.T)
    bias = step.optional(2)
    if bias is not None:
        units = step.flow.places.shape[1]
        step.flow.builder.scale(np.ones(units), _bias(bias, units) * step.attribute("beta", 1))


def _bias(bias: Values, units: int) -> Values:
    if bias.size not in (1, units):
        raise Fault("its bias does not fit its weight; export the network again.")
    return np.broadcast_to(bias.ravel(), (units,)).astype(np.float64)


def matmul(step: Step) -> None:
    """Add a dense layer without bias; that is the Add that follows."""
    if step.position != 0:
        raise Fault("it multiplies the weight from the other side; export the network again.")
    _dense(step, step.constant(1, "weight").T)


def _dense(step: Step, weight: Values) -> None:
    """Add a dense layer with a `weight` (units, features), the features in the order of ONNX."""
    order = step.flow.vector()
    if weight.ndim != 2 or weight.shape[1] != len(order):
        raise Fault("its weight does not fit its input; export the network again.")
    ours = np.empty(weight.shape, np.float32)
    ours[:, order] = weight
    layer = Dense(units=len(weight), activation="linear", bias=False)
    step.flow.builder.add(layer, {"weight": ours})
    step.flow.continue_with_layer()


def _scaled(factor: Callable[[Values, int], Values], offset: Callable[[Values, int], Values]) -> Apply:
    """Return how to compute with one constant, from it and the position of the tensor that flows."""

    def apply(step: Step) -> None:
        value = step.constant(1 - step.position, "other input").astype(np.float64)
        parts = factor(value, step.position), offset(value, step.position)
        step.flow.builder.scale(*step.flow.by_channel(*parts))

    return apply


def _reciprocal(value: Values, position: int) -> Values:
    if position != 0:
        raise Fault("it divides by what the network computes; no layer does that.")
    return 1 / value


def scaler(step: Step) -> None:
    """Subtract an offset and multiply, as scikit-learn's StandardScaler is written."""
    offset, scale = (
        np.asarray(step.attribute(name, default)) for name, default in (("offset", 0), ("scale", 1))
    )
    step.flow.builder.scale(*step.flow.by_channel(scale, -offset * scale))


def batch_norm(step: Step) -> None:
    """Add a batch norm, whose epsilon may be another one than ours."""
    if step.attribute("training_mode", 0):
        raise Fault("it is exported for training; export the network for inference.")
    axes = (1, -1) + (1,) * (step.flow.places.ndim - 2)
    names = ("scale", "shift", "mean", "variance")
    given = [step.constant(i, name).astype(np.float64).reshape(axes) for i, name in enumerate(names, 1)]
    scale, shift, mean, variance = step.flow.by_channel(*given)
    if (variance < 0).any():
        raise Fault("it has a negative variance; train the network again.")
    epsilon = step.attribute("epsilon", EPSILON)
    if not np.isclose(epsilon, EPSILON, 1e-6, 0):
        scale = scale * np.sqrt((variance + EPSILON) / (variance + epsilon))
    found = zip(names, (scale, shift, mean, variance), strict=True)
    step.flow.builder.add(BatchNorm(), {name: values.astype(np.float32) for name, values in found})


add = _scaled(lambda v, at: np.ones(1), lambda v, at: v)
subtract = _scaled(lambda v, at: np.array(-1.0 if at else 1.0), lambda v, at: v if at else -v)
multiply = _scaled(lambda v, at: v, lambda v, at: np.zeros(1))
divide = _scaled(_reciprocal, lambda v, at: np.zeros(1))
