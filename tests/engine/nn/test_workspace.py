"""Workspaces: moving the maximum forward changes nothing, and steps allocate nothing that grows."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import engine.nn.workspace
from engine.nn.activations import ACTIVATIONS
from engine.nn.layers import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
)
from engine.nn.ops import LayerOp, pool_early
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import LayerSpec, ModelSpec
from engine.nn.workspace import Mode, Workspace, load_images, lower
from tests.engine.helpers import Bench

Layers = tuple[LayerSpec, ...]


def pools_last(activation: str) -> ModelSpec:
    return ModelSpec(
        (
            Conv2D(4, 3, activation=activation),
            MaxPool2D(2),
            DepthwiseConv2D(3, activation=activation),
            Activation("leaky_relu"),
            MaxPool2D(3),
            Flatten(),
            Dense(3),
        ),
        (13, 12, 2),
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_early_pooling_changes_nothing(activation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = pools_last(activation)
    early = Bench(spec, seed=2)
    monkeypatch.setattr(engine.nn.workspace, "pool_early", list[LayerOp])
    late = Bench(spec, seed=2)
    assert [type(op) for _, op in lower(spec)] == [
        type(op) for row in spec.rows() for op in row.layer.lower(row.in_shape)
    ]
    assert early.value() == pytest.approx(late.value(), rel=1e-12)
    np.testing.assert_allclose(early.gradient(), late.gradient(), rtol=1e-10, atol=1e-12)


def test_early_pooling_moves_only_what_commutes() -> None:
    ops = [(row.index, op) for row in pools_last("relu").rows() for op in row.layer.lower(row.in_shape)]
    assert [layer for layer, _ in pool_early(ops)] == [0, 1, 0, 0, 2, 4, 2, 2, 3, 5, 6, 6]
    ops = [(row.index, op) for row in pools_last("softmax").rows() for op in row.layer.lower(row.in_shape)]
    assert [layer for layer, _ in pool_early(ops)][:4] == [0, 0, 0, 1]


@pytest.mark.parametrize(
    "layers",
    [
        (Conv2D(8, 3, activation="linear"), Flatten()),
        (Conv2D(13, 5, 2, "valid", "linear"), Conv2D(4, 1, activation="linear"), Flatten()),
        (Conv2D(4, 3, activation="linear"), DepthwiseConv2D(3, activation="linear"), Flatten()),
        (Conv2D(4, 3, activation="linear"), MaxPool2D(2), Flatten()),
        (Conv2D(4, 3, activation="linear"), AvgPool2D(2), Flatten()),
        (Conv2D(4, 3, activation="linear"), AvgPool2D(3), GlobalAvgPool2D()),
        (Flatten(), Dense(40), Dense(20)),
    ],
    ids=lambda layers: " ".join(type(layer).__name__ for layer in layers),
)
def test_steps_allocate_nothing_that_grows(layers: Layers) -> None:
    spec = ModelSpec(layers, (24, 24, 3))
    params = ParamLayout(spec).init(np.random.default_rng(0))
    space = Workspace(spec, params, 64, Mode(train=True))
    one_map = space.x.nbytes  # 442 kB; NumPy converts masks in buffers of 64 kB
    assert space.dy is not None
    for _ in range(2):
        space.forward()
        space.backward()
    tracemalloc.start()
    try:
        space.forward()
        space.backward()
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 4096
    assert peak < one_map / 4


def test_workspaces_share_parameters_and_own_gradients() -> None:
    spec = ModelSpec((Flatten(), Dense(3)), (4, 4, 1))
    params = ParamLayout(spec).init(np.random.default_rng(0))
    first, second = (Workspace(spec, params, 2, Mode(train=True)) for _ in range(2))
    first.x[...] = second.x[...] = np.random.default_rng(1).random(first.x.shape, np.float32)
    params += 1
    first.forward()
    second.forward()
    assert np.array_equal(first.y, second.y)
    assert not np.shares_memory(first.grad, second.grad)


def test_backward_overwrites_the_last_gradient() -> None:
    bench = Bench(pools_last("tanh"))
    assert np.array_equal(bench.gradient(), bench.gradient())


def test_predicting_leaves_dropout_out_and_uses_running_statistics() -> None:
    spec = ModelSpec((Dropout(0.9), BatchNorm(), Flatten()), (2, 2, 1))
    layout = ParamLayout(spec)
    params = layout.init(np.random.default_rng(0))
    named = layout.layer(1, params)
    named["mean"][...], named["variance"][...] = 3.0, 4.0
    space = Workspace(spec, params, 5)
    space.x[...] = np.arange(20, dtype=np.float32).reshape(space.x.shape)
    space.forward()
    np.testing.assert_allclose(space.y.ravel(), (space.x.ravel() - 3) / 2, rtol=1e-5)
    assert space.dy is None


def test_predicting_scales_by_negative_numbers_before_a_pool() -> None:
    spec = ModelSpec((BatchNorm(), MaxPool2D(2), Flatten()), (4, 2, 2))
    params = ParamLayout(spec).init(np.random.default_rng(0))
    ParamLayout(spec).layer(0, params)["scale"][...] = -2, 2
    space = Workspace(spec, params, 3)
    space.x[...] = np.random.default_rng(1).standard_normal(space.x.shape)
    expected = space.x * np.array([-2, 2])[:, None, None] / np.sqrt(1 + 1e-5)
    space.forward()
    squares = expected.reshape(2, 2, 2, 1, 2, 3).max((1, 4))  # (rows, channels, columns, batch)
    np.testing.assert_allclose(space.y, squares.reshape(4, 3), rtol=1e-5)


def test_dropout_keeps_the_mean() -> None:
    spec = ModelSpec((Dropout(0.3), Flatten()), (20, 20, 1))
    space = Workspace(spec, np.empty(0, np.float32), 50, Mode(train=True), np.random.default_rng(0))
    space.x[...] = 1
    space.forward()
    assert (space.y == 0).mean() == pytest.approx(0.3, abs=0.02)
    assert space.y.mean() == pytest.approx(1, abs=0.02)


def test_absorbed_activation_is_left_out() -> None:
    spec = ModelSpec((Flatten(), Dense(3, "softmax")), (2, 2, 1))
    kept, left = lower(spec), lower(spec, ACTIVATIONS["softmax"])
    assert len(kept) == len(left) + 1
    assert len(lower(spec, ACTIVATIONS["sigmoid"])) == len(kept)


def test_images_are_scaled_and_laid_out_batch_last() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 2)).astype(np.uint8)
    x = np.full((4, 2, 5, 6), -1, np.float32)
    load_images(images, x)
    assert x[1, 0, 2, 2] == np.float32(images[2, 1, 2, 0]) * np.float32(1 / 255)
    np.testing.assert_allclose(x[..., :3], images.transpose(1, 3, 2, 0) / 255, rtol=1e-6)
    assert (x[..., 3:] == -1).all()
