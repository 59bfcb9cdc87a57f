"""A graph of ONNX nodes that is built node by node.

Feature maps are (batch, channels, height, width) in ONNX. A `Tensor` is the name of one, with its shape as
the engine says it, so that it is clear where axes must be moved.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.formats.onnx_files.library import onnx
from engine.int8.arithmetic import Affine
from engine.shapes import Shape, size

__all__ = ["BATCH", "Graph", "Tensor", "onnx_shape", "per_channel"]

BATCH = "batch"
"""Name of the first dimension of every tensor."""


@dataclass(frozen=True)
class Tensor:
    """One result in the graph.

    Attributes
    ----------
    name : str
    shape : tuple of int
        (height, width, channels), or (features,).
    """

    name: str
    shape: Shape


def onnx_shape(shape: Shape) -> tuple[str | int, ...]:
    """Return `shape` as ONNX orders it, with the batch."""
    if len(shape) == 3:
        height, width, channels = shape
        return (BATCH, channels, height, width)
    return (BATCH, *shape)


def per_channel(values: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return `values`, one for each channel, so that they broadcast to a tensor of `shape` in ONNX."""
    return values.reshape(-1, *(1,) * (len(shape) - 1))


class Graph:
    """The nodes and constants of a network, in order.

    Attributes
    ----------
    nodes, constants : list
        As `onnx` has them.
    prefix : str
        What the names of the next nodes begin with: the layer that they compute.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.prefix = "input"
        self._named: Counter[str] = Counter()

    def add(self, operator: str, x: Tensor, shape: Shape, *constants: str, **attributes: Any) -> Tensor:
        """Add a node that reads `x` and then `constants`; return its output, which has `shape`."""
        name = self._name(operator)
        inputs = [x.name, *constants]
        self.nodes.append(onnx().helper.make_node(operator, inputs, [name], name, **attributes))
        return Tensor(name, shape)

    def constant(self, what: str, values: NDArray[Any]) -> str:
        """Add a constant and return its name; real numbers become float32."""
        name = self._name(what)
        kept = values.astype(np.float32) if np.issubdtype(values.dtype, np.floating) else values
        self.constants.append(onnx().numpy_helper.from_array(np.array(kept, order="C"), name))
        return name

    def arranged(self, x: Tensor, shape: Shape) -> Tensor:
        """Return `x` with `shape`, which has as many numbers: channels are the last axis of a vector."""
        if len(x.shape) == len(shape):
            return x
        if len(shape) == 3:
            return self._reshaped(x, shape)
        moves = x.shape[2] > 1 and size(x.shape[:2]) > 1
        if moves:
            x = self.add("Transpose", x, x.shape, perm=[0, 2, 3, 1])
        return self.add("Flatten", x, shape, axis=1)

    def quantized(self, x: Tensor, affine: Affine) -> Tensor:
        """Return `x` as it is after a round trip through int8."""
        places = (
            self.constant("scale", np.array(affine.scale)),
            self.constant("zero_point", np.array(affine.zero_point, np.int8)),
        )
        held = self.add("QuantizeLinear", x, x.shape, *places)
        return self.add("DequantizeLinear", held, x.shape, *places)

    def dequantized(self, what: str, integers: NDArray[Any], scales: NDArray[np.float64]) -> str:
        """Add constant `integers`, whose first axis has `scales`; return the name of the real numbers."""
        held = Tensor(self.constant(what, integers), ())
        scale = self.constant("scale", scales)
        zero = self.constant("zero_point", np.zeros(len(scales), integers.dtype))
        return self.add("DequantizeLinear", held, (), scale, zero, axis=0).name

    def named(self, x: Tensor, name: str) -> None:
        """Give `x` its final name."""
        self.nodes.append(onnx().helper.make_node("Identity", [x.name], [name], name))

    def _reshaped(self, x: Tensor, shape: Shape) -> Tensor:
        target = np.array([-1, shape[2], *shape[:2]], np.int64)
        return self.add("Reshape", x, shape, self.constant("shape", target))

    def _name(self, what: str) -> str:
        name = f"{self.prefix}/{what}"
        self._named[name] += 1
        count = self._named[name]
        return name if count == 1 else f"{name}_{count}"
