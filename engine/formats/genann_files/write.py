"""Write networks as Genann text, with a short C program that runs it.

Genann expresses dense networks whose hidden layers are equally wide and have the same function. Batch norm is
folded into the weights before it, and what does nothing when a network runs is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from engine.formats.feature_order import channels_last, to_file
from engine.formats.genann_files.functions import FUNCTIONS
from engine.formats.genann_files.text import Connection, GenannText
from engine.formats.loss_report import Loss, refuse
from engine.nn.activations import ACTIVATIONS, LINEAR
from engine.nn.kernel_calls import Order, scaled_sum
from engine.nn.layers import Activation, Dense, Dropout, Flatten
from engine.nn.model import Model
from engine.nn.param import FloatArray
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import LayerSpec, ModelSpec
from engine.shapes import size

__all__ = ["Written", "write"]


@dataclass
class _Found:
    """What was found so far of the network."""

    connections: list[Connection] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)  # the index of the layer of each connection
    losses: list[Loss] = field(default_factory=list)

    @property
    def last_function(self) -> str:
        """The function after the last connection; empty where there is none."""
        return self.functions[-1] if self.functions else ""

    def lose(self, index: int | None, reason: str, remedy: str) -> None:
        self.losses.append(Loss(index, reason, remedy))

    def apply(self, index: int, function: str) -> None:
        """Note the function after the last connection."""
        if function == LINEAR.name:
            return
        if self.last_function != LINEAR.name:
            self.lose(index, "does not follow a linear dense layer", "put it there")
        elif function not in FUNCTIONS:
            known = ", ".join(name for name in FUNCTIONS if name in ACTIVATIONS)
            self.lose(index, f"computes {function}", f"choose one of {known}")
        else:
            self.functions[-1] = function


@dataclass(frozen=True, eq=False)
class _Place:
    """A layer in its network: its parameters, and the order of the numbers that it reads in a file."""

    index: int
    layer: Any
    arrays: Mapping[str, FloatArray]
    order: Order | None


_Take = Callable[[_Found, _Place], None]


def _skip(found: _Found, place: _Place) -> None:
    pass


def _take_dense(found: _Found, place: _Place) -> None:
    layer, weight = place.layer, to_file(place.arrays["weight"], place.order, axis=1)
    bias = place.arrays["bias"] if layer.bias else np.zeros(len(weight), np.float32)
    found.connections.append(Connection(weight, bias))
    found.places.append(place.index)
    found.functions.append(LINEAR.name)
    found.apply(place.index, layer.activation)


def _take_activation(found: _Found, place: _Place) -> None:
    found.apply(place.index, place.layer.function)


def _take_other(found: _Found, place: _Place) -> None:
    """Fold a layer that only scales into the weights before it; Genann has no other."""
    scaling = place.layer.scaling(place.arrays)
    if scaling is None or found.last_function != LINEAR.name:
        found.lose(place.index, "is not part of a dense network", "replace it by Flatten and Dense")
        return
    before = found.connections[-1]
    weight, bias = scaled_sum(before.weight, before.bias, 0, *scaling)
    found.connections[-1] = Connection(weight.astype(np.float32), bias.astype(np.float32))


_TAKE: Final[Mapping[type[LayerSpec], _Take]] = {
    Dense: _take_dense,
    Activation: _take_activation,
    Flatten: _skip,
    Dropout: _skip,
}


@dataclass(frozen=True, eq=False)
class Written:
    """A network in Genann's form.

    Attributes
    ----------
    files : mapping of str to str
        The network and a program that runs it, by file name.
    network : ModelSpec
        What the files say, as a network of this program.
    """

    files: Mapping[str, str]
    network: ModelSpec


def write(model: Model, name: str) -> Written:
    """Return `model` in Genann's form, in files called `name`.

    Raises
    ------
    ExportError
        Naming every layer that Genann cannot express, and what would make it fit.
    """
    found = _find(model)
    if found.losses:
        refuse("Genann", model.spec, found.losses)
    dense = [Dense(c.units, f) for c, f in zip(found.connections, found.functions, strict=True)]
    files = {
        f"{name}.ann": GenannText(tuple(found.connections)).text,
        f"{name}_genann.c": _program(name, model.spec, found.functions),
    }
    return Written(files, ModelSpec((Flatten(), *dense), model.spec.input_shape))


def _find(model: Model) -> _Found:
    found, layout = _Found(), ParamLayout(model.spec)
    for index, (layer, order) in enumerate(zip(model.spec.layers, channels_last(model.spec), strict=True)):
        place = _Place(index, layer, layout.layer(index, model.params), order)
        _TAKE.get(type(layer), _take_other)(found, place)
    _check_hidden(found)
    if not found.connections and not found.losses:
        found.lose(None, "it has no dense layer", "add one")
    return found


def _check_hidden(found: _Found) -> None:
    """Note hidden layers that are not like the first one."""
    hidden = list(zip(found.places, found.connections, found.functions, strict=True))[:-1]
    for index, connection, function in hidden[1:]:
        _, first, wanted = hidden[0]
        if connection.units != first.units:
            reason = f"has {connection.units} units, but the first hidden layer {first.units}"
            found.lose(index, reason, "make hidden layers equally wide")
        if function != wanted:
            reason = f"computes {function}, but the first hidden layer {wanted}"
            found.lose(index, reason, "give hidden layers one function")


def _program(name: str, spec: ModelSpec, functions: list[str]) -> str:
    """Return the program; it has its own activation functions, so that any version of Genann will do."""
    hidden, output = functions[0], functions[-1]
    inputs = size(spec.input_shape)
    made = "".join(
        f"static double {function}_of(const genann *ann, double a)\n"
        f"{{\n    (void)ann;\n    return {FUNCTIONS[function].c};\n}}\n"
        for function in dict.fromkeys((hidden, output))
    )
    return f"""\
/* Runs {name}.ann on an image of {inputs} bytes, ink bright, with https://github.com/codeplea/genann:
   cc {name}_genann.c genann.c -lm -o {name}_genann && ./{name}_genann < image */
#include <math.h>
#include "genann.h"

{made}
int main(void)
{{
    static unsigned char image[{inputs}];
    static double input[{inputs}];
    FILE *file = fopen("{name}.ann", "r");
    genann *ann = file ? genann_read(file) : 0;
    if (!ann || fread(image, 1, {inputs}, stdin) != {inputs}) return 1;
    ann->activation_hidden = {hidden}_of; /* the file does not name them */
    ann->activation_output = {output}_of;
    for (int i = 0; i < {inputs}; i++) input[i] = image[i] / 255.0;
    const double *output = genann_run(ann, input);
    for (int i = 0; i < ann->outputs; i++) printf("%d %.9g\\n", i, output[i]);
    return 0;
}}
"""
