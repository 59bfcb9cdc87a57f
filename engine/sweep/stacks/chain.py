"""Dense networks as chains of widths: what networks must be to train together.

A chain is recognised by the operations that a network is lowered to, not by its layers: a dense layer that is
followed by an activation layer is one as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.nn.activations import ActivationFunction
from engine.nn.layers.dense import MatMul
from engine.nn.layers.elementwise import Activate, AddBias
from engine.nn.losses import LOSSES
from engine.nn.ops import Op
from engine.nn.specs import ModelSpec
from engine.nn.workspace import lower

__all__ = ["LOSS", "Chain", "chain_of"]

LOSS = LOSSES["cross_entropy"]
"""What networks that train together minimize."""

Vector = NDArray[np.floating]


@dataclass(frozen=True)
class Chain:
    """A dense network with one activation function for all hidden layers, and biases everywhere.

    Attributes
    ----------
    inputs : int
    widths : tuple of int
        Neurons of each hidden layer; there is at least one.
    classes : int
    activation : ActivationFunction
    """

    inputs: int
    widths: tuple[int, ...]
    classes: int
    activation: ActivationFunction

    @property
    def depth(self) -> int:
        """The number of hidden layers."""
        return len(self.widths)

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(outputs, inputs) of each layer."""
        sizes = (self.inputs, *self.widths, self.classes)
        return tuple(zip(sizes[1:], sizes, strict=False))

    @property
    def macs(self) -> int:
        """The multiply-accumulates of one inference."""
        return sum(rows * columns for rows, columns in self.shapes)

    @property
    def parameters(self) -> int:
        """The number of weights and biases."""
        return self.macs + sum(self.widths) + self.classes

    def layers(self, vector: Vector) -> Iterator[tuple[Vector, Vector]]:
        """Yield weight (outputs, inputs) and bias (outputs,) of each layer, as views of a flat vector.

        The vector has the order of `ParamLayout`: all weights, then all biases.
        """
        weight, bias = 0, self.macs
        for rows, columns in self.shapes:
            end = weight + rows * columns
            yield vector[weight:end].reshape(rows, columns), vector[bias : bias + rows]
            weight, bias = end, bias + rows


@lru_cache(maxsize=4096)
def chain_of(spec: ModelSpec) -> Chain | None:
    """Return the chain that the network `spec` is; None if it is no chain."""
    ops = [op for _, op in lower(spec, LOSS.absorbs) if not op.view]
    links = [ops[start : start + 3] for start in range(0, len(ops), 3)]
    functions = {function for link in links[:-1] if (function := _hidden(link)) is not None}
    if len(links) < 2 or not all(map(_hidden, links[:-1])) or not _is_sum(links[-1]) or len(functions) != 1:
        return None
    widths = tuple(link[0].out_shape[0] for link in links)
    return Chain(links[0][0].in_shape[0], widths[:-1], widths[-1], functions.pop())


def _is_sum(ops: list[Op]) -> bool:
    return [type(op) for op in ops] == [MatMul, AddBias]


def _hidden(ops: list[Op]) -> ActivationFunction | None:
    """Return the activation function of a hidden layer, None if `ops` are not one."""
    *products, last = ops
    if not isinstance(last, Activate) or not _is_sum(products) or not last.function.pointwise:
        return None
    return last.function
