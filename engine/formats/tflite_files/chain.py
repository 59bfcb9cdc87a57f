"""A network that is being put together, operator by operator.

Only sequential networks come in: each operator reads the output of the one before it. The chain knows the
layers so far, their parameters and integers, the shape that they give, and in which order a flattened image's
numbers are: by row, column and channel in the file, by row, channel and column in the engine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import SpecError
from engine.formats.tflite_files.graph import Graph, Operator, Tensor
from engine.int8.arithmetic import HIGH, LOW, Affine
from engine.int8.integers import LayerIntegers
from engine.int8.ranges import LayerRanges, Range
from engine.nn.layers import Flatten
from engine.nn.specs import LayerSpec
from engine.shapes import Shape, size

__all__ = ["Added", "Chain", "Floats", "flat_input"]

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Added:
    """One layer of the chain.

    Attributes
    ----------
    layer : LayerSpec
    params : mapping of str to ndarray
    integers : LayerIntegers or None
        In an int8 network, for layers that have integers of their own.
    output : Affine or None
        How the output is held in an int8 network.
    """

    layer: LayerSpec
    params: Mapping[str, Floats]
    integers: LayerIntegers | None
    output: Affine | None

    @property
    def ranges(self) -> LayerRanges:
        """The ranges of an int8 layer."""
        assert self.output is not None
        ends = self.output.dequantize(np.array((LOW, HIGH), np.int8))
        return LayerRanges(Range.around(*map(float, ends)), integers=self.integers)


@dataclass(eq=False)
class Chain:
    """The layers so far.

    Attributes
    ----------
    graph : Graph
    input_shape, shape : tuple of int
        Of the network's input, and of what the last layer gives.
    source, affine : Affine or None
        How they are held; None in a network of floats.
    current : int
        The tensor that the next operator must read.
    flattened : tuple of int or None
        The shape of the image that was flattened, as long as its numbers are in the file's order.
    """

    graph: Graph
    input_shape: Shape
    source: Affine | None
    current: int
    layers: list[Added] = field(default_factory=list)
    flattened: Shape | None = None

    def __post_init__(self) -> None:
        self.shape = self.input_shape
        self.affine = self.source

    def operands(self, operator: Operator, count: int) -> list[Tensor | None]:
        """Return `count` constant inputs of an operator, with None for those that are left out."""
        found = [self.graph.tensor(i) if i >= 0 else None for i in operator.inputs[1:]]
        if len(found) > count:
            raise operator.refusal(f"has {len(found) + 1} inputs", f"at most {count + 1} can come in")
        return found + [None] * (count - len(found))

    def scales(self, operator: Operator) -> tuple[Affine, Affine] | None:
        """Return how the input and the output of an operator are held; None in a network of floats."""
        tensor = self.graph.tensor(operator.output)
        wanted = "FLOAT32" if self.affine is None else "INT8"
        if tensor.kind != wanted:
            remedy = "convert the whole network to int8 or float32"
            raise operator.refusal(f"gives {tensor.kind} in a network of {wanted}", remedy)
        return None if self.affine is None else (self.affine, tensor.affine)

    def same_scale(self, operator: Operator) -> None:
        """Refuse an operator that only moves or compares numbers, if it also changes their scale."""
        scales = self.scales(operator)
        if scales is not None and scales[0] != scales[1]:
            raise operator.refusal("changes the scale of its input", "convert the network again")

    def image(self, operator: Operator) -> Shape:
        """Return the shape of the image that an operator reads."""
        if len(self.shape) != 3:
            raise operator.refusal(f"reads a vector of {self.shape[0]}", "it needs an image")
        return self.shape

    def make(self, operator: Operator, layer: type[LayerSpec], **fields: Any) -> LayerSpec:
        """Return a layer with these fields."""
        try:
            return layer(**fields)
        except SpecError as error:
            raise operator.refusal("does not fit", error.reason.rstrip(".")) from error

    def add(
        self,
        operator: Operator,
        layer: LayerSpec,
        params: Mapping[str, Floats] | None = None,
        integers: LayerIntegers | None = None,
    ) -> None:
        """Add a layer; with `integers`, the output is held as they say."""
        try:
            self.shape = layer.out_shape(self.shape)
        except SpecError as error:
            raise operator.refusal("does not fit", error.reason.rstrip(".")) from error
        self.affine = self.affine if integers is None else integers.output
        self.layers.append(Added(layer, params or {}, integers, self.affine))

    def flatten(self, operator: Operator) -> None:
        """Add the layer that makes an image a vector, if the numbers are not one already."""
        if len(self.shape) == 1:
            return
        if self.shape[1] > 1 and self.shape[2] > 1:  # otherwise both orders are the same
            self.flattened = self.shape
        self.add(operator, Flatten())

    def reshape(self, operator: Operator) -> None:
        """Take the output's shape: an image becomes a vector, or the numbers stay as they are."""
        shape = self.graph.tensor(operator.output).shape[1:]
        if size(shape) != size(self.shape) or not shape:
            raise operator.refusal("changes the number of values in an image", "convert the network again")
        self.same_scale(operator)
        if len(shape) == 1:
            self.flatten(operator)
        elif not self.layers and len(shape) == 3:
            self.input_shape = self.shape = shape
        elif shape not in (self.shape, (1, 1, *self.shape)):
            raise operator.refusal(f"makes {shape} of {self.shape}", "only flattening an image can come in")

    def in_engine_order(self, values: Floats) -> Floats:
        """Return an array with its last axis, which runs over a flat input, in the order of the engine."""
        if self.flattened is None:
            return values
        places = np.arange(size(self.flattened)).reshape(self.flattened)
        return np.ascontiguousarray(values[..., places.transpose(0, 2, 1).ravel()])


def flat_input(count: int) -> Shape:
    """Return the image whose pixels are a vector of `count` numbers: a square if there is one."""
    side = math.isqrt(count)
    return (side, side, 1) if side * side == count else (1, count, 1)
