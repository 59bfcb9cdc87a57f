"""Start values with which deep and narrow dense networks learn.

With independent random weights, signals and gradients shrink or grow from layer to layer. Nineteen layers of
eight sigmoids start, and stay, at chance; of ReLUs some layers lose all their signals. An isometric start
gives each layer weights with which it hardly changes lengths, so depth does no harm (Saxe et al. 2014;
Pennington et al. 2017):

- Functions that are smooth at 0: orthogonal weights over the slope there. The bias takes away what the value
  at 0 (½ for a sigmoid) adds up to. A sigmoid network is then one of centred tanh functions.
- Functions with a kink at 0: neurons in pairs with opposite weights, as f(u) - f(-u) is linear in u. The
  network starts as an orthogonal linear one (Balduzzi et al. 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from engine.nn.activations import ActivationFunction
from engine.nn.param import FloatArray
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.shapes import Shape
from engine.sweep.stacks.chain import Chain, chain_of

__all__ = ["STARTS", "Start"]

INK = 0.1  # mean of a squared pixel, white 1, in images of strokes
NEAR = 1e-3  # from 0, where functions are compared with straight lines

Draw = Callable[[ModelSpec, np.random.Generator], FloatArray]
Core = Callable[[np.random.Generator, Shape], FloatArray]


@dataclass(frozen=True)
class Start:
    """One way to draw start values: ``draw(spec, rng)`` gives a flat vector in the order of `ParamLayout`."""

    name: str
    title: str
    draw: Draw


@dataclass(frozen=True)
class _Near:
    """An activation function near 0: its value there, its slope, and whether it has a kink."""

    value: float
    slope: float
    kinked: bool

    @classmethod
    def of(cls, function: ActivationFunction) -> _Near:
        y = np.array([-NEAR, 0.0, NEAR])
        function.forward(y)
        low, middle, high = map(float, y)
        return cls(middle, (high - low) / (2 * NEAR), abs(low + high - 2 * middle) > NEAR / 10)


def _own(spec: ModelSpec, rng: np.random.Generator) -> FloatArray:
    return ParamLayout(spec).init(rng)


def _isometric(spec: ModelSpec, rng: np.random.Generator) -> FloatArray:
    chain = chain_of(spec)
    return _own(spec, rng) if chain is None else _chain(chain, rng)


def _chain(chain: Chain, rng: np.random.Generator) -> FloatArray:
    near = _Near.of(chain.activation)
    vector = np.zeros(chain.parameters, np.float32)
    layers = list(chain.layers(vector))
    for number, (weight, bias) in enumerate(layers):
        is_first, is_last = number == 0, number == len(layers) - 1
        core = _outer if is_first or is_last else _orthogonal
        if near.kinked:
            drawn = _paired(core, rng, weight.shape, not is_last, not is_first)
        else:
            drawn = core(rng, weight.shape)
        scale = near.slope * (2 if near.kinked and not is_first else 1)
        if is_first:
            drawn = drawn - drawn.mean(axis=1, keepdims=True)  # a brighter image is not another one
            scale *= INK**0.5
        else:
            bias[...] = -near.value * drawn.sum(axis=1) / scale
        weight[...] = drawn / scale
    return vector


def _orthogonal(rng: np.random.Generator, shape: Shape) -> FloatArray:
    """Return a matrix whose rows or columns, whichever are fewer, are orthonormal."""
    rows, columns = shape
    basis, upper = np.linalg.qr(rng.standard_normal((max(shape), min(shape))))
    basis *= np.sign(np.diagonal(upper))  # then all are equally likely (Mezzadri 2007)
    return basis if rows >= columns else basis.T


def _outer(rng: np.random.Generator, shape: Shape) -> FloatArray:
    """Return a matrix of a first or last layer: its outputs have half the size of its inputs."""
    matrix: FloatArray = rng.standard_normal(shape) * (0.5 / shape[1] ** 0.5)
    return matrix


def _paired(core: Core, rng: np.random.Generator, shape: Shape, rows: bool, columns: bool) -> FloatArray:
    """Return weights that are opposite for the two neurons of a pair.

    Parameters
    ----------
    core : callable
        ``core(rng, shape)`` draws the weights between the first neurons of all pairs.
    rng : numpy.random.Generator
    shape : tuple of int
        (outputs, inputs).
    rows, columns : bool
        Whether outputs and inputs are neurons in pairs. One that is left over is drawn independently, and the
        next layer does not read it at the start.
    """
    half = (shape[0] // 2 if rows else shape[0], shape[1] // 2 if columns else shape[1])
    weight: FloatArray = rng.standard_normal(shape) / shape[1] ** 0.5
    if not all(half):  # a single neuron has no partner
        return weight
    first = core(rng, half)
    paired = np.vstack([first, -first]) if rows else first
    if columns:
        paired = np.hstack([paired, -paired, np.zeros((len(paired), shape[1] % 2))])
    weight[: len(paired)] = paired
    return weight


STARTS: Mapping[str, Start] = {
    start.name: start
    for start in (
        Start("isometric", "Isometric (dense networks)", _isometric),
        Start("layers", "As the layers say", _own),
    )
}
"""Every way to draw start values, by name."""
