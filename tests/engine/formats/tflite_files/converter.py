"""int8 networks as TensorFlow's converter writes them, put together by LiteRT's schema, not by the engine.

Weights of convolutions have a scale for each channel and those of dense layers one for all. Biases are int32
in units of input scale times weight scale. ReLU is part of the operator before it. Floats at both ends are
converted by QUANTIZE and DEQUANTIZE.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.engine.formats.peers import needed

for package in ("ai_edge_litert", "flatbuffers", "tflite"):
    needed(package)
flatbuffers = pytest.importorskip("flatbuffers")
schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
INT8, INT32 = schema.TensorType.INT8, schema.TensorType.INT32
FLOAT, UINT8 = schema.TensorType.FLOAT32, schema.TensorType.UINT8
SPREAD = 40  # of int8 weights


class Converter:
    """A network of one input; each method adds an operator that reads the output of the last one.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
        Of the input, without the batch.
    """

    def __init__(
        self, rng: np.random.Generator, shape: tuple[int, ...], scale: float = 1 / 255, zero: int = -128
    ):
        self.rng = rng
        self.buffers, self.tensors, self.operators, self.codes = [schema.BufferT()], [], [], []
        self.shape = shape
        self.scale, self.zero = np.float32(scale), zero
        self.input = self.last = self.map_tensor(shape, self.scale, zero)

    def map_tensor(self, shape: tuple[int, ...], scale: float, zero: int, kind: int = INT8) -> int:
        return self.tensor((1, *shape), kind, [scale], zero)

    def tensor(
        self, shape: Any, kind: int, scales: Any = (), zero: int = 0, data: Any = None, axis: int = 0
    ) -> int:
        made = schema.TensorT()
        made.shape, made.type, made.buffer = list(shape), kind, 0
        if len(scales):
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = [float(s) for s in scales]
            made.quantization.zeroPoint = [zero] * len(scales)
            made.quantization.quantizedDimension = axis
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            made.buffer = len(self.buffers)
            self.buffers.append(buffer)
        self.tensors.append(made)
        return len(self.tensors) - 1

    def operator(self, name: str, inputs: list[int], output: int, options: str = "", **fields: Any) -> None:
        code = getattr(schema.BuiltinOperator, name)
        if code not in self.codes:
            self.codes.append(code)
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = self.codes.index(code), inputs, [output]
        if options:
            made.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            made.builtinOptions = getattr(schema, options + "T")()
            for key, value in fields.items():
                setattr(made.builtinOptions, key, value)
        self.operators.append(made)

    def then(
        self,
        name: str,
        shape: tuple[int, ...],
        constants: tuple[int, ...] = (),
        held: tuple[float, int] | None = None,
        options: str = "",
        **fields: Any,
    ) -> None:
        """Add an operator whose output is `held` with this scale and zero point, or as its input is."""
        scale, zero = held or (self.scale, self.zero)
        output = self.map_tensor(shape, np.float32(scale), zero)
        self.operator(name, [self.last, *constants], output, options, **fields)
        self.last, self.shape, self.scale, self.zero = output, shape, np.float32(scale), zero

    def _weighted(self, weight: np.ndarray, axis: int, scales: np.ndarray, taps: int, relu: int) -> Any:
        """Return the constants, and how the output is held so that it fills int8."""
        bias = self.rng.integers(-4000, 4000, weight.shape[axis]).astype(np.int32)
        constants = (
            self.tensor(weight.shape, INT8, scales, 0, weight, axis),
            self.tensor(bias.shape, INT32, self.scale * scales, 0, bias),
        )
        held = float(self.scale * scales.mean()) * SPREAD * np.sqrt(taps) * self.rng.uniform(0.7, 2)
        return constants, (held, -128 if relu else int(self.rng.integers(-40, 40)))

    def weights(self, *shape: int) -> np.ndarray:
        return np.clip(self.rng.normal(0, SPREAD, shape), -127, 127).astype(np.int8)

    def scales(self, channels: int) -> np.ndarray:
        return self.rng.uniform(0.0005, 0.02, channels).astype(np.float32)

    def conv(self, filters: int, kernel: int, stride: int = 1, same: bool = True, relu: int = 1) -> None:
        weight = self.weights(filters, kernel, kernel, self.shape[2])
        constants, held = self._weighted(weight, 0, self.scales(filters), weight[0].size, relu)
        shape = (*(self._side(n, kernel, stride, same) for n in self.shape[:2]), filters)
        self.then("CONV_2D", shape, constants, held, "Conv2DOptions", **self._sliding(stride, same, relu))

    def depthwise(self, kernel: int, stride: int = 1, same: bool = True, relu: int = 1) -> None:
        channels = self.shape[2]
        weight = self.weights(1, kernel, kernel, channels)
        constants, held = self._weighted(weight, 3, self.scales(channels), kernel * kernel, relu)
        shape = (*(self._side(n, kernel, stride, same) for n in self.shape[:2]), channels)
        fields = {**self._sliding(stride, same, relu), "depthMultiplier": 1}
        self.then("DEPTHWISE_CONV_2D", shape, constants, held, "DepthwiseConv2DOptions", **fields)

    @staticmethod
    def _side(n: int, kernel: int, stride: int, same: bool) -> int:
        return -(-n // stride) if same else (n - kernel) // stride + 1

    @staticmethod
    def _sliding(stride: int, same: bool, relu: int) -> dict[str, Any]:
        padding = schema.Padding.SAME if same else schema.Padding.VALID
        fields = {"padding": padding, "strideH": stride, "strideW": stride, "fusedActivationFunction": relu}
        return {**fields, "dilationHFactor": 1, "dilationWFactor": 1}

    def pool(self, name: str, side: int) -> None:
        height, width, channels = self.shape
        sizes = {"filterHeight": side, "filterWidth": side, "strideH": side, "strideW": side}
        shape = (height // side, width // side, channels)
        self.then(name, shape, (), None, "Pool2DOptions", padding=schema.Padding.VALID, **sizes)

    def mean(self) -> None:
        axes = self.tensor((2,), INT32, data=np.array((1, 2), np.int32))
        held = (float(self.scale) * self.rng.uniform(0.55, 1.1), int(self.rng.integers(-128, 10)))
        self.then("MEAN", self.shape[2:], (axes,), held, "ReducerOptions", keepDims=False)

    def flatten(self) -> None:
        count = int(np.prod(self.shape))
        shape = self.tensor((2,), INT32, data=np.array((-1, count), np.int32))
        self.then("RESHAPE", (count,), (shape,), None, "ReshapeOptions", newShape=[-1, count])

    def dense(self, units: int, relu: int = 0) -> None:
        weight = self.weights(units, self.shape[0])
        constants, held = self._weighted(weight, 0, self.scales(1), self.shape[0], relu)
        fields = {"fusedActivationFunction": relu, "keepNumDims": False}
        self.then("FULLY_CONNECTED", (units,), constants, held, "FullyConnectedOptions", **fields)

    def softmax(self) -> None:
        self.then("SOFTMAX", self.shape, (), (1 / 256, -128), "SoftmaxOptions", beta=1.0)

    def floats_outside(self, kind: int = FLOAT) -> None:
        """Let the network read floats, or bytes, and give floats."""
        size = self.tensors[self.input].shape[1:]
        bytes_too = kind == UINT8
        given = self.tensor((1, *size), kind, [1 / 255] if bytes_too else (), 0)
        output = self.tensor((1, *self.shape), FLOAT)
        self.operator("QUANTIZE", [given], self.input, "QuantizeOptions")
        self.operators.insert(0, self.operators.pop())
        self.operator("DEQUANTIZE", [self.last], output, "DequantizeOptions")
        self.input, self.last = given, output

    def file(self) -> bytes:
        graph, model = schema.SubGraphT(), schema.ModelT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = [self.input], [self.last]
        model.version, model.subgraphs, model.buffers = 3, [graph], self.buffers
        model.operatorCodes = []
        for code in self.codes:
            made = schema.OperatorCodeT()
            made.builtinCode, made.deprecatedBuiltinCode, made.version = code, min(code, 127), 3
            model.operatorCodes.append(made)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def random_network(seed: int) -> Converter:
    """Return a network of convolutions, pooling and dense layers."""
    rng = np.random.default_rng(seed)
    zero, scale = ((-128, 1 / 255), (-1, 2 / 255))[seed % 2]
    made = Converter(
        rng, (int(rng.integers(9, 18)), int(rng.integers(9, 18)), int(rng.integers(1, 4))), scale, zero
    )
    for _ in range(int(rng.integers(1, 3))):
        made.conv(
            int(rng.integers(2, 9)),
            int(rng.integers(1, 5)),
            int(rng.integers(1, 3)),
            bool(rng.integers(2)),
            1,
        )
        if rng.integers(2):
            made.depthwise(int(rng.integers(1, 4)), same=True, relu=int(rng.choice((0, 1, 3))))
        if min(made.shape[:2]) >= 4:
            made.pool(str(rng.choice(("MAX_POOL_2D", "AVERAGE_POOL_2D"))), 2)
        if min(made.shape[:2]) < 4:
            break
    if rng.integers(2) and np.prod(made.shape[:2]) >= 4:
        made.mean()
    else:
        made.flatten()
    made.dense(int(rng.integers(2, 20)), relu=1)
    if rng.integers(2):
        made.then("TANH", made.shape, (), (1 / 128, 0))
    made.dense(int(rng.integers(2, 12)))
    (made.softmax, lambda: made.then("LOGISTIC", made.shape, (), (1 / 256, -128)), lambda: None)[seed % 3]()
    return made
