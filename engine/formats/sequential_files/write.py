"""Write networks in the Sequential text format.

Its convolutions have no bias, its activation is the sigmoid, and all its dense layers end in one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from engine.formats.feature_order import to_file
from engine.formats.genann_files.text import Connection, GenannText
from engine.formats.loss_report import Loss, refuse
from engine.formats.sequential_files.maps import FileMap, Kind, swapped, turned
from engine.nn.activations import ACTIVATIONS, LINEAR
from engine.nn.kernel_calls import Order, scaled_sum
from engine.nn.layers import (
    Activation,
    AvgPool2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
)
from engine.nn.layers.rows import Span
from engine.nn.model import Model
from engine.nn.param import FloatArray
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import LayerRow, LayerSpec
from engine.shapes import Shape

__all__ = ["write"]

_SIGMOID: Final = ACTIVATIONS["sigmoid"].name
_MAX, _AVERAGE = 0, 1


@dataclass
class _Text:
    """What was written so far.

    Attributes
    ----------
    layers : list of str
    transposed : bool
        Whether the file's program holds the feature map transposed.
    order : Order or None
        For each number of the flat vector in the file, its index in the engine; None where they are equal.
    open : (int, Connection) or None
        A dense layer whose sigmoid has not come yet, and its index.
    """

    layers: list[str] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    transposed: bool = False
    order: Order | None = None
    open: tuple[int, Connection] | None = None

    def lose(self, index: int | None, reason: str, remedy: str) -> None:
        self.losses.append(Loss(index, reason, remedy))

    def add(self, kind: Kind, *lines: str) -> None:
        self.layers.append("\n".join((str(int(kind)), *lines)))

    def map(self, shape: Shape) -> FileMap:
        """Return a feature map of the engine as the file's program holds it."""
        return FileMap.of(shape, self.transposed)

    def close(self) -> None:
        """Note a dense layer that does not end in a sigmoid."""
        if self.open is not None:
            self.lose(self.open[0], "does not end in a sigmoid", "give it that activation")
            self.open = None


Arrays = Mapping[str, FloatArray]
_Write = Callable[[_Text, LayerRow, Any, Arrays], None]


def _convolution(text: _Text, row: LayerRow, layer: Conv2D, arrays: Arrays) -> None:
    if layer.bias and arrays["bias"].any():
        text.lose(row.index, "has a bias", "train it without one")
    spans = layer.geometry(row.in_shape).rows, layer.geometry(row.in_shape).columns
    ahead = [_behind(span) - span.before for span in spans]
    kernels = np.pad(arrays["weight"].transpose(0, 3, 1, 2), ((0, 0), (0, 0), *((n, 0) for n in ahead)))
    kernels = turned(kernels, text.transposed)
    pad_height, pad_width = swapped([_behind(span) for span in spans], text.transposed)
    _, depth, height, width = kernels.shape
    found = f"{text.map(row.in_shape).sizes} {width} {height} {pad_width} {pad_height}"
    tensors = [f"{width} {height} {depth}\n{_numbers(kernel)}" for kernel in kernels]
    text.add(Kind.CONVOLUTION, f"{found} {layer.filters} {layer.stride}", *tensors)
    _function(text, row, layer.activation)


def _behind(span: Span) -> int:
    """Return the padding behind the source, which is what the file's program puts at both ends."""
    return max(0, span.padded - span.source - span.before)


def _numbers(values: FloatArray) -> str:
    return " ".join(f"{value:.17g}" for value in values.ravel().tolist())


def _function(text: _Text, row: LayerRow, function: str) -> None:
    """Write the activation `function` after a layer, or alone."""
    if function == LINEAR.name:
        return
    if function != _SIGMOID:
        text.lose(row.index, f"computes {function}", "choose sigmoid or linear")
    sizes = f"{row.out_shape[0]} 1 1" if len(row.out_shape) == 1 else text.map(row.out_shape).sizes
    text.add(Kind.ACTIVATION, f"{sizes} {function}")


def _activation(text: _Text, row: LayerRow, layer: Activation, arrays: Arrays) -> None:
    if text.open is None or layer.function == LINEAR.name:
        _function(text, row, layer.function)
    elif layer.function == _SIGMOID:
        text.add(Kind.DENSE, GenannText((text.open[1],)).text)
        text.open = None
    else:
        text.close()


def _pool_of(kind: int) -> _Write:
    def write_pool(text: _Text, row: LayerRow, layer: Any, arrays: Arrays) -> None:
        _pool(text, row, kind, layer.size)

    return write_pool


def _pool(text: _Text, row: LayerRow, kind: int, size: int) -> None:
    height, width, depth = row.in_shape
    if height != width or height % size:
        text.lose(row.index, f"reads {height}×{width}", f"make it a square of a multiple of {size}")
    text.add(Kind.POOLING, f"{kind} {size} {height} {depth}")
    text.transposed = not text.transposed


def _global_pool(text: _Text, row: LayerRow, layer: GlobalAvgPool2D, arrays: Arrays) -> None:
    _pool(text, row, _AVERAGE, row.in_shape[0])
    text.add(Kind.FLATTEN, f"1 1 {row.in_shape[2]}")


def _flatten(text: _Text, row: LayerRow, layer: Flatten, arrays: Arrays) -> None:
    if len(row.in_shape) == 3:
        found = text.map(row.in_shape)
        text.order = found.flat_order
        text.add(Kind.FLATTEN, found.sizes)


def _dense(text: _Text, row: LayerRow, layer: Dense, arrays: Arrays) -> None:
    bias = arrays["bias"] if layer.bias else np.zeros(layer.units, np.float32)
    connection = Connection(to_file(arrays["weight"], text.order, axis=1), bias)
    text.order = None
    if layer.activation == _SIGMOID:
        text.add(Kind.DENSE, GenannText((connection,)).text)
    elif layer.activation == LINEAR.name:
        text.open = row.index, connection
    else:
        text.lose(row.index, f"computes {layer.activation}", "choose sigmoid")


def _nothing(text: _Text, row: LayerRow, layer: LayerSpec, arrays: Arrays) -> None:
    pass


def _other(text: _Text, row: LayerRow, layer: LayerSpec, arrays: Arrays) -> None:
    """Fold a layer that only scales into the dense layer before it; the format has no other."""
    scaling = layer.scaling(arrays)
    if scaling is None or text.open is None:
        text.lose(row.index, "has no counterpart", "leave it out")
        return
    index, before = text.open
    weight, bias = scaled_sum(before.weight, before.bias, 0, *scaling)
    text.open = index, Connection(weight.astype(np.float32), bias.astype(np.float32))


_WRITE: Final[Mapping[type[LayerSpec], _Write]] = {
    Conv2D: _convolution,
    MaxPool2D: _pool_of(_MAX),
    AvgPool2D: _pool_of(_AVERAGE),
    GlobalAvgPool2D: _global_pool,
    Activation: _activation,
    Flatten: _flatten,
    Dense: _dense,
    Dropout: _nothing,
}
_KEEPS_OPEN: Final = frozenset({_activation, _nothing, _other})


def write(model: Model) -> str:
    """Return `model` in the Sequential text format.

    Raises
    ------
    ExportError
        Naming every layer that the format cannot express, and what would make it fit.
    """
    text, layout = _Text(), ParamLayout(model.spec)
    height, width, channels = model.spec.input_shape
    if channels != 1:
        text.lose(None, f"its images have {channels} channels", "use grey images")
    for row in model.spec.rows():
        write_layer = _WRITE.get(type(row.layer), _other)
        if write_layer not in _KEEPS_OPEN:
            text.close()
        write_layer(text, row, row.layer, layout.layer(row.index, model.params))
    text.close()
    if text.order is not None:
        text.lose(None, "it ends in a flat feature map", "add a dense layer")
    if text.losses:
        refuse("Sequential text", model.spec, text.losses)
    return "\n".join((f"{width} {height} {len(text.layers)}", *text.layers)) + "\n"
