"""The text of a Genann network: four sizes, then all weights.

``inputs hidden_layers hidden outputs``, then each neuron's weights, layer by layer. The first weight of a
neuron is that of its bias, whose input is −1: it is the bias with its sign changed. Genann computes with 64
bits and prints 21 digits; this program's weights have 32 bits, so those that it writes come back unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from engine.formats.number_text import NumberText
from engine.nn.param import FloatArray

__all__ = ["Connection", "GenannText", "read_connections"]

MAX_INPUTS = 1 << 20  # what Genann allows
MAX_HIDDEN_LAYERS = 98


@dataclass(frozen=True, eq=False)
class Connection:
    """The weights of one layer: ``weight @ x + bias``; shapes (units, features) and (units,)."""

    weight: FloatArray
    bias: FloatArray

    @property
    def features(self) -> int:
        """How many numbers it reads."""
        return int(self.weight.shape[1])

    @property
    def units(self) -> int:
        """How many numbers it gives."""
        return int(self.weight.shape[0])


@dataclass(frozen=True, eq=False)
class GenannText:
    """A Genann network.

    Attributes
    ----------
    connections : tuple of Connection
        Hidden layers, all with as many units, then the outputs.
    """

    connections: tuple[Connection, ...]

    @property
    def text(self) -> str:
        """The network as `genann_write` prints it."""
        first, last = self.connections[0], self.connections[-1]
        hidden_layers = len(self.connections) - 1
        hidden = first.units if hidden_layers else 0
        numbers = np.concatenate([_neurons(c).ravel() for c in self.connections])
        weights = "".join(f" {number:.20e}" for number in numbers.tolist())
        return f"{first.features} {hidden_layers} {hidden} {last.units}{weights}"


def read_connections(text: NumberText, what: str) -> tuple[Connection, ...]:
    """Return the layers of the network that begins at the place of `text`; errors call it `what`."""
    inputs, hidden_layers, hidden, outputs = (
        text.count(f"{what}: the number of {name}")
        for name in ("inputs", "hidden layers", "hidden neurons", "outputs")
    )
    if not 1 <= inputs <= MAX_INPUTS or outputs < 1 or (hidden_layers and hidden < 1):
        raise text.fault(f"{what} has {inputs:,} inputs and {outputs:,} outputs, which no network has.")
    if hidden_layers > MAX_HIDDEN_LAYERS:
        raise text.fault(f"{what} has {hidden_layers:,} hidden layers; {MAX_HIDDEN_LAYERS} are supported.")
    widths = [inputs, *[hidden] * hidden_layers, outputs]
    return tuple(_read(text, *pair, f"{what}, its layer {n}") for n, pair in enumerate(pairwise(widths), 1))


def _read(text: NumberText, features: int, units: int, what: str) -> Connection:
    neurons = text.numbers(units * (features + 1), f"{what}: the weights").reshape(units, features + 1)
    return Connection(neurons[:, 1:], -neurons[:, 0])


def _neurons(connection: Connection) -> FloatArray:
    """Return the weights of each neuron, that of its bias first: (units, features + 1)."""
    return np.column_stack([-connection.bias, connection.weight])
