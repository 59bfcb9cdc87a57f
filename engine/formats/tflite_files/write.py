"""Write a model as a TensorFlow Lite file, of floats or of int8.

The operators are those of exported code: the merged calls of the network (`engine.nn.call_chain`), which hold
feature maps in the order of TensorFlow, too. Each call has a writer in `WRITERS`; in int8 its numbers are
those of its integer call, and the scales follow from the multipliers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ExportError
from engine.formats.tflite_files.build import GraphBuilder
from engine.formats.tflite_files.graph import schema
from engine.formats.tflite_files.labels import described, with_labels
from engine.int8.arithmetic import HIGH, Affine, Requantization
from engine.int8.calls import IntegerCall, IntegerWeighted
from engine.nn.activations import LEAK, ActivationFunction
from engine.nn.call_chain import build_network
from engine.nn.kernel_calls import Array, Call, Copy, Gather, WeightedSum
from engine.nn.layers.conv2d import Convolution
from engine.nn.layers.dense import Product
from engine.nn.layers.depthwise import ChannelFilters
from engine.nn.layers.elementwise import Map, Softmax
from engine.nn.layers.norm import ScaleShift
from engine.nn.layers.pool import Maximum, Mean
from engine.nn.layers.prelu import PReLUCall
from engine.nn.layers.upsample import Upsampling
from engine.nn.model import Model
from engine.quantize.network import integer_network
from engine.shapes import Shape

__all__ = ["tflite_file"]

FUSED = {"relu": "RELU", "relu6": "RELU6"}
FUNCTIONS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "relu": ("RELU", "", {}),
    "relu6": ("RELU6", "", {}),
    "sigmoid": ("LOGISTIC", "", {}),
    "tanh": ("TANH", "", {}),
    "leaky_relu": ("LEAKY_RELU", "LeakyRelu", {"alpha": LEAK}),
}
"""The operators of the pointwise functions, their options and the fields of these."""
VERSIONS = {
    "CONV_2D": (1, 3),
    "DEPTHWISE_CONV_2D": (1, 3),
    "FULLY_CONNECTED": (1, 5),
    "RESHAPE": (1, 1),
    "GATHER": (1, 1),
}
"""The versions of operators in floats and in int8 that are not 1 and 2."""
SMALLEST_SCALE = 1e-30  # of the weights of a channel that is always 0


@dataclass(eq=False)
class _File:
    """The file so far.

    Attributes
    ----------
    graph : GraphBuilder
    current : int
        The tensor that the next operator reads.
    shape : tuple of int
    affine : Affine or None
        How it is held; None in floats.
    names : iterator of int
        Numbers for the names of tensors.
    """

    graph: GraphBuilder
    current: int
    shape: Shape
    affine: Affine | None
    names: itertools.count[int]

    def then(
        self,
        name: str,
        shape: Shape,
        affine: Affine | None,
        constants: tuple[int, ...] = (),
        options: str = "",
        **fields: Any,
    ) -> None:
        """Add an operator that reads the current tensor, and make its output the current one."""
        output = self.graph.feature_map(f"{name.lower()}_{next(self.names)}", shape, affine)
        is_int8 = affine is not None
        version = VERSIONS.get(name, (1, 2))[is_int8]
        self.graph.operator(name, (self.current, *constants), output, options, version, **fields)
        self.current, self.shape, self.affine = output, shape, affine

    def reshape(self, shape: Shape) -> None:
        """Change the shape, if it is another one."""
        if shape != self.shape:
            wanted = self.graph.constant(f"shape_{next(self.names)}", np.array((1, *shape), np.int32))
            self.then("RESHAPE", shape, self.affine, (wanted,), "Reshape", newShape=None)

    def constant(self, what: str, values: NDArray[Any], scales: Any = (), axis: int = 0) -> int:
        """Add a constant."""
        return self.graph.constant(f"{what}_{next(self.names)}", values, scales, axis)


def tflite_file(model: Model, name: str, int8: bool) -> bytes:
    """Return `model` as a TensorFlow Lite file with the labels of its classes.

    Parameters
    ----------
    model : Model
    name : str
        Written into the file.
    int8 : bool
        Whether to write the int8 network; otherwise that of floats.

    Raises
    ------
    ExportError
        When TensorFlow Lite has no operator for a layer.
    QuantizationError
        When int8 is asked for and the model has no quantization.
    MissingToolError
        When the package ``tflite`` is missing.
    """
    schema()
    integers = integer_network(model).stages if int8 else ()
    graph = GraphBuilder()
    affine = integers[0].call.source if integers else None
    start = graph.feature_map("image", model.spec.input_shape, affine)
    file = _File(graph, start, model.spec.input_shape, affine, itertools.count(1))
    for index, stage in enumerate(build_network(model).stages):
        write = WRITERS.get(type(stage.call))
        if write is None:
            raise _no_operator(model, stage.layers)
        reason = write(file, stage.call, integers[index].call if integers else None)
        if reason:
            raise _no_operator(model, stage.layers, reason)
    file.reshape(model.spec.out_shape)
    metadata = described(name, f"{model.name}, model {model.fingerprint}")
    return with_labels(graph.file(start, file.current, name, metadata), model.classes)


def _no_operator(model: Model, layers: tuple[int, ...], reason: str = "has no operator there") -> ExportError:
    names = " and ".join(f"{index + 1} ({model.spec.layers[index].title})" for index in layers)
    return ExportError(f"TensorFlow Lite: layer {names} {reason}; put another layer in its place.")


Write = Callable[[_File, Any, Any], str | None]
"""``write(file, call, integer)`` adds the operators of a call, or says why there are none."""


def _weighted(
    file: _File, call: WeightedSum, integer: IntegerWeighted | None, name: str, options: str, **fields: Any
) -> None:
    """Add a weighted sum and its activation function; what the operator cannot apply is one of its own."""
    function = call.function
    fused = FUSED.get(function.name) if function is not None else None
    apart = function if fused is None else None
    side = call.sizes.get("pool", 1)
    held = _held(integer, apart)
    kind = getattr(schema().ActivationFunctionType, fused or "NONE")
    summed = call.out_shape if side == 1 else _before_pooling(call)
    file.then(
        name, summed, held, _constants(file, call, integer), options, fusedActivationFunction=kind, **fields
    )
    if side > 1:
        file.then("MAX_POOL_2D", call.out_shape, held, (), "Pool2D", **_squares(side, side))
    if apart is not None:
        _apply(file, apart, None if integer is None else integer.target)


def _before_pooling(call: WeightedSum) -> Shape:
    """Return what a convolution gives before it is pooled, rows and columns that no pool reads included."""
    kernel, stride, same = call.sizes["kernel"], call.sizes["stride"], _is_padded(call)
    height, width = (
        -(-side // stride) if same else (side - kernel) // stride + 1 for side in call.in_shape[:2]
    )
    return (height, width, call.out_shape[-1])


def _held(integer: IntegerWeighted | None, apart: ActivationFunction | None) -> Affine | None:
    """Return how the sums are held before a function that is an operator of its own."""
    if integer is None or apart is None:
        return None if integer is None else integer.target
    return Affine(integer.requantization.scale, integer.requantization.zero_point)


def _constants(file: _File, call: WeightedSum, integer: IntegerWeighted | None) -> tuple[int, int]:
    """Add weight and bias in TensorFlow's layout: a depthwise weight has a fourth axis before the others."""
    if integer is None:
        real, offset = (call.arrays[name].values.astype(np.float32) for name in ("weight", "bias"))
        return file.constant("weight", _four(real)), file.constant("bias", offset)
    scales = _scales(integer)
    axis = integer.channel_axis + (integer.weight.ndim == 3)
    weight = file.constant("weight", _four(integer.weight), scales, axis)
    return weight, file.constant("bias", integer.bias.astype(np.int32), scales * integer.source.scale)


def _four(weight: NDArray[Any]) -> NDArray[Any]:
    return weight[None] if weight.ndim == 3 else weight


def _scales(integer: IntegerWeighted) -> NDArray[np.float64]:
    """Return the scale of each channel's weights, which its multiplier says."""
    scaling: Requantization = integer.requantization
    units = scaling.multiplier * 2.0**-31 * 2.0 ** -scaling.shift.astype(np.float64)
    return np.maximum(units * scaling.scale / integer.source.scale, SMALLEST_SCALE)


def _apply(file: _File, function: ActivationFunction, target: Affine | None) -> None:
    """Add a pointwise function.

    In int8 a limit that no output can exceed is left to saturation: the interpreter for microcontrollers has
    rectifiers with a limit only where input and output have the same scale.
    """
    saturates = target is not None and function.clamps and target.clamp(*function.codomain)[1] == HIGH
    name, options, fields = FUNCTIONS["relu" if saturates else function.name]
    file.then(name, file.shape, target, (), options, **fields)


def _is_padded(call: WeightedSum) -> bool:
    """Tell whether a window reads beyond the image; where none does, both ways of padding are the same."""
    sizes, pool = call.sizes, call.sizes.get("pool", 1)
    beyond = [
        (out * pool - 1) * sizes["stride"] + sizes["kernel"] > side
        for out, side in zip(call.out_shape[:2], call.in_shape[:2], strict=True)
    ]
    return sizes["top"] > 0 or sizes["left"] > 0 or any(beyond)


def _sliding(call: WeightedSum) -> dict[str, Any]:
    stride, padding = call.sizes["stride"], schema().Padding
    return {
        "padding": padding.SAME if _is_padded(call) else padding.VALID,
        "strideH": stride,
        "strideW": stride,
        "dilationHFactor": 1,
        "dilationWFactor": 1,
    }


def _squares(height: int, width: int) -> dict[str, Any]:
    sizes = {"filterHeight": height, "filterWidth": width, "strideH": height, "strideW": width}
    return {"padding": schema().Padding.VALID, **sizes}


def _convolution(file: _File, call: Convolution, integer: Any) -> None:
    _weighted(file, call, integer, "CONV_2D", "Conv2D", **_sliding(call))


def _filters(file: _File, call: ChannelFilters, integer: Any) -> None:
    fields = {**_sliding(call), "depthMultiplier": 1}
    _weighted(file, call, integer, "DEPTHWISE_CONV_2D", "DepthwiseConv2D", **fields)


def _product(file: _File, call: Product, integer: Any) -> None:
    file.reshape(call.in_shape)
    _weighted(file, call, integer, "FULLY_CONNECTED", "FullyConnected")


def _scale_shift(file: _File, call: ScaleShift, integer: IntegerWeighted | None) -> None:
    """Add batch norm as a depthwise convolution by single pixels."""
    arrays = {"weight": Array(call.arrays["scale"].values[None, None]), "bias": call.arrays["shift"]}
    shape = call.out_shape if len(call.out_shape) == 3 else (1, 1, *call.out_shape)
    sizes = {"kernel": 1, "stride": 1, "top": 0, "left": 0}
    file.reshape(shape)
    _filters(file, ChannelFilters("", shape, shape, sizes, arrays, call.function, 2), integer)
    file.reshape(call.out_shape)


def _maximum(file: _File, call: Maximum, integer: IntegerCall | None) -> None:
    side = call.sizes["size"]
    file.then("MAX_POOL_2D", call.out_shape, file.affine, (), "Pool2D", **_squares(side, side))


def _mean(file: _File, call: Mean, integer: IntegerCall | None) -> None:
    if integer is not None and integer.target != integer.source:
        axes = file.constant("axes", np.array((1, 2), np.int32))
        file.then("MEAN", call.out_shape, integer.target, (axes,), "Reducer", keepDims=False)
        return
    height, width = call.sizes["window_height"], call.sizes["window_width"]
    out = call.out_shape if len(call.out_shape) == 3 else (1, 1, *call.out_shape)
    file.then("AVERAGE_POOL_2D", out, file.affine, (), "Pool2D", **_squares(height, width))
    file.reshape(call.out_shape)


def _softmax(file: _File, call: Softmax, integer: IntegerCall | None) -> None:
    file.then("SOFTMAX", call.out_shape, None if integer is None else integer.target, (), "Softmax", beta=1.0)


def _map(file: _File, call: Map, integer: IntegerCall | None) -> None:
    if call.function is not None:
        _apply(file, call.function, None if integer is None else integer.target)


def _copy(file: _File, call: Copy, integer: IntegerCall | None) -> None:
    file.reshape(call.out_shape)


def _gather(file: _File, call: Gather, integer: IntegerCall | None) -> None:
    file.reshape(call.in_shape)
    order = file.constant("order", call.arrays["order"].values.astype(np.int32))
    file.then("GATHER", call.out_shape, file.affine, (order,), "Gather", axis=1, batchDims=0)


def _prelu(file: _File, call: PReLUCall, integer: IntegerCall | None) -> str | None:
    if integer is not None:
        return "has one scale for all slopes in int8 there, here it has one for each channel"
    slope = call.arrays["slope"].values.astype(np.float32)
    file.reshape(call.in_shape)
    shape = (1, 1, len(slope)) if len(call.in_shape) == 3 else slope.shape
    file.then("PRELU", call.out_shape, None, (file.constant("slope", slope.reshape(shape)),))
    return None


def _upsampling(file: _File, call: Upsampling, integer: IntegerCall | None) -> None:
    size = file.constant("size", np.array(call.out_shape[:2], np.int32))
    file.then("RESIZE_NEAREST_NEIGHBOR", call.out_shape, file.affine, (size,), "ResizeNearestNeighbor")


WRITERS: Mapping[type[Call], Write] = {
    Convolution: _convolution,
    ChannelFilters: _filters,
    Product: _product,
    Maximum: _maximum,
    Mean: _mean,
    Softmax: _softmax,
    Map: _map,
    ScaleShift: _scale_shift,
    PReLUCall: _prelu,
    Upsampling: _upsampling,
    Gather: _gather,
    Copy: _copy,
}
"""What writes each call of a network, by its class."""
