"""Optimizers that work on the flat vector of parameters: a few array operations per step for any network.

An optimizer keeps its state (velocities, moments) in the rows of one array, so that a run can be saved and
resumed without knowing which optimizer it uses. Weight decay applies to one slice of the parameters only:
those that are tagged for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["OPTIMIZERS", "OPTIONAL", "Optimizer", "OptimizerSettings", "Stepper"]

Vector = NDArray[np.float32]
Memory = NDArray[np.float32]
Update = Callable[[float, int], None]
EPSILON = 1e-8
OPTIONAL = frozenset({"momentum", "nesterov"})  # settings that some optimizers ignore


@dataclass(frozen=True)
class OptimizerSettings:
    """Settings of optimizers. An optimizer ignores those that it does not use.

    Attributes
    ----------
    momentum : float
    nesterov : bool
    weight_decay : float
    decayed : slice
        The parameters that weight decay applies to.
    """

    momentum: float
    nesterov: bool
    weight_decay: float
    decayed: slice


class Stepper:
    """An optimizer bound to its arrays: call it with a learning rate to change the parameters in place.

    Attributes
    ----------
    memory : ndarray of float32, shape (rows, parameters)
        The state of the optimizer, besides `steps`.
    steps : int
        Number of steps taken.
    """

    def __init__(self, memory: NDArray[np.float32], update: Update) -> None:
        self.memory = memory
        self.steps = 0
        self._update = update

    def __call__(self, rate: float) -> None:
        self.steps += 1
        self._update(rate, self.steps)


@dataclass(frozen=True)
class Optimizer:
    """One optimizer.

    Attributes
    ----------
    name, title : str
    default_rate : float
        Learning rate that usually works.
    remembers : int
        Numbers kept for each parameter.
    heeds : frozenset of str
        The settings in `OPTIONAL` that it uses.
    rule : callable
        ``rule(params, grad, settings, memory)`` returns ``update(rate, step)``; `memory` starts at zero.
    """

    name: str
    title: str
    default_rate: float
    remembers: int
    heeds: frozenset[str]
    rule: Callable[[Vector, Vector, OptimizerSettings, Memory], Update]

    def bind(self, params: Vector, grad: Vector, settings: OptimizerSettings) -> Stepper:
        """Return the optimizer, bound to its arrays.

        Parameters
        ----------
        params : ndarray of float32, shape (n,)
            Changed in each step.
        grad : ndarray of float32, shape (n,)
            Read in each step; may be overwritten.
        settings : OptimizerSettings
        """
        memory = np.zeros((self.remembers, len(params)), np.float32)
        return Stepper(memory, self.rule(params, grad, settings, memory))


def _decay_gradient(params: Vector, grad: Vector, settings: OptimizerSettings) -> Callable[[], None]:
    """L2 regularization: add decay · weight to the gradient."""
    factor = np.float32(settings.weight_decay)
    weights, gradients = params[settings.decayed], grad[settings.decayed]
    work = np.empty_like(weights)

    def apply() -> None:
        if factor:
            np.multiply(weights, factor, out=work)
            np.add(gradients, work, out=gradients)

    return apply


def _sgd(params: Vector, grad: Vector, settings: OptimizerSettings, memory: Memory) -> Update:
    """v ← momentum · v + g; w ← w - rate · v (Nesterov: w - rate · (g + momentum · v)), as PyTorch."""
    decay = _decay_gradient(params, grad, settings)
    velocity, work = memory[0], np.empty_like(params)
    momentum = np.float32(settings.momentum)

    def update(rate: float, step: int) -> None:
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

    return update


def _rmsprop(
    params: Vector, grad: Vector, settings: OptimizerSettings, memory: NDArray[np.float32]
) -> Update:
    """s ← 0.99 s + 0.01 g²; w ← w - rate · g / (√s + ε) (Tieleman & Hinton 2012), constants as PyTorch."""
    decay = _decay_gradient(params, grad, settings)
    square, work = memory[0], np.empty_like(params)
    keep = np.float32(0.99)

    def update(rate: float, step: int) -> None:
        decay()
        np.multiply(grad, grad, out=work)
        np.multiply(work, 1 - keep, out=work)
        np.multiply(square, keep, out=square)
        np.add(square, work, out=square)
        np.sqrt(square, out=work)
        np.add(work, np.float32(EPSILON), out=work)
        np.divide(grad, work, out=work)
        np.multiply(work, np.float32(rate), out=work)
        np.subtract(params, work, out=params)

    return update


def _adam_update(params: Vector, grad: Vector, memory: Memory) -> Update:
    """Adam (Kingma & Ba 2015), β₁ = 0.9, β₂ = 0.999, both moments corrected for their start at zero."""
    first, second, work = memory[0], memory[1], np.empty_like(params)
    beta1, beta2 = np.float32(0.9), np.float32(0.999)

    def update(rate: float, step: int) -> None:
        np.multiply(first, beta1, out=first)
        np.multiply(grad, 1 - beta1, out=work)
        np.add(first, work, out=first)
        np.multiply(second, beta2, out=second)
        np.multiply(grad, grad, out=work)
        np.multiply(work, 1 - beta2, out=work)
        np.add(second, work, out=second)
        correction = (1 - 0.999**step) ** 0.5
        np.sqrt(second, out=work)
        np.add(work, np.float32(EPSILON * correction), out=work)
        np.divide(first, work, out=work)
        np.multiply(work, np.float32(rate * correction / (1 - 0.9**step)), out=work)
        np.subtract(params, work, out=params)

    return update


def _adam(params: Vector, grad: Vector, settings: OptimizerSettings, memory: Memory) -> Update:
    """Adam with L2 regularization."""
    decay = _decay_gradient(params, grad, settings)
    adam = _adam_update(params, grad, memory)

    def update(rate: float, step: int) -> None:
        decay()
        adam(rate, step)

    return update


def _adamw(params: Vector, grad: Vector, settings: OptimizerSettings, memory: Memory) -> Update:
    """Adam with decoupled decay: w ← w · (1 - rate · decay) first (Loshchilov & Hutter 2019)."""
    adam = _adam_update(params, grad, memory)
    weights = params[settings.decayed]

    def update(rate: float, step: int) -> None:
        np.multiply(weights, np.float32(1 - rate * settings.weight_decay), out=weights)
        adam(rate, step)

    return update


OPTIMIZERS: Mapping[str, Optimizer] = {
    optimizer.name: optimizer
    for optimizer in (
        Optimizer("sgd", "SGD", 0.05, 1, OPTIONAL, _sgd),
        Optimizer("rmsprop", "RMSprop", 0.001, 1, frozenset(), _rmsprop),
        Optimizer("adam", "Adam", 0.002, 2, frozenset(), _adam),
        Optimizer("adamw", "AdamW", 0.002, 2, frozenset(), _adamw),
    )
}
"""Every optimizer by name."""
