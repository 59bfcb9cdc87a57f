"""Optimizers over the flat parameter vector: a handful of array operations a step, whatever the network.

`bind` allocates the state once and returns ``step(rate)``, which changes the parameters in place. Weight
decay touches only the slice of parameters that are tagged for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["OPTIMIZERS", "Optimizer", "Settings"]

Vector = NDArray[np.float32]
Step = Callable[[float], None]
EPSILON = 1e-8


@dataclass(frozen=True)
class Settings:
    """What optimizers are told; those that have no use for a setting ignore it.

    Attributes
    ----------
    momentum : float
    nesterov : bool
    weight_decay : float
    decayed : slice
        Entries of the vector that weight decay applies to.
    """

    momentum: float
    nesterov: bool
    weight_decay: float
    decayed: slice


@dataclass(frozen=True)
class Optimizer:
    """One optimizer.

    Attributes
    ----------
    name, title : str
    default_rate : float
        Learning rate that usually works.
    bind : callable
        ``bind(params, grad, settings)`` returns ``step(rate)``.
    """

    name: str
    title: str
    default_rate: float
    bind: Callable[[Vector, Vector, Settings], Step]


def _decay_gradient(params: Vector, grad: Vector, settings: Settings) -> Callable[[], None]:
    """L2 regularization: add decay · weight to the gradient."""
    factor = np.float32(settings.weight_decay)
    weights, gradients = params[settings.decayed], grad[settings.decayed]
    work = np.empty_like(weights)

    def apply() -> None:
        if factor:
            np.multiply(weights, factor, out=work)
            np.add(gradients, work, out=gradients)

    return apply


def _sgd(params: Vector, grad: Vector, settings: Settings) -> Step:
    """v ← momentum · v + g; w ← w − rate · v (Nesterov: w − rate · (g + momentum · v)), as PyTorch."""
    decay = _decay_gradient(params, grad, settings)
    velocity, work = np.zeros_like(params), np.empty_like(params)
    momentum = np.float32(settings.momentum)

    def step(rate: float) -> None:
        decay()
        np.multiply(velocity, momentum, out=velocity)
        np.add(velocity, grad, out=velocity)
        if settings.nesterov:
            np.multiply(velocity, momentum, out=work)
            np.add(work, grad, out=work)
            np.multiply(work, np.float32(rate), out=work)
        else:
            np.multiply(velocity, np.float32(rate), out=work)
        np.subtract(params, work, out=params)

    return step


def _rmsprop(params: Vector, grad: Vector, settings: Settings) -> Step:
    """s ← 0.99 s + 0.01 g²; w ← w − rate · g / (√s + ε) (Tieleman & Hinton 2012), constants as PyTorch."""
    decay = _decay_gradient(params, grad, settings)
    square, work = np.zeros_like(params), np.empty_like(params)
    memory = np.float32(0.99)

    def step(rate: float) -> None:
        decay()
        np.multiply(grad, grad, out=work)
        np.multiply(work, 1 - memory, out=work)
        np.multiply(square, memory, out=square)
        np.add(square, work, out=square)
        np.sqrt(square, out=work)
        np.add(work, np.float32(EPSILON), out=work)
        np.divide(grad, work, out=work)
        np.multiply(work, np.float32(rate), out=work)
        np.subtract(params, work, out=params)

    return step


def _adam_update(params: Vector, grad: Vector) -> Step:
    """Adam (Kingma & Ba 2015), β₁ = 0.9, β₂ = 0.999, both moments corrected for their start at zero."""
    first, second, work = np.zeros_like(params), np.zeros_like(params), np.empty_like(params)
    beta1, beta2 = np.float32(0.9), np.float32(0.999)
    steps = 0

    def step(rate: float) -> None:
        nonlocal steps
        steps += 1
        np.multiply(first, beta1, out=first)
        np.multiply(grad, 1 - beta1, out=work)
        np.add(first, work, out=first)
        np.multiply(second, beta2, out=second)
        np.multiply(grad, grad, out=work)
        np.multiply(work, 1 - beta2, out=work)
        np.add(second, work, out=second)
        correction = (1 - 0.999**steps) ** 0.5
        np.sqrt(second, out=work)
        np.add(work, np.float32(EPSILON * correction), out=work)
        np.divide(first, work, out=work)
        np.multiply(work, np.float32(rate * correction / (1 - 0.9**steps)), out=work)
        np.subtract(params, work, out=params)

    return step


def _adam(params: Vector, grad: Vector, settings: Settings) -> Step:
    decay = _decay_gradient(params, grad, settings)
    update = _adam_update(params, grad)

    def step(rate: float) -> None:
        decay()
        update(rate)

    return step


def _adamw(params: Vector, grad: Vector, settings: Settings) -> Step:
    """Adam with decoupled decay: w ← w · (1 − rate · decay) first (Loshchilov & Hutter 2019)."""
    update = _adam_update(params, grad)
    weights = params[settings.decayed]

    def step(rate: float) -> None:
        np.multiply(weights, np.float32(1 - rate * settings.weight_decay), out=weights)
        update(rate)

    return step


OPTIMIZERS: Mapping[str, Optimizer] = {
    optimizer.name: optimizer
    for optimizer in (
        Optimizer("sgd", "SGD with momentum", 0.05, _sgd),
        Optimizer("rmsprop", "RMSprop", 0.001, _rmsprop),
        Optimizer("adam", "Adam", 0.002, _adam),
        Optimizer("adamw", "AdamW", 0.002, _adamw),
    )
}
"""Every optimizer by name."""
