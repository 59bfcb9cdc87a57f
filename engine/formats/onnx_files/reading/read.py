"""Read an ONNX file as a network of ours: a chain of nodes, each of which continues it.

A file is read for one image. The nodes that lead to its output are followed in order. Those whose inputs are
constant are computed at once (`folding.py`), and every other one must read what the one before gave
(`operators.py`). Anything else is refused with the name of the node.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import FileError, SpecError
from engine.formats.onnx_files.library import onnx
from engine.formats.onnx_files.reading.flow import CHANNELS_FIRST, CHANNELS_LAST, Flow, Places, engine_places
from engine.formats.onnx_files.reading.folding import fold, shape_of
from engine.formats.onnx_files.reading.operators import OPERATORS
from engine.formats.onnx_files.reading.patterns import with_groups
from engine.formats.onnx_files.reading.protobuf import Fault, Node, array_of, load
from engine.formats.onnx_files.reading.steps import Step
from engine.formats.onnx_files.write import CHANNELS_FIRST as NCHW
from engine.formats.onnx_files.write import CLASSES, LAYOUT
from engine.formats.reader import Imported, Reader, ReadOptions, class_names
from engine.int8.arithmetic import HIGH
from engine.nn.model import Model
from engine.shapes import Shape, size
from engine.words import is_text

__all__ = ["READER"]

MAX_INPUT = 1 << 20
FEW_CHANNELS = 4  # an image has no more; a last dimension that is larger is no channel
BYTES = 255
OLDEST, NEWEST = 9, 26  # opsets

Constants = dict[str, NDArray[Any]]
Entry = tuple[Shape, Places]
"""The shape of an image, and where the numbers of the file's input stand in it."""


def _read(path: Path, options: ReadOptions) -> Imported:
    file = load(path)
    try:
        with np.errstate(all="ignore"):  # a layer with numbers that are not finite is refused
            flow = _followed(file)
            spec, params, quantization = flow.builder.finished()
        classes, remarks = _classes(path, file, flow, spec.classes, options)
        model = Model(spec, params, classes, path.stem, quantization=quantization)
    except Fault as fault:
        raise FileError(path, str(fault)) from fault
    except SpecError as error:
        raise FileError(path, f"{error.reason} Choose another network.") from error
    return Imported(model, (*flow.builder.remarks, *remarks))


def _recognizes(head: bytes) -> bool:
    """Tell an ONNX file by its first fields: the version of the format, then text or an operator set."""
    return (
        len(head) > 2 and head[0] == 0x08 and 0 < head[1] < 64 and head[2] in (0x12, 0x3A, 0x42, 0x1A, 0x22)
    )


READER = Reader(
    "onnx",
    "ONNX",
    "networks from PyTorch, Keras (tf2onnx), scikit-learn (skl2onnx) and others, in float32 or int8 (QDQ)",
    (".onnx",),
    _recognizes,
    _read,
)
"""Sequential networks of layers that there are here."""


def _followed(file: Any) -> Flow:
    """Return where the nodes of a file lead, with the input's axes in the order that suits them."""
    _check_opset(file)
    end = _output(file)
    nodes, names = _needed(file, end)
    constants = {tensor.name: array_of(tensor) for tensor in file.graph.initializer if tensor.name in names}
    nodes = with_groups(nodes, constants)
    given = _input(file)
    ours = _metadata(file).get(LAYOUT) == NCHW
    first: Fault | None = None
    for entry in _entries(given, ours):
        try:
            return _follow(nodes, dict(constants), _entered(given, entry), end)
        except Fault as fault:
            first = first or fault
    assert first is not None
    raise first


def _check_opset(file: Any) -> None:
    versions = [entry.version for entry in file.opset_import if entry.domain in ("", "ai.onnx")]
    if not versions or not OLDEST <= versions[0] <= NEWEST:
        found = versions[0] if versions else "none"
        raise Fault(f"it has the operator set {found}; export it with one from 13 to 21.")


def _input(file: Any) -> Any:
    """Return the one input of a file that is no constant."""
    constants = {tensor.name for tensor in file.graph.initializer}
    inputs = [entry for entry in file.graph.input if entry.name not in constants]
    if len(inputs) != 1:
        raise Fault(f"it has {len(inputs)} inputs; only networks with one input, the image, are supported.")
    return inputs[0]


def _entries(given: Any, channels_first: bool) -> list[Entry]:
    """Return how the input may be an image, the likeliest way first; `channels_first` leaves no doubt."""
    dims = [dim.dim_value for dim in given.type.tensor_type.shape.dim]
    if len(dims) < 2 or min(dims[1:]) < 1 or size(tuple(dims[1:])) > MAX_INPUT:
        raise Fault(
            f"its input {given.name[:80]!r} has the dimensions {dims[:8]}; export it with a fixed height, "
            f"width and number of channels, at most {MAX_INPUT:,} numbers."
        )
    if len(dims) == 4:
        _, a, b, c = dims
        first, last = (_entry((b, c, a), CHANNELS_FIRST), _entry((a, b, c), CHANNELS_LAST))
        if channels_first or c > FEW_CHANNELS:
            return [first]
        return [last, first] if min(a, b) > FEW_CHANNELS else [first, last]
    shape = _image_of(dims[1:])
    return [(shape, np.arange(size(shape)).reshape(1, *dims[1:]))]


def _entry(shape: Shape, axes: tuple[int, int, int]) -> Entry:
    return shape, engine_places(shape).transpose(axes)[None]


def _image_of(dims: list[int]) -> Shape:
    """Return the image that an input without channels, or without rows, is."""
    if len(dims) == 2:
        return (dims[0], dims[1], 1)
    side = round(size(tuple(dims)) ** 0.5)
    return (side, side, 1) if side * side == size(tuple(dims)) else (1, size(tuple(dims)), 1)


def _entered(given: Any, entry: Entry) -> Flow:
    """Return the flow at the input."""
    shape, places = entry
    kind = given.type.tensor_type
    flow = Flow(given.name, shape, places, max(1, kind.shape.dim[0].dim_value))
    _remark_input(flow, kind)
    return flow


def _follow(nodes: Sequence[Node], constants: Constants, flow: Flow, end: str) -> Flow:
    """Return where `nodes` lead to the tensor `end`."""
    for node in nodes:
        try:
            _continue(node, flow, constants)
        except Fault as fault:
            raise Fault(f"{node}: {fault}") from fault
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise Fault(f"{node}: its inputs do not fit together; export the network again.") from error
    if flow.name != end:
        raise Fault(f"its output {end[:80]!r} does not come from its input; export the network again.")
    _check_order(flow)
    return flow


def _remark_input(flow: Flow, kind: Any) -> None:
    """Say what the network is taken to read, and scale bytes."""
    types = onnx().TensorProto
    if kind.elem_type == types.UINT8:
        channels = flow.builder.shape[2]
        flow.builder.scale(np.full(channels, float(BYTES)), np.zeros(channels))
    elif kind.elem_type not in (types.FLOAT, types.DOUBLE, types.FLOAT16):
        raise Fault("its input is neither float nor uint8; export it with float input.")
    if flow.places.ndim != 4:
        height, width, channels = flow.builder.shape
        flow.builder.remarks.append(
            f"The input is taken as an image of {height}×{width}×{channels}, row by row, with pixels from 0 "
            "to 1."
        )


def _output(file: Any) -> str:
    """Return the output to follow: real numbers, or what holds them, rather than a class."""
    real = onnx().TensorProto
    kinds = (real.FLOAT, real.DOUBLE, real.FLOAT16, 0)

    def rank(entry: Any) -> int:
        kind = entry.type.tensor_type.elem_type
        return kinds.index(kind) if kind in kinds else len(kinds)

    name: str = min(file.graph.output, key=rank).name
    return name


def _needed(file: Any, end: str) -> tuple[list[Node], set[str]]:
    """Return the nodes that lead to `end`, in the order of the file, and the names of all that they read."""
    wanted, kept = {end}, []
    for proto in reversed(file.graph.node):
        if wanted.intersection(proto.output):
            wanted.update(proto.input)
            kept.append(Node.of(proto))
    return kept[::-1], wanted


def _continue(node: Node, flow: Flow, constants: Constants) -> None:
    flowing = [position for position, name in enumerate(node.inputs) if name == flow.name]
    values = [constants.get(name) for name in node.inputs]
    for position, name in enumerate(node.inputs):
        if name and values[position] is None and position not in flowing:
            raise Fault(
                f"it reads {name[:80]!r}, which is not what the node before gave; only networks in which "
                "each layer reads the one before are supported."
            )
    told = TOLD.get((node.operator, flowing[0])) if flowing else None
    if told is not None:
        constants[node.outputs[0]] = told(node, flow, values)
    elif flowing:
        _advance(node, flow, values, flowing)
    else:
        given = [value for value in values if value is not None]
        constants[node.outputs[0]] = fold(node, given)
        if node.operator == DEQUANTIZE:
            _remark_weights(node, given[0], flow)


DEQUANTIZE = "DequantizeLinear"


def _remark_weights(node: Node, integers: NDArray[Any], flow: Flow) -> None:
    """Say where weights have a scale that does not follow from their largest number, as ours does."""
    if integers.ndim < 2:
        return
    axis = node.attributes.get("axis", 1) % integers.ndim
    others = tuple(i for i in range(integers.ndim) if i != axis)
    unused = int((np.abs(integers.astype(np.int32)).max(others) != HIGH).sum())
    if unused:
        flow.builder.remarks.append(
            f"{unused} of {integers.shape[axis]} channels of the weights of {node} do not use all of int8, "
            "so they have finer scales here, and int8 answers may differ by a step."
        )


TOLD: Mapping[tuple[str, int], Callable[[Node, Flow, list[Any]], NDArray[Any]]] = {
    ("Shape", 0): lambda node, flow, values: shape_of(node, flow.places),
    ("CastLike", 1): lambda node, flow, values: values[0].astype(np.float32),
}
"""Operators that tell something constant of the tensor at one of their inputs."""


def _advance(node: Node, flow: Flow, values: list[Any], flowing: list[int]) -> None:
    apply, pads = OPERATORS.get(node.operator), flow.pads
    if apply is None:
        raise Fault("no layer here does that; build the network from layers that tinyml info lists.")
    if len(flowing) > 1:
        raise Fault(
            "it reads the same tensor twice; only networks in which each layer reads one are supported."
        )
    apply(Step(node, flow, tuple(values), flowing[0]))
    if pads is not None and flow.pads is pads:
        raise Fault("zeros are put around its input; that is supported only before a convolution.")
    flow.name = node.outputs[0]


def _check_order(flow: Flow) -> None:
    if not np.array_equal(flow.places.ravel(), np.arange(flow.places.size)):
        raise Fault(
            "its outputs are in another order than those of its last layer; leave out what moves them."
        )


def _classes(
    path: Path, file: Any, flow: Flow, count: int, options: ReadOptions
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what the outputs stand for: as the user says, or the file, or numbers; and remarks."""
    if options.classes is None:
        for found in (_metadata_classes(file), flow.labels):
            if len(found) == count and all(map(is_text, found)):
                return tuple(found), ()
    return class_names(path, options, count)


def _metadata_classes(file: Any) -> list[Any] | tuple[()]:
    try:
        found = json.loads(_metadata(file).get(CLASSES, "[]"))
    except (ValueError, RecursionError):
        return ()
    return found if isinstance(found, list) else ()


def _metadata(file: Any) -> Mapping[str, str]:
    return {entry.key: entry.value for entry in file.metadata_props}
