"""Read networks in the Sequential text format."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from engine.errors import FileError
from engine.formats.assemble import assembled
from engine.formats.feature_order import from_file
from engine.formats.genann_files.text import read_connections
from engine.formats.number_text import NumberText
from engine.formats.reader import Imported, Reader, ReadOptions, class_names
from engine.formats.sequential_files.maps import FileMap, Kind, swapped, turned
from engine.nn.activations import ACTIVATIONS, LINEAR
from engine.nn.kernel_calls import Order
from engine.nn.layers import Activation, AvgPool2D, Conv2D, Dense, Flatten, GlobalAvgPool2D, MaxPool2D
from engine.nn.layers.rows import PADDINGS, Span
from engine.nn.param import FloatArray
from engine.nn.specs import MAX_LAYERS, LayerSpec, ModelSpec
from engine.words import short

__all__ = ["READER"]

_HEAD: Final = re.compile(rb"\s*\d{1,6}[ \t]+\d{1,6}[ \t]+\d{1,4}[ \t]*\r?\n\s*[1-5]\s")
_MOST_KERNEL: Final = 15
_MOST_POOL: Final = 14
_MOST_WEIGHTS: Final = 1 << 24  # oblong kernels grow up to fifteen times
_WHOLE: Final = {1: GlobalAvgPool2D}  # for maps that are larger than the squares of a pool
_POOLS: Final[Mapping[int, type[MaxPool2D] | type[AvgPool2D]]] = {0: MaxPool2D, 1: AvgPool2D}


class _Network:
    """The layers that were read so far, and the shape of what they give.

    Attributes
    ----------
    map : FileMap or None
        The feature map after the last layer; None once it is flat.
    width : int
        How many numbers it gives once it is flat.
    order : Order or None
        For each number of the flat vector in the file, its index in the engine; None where they are equal.
    """

    def __init__(self, text: NumberText) -> None:
        self.text = text
        self.layers: list[LayerSpec] = []
        self.arrays: list[dict[str, FloatArray]] = []
        width, height = text.count("the image's width"), text.count("the image's height")
        self.map: FileMap | None = FileMap(width, height, 1)
        self.width = 0
        self.order: Order | None = None
        self.what = ""
        self.input_shape = (height, width, 1)

    def read(self) -> None:
        """Read all layers."""
        count = self.text.count("the number of layers")
        if not 1 <= count <= MAX_LAYERS:
            raise self.text.fault(f"it has {count:,} layers; 1 to {MAX_LAYERS} are supported.")
        for number in range(1, count + 1):
            kind = self.text.count(f"the type of layer {number}")
            read = _READ.get(kind)
            if read is None:
                raise self.text.fault(f"layer {number} has the unknown type {kind}; types are 1 to 5.")
            self.what = f"layer {number}"
            read(self)
        self.text.end()
        if self.order is not None:
            raise self.text.fault("the network ends in a flat feature map; it needs a dense layer.")

    def add(self, layer: LayerSpec, **arrays: FloatArray) -> None:
        """Add a layer with its arrays."""
        self.layers.append(layer)
        self.arrays.append(arrays)

    def flatten(self) -> None:
        """Make a vector of the feature map."""
        if self.map is not None:
            self.text.check_room(self.map.size, f"{self.what}: the weights behind it")
            self.order, self.width, self.map = self.map.flat_order, self.map.size, None
            self.add(Flatten())

    def fault(self, reason: str) -> FileError:
        """Return the error that says `reason` about the layer that is being read."""
        return self.text.fault(f"{self.what}: {reason}")

    def counts(self, *names: str) -> Iterator[int]:
        """Yield the next whole numbers of the layer."""
        return (self.text.count(f"{self.what}: its {name}") for name in names)

    def need_map(self, title: str, width: int, height: int, depth: int) -> FileMap:
        """Return the feature map; it must have the shape that the layer states."""
        found = self.map
        if found is None:
            raise self.fault(f"{title} after the network was flattened cannot come in.")
        if (width, height, depth) != (found.width, found.height, found.depth):
            stated = f"{width}×{height}×{depth}"
            raise self.fault(
                f"{title} states an input of {stated}, but gets {found.sizes.replace(' ', '×')}."
            )
        return found


def _dense(net: _Network) -> None:
    """Read a Genann network; all its layers end in a sigmoid."""
    net.flatten()
    for connection in read_connections(net.text, net.what):
        if connection.features != net.width:
            raise net.fault(f"dense has {connection.features:,} inputs, but gets {net.width:,} numbers.")
        weight = from_file(connection.weight, net.order, axis=1)
        net.add(Dense(connection.units, "sigmoid"), weight=weight, bias=connection.bias)
        net.order, net.width = None, connection.units


def _convolution(net: _Network) -> None:
    shape = net.counts("width", "height", "depth")
    found = net.need_map("convolution", *shape)
    width, height, pad_width, pad_height, filters, stride = net.counts(
        "kernel's width", "kernel's height", "padding's width", "padding's height", "filters", "stride"
    )
    if not (1 <= width <= _MOST_KERNEL and 1 <= height <= _MOST_KERNEL and stride and filters):
        raise net.fault(f"convolution has {filters} kernels of {width}×{height} with stride {stride}.")
    kernels = np.stack([_tensor(net, width, height, found.depth) for _ in range(filters)])
    kernels = turned(kernels, found.transposed)
    pads = swapped((pad_height, pad_width), found.transposed)
    layer, weight = _fitted(net, found, kernels, pads, stride)
    net.add(layer, weight=weight.transpose(0, 2, 3, 1))
    net.map = FileMap.of(layer.out_shape(found.shape), found.transposed)


def _tensor(net: _Network, width: int, height: int, depth: int) -> FloatArray:
    """Return the next tensor, (depth, height, width)."""
    stated = tuple(net.counts("filter's width", "filter's height", "filter's depth"))
    if stated != (width, height, depth):
        wanted = f"{width}×{height}×{depth}"
        raise net.fault(f"a filter is {'×'.join(map(str, stated))}, but the layer needs {wanted}.")
    return net.text.numbers(width * height * depth, f"{net.what}: a filter").reshape(depth, height, width)


def _fitted(
    net: _Network, found: FileMap, kernels: FloatArray, pads: tuple[int, int], stride: int
) -> tuple[Conv2D, FloatArray]:
    """Return the engine's convolution that computes the same, and its square kernels.

    The file's kernels may be oblong and have any padding. They are put into square ones, with zeros around
    them, that begin earlier by as much as the engine's padding is larger.
    """
    filters, depth, *sides = kernels.shape
    for side in range(max(sides), _MOST_KERNEL + 1):
        for padding, span_of in PADDINGS.items():
            spans = [span_of(n, side, stride) for n in found.shape[:2]]
            wanted = zip(spans, sides, pads, strict=True)
            if all(_holds(span, length, pad) for span, length, pad in wanted):
                if filters * depth * side**2 > _MOST_WEIGHTS:
                    raise net.fault(f"convolution would have more than {_MOST_WEIGHTS:,} weights.")
                square = np.zeros((filters, depth, side, side), np.float32)
                rows, columns = (span.before - pad for span, pad in zip(spans, pads, strict=True))
                square[..., rows : rows + sides[0], columns : columns + sides[1]] = kernels
                return Conv2D(filters, side, stride, padding, LINEAR.name, bias=False), square
    reason = (
        f"padding of {pads[1]}×{pads[0]} pixels with kernels of {sides[1]}×{sides[0]} and stride {stride}"
    )
    raise net.fault(f"{reason} has no counterpart here; pad so that the size stays, or not at all.")


def _holds(span: Span, length: int, pad: int) -> bool:
    """Tell whether a kernel of `length` with `pad` zeros at each side fits into that of `span`."""
    out = (span.source + 2 * pad - length) // span.stride + 1
    start = span.before - pad
    return out == span.out >= 1 and start >= 0 and start + length <= span.kernel


def _pooling(net: _Network) -> None:
    kind, size, side, depth = net.counts("kind", "size", "input's size", "depth")
    found = net.need_map("pooling", side, side, depth)
    if kind not in _POOLS or not 1 <= size <= side:
        raise net.fault(
            f"pooling has the kind {kind} and the size {size}; kinds are 0 (max) and 1 (average)."
        )
    if size == side > _MOST_POOL and kind in _WHOLE:
        net.add(_WHOLE[kind]())
        net.map, net.width = None, depth
        return
    net.add(_POOLS[kind](size))
    net.map = found.pooled(size)


def _activation(net: _Network) -> None:
    width, height, depth = net.counts("width", "height", "depth")
    name = short(net.text.word(f"{net.what}: its function").decode(errors="replace"), 40)
    if net.map is not None:
        net.need_map("activation", width, height, depth)
    if name not in ACTIVATIONS or not ACTIVATIONS[name].pointwise:
        known = ", ".join(f.name for f in ACTIVATIONS.values() if f.pointwise)
        raise net.fault(f"its function {name!r} is unknown; known are {known}.")
    before = net.layers[-1] if net.layers else None
    if isinstance(before, Conv2D) and before.activation == LINEAR.name:
        net.layers[-1] = before.replace(activation=name)
    else:
        net.add(Activation(name))


def _flatten(net: _Network) -> None:
    width, height, depth = net.counts("width", "height", "depth")
    if net.map is not None:
        net.need_map("flatten", width, height, depth)
        net.flatten()


_READ: Final[Mapping[int, Callable[[_Network], None]]] = {
    Kind.DENSE: _dense,
    Kind.CONVOLUTION: _convolution,
    Kind.POOLING: _pooling,
    Kind.ACTIVATION: _activation,
    Kind.FLATTEN: _flatten,
}


def _recognizes(head: bytes) -> bool:
    return _HEAD.match(head) is not None


def _read(path: Path, options: ReadOptions) -> Imported:
    net = _Network(NumberText(path))
    net.read()
    spec = ModelSpec(tuple(net.layers), net.input_shape)
    classes, remarks = class_names(path, options, spec.classes)
    return Imported(assembled(spec, net.arrays, classes), remarks)


READER = Reader(
    "sequential",
    "Sequential text",
    "convolutions, pooling and dense layers as text, pixels in [0, 1]",
    (".txt", ".seq"),
    _recognizes,
    _read,
)
