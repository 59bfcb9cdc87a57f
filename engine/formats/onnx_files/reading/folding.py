"""Nodes whose inputs are all constant are computed while a file is read: the table `FOLDS`.

Exporters write shapes, weights in int8 and many small things as such nodes. The shape of a tensor is constant
too, as a network is read for one image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.formats.onnx_files.library import onnx
from engine.formats.onnx_files.reading.protobuf import MAX_NUMBERS, Fault, Node, array_of

__all__ = ["FOLDS", "axes_of", "fold", "moved", "reshaped", "shape_of", "squeezed", "unsqueezed"]

TOO_MANY = "it makes too many numbers; choose a smaller network."

Values = NDArray[Any]
Fold = Callable[[Node, Sequence[Values]], Values]


def fold(node: Node, values: Sequence[Values]) -> Values:
    """Return the output of a node for constant inputs, or raise `Fault`."""
    compute = FOLDS.get(node.operator)
    if compute is None:
        raise Fault("it computes with constants only; simplify the network, such as with onnx-simplifier.")
    return np.asarray(compute(node, values))


def axes_of(node: Node, values: Sequence[Values | None]) -> list[int] | None:
    """Return the axes of a node: an attribute in old files, the second input in new ones."""
    if len(values) > 1 and values[1] is not None:
        return [int(axis) for axis in values[1].ravel()]
    axes = node.attributes.get("axes")
    return None if axes is None else [int(axis) for axis in axes]


def reshaped(values: Values, target: Sequence[int], keep_zero: bool = False) -> Values:
    """Return `values` in the shape `target`, in which 0 copies a dimension and -1 is what remains."""
    dims = [values.shape[i] if n == 0 and not keep_zero else int(n) for i, n in enumerate(target)]
    return values.reshape(dims)


def shape_of(node: Node, values: Values) -> Values:
    """Return the dimensions of `values`, or those that the node asks for."""
    start, end = node.attributes.get("start", 0), node.attributes.get("end")
    return np.array(values.shape, np.int64)[start:end]


def moved(node: Node, values: Values) -> Values:
    """Return `values` with their axes in the order of a Transpose."""
    return np.transpose(values, node.attributes.get("perm"))


def squeezed(values: Values, axes: Sequence[int] | None) -> Values:
    """Return `values` without `axes`, or without all that have one entry."""
    return np.squeeze(values, None if axes is None else tuple(axes))


def unsqueezed(values: Values, axes: Sequence[int] | None) -> Values:
    """Return `values` with new `axes`."""
    return np.expand_dims(values, tuple(axes or ()))


def _constant(node: Node, values: Sequence[Values]) -> Values:
    if "value" in node.attributes:
        return array_of(node.attributes["value"])
    for name, kind in (("float", np.float32), ("int", np.int64)):
        for attribute in (f"value_{name}", f"value_{name}s"):
            if attribute in node.attributes:
                return np.array(node.attributes[attribute], kind)
    raise Fault("it is a constant that is no number; leave it out.")


def _constant_of_shape(node: Node, values: Sequence[Values]) -> Values:
    shape = [int(n) for n in values[0].ravel()]
    if min(shape, default=1) < 0 or math.prod(shape) > MAX_NUMBERS:
        raise Fault(TOO_MANY)
    value = node.attributes.get("value")
    return np.full(shape, np.float32(0) if value is None else array_of(value).ravel()[0])


def _expand(node: Node, values: Sequence[Values]) -> Values:
    shape = np.broadcast_shapes(values[0].shape, tuple(int(n) for n in values[1].ravel()))
    if math.prod(shape) > MAX_NUMBERS:
        raise Fault(TOO_MANY)
    return np.broadcast_to(values[0], shape)


def _elementwise(function: Callable[..., Values]) -> Fold:
    def compute(node: Node, values: Sequence[Values]) -> Values:
        if math.prod(np.broadcast_shapes(*(v.shape for v in values))) > MAX_NUMBERS:
            raise Fault(TOO_MANY)
        return np.asarray(function(*values))

    return compute


def _divide(x: Values, y: Values) -> Values:
    return np.asarray(x // y if x.dtype.kind in "iu" else x / y)


def _cast(node: Node, values: Sequence[Values]) -> Values:
    kind = onnx().helper.tensor_dtype_to_np_dtype(node.attributes["to"])
    return values[0].astype(np.float32 if np.issubdtype(kind, np.floating) else kind)


def _slice(node: Node, values: Sequence[Values]) -> Values:
    data, starts, ends = values[0], *(v.ravel() for v in values[1:3])
    axes = values[3].ravel() if len(values) > 3 else np.arange(len(starts))
    steps = values[4].ravel() if len(values) > 4 else np.ones(len(starts), int)
    picked = [slice(None)] * data.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        picked[int(axis)] = slice(int(start), int(end), int(step))
    return data[tuple(picked)]


def _scales(node: Node, values: Sequence[Values]) -> tuple[Values, Values]:
    """Return the scale and the zero point of a constant, as they broadcast to it."""
    data, scale = values[:2]
    zero = values[2] if len(values) > 2 else np.zeros(1, np.uint8)
    if scale.size == 1:
        return scale.reshape(()), zero.reshape(())
    axes = [1] * data.ndim
    axes[node.attributes.get("axis", 1)] = -1
    return scale.reshape(axes), zero.reshape(axes)


def _dequantize(node: Node, values: Sequence[Values]) -> Values:
    scale, zero = _scales(node, values)
    return np.asarray((values[0].astype(np.float64) - zero) * scale, np.float32)


def _quantize(node: Node, values: Sequence[Values]) -> Values:
    scale, zero = _scales(node, values)
    limits = np.iinfo(zero.dtype)
    steps = np.rint(values[0].astype(np.float64) / scale) + zero
    return np.asarray(np.clip(steps, limits.min, limits.max), zero.dtype)


def _concat(node: Node, values: Sequence[Values]) -> Values:
    if sum(v.size for v in values) > MAX_NUMBERS:
        raise Fault(TOO_MANY)
    return np.concatenate(values, node.attributes["axis"])


def _gather(node: Node, values: Sequence[Values]) -> Values:
    if values[0].size * values[1].size > MAX_NUMBERS:
        raise Fault(TOO_MANY)
    return np.take(values[0], values[1].astype(np.int64), node.attributes.get("axis", 0))


FOLDS: Mapping[str, Fold] = {
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Expand": _expand,
    "Shape": lambda node, values: shape_of(node, values[0]),
    "Identity": lambda node, values: values[0],
    "Cast": _cast,
    "Reshape": lambda node, values: reshaped(
        values[0], [*values[1].ravel()], bool(node.attributes.get("allowzero"))
    ),
    "Transpose": lambda node, values: moved(node, values[0]),
    "Squeeze": lambda node, values: squeezed(values[0], axes_of(node, values)),
    "Unsqueeze": lambda node, values: unsqueezed(values[0], axes_of(node, values)),
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
    "Add": _elementwise(np.add),
    "Sub": _elementwise(np.subtract),
    "Mul": _elementwise(np.multiply),
    "Div": _elementwise(_divide),
    "Sqrt": _elementwise(np.sqrt),
    "Neg": _elementwise(np.negative),
    "DequantizeLinear": _dequantize,
    "QuantizeLinear": _quantize,
}
"""How each operator computes with constants."""
