"""A TensorFlow Lite file as plain values: tensors and operators, checked when they are read.

A flatbuffer is offsets into bytes, and a file may come from anyone. Nothing here follows offsets further than
a fixed depth, so a circle of them ends. Counts are compared with limits before anything is made of them, and
what lies outside of the bytes is a fault of the file. A tensor is read when it is asked for.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.extras import require
from engine.int8.arithmetic import HIGH, LOW, Affine
from engine.shapes import Shape, size
from engine.words import short

__all__ = ["IDENTIFIER", "Graph", "GraphFaultError", "Operator", "Tensor", "graph_of", "name_of", "schema"]

IDENTIFIER = b"TFL3"  # at byte 4
MOST_TENSORS, MOST_OPERATORS, MOST_INPUTS, MOST_RANK = 4096, 1024, 8, 6
MOST_NUMBERS = 1 << 26  # of a tensor
DAMAGED = "the file is damaged: {}; take an intact copy or convert the network again."

_FAULTS = (struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError, KeyError)


class GraphFaultError(Exception):
    """Says what cannot be read and what to do; the caller knows which file it came from."""


def schema() -> ModuleType:
    """Return the package ``tflite``, the schema of the files; raise `MissingToolError` if it is missing."""
    module: ModuleType = require("tflite", "export", "TensorFlow Lite files")
    return module


def name_of(kind: str, value: int) -> str:
    """Return the name of a number of the schema's enumeration `kind`."""
    return _names(kind).get(value, f"number {value}")


@cache
def _names(kind: str) -> dict[int, str]:
    members = vars(getattr(schema(), kind)).items()
    return {number: name for name, number in members if not name.startswith("_")}


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor.

    Attributes
    ----------
    index : int
    shape : tuple of int
        The batch first, if it is a feature map.
    kind : str
        ``INT8``, ``FLOAT32`` …
    scales : ndarray of float32, shape (n,)
        Empty where there are none.
    zero_points : ndarray of int64, shape (n,)
    axis : int
        Which axis the scales run over, where there are several.
    data : ndarray or None
        The numbers of a constant, of `shape`.
    """

    index: int
    shape: Shape
    kind: str
    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    axis: int
    data: NDArray[Any] | None

    @property
    def affine(self) -> Affine:
        """Scale and zero point of an int8 feature map."""
        if len(self.scales) != 1 or len(self.zero_points) != 1:
            raise GraphFaultError(f"tensor {self.index} has {len(self.scales)} scales but must have one.")
        scale, zero_point = float(self.scales[0]), int(self.zero_points[0])
        if not (1e-30 < scale < 1e30 and LOW <= zero_point <= HIGH):
            raise GraphFaultError(
                f"tensor {self.index} has the scale {scale:g} and the zero point {zero_point}, which int8 "
                "cannot have; convert the network again."
            )
        return Affine(scale, zero_point)

    @property
    def numbers(self) -> NDArray[Any]:
        """The numbers of a constant; raise `GraphFaultError` if they are not in the file."""
        if self.data is None:
            raise GraphFaultError(
                f"tensor {self.index} should be a constant, but its numbers are not in the file."
            )
        return self.data


class _Options:
    """The fields of a table, by the methods that the schema gives it; outside of the file there are none."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def __getattr__(self, name: str) -> Callable[[], Any]:
        def read() -> Any:
            with flat_faults():
                return getattr(self._table, name)()

        return read


@dataclass(frozen=True, eq=False)
class Operator:
    """One operator.

    Attributes
    ----------
    index : int
    name : str
        As in the schema: ``CONV_2D`` …
    inputs : tuple of int
        Indices of tensors; -1 for one that is left out.
    output : int
        The first of its outputs.
    table : object
        The operator in the schema's classes.
    """

    index: int
    name: str
    inputs: tuple[int, ...]
    output: int
    table: Any

    @property
    def words(self) -> str:
        """How errors call it."""
        return f"operator {self.index} ({self.name})"

    def refusal(self, what: str, remedy: str) -> GraphFaultError:
        """Return the error that says `what` is wrong with this operator, and what to do."""
        return GraphFaultError(f"{self.words} {what}; {remedy}.")

    def options(self, kind: str) -> _Options:
        """Return the options, a table of the schema's class `kind`."""
        found = getattr(schema(), kind)()
        with flat_faults():
            options = self.table.BuiltinOptions()
            if options is None:
                raise GraphFaultError(f"{self.words} has no options; convert the network again.")
            found.Init(options.Bytes, options.Pos)
        return _Options(found)


class Graph:
    """The tensors and operators of a file that has one graph.

    Parameters
    ----------
    data : bytes
        The whole file.

    Attributes
    ----------
    operators : tuple of Operator
        In the order in which they run.
    inputs, outputs : tuple of int
        Indices of tensors.
    """

    def __init__(self, data: bytes) -> None:
        with flat_faults():
            self._model = schema().Model.GetRootAs(data, 0)
            _count("graphs", self._model.SubgraphsLength(), 1)
            self._graph = self._model.Subgraphs(0)
            _count("tensors", self._graph.TensorsLength(), MOST_TENSORS)
            operators = _count("operators", self._graph.OperatorsLength(), MOST_OPERATORS)
            self.inputs = _indices(self._graph, "Inputs")
            self.outputs = _indices(self._graph, "Outputs")
            self.operators = tuple(self._operator(i) for i in range(operators))

    def _operator(self, index: int) -> Operator:
        table = self._graph.Operators(index)
        codes = _count("operator codes", self._model.OperatorCodesLength(), MOST_OPERATORS)
        if not 0 <= table.OpcodeIndex() < codes:
            raise GraphFaultError(DAMAGED.format(f"operator {index} has no code"))
        code = self._model.OperatorCodes(table.OpcodeIndex())
        number = code.BuiltinCode() or code.DeprecatedBuiltinCode()
        name = name_of("BuiltinOperator", number)
        if name == "CUSTOM":
            name = f"CUSTOM {short(str(code.CustomCode()), 40)}"
        outputs = _indices(table, "Outputs")
        if len(outputs) != 1:
            raise GraphFaultError(
                f"operator {index} ({name}) has {len(outputs)} outputs; only one can come in."
            )
        return Operator(index, name, _indices(table, "Inputs"), outputs[0], table)

    def tensor(self, index: int) -> Tensor:
        """Return the tensor with this index."""
        if not 0 <= index < self._graph.TensorsLength():
            raise GraphFaultError(DAMAGED.format(f"there is no tensor {index}"))
        with flat_faults():
            table = self._graph.Tensors(index)
            _count(f"dimensions of tensor {index}", table.ShapeLength(), MOST_RANK)
            shape = tuple(int(n) for n in table.ShapeAsNumpy()) if table.ShapeLength() else ()
            if any(n < 0 for n in shape) or size(shape) > MOST_NUMBERS:
                raise GraphFaultError(
                    f"tensor {index} has the shape {shape}, which is too large or negative."
                )
            kind = name_of("TensorType", table.Type())
            scales, zero_points, axis = _quantization(table.Quantization())
            data = self._data(index, table.Buffer(), kind, shape)
            return Tensor(index, shape, kind, scales, zero_points, axis, data)

    def _data(self, index: int, buffer: int, kind: str, shape: Shape) -> NDArray[Any] | None:
        if not 0 <= buffer < self._model.BuffersLength():
            raise GraphFaultError(DAMAGED.format(f"tensor {index} has no buffer"))
        table = self._model.Buffers(buffer)
        if table.Offset() > 1:
            raise GraphFaultError(
                f"the numbers of tensor {index} are outside of the flatbuffer; convert a smaller network."
            )
        dtype = _DTYPES.get(kind)
        if not table.DataLength() or dtype is None:
            return None
        data = table.DataAsNumpy()
        if data.nbytes != size(shape) * np.dtype(dtype).itemsize:
            raise GraphFaultError(
                DAMAGED.format(f"tensor {index} of shape {shape} and type {kind} has {data.nbytes} bytes")
            )
        return np.frombuffer(data.tobytes(), dtype).reshape(shape)


_DTYPES = {"INT8": "i1", "UINT8": "u1", "INT32": "<i4", "INT64": "<i8", "FLOAT32": "<f4"}


def graph_of(data: bytes) -> Graph:
    """Return the graph of a file; raise `GraphFaultError` if it cannot be read."""
    if data[4:8] != IDENTIFIER:
        raise GraphFaultError("this is no TensorFlow Lite file; convert the network again.")
    return Graph(data)


@contextmanager
def flat_faults() -> Iterator[None]:
    """Turn what reading a damaged flatbuffer raises into a `GraphFaultError`."""
    try:
        yield
    except _FAULTS as error:
        raise GraphFaultError(DAMAGED.format("its offsets lead nowhere")) from error


def _count(what: str, count: int, most: int) -> int:
    if not 0 <= count <= most:
        raise GraphFaultError(
            f"it has {count:,} {what}, at most {most:,} can come in; convert a smaller network."
        )
    return count


def _indices(table: Any, name: str) -> tuple[int, ...]:
    count = _count(f"{name.lower()} of one operator", getattr(table, f"{name}Length")(), MOST_INPUTS)
    found: Sequence[int] = [getattr(table, name)(i) for i in range(count)]
    return tuple(int(i) for i in found)


def _quantization(table: Any) -> tuple[NDArray[np.float32], NDArray[np.int64], int]:
    if table is None or not table.ScaleLength():
        return np.empty(0, np.float32), np.empty(0, np.int64), 0
    zero_points = (
        table.ZeroPointAsNumpy() if table.ZeroPointLength() else np.zeros(table.ScaleLength(), np.int64)
    )
    return table.ScaleAsNumpy().astype(np.float32), zero_points.astype(np.int64), table.QuantizedDimension()
