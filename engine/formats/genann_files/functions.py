"""Genann's activation functions, and how this program computes them.

A Genann file does not name its functions: the program that reads it sets them, and unless it does they are
`sigmoid-cached`, a table of the sigmoid. A threshold (1 for sums above 0, else 0) is a sigmoid whose sums are
so large that it gives nothing else. A function that Genann lacks is a line of C in the program that runs a
file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.formats.genann_files.text import Connection

__all__ = ["DEFAULT", "FUNCTIONS", "GenannFunction"]

STEEPNESS: Final = np.float32(2.0**40)
MARGIN: Final = np.float32(64)  # a sum of exactly 0 must give 0, which the sigmoid of -64 does


@dataclass(frozen=True)
class GenannFunction:
    """An activation function of Genann.

    Attributes
    ----------
    name : str
        As on the command line.
    activation : str
        The engine's function that computes it.
    c : str
        The function of a sum ``a`` as a C expression.
    adapt : callable
        Changes the weights before it accordingly.
    remark : str
        What its user should know.
    """

    name: str
    activation: str
    c: str
    adapt: Callable[[Connection], Connection] = lambda connection: connection
    remark: str = ""


def _steep(connection: Connection) -> Connection:
    bias = connection.bias * STEEPNESS
    lower = np.minimum(np.nextafter(bias, np.float32(-np.inf)), bias - MARGIN)
    return Connection(connection.weight * STEEPNESS, lower)


DEFAULT: Final = "sigmoid"

FUNCTIONS: Final[Mapping[str, GenannFunction]] = {
    function.name: function
    for function in (
        GenannFunction(DEFAULT, "sigmoid", "1 / (1 + exp(-a))"),
        GenannFunction(
            "sigmoid-cached",
            "sigmoid",
            "1 / (1 + exp(-a))",
            remark="Genann's table of the sigmoid, whose answers differ by up to 0.001 for each neuron, "
            "became the sigmoid itself.",
        ),
        GenannFunction(
            "threshold",
            "sigmoid",
            "a > 0",
            _steep,
            "The threshold became a sigmoid with weights that are 2^40 times as large.",
        ),
        GenannFunction("linear", "linear", "a"),
        GenannFunction("tanh", "tanh", "tanh(a)"),
        GenannFunction("relu", "relu", "a > 0 ? a : 0"),
        GenannFunction("leaky_relu", "leaky_relu", "a > 0 ? a : 0.01 * a"),
        GenannFunction("relu6", "relu6", "a < 0 ? 0 : a > 6 ? 6 : a"),
    )
}
"""Every function by its name, which is the engine's own for functions that the engine has."""
