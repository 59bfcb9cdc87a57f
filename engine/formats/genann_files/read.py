"""Read Genann networks."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Final

from engine.errors import FileError, SpecError
from engine.formats.assemble import assembled, checked
from engine.formats.feature_order import channels_last, from_file
from engine.formats.genann_files.functions import DEFAULT, FUNCTIONS, GenannFunction
from engine.formats.genann_files.text import Connection, read_connections
from engine.formats.number_text import NumberText
from engine.formats.reader import Imported, Reader, ReadOptions, class_names
from engine.nn.layers import Dense, Flatten
from engine.nn.param import FloatArray
from engine.nn.specs import ModelSpec
from engine.shapes import Shape, describe_shape

__all__ = ["READER"]

_HEAD: Final = re.compile(rb"\s*(\d{1,9}[ \t]+){4}[+-]?[\d.]")
Filled = tuple[ModelSpec, list[dict[str, FloatArray]], tuple[str, ...]]


def _recognizes(head: bytes) -> bool:
    return _HEAD.match(head) is not None


def _read(path: Path, options: ReadOptions) -> Imported:
    text = NumberText(path)
    connections = read_connections(text, "the network")
    text.end()
    filled = _alone if options.network is None else _into
    spec, arrays, remarks = filled(path, connections, options)
    classes, unnamed = class_names(path, options, spec.classes)
    return Imported(assembled(spec, arrays, classes), (*remarks, *unnamed))


def _alone(path: Path, connections: tuple[Connection, ...], options: ReadOptions) -> Filled:
    """Return the network that the file alone describes."""
    functions, remarks = _functions(path, options, len(connections))
    shape, guess = _image(connections[0].features)
    layers = [Dense(c.units, f.activation) for c, f in zip(connections, functions, strict=True)]
    spec = checked(ModelSpec((Flatten(), *layers), shape))
    adapted = [f.adapt(c) for c, f in zip(connections, functions, strict=True)]
    return spec, [{}, *({"weight": c.weight, "bias": c.bias} for c in adapted)], (*remarks, *guess)


def _functions(path: Path, options: ReadOptions, count: int) -> tuple[list[GenannFunction], tuple[str, ...]]:
    """Return the function of each layer, and remarks; see `ReadOptions.activations`."""
    names = options.activations or (DEFAULT,)
    if unknown := [name for name in names if name not in FUNCTIONS]:
        reason = f"Genann has no activation function {unknown[0]!r}; choose one of {', '.join(FUNCTIONS)}."
        raise FileError(path, reason)
    if len(names) > 2:
        raise FileError(path, "give one activation function, or one for hidden layers and one for outputs.")
    functions = [FUNCTIONS[names[0]]] * (count - 1) + [FUNCTIONS[names[-1]]]
    remarks = dict.fromkeys(function.remark for function in functions if function.remark)
    if not options.activations:
        assumed = (
            "The file does not name its activation functions: they were taken as sigmoids (--activation)."
        )
        return functions, (assumed, *remarks)
    return functions, tuple(remarks)


def _image(inputs: int) -> tuple[Shape, tuple[str, ...]]:
    """Return the shape of images with `inputs` pixels, and a remark if that is a guess."""
    side = math.isqrt(inputs)
    if side * side == inputs:
        return (side, side, 1), ()
    remark = f"The {inputs:,} inputs are no square image: they are read as one row of pixels (--network)."
    return (1, inputs, 1), (remark,)


def _into(path: Path, connections: tuple[Connection, ...], options: ReadOptions) -> Filled:
    """Return the network that the user names, with the file's weights."""
    if options.activations:
        raise FileError(
            path, "the network that was named has its activation functions; leave --activation out."
        )
    spec = checked(options.network or ModelSpec(()))
    arrays: list[dict[str, FloatArray]] = []
    left = list(connections)
    for row, order in zip(spec.rows(), channels_last(spec), strict=True):
        wanted = {name: param.shape for name, param in row.layer.params(row.in_shape).items()}
        if wanted and not left:
            raise SpecError(f"the file has only {len(connections)} layers with weights.", row.index)
        found = {"weight": left[0].weight, "bias": left[0].bias} if wanted else {}
        if wanted != {name: values.shape for name, values in found.items()}:
            shape = describe_shape(left[0].weight.shape)
            raise SpecError(f"the file has {shape} weights and a bias for it, which do not fit.", row.index)
        if found:
            found["weight"] = from_file(left.pop(0).weight, order, axis=1)
        arrays.append(found)
    if left:
        raise FileError(path, f"it has {len(left)} more layers than the network that was named.")
    return spec, arrays, ()


READER = Reader(
    "genann",
    "Genann",
    "dense networks as text (.ann), pixels in [0, 1]",
    (".ann",),
    _recognizes,
    _read,
    takes=frozenset({"classes", "network", "activations"}),
)
