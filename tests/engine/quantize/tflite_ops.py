"""A TensorFlow Lite model of one operation, made from an integer call, and run by TensorFlow Lite itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.int8.arithmetic import Affine
from engine.int8.calls import (
    IntegerAvgPool,
    IntegerCall,
    IntegerConv2D,
    IntegerDense,
    IntegerDepthwise,
    IntegerMaxPool,
    IntegerSoftmax,
    IntegerTable,
)
from engine.shapes import Shape

schema = pytest.importorskip(
    "ai_edge_litert.schema_py_generated", reason="ai-edge-litert is not installed", exc_type=ImportError
)
flatbuffers = pytest.importorskip("flatbuffers", reason="flatbuffers is not installed")
SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
Operation = tuple[int, int, Any]
"""Code, kind of options, and options."""


class Graph:
    """Tensors and one operator of a model that is being put together."""

    def __init__(self) -> None:
        self.buffers = [schema.BufferT()]
        self.tensors: list[Any] = []

    def add(
        self, shape: Shape, kind: int, scales: Any, zero_point: int, data: Any = None, axis: int = 0
    ) -> int:
        """Add a tensor and return its index."""
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(shape), kind, 0
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = [float(s) for s in np.atleast_1d(scales)]
        tensor.quantization.zeroPoint = [zero_point] * len(tensor.quantization.scale)
        tensor.quantization.quantizedDimension = axis
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            tensor.buffer = len(self.buffers)
            self.buffers.append(buffer)
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def add_int8(self, shape: Shape, affine: Affine) -> int:
        """Add an activation tensor for one image."""
        return self.add((1, *shape), schema.TensorType.INT8, affine.scale, affine.zero_point)

    def model(self, operation: Operation, inputs: list[int], output: int) -> bytes:
        """Return the file of the model that computes `operation`."""
        code, kind, options = operation
        operator, graph, model = schema.OperatorT(), schema.SubGraphT(), schema.ModelT()
        operator.opcodeIndex, operator.inputs, operator.outputs = 0, inputs, [output]
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        graph.tensors, graph.operators = self.tensors, [operator]
        graph.inputs, graph.outputs = inputs[:1], [output]
        operator_code = schema.OperatorCodeT()
        operator_code.builtinCode = operator_code.deprecatedBuiltinCode = code
        operator_code.version = 5 if len(inputs) > 1 else 2  # from which int8 is known, by channel
        model.version, model.operatorCodes = 3, [operator_code]
        model.subgraphs, model.buffers = [graph], self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _options(name: str, **values: Any) -> tuple[int, Any]:
    options = getattr(schema, name + "T")()
    for key, value in values.items():
        setattr(options, key, value)
    return getattr(schema.BuiltinOptions, name), options


def _fused(call: Any) -> int:
    activation = schema.ActivationFunctionType
    return int(activation.RELU6 if call.requantization.high < 127 else activation.NONE)


def _padding(call: Any) -> int:
    """Return how the window is padded; where nothing is, both ways are the same."""
    window, (rows, columns) = call.window, call.out_shape[:2]
    whole = (rows - 1) * window.stride + window.kernel > call.in_shape[0]
    wide = (columns - 1) * window.stride + window.kernel > call.in_shape[1]
    return int(SAME if whole or wide else VALID)


def _sliding(call: Any) -> dict[str, Any]:
    stride = call.window.stride
    return {
        "padding": _padding(call),
        "strideH": stride,
        "strideW": stride,
        "fusedActivationFunction": _fused(call),
    }


def _conv(call: IntegerConv2D) -> Operation:
    assert call.pool == 1
    return (schema.BuiltinOperator.CONV_2D, *_options("Conv2DOptions", **_sliding(call)))


def _depthwise(call: IntegerDepthwise) -> Operation:
    found = _options("DepthwiseConv2DOptions", depthMultiplier=1, **_sliding(call))
    return (schema.BuiltinOperator.DEPTHWISE_CONV_2D, *found)


def _dense(call: IntegerDense) -> Operation:
    found = _options("FullyConnectedOptions", fusedActivationFunction=_fused(call))
    return (schema.BuiltinOperator.FULLY_CONNECTED, *found)


def _pool(code: int, height: int, width: int) -> Operation:
    sizes = {"filterHeight": height, "filterWidth": width, "strideH": height, "strideW": width}
    return (code, *_options("Pool2DOptions", padding=VALID, **sizes))


def _softmax(call: IntegerSoftmax) -> Operation:
    return (schema.BuiltinOperator.SOFTMAX, *_options("SoftmaxOptions", beta=1.0))


def _table(call: IntegerTable) -> Operation:
    """Return the function behind a table: they are told apart by how their output is held."""
    operators = schema.BuiltinOperator
    code = operators.TANH if call.target == Affine(1 / 128, 0) else operators.LOGISTIC
    return (code, 0, None)


OPERATIONS: dict[type[IntegerCall], Callable[[Any], Operation]] = {
    IntegerConv2D: _conv,
    IntegerDepthwise: _depthwise,
    IntegerDense: _dense,
    IntegerMaxPool: lambda call: _pool(schema.BuiltinOperator.MAX_POOL_2D, call.size, call.size),
    IntegerAvgPool: lambda call: _pool(
        schema.BuiltinOperator.AVERAGE_POOL_2D, call.window_height, call.window_width
    ),
    IntegerSoftmax: _softmax,
    IntegerTable: _table,
}


def _weights(graph: Graph, call: Any) -> list[int]:
    """Add weight and bias, with the scales that the multipliers say."""
    scaling = call.requantization
    units = scaling.multiplier * 2.0**-31 * 2.0 ** -scaling.shift.astype(np.float64)
    scales = units * call.target.scale / call.source.scale
    axis = call.channel_axis + (call.weight.ndim == 3)
    shape = (1, *call.weight.shape) if call.weight.ndim == 3 else call.weight.shape
    types = schema.TensorType
    weight = graph.add(shape, types.INT8, scales, 0, call.weight, axis)
    bias = graph.add(call.bias.shape, types.INT32, scales * call.source.scale, 0, call.bias)
    return [weight, bias]


def run_tflite(call: IntegerCall, x: np.ndarray) -> np.ndarray:
    """Return what TensorFlow Lite's own kernels compute for `call` on int8 inputs `x`."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    graph = Graph()
    out = call.out_shape if len(call.in_shape) == len(call.out_shape) else (1, 1, *call.out_shape)
    inputs = [graph.add_int8(call.in_shape, call.source)]
    inputs += _weights(graph, call) if hasattr(call, "weight") else []
    data = graph.model(OPERATIONS[type(call)](call), inputs, graph.add_int8(out, call.target))
    interpreter = Interpreter(
        model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    source, target = (
        d[0]["index"] for d in (interpreter.get_input_details(), interpreter.get_output_details())
    )
    results = []
    for image in x:
        interpreter.set_tensor(source, image[None])
        interpreter.invoke()
        results.append(interpreter.get_tensor(target).reshape(call.out_shape))
    return np.stack(results)
