"""Optimizers on a vector alone; `test_torch` compares them with PyTorch's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.training.optimizers import OPTIMIZERS, OPTIONAL, Optimizer, OptimizerSettings

SIZE, DECAYED = 6, slice(0, 4)
optimizers = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)


def settings(decay: float = 0.0, nesterov: bool = False) -> OptimizerSettings:
    return OptimizerSettings(momentum=0.9, nesterov=nesterov, weight_decay=decay, decayed=DECAYED)


@optimizers
@pytest.mark.parametrize("nesterov", [False, True])
def test_a_valley_is_descended(optimizer: Optimizer, nesterov: bool) -> None:
    params = np.linspace(-1, 1, SIZE, dtype=np.float32)
    curvature = np.linspace(0.5, 4, SIZE, dtype=np.float32)
    gradient = np.empty_like(params)
    step = optimizer.bind(params, gradient, settings(nesterov=nesterov))
    for _ in range(1000):
        gradient[...] = curvature * params
        step(0.01)
    assert np.abs(params).max() < 0.02


@optimizers
def test_decay_touches_only_what_is_tagged(optimizer: Optimizer) -> None:
    params, gradient = np.ones(SIZE, np.float32), np.zeros(SIZE, np.float32)
    step = optimizer.bind(params, gradient, settings(decay=0.1))
    for _ in range(5):
        gradient[...] = 0
        step(0.01)
    assert (params[DECAYED] < 1).all()
    assert (params[DECAYED.stop :] == 1).all()


@optimizers
def test_without_gradient_and_decay_nothing_moves(optimizer: Optimizer) -> None:
    params, gradient = np.ones(SIZE, np.float32), np.zeros(SIZE, np.float32)
    optimizer.bind(params, gradient, settings())(0.1)
    assert (params == 1).all()


@optimizers
def test_no_rate_no_step(optimizer: Optimizer) -> None:
    params, gradient = np.ones(SIZE, np.float32), np.ones(SIZE, np.float32)
    optimizer.bind(params, gradient, settings(decay=0.1))(0.0)
    assert (params == 1).all()


@optimizers
@pytest.mark.parametrize("name", sorted(OPTIONAL))
def test_it_heeds_what_it_says(optimizer: Optimizer, name: str) -> None:
    usual = settings()
    found = []
    for used in (usual, replace(usual, **{name: {"momentum": 0.5, "nesterov": True}[name]})):
        params, gradient = np.ones(SIZE, np.float32), np.empty(SIZE, np.float32)
        step = optimizer.bind(params, gradient, used)
        for _ in range(3):
            gradient[...] = 1
            step(0.01)
        found.append(params)
    assert np.array_equal(*found) == (name not in optimizer.heeds)


@optimizers
def test_usual_rate_is_allowed_by_the_configuration(optimizer: Optimizer) -> None:
    from engine.training.config import TrainConfig

    assert TrainConfig(optimizer=optimizer.name, learning_rate=optimizer.default_rate)
