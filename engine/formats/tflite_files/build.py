"""A TensorFlow Lite file that is being put together: tensors, then operators, then the flatbuffer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.formats.tflite_files.graph import IDENTIFIER, schema
from engine.formats.tflite_files.labels import METADATA
from engine.int8.arithmetic import Affine
from engine.shapes import Shape

__all__ = ["GraphBuilder"]

SCHEMA_VERSION = 3
ALIGNMENT = 16  # of the numbers of a tensor, which programs read where they are
LAST_SMALL_CODE = 127  # of an operator: older readers have a byte for it
_KINDS = {"int8": "INT8", "int32": "INT32", "float32": "FLOAT32"}


@dataclass(frozen=True, eq=False)
class _Tensor:
    name: str
    shape: Shape
    kind: str
    scales: Sequence[float]
    zero_point: int
    axis: int
    buffer: int


@dataclass(frozen=True, eq=False)
class _Operator:
    code: int
    inputs: Sequence[int]
    output: int
    options: str
    fields: Mapping[str, Any]


@dataclass(eq=False)
class GraphBuilder:
    """The tensors and operators so far; feature maps are for one image."""

    tensors: list[_Tensor] = field(default_factory=list)
    operators: list[_Operator] = field(default_factory=list)
    buffers: list[bytes] = field(default_factory=lambda: [b""])
    codes: list[tuple[str, int]] = field(default_factory=list)

    def feature_map(self, name: str, shape: Shape, affine: Affine | None) -> int:
        """Add a feature map of one image, int8 with an `affine`, and return its index."""
        scales = () if affine is None else (affine.scale,)
        zero_point = 0 if affine is None else affine.zero_point
        return self._add(
            _Tensor(name, (1, *shape), "FLOAT32" if affine is None else "INT8", scales, zero_point, 0, 0)
        )

    def constant(self, name: str, values: NDArray[Any], scales: Sequence[float] = (), axis: int = 0) -> int:
        """Add a constant of int8, int32 or float32 and return its index."""
        self.buffers.append(np.ascontiguousarray(values).tobytes())
        kind = _KINDS[values.dtype.name]
        return self._add(_Tensor(name, values.shape, kind, scales, 0, axis, len(self.buffers) - 1))

    def _add(self, tensor: _Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def operator(
        self,
        name: str,
        inputs: Sequence[int],
        output: int,
        options: str = "",
        version: int = 1,
        **fields: Any,
    ) -> None:
        """Add an operator.

        Parameters
        ----------
        name : str
            As in the schema.
        inputs : sequence of int
        output : int
        options : str
            The schema's class of its options, without "Options"; empty if it has none.
        version : int
            The oldest version of the operator that can do this.
        **fields
            Of the options.
        """
        if (name, version) not in self.codes:
            self.codes.append((name, version))
        self.operators.append(
            _Operator(
                self.codes.index((name, version)), inputs, output, options and f"{options}Options", fields
            )
        )

    def file(self, source: int, target: int, name: str, metadata: bytes) -> bytes:
        """Return the flatbuffer of the graph that makes the tensor `target` of the tensor `source`."""
        import flatbuffers

        flat = _Flat(flatbuffers.Builder(1 << 16))
        buffers = [flat.table("Buffer", data=flat.numbers(data)) for data in (*self.buffers, metadata)]
        graph = flat.table(
            "SubGraph",
            tensors=flat.offsets([self._tensor(flat, tensor) for tensor in self.tensors]),
            inputs=flat.int32s([source]),
            outputs=flat.int32s([target]),
            operators=flat.offsets([self._operator(flat, operator) for operator in self.operators]),
            name=flat.text("main"),
        )
        model = flat.table(
            "Model",
            version=SCHEMA_VERSION,
            operatorCodes=flat.offsets([_code(flat, *code) for code in self.codes]),
            subgraphs=flat.offsets([graph]),
            description=flat.text(name),
            buffers=flat.offsets(buffers),
            metadata=flat.offsets(
                [flat.table("Metadata", name=flat.text(METADATA), buffer=len(self.buffers))]
            ),
        )
        flat.builder.Finish(model, IDENTIFIER)
        return bytes(flat.builder.Output())

    def _tensor(self, flat: _Flat, tensor: _Tensor) -> int:
        fields = {
            "shape": flat.int32s(tensor.shape),
            "type": getattr(schema().TensorType, tensor.kind),
            "buffer": tensor.buffer,
            "name": flat.text(tensor.name),
        }
        if len(tensor.scales):
            fields["quantization"] = flat.table(
                "QuantizationParameters",
                scale=flat.array(np.array(tensor.scales, np.float32)),
                zeroPoint=flat.array(np.full(len(tensor.scales), tensor.zero_point, np.int64)),
                quantizedDimension=tensor.axis,
            )
        return flat.table("Tensor", **fields)

    def _operator(self, flat: _Flat, operator: _Operator) -> int:
        fields = {
            "opcodeIndex": operator.code,
            "inputs": flat.int32s(operator.inputs),
            "outputs": flat.int32s([operator.output]),
        }
        if operator.options:
            fields["builtinOptionsType"] = getattr(schema().BuiltinOptions, operator.options)
            fields["builtinOptions"] = flat.table(operator.options, **operator.fields)
        return flat.table("Operator", **fields)


def _code(flat: _Flat, name: str, version: int) -> int:
    number = getattr(schema().BuiltinOperator, name)
    old = min(number, LAST_SMALL_CODE)
    return flat.table("OperatorCode", deprecatedBuiltinCode=old, version=version, builtinCode=number)


class _Flat:
    """Tables and vectors of a flatbuffer, by the names that the schema gives them."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def table(self, name: str, /, **fields: Any) -> int:
        tflite = schema()
        getattr(tflite, f"{name}Start")(self.builder)
        for key, value in fields.items():
            if value is not None:
                getattr(tflite, f"{name}Add{key[0].upper()}{key[1:]}")(self.builder, value)
        return int(getattr(tflite, f"{name}End")(self.builder))

    def text(self, text: str) -> int:
        return int(self.builder.CreateString(text))

    def array(self, values: NDArray[Any]) -> int:
        return int(self.builder.CreateNumpyVector(values))

    def int32s(self, values: Sequence[int]) -> int:
        return self.array(np.array(values, np.int32))

    def offsets(self, offsets: Sequence[int]) -> int:
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return int(self.builder.EndVector())

    def numbers(self, data: bytes) -> int | None:
        """Return the vector of a buffer, aligned so that its numbers can be read where they are."""
        if not data:
            return None
        self.builder.StartVector(1, len(data), ALIGNMENT)
        start = int(self.builder.head) - len(data)
        self.builder.head = start
        self.builder.Bytes[start : start + len(data)] = data
        return int(self.builder.EndVector())
