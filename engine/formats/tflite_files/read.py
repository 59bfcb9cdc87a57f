"""Read a TensorFlow Lite file: a sequential network of floats or of int8 becomes a model.

An int8 network keeps its integers (`engine.int8.integers`), so that its int8 form computes to the bit what
the interpreter of TensorFlow Lite Micro computes. Its parameters are the real numbers that they stand for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.errors import FileError, SpecError
from engine.files import read_limited
from engine.formats.reader import Imported, Reader, ReadOptions
from engine.formats.tflite_files.chain import Added, Chain, flat_input
from engine.formats.tflite_files.graph import IDENTIFIER, Graph, GraphFaultError, Operator, Tensor, graph_of
from engine.formats.tflite_files.labels import labels_in
from engine.formats.tflite_files.operators import OPERATORS
from engine.int8.arithmetic import Affine
from engine.int8.ranges import IMAGE, Quantization
from engine.nn.layers.weighted import Weighted
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.shapes import Shape
from engine.words import short

__all__ = ["READER", "read"]

MOST_BYTES = 1 << 26
BORDERS = frozenset({"QUANTIZE", "DEQUANTIZE"})
SHAPES = frozenset({"SHAPE", "STRIDED_SLICE", "PACK"})  # compute the shape for a RESHAPE, which is known
CLOSE = 1e-6  # of a scale to 1/255, which a file has in 32 bits
UNSIGNED = 128


def read(path: Path, options: ReadOptions) -> Imported:
    """Return the network in a TensorFlow Lite file.

    Raises
    ------
    FileError
        Whose sentence names the operator that cannot come in.
    MissingToolError
        When the package ``tflite`` is missing.
    """
    data = read_limited(path, MOST_BYTES)
    try:
        return _imported(data, path.stem, options)
    except GraphFaultError as fault:
        raise FileError(path, str(fault)) from fault


READER = Reader(
    "tflite",
    "TensorFlow Lite",
    "a sequential network of floats or int8; int8 gives what TensorFlow Lite Micro gives, to the bit",
    (".tflite", ".lite"),
    lambda head: head[4:8] == IDENTIFIER,
    read,
)


def _imported(data: bytes, name: str, options: ReadOptions) -> Imported:
    graph = graph_of(data)
    chain = _chain(graph)
    layers, remarks = _for_images(chain)
    try:
        spec = ModelSpec(tuple(added.layer for added in layers), chain.input_shape)
        params = _params(spec, layers)
    except SpecError as error:
        raise GraphFaultError(f"the network cannot be built: {error}") from error
    classes, said = _classes(data, spec.classes, options.classes)
    quantization = None
    if chain.source is not None:
        quantization = Quantization(tuple(a.ranges for a in layers), "tflite", source=chain.source)
    model = Model(spec, params, classes, short(name), quantization=quantization)
    return Imported(model, (*remarks, *said))


def _chain(graph: Graph) -> Chain:
    """Return the whole chain of a graph."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise GraphFaultError(
            f"it has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs; only networks with one of "
            "each can come in."
        )
    operators = [operator for operator in graph.operators if operator.name not in SHAPES]
    start, inside = _start(graph, operators)
    chain = Chain(graph, *start)
    for operator in inside:
        if operator.name not in OPERATORS:
            raise operator.refusal("cannot come in", f"the operators that can are {', '.join(OPERATORS)}")
        if operator.inputs[:1] != (chain.current,):
            raise operator.refusal("does not read what is before it", "branches cannot come in")
        OPERATORS[operator.name](chain, operator)
        chain.current = operator.output
    if graph.outputs != (chain.current,):
        raise GraphFaultError("its output is not that of its last operator; branches cannot come in.")
    if not chain.layers:
        raise GraphFaultError("it has no operators; convert a network that has some.")
    if chain.flattened is not None:
        raise GraphFaultError("it ends in a flattened image; add a dense layer or global average pooling.")
    return chain


def _start(
    graph: Graph, operators: Sequence[Operator]
) -> tuple[tuple[Shape, Affine | None, int], Sequence[Operator]]:
    """Return shape, scale and index of the input, and the operators but those that only change the type."""
    given = first = graph.tensor(graph.inputs[0])
    inside = list(operators)
    if given.kind != "INT8" and inside and inside[0].name in BORDERS and inside[0].inputs == graph.inputs:
        first = graph.tensor(inside.pop(0).output)
        _check_bytes(given, first)
    if graph.tensor(graph.outputs[0]).kind != "INT8" and inside and inside[-1].name in BORDERS:
        graph.outputs = inside.pop().inputs
    if first.kind not in ("INT8", "FLOAT32"):
        raise GraphFaultError(f"its input is {first.kind}; convert the network to int8 or float32.")
    return (_shape(first), first.affine if first.kind == "INT8" else None, first.index), inside


def _check_bytes(given: Tensor, first: Tensor) -> None:
    """Refuse an input in bytes that int8 holds in another way: `first` must be the same bytes less 128."""
    if given.kind != "UINT8":
        return
    scale = float(given.scales[0]) if len(given.scales) == 1 else 0.0
    if (scale, int(given.zero_points.sum()) - UNSIGNED) != (first.affine.scale, first.affine.zero_point):
        raise GraphFaultError(
            "its input of bytes is held as int8 with another scale; convert it with int8 inputs."
        )


def _shape(tensor: Tensor) -> Shape:
    """Return the shape of an image; one without channels, or a vector, gets what is missing."""
    shape = tensor.shape[1:]
    if len(shape) == 2:
        return (*shape, 1)
    if len(shape) == 1:
        return flat_input(shape[0])
    if len(shape) != 3:
        raise GraphFaultError(f"its input has the shape {tensor.shape}; only images and vectors can come in.")
    return shape


def _for_images(chain: Chain) -> tuple[list[Added], list[str]]:
    """Return the layers for images of bytes divided by 255, and what had to be assumed.

    Where the file's network reads other numbers, the first weights take over the difference.
    """
    if chain.source is None:
        return chain.layers, ["Its input is taken to be bytes divided by 255; the file does not say."]
    scale = chain.source.scale / IMAGE.scale
    offset = 0.0 - chain.source.scale * (chain.source.zero_point + UNSIGNED)
    if abs(scale - 1) < CLOSE and offset == 0:
        return chain.layers, []
    low, high = offset, offset + scale
    remarks = [f"Its input is {low:.4g} … {high:.4g} for black … white; its weights are scaled for 0 … 1."]
    index = next((i for i, a in enumerate(chain.layers) if a.integers is not None), 0)
    layers = list(chain.layers)
    layers[index] = _scaled(layers[index], scale, offset)
    if offset and getattr(layers[index].layer, "padding", "") == "same":
        remarks.append("Its float version differs near the border, where zeros are padded; int8 is exact.")
    return layers, remarks


def _scaled(added: Added, scale: float, offset: float) -> Added:
    """Return the first layer for inputs between 0 and 1. int8 stays as it is; see `_for_images`."""
    layer, integers = added.layer, added.integers
    if not isinstance(layer, Weighted) or integers is None or integers.sums is None:
        raise GraphFaultError(
            "its input is not 0 to 1 and no weights come first; convert it for such inputs."
        )
    weight = added.params["weight"].astype(np.float64)
    others = tuple(i for i in range(weight.ndim) if i != layer.channel_axis % weight.ndim)
    params = {"weight": weight * scale, "bias": added.params["bias"] + offset * weight.sum(axis=others)}
    sums = dataclasses.replace(integers.sums, steps=tuple(step * scale for step in integers.sums.steps))
    return Added(
        layer,
        {name: values.astype(np.float32) for name, values in params.items()},
        dataclasses.replace(integers, sums=sums),
        added.output,
    )


def _params(spec: ModelSpec, layers: Sequence[Added]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    layout = ParamLayout(spec)
    params = np.empty(layout.size, np.float32)
    for view in layout.views:
        view.of(params)[...] = layers[view.layer].params[view.name]
    return params


def _classes(data: bytes, count: int, given: tuple[str, ...] | None) -> tuple[tuple[str, ...], list[str]]:
    """Return the names of the classes, and a remark if there are none in the file."""
    names = given or labels_in(data)
    if names is not None and len(names) == count:
        return names, []
    numbers = tuple(str(i) for i in range(count))
    if names is None:
        return numbers, [f"The file does not name its {count} classes; they are numbered."]
    return numbers, [f"There are {len(names)} names for {count} classes; they are numbered."]
