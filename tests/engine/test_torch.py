"""The same numbers as PyTorch: layers, losses, optimizers, schedules and whole training steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.config import TrainConfig
from engine.layers import (
    LAYERS,
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
from engine.losses import LOSSES
from engine.model import Model
from engine.optimizers import OPTIMIZERS, Settings
from engine.presets import PRESETS, Preset
from engine.schedules import SCHEDULES
from engine.specs import LayerSpec, ModelSpec, Shape
from engine.train import Trainer
from tests.engine.helpers import BATCH, CASES, Bench, Probe, blobs, case_id, network_around

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[bench]'")
functional = torch.nn.functional

Tensor = Any
Params = dict[str, Tensor]

ACTIVATE: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": torch.relu,
    "leaky_relu": lambda x: functional.leaky_relu(x, 0.01),
    "relu6": functional.relu6,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda x: torch.softmax(x, 1),
}


def _ends(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return TensorFlow's padding of one side: the odd zero goes behind, which PyTorch's own cannot."""
    padding = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
    return padding // 2, padding - padding // 2


def _padded(x: Tensor, layer: Conv2D | DepthwiseConv2D) -> Tensor:
    if layer.padding == "valid":
        return x
    ends = [_ends(side, layer.kernel, layer.stride) for side in (x.shape[3], x.shape[2])]
    return functional.pad(x, (*ends[0], *ends[1]))


def conv2d(layer: Conv2D, x: Tensor, p: Params, shape: Shape) -> Tensor:
    padded = _padded(x, layer)
    y = functional.conv2d(padded, p["weight"].permute(0, 3, 1, 2), p.get("bias"), layer.stride)
    return ACTIVATE[layer.activation](y)


def depthwise(layer: DepthwiseConv2D, x: Tensor, p: Params, shape: Shape) -> Tensor:
    padded = _padded(x, layer)
    weight = p["weight"].permute(2, 0, 1).unsqueeze(1)
    y = functional.conv2d(padded, weight, p.get("bias"), layer.stride, groups=shape[2])
    return ACTIVATE[layer.activation](y)


def dense(layer: Dense, x: Tensor, p: Params, shape: Shape) -> Tensor:
    return ACTIVATE[layer.activation](functional.linear(x, p["weight"], p.get("bias")))


def batch_norm(layer: BatchNorm, x: Tensor, p: Params, shape: Shape) -> Tensor:
    return functional.batch_norm(x, None, None, p["scale"], p["shift"], training=True, eps=1e-5)


def keep(layer: Dropout, x: Tensor, p: Params, shape: Shape) -> Tensor:
    return x


TORCH: dict[type[LayerSpec], Callable[[Any, Tensor, Params, Shape], Tensor]] = {
    Conv2D: conv2d,
    DepthwiseConv2D: depthwise,
    Dense: dense,
    MaxPool2D: lambda layer, x, p, shape: functional.max_pool2d(x, layer.size),
    AvgPool2D: lambda layer, x, p, shape: functional.avg_pool2d(x, layer.size),
    GlobalAvgPool2D: lambda layer, x, p, shape: x.mean((2, 3)),
    Flatten: lambda layer, x, p, shape: x.permute(0, 2, 1, 3).flatten(1) if x.ndim == 4 else x,
    Activation: lambda layer, x, p, shape: ACTIVATE[layer.function](x),
    BatchNorm: batch_norm,
    Dropout: keep,
}


def to_torch(x: np.ndarray) -> Tensor:
    """Turn (H, C, W, N) or (F, N) into (N, C, H, W) or (N, F)."""
    return torch.tensor(x.transpose(3, 1, 0, 2) if x.ndim == 4 else x.T)


def run_torch(spec: ModelSpec, params: Tensor, layout: Any, x: Tensor) -> Tensor:
    """Compute the network in PyTorch from the same flat vector."""
    for row in spec.rows():
        views = [view for view in layout.views if view.layer == row.index]
        p = {v.name: params[v.start : v.stop].reshape(v.param.shape) for v in views}
        if isinstance(row.layer, Probe):
            value = p["value"]
            x = x + (value.permute(3, 1, 0, 2) if value.ndim == 4 else value.T)
        else:
            x = TORCH[type(row.layer)](row.layer, x, p, row.in_shape)
    return x


def test_every_layer_is_compared() -> None:
    assert set(TORCH) == set(LAYERS.values())


DETERMINISTIC = [(layer, shape) for layer, shape in CASES if not (isinstance(layer, Dropout) and layer.rate)]


@pytest.mark.parametrize(("layer", "shape"), DETERMINISTIC, ids=case_id)
def test_layers_agree(layer: LayerSpec, shape: Shape) -> None:
    """Outputs, input gradients (through the probe) and parameter gradients, in float64."""
    spec = network_around(layer, shape)
    bench = Bench(spec)
    gradient = bench.gradient()
    params = torch.tensor(bench.params, requires_grad=True)
    y = run_torch(spec, params, bench.layout, to_torch(bench.x))
    (y * torch.tensor(bench.weights.T)).sum().backward()
    np.testing.assert_allclose(bench.space.y.T, y.detach().numpy(), rtol=1e-8, atol=1e-10)
    expected = params.grad.numpy()
    expected[bench.layout.state] = 0
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_presets_agree(preset: Preset) -> None:
    built = preset.build(10)
    certain = tuple(Dropout(0) if isinstance(layer, Dropout) else layer for layer in built.layers)
    spec = ModelSpec(certain, built.input_shape)
    bench = Bench(spec)
    gradient = bench.gradient()
    params = torch.tensor(bench.params, requires_grad=True)
    y = run_torch(spec, params, bench.layout, to_torch(bench.x))
    (y * torch.tensor(bench.weights.T)).sum().backward()
    expected = params.grad.numpy()
    expected[bench.layout.state] = 0
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max() + 1e-12)


@pytest.mark.parametrize("shape", [(6, 5, 3), (7,)], ids=case_id)
def test_observed_statistics_agree(shape: Shape) -> None:
    """What training blends into the running statistics is what PyTorch blends in."""
    bench = Bench(network_around(BatchNorm(), shape, probe=False), batch=BATCH)
    bench.gradient()
    observed = {view.name: view.of(bench.space.grad) for view in bench.layout.views}
    channels = shape[-1]
    mean, variance = torch.zeros(channels, dtype=torch.float64), torch.ones(channels, dtype=torch.float64)
    x = to_torch(bench.x)
    x = x if len(shape) == 3 else x.flatten(1)
    functional.batch_norm(x, mean, variance, training=True, momentum=1.0)
    np.testing.assert_allclose(observed["mean"], mean.numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(observed["variance"], variance.numpy(), rtol=1e-9)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_agree(name: str, smoothing: float) -> None:
    rng = np.random.default_rng(0)
    y, labels = rng.standard_normal((5, 9)), rng.integers(0, 5, 9)
    targets = torch.eye(5, dtype=torch.float64)[labels] * (1 - smoothing) + smoothing / 5
    reference: dict[str, Callable[[Tensor], Tensor]] = {
        "cross_entropy": lambda out: functional.cross_entropy(
            out, torch.tensor(labels), label_smoothing=smoothing
        ),
        "mse": lambda out: functional.mse_loss(out, targets),
    }
    out = torch.tensor(y.T, requires_grad=True)
    expected = reference[name](out)
    expected.backward()
    dy = np.empty_like(y)
    assert LOSSES[name].compute(y, labels, dy, 1 / 9, smoothing) / 9 == pytest.approx(expected.item())
    np.testing.assert_allclose(dy.T, out.grad.numpy(), rtol=1e-9, atol=1e-12)


MAKERS: dict[str, Callable[..., Any]] = {
    "sgd": lambda groups, s: torch.optim.SGD(groups, momentum=s.momentum, nesterov=s.nesterov),
    "rmsprop": lambda groups, s: torch.optim.RMSprop(groups),
    "adam": lambda groups, s: torch.optim.Adam(groups),
    "adamw": lambda groups, s: torch.optim.AdamW(groups),
}


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.03])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_agree(name: str, decay: float, nesterov: bool) -> None:
    """Fifty steps with a moving rate, weight decay on the first half only."""
    rng = np.random.default_rng(0)
    params = rng.standard_normal(20).astype(np.float32)
    gradient = np.empty_like(params)
    settings = Settings(0.9, nesterov, decay, slice(0, 10))
    weights, biases = (torch.tensor(part.copy(), requires_grad=True) for part in (params[:10], params[10:]))
    groups = [{"params": [weights], "weight_decay": decay}, {"params": [biases], "weight_decay": 0.0}]
    theirs = MAKERS[name](groups, settings)
    ours = OPTIMIZERS[name].bind(params, gradient, settings)
    for step in range(50):
        drawn = rng.standard_normal(20).astype(np.float32)
        rate = 0.02 / (1 + step)
        gradient[...] = drawn
        weights.grad, biases.grad = torch.tensor(drawn[:10]), torch.tensor(drawn[10:])
        for group in theirs.param_groups:
            group["lr"] = rate
        ours(rate)
        theirs.step()
    expected = np.concatenate([weights.detach().numpy(), biases.detach().numpy()])
    np.testing.assert_allclose(params, expected, rtol=2e-5, atol=2e-6)


def test_one_cycle_agrees() -> None:
    """Up to the discretization: PyTorch's cycle peaks one step before 30 % and ends one step early."""
    steps = 5000
    theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    cycle = torch.optim.lr_scheduler.OneCycleLR(theirs, max_lr=1.0, total_steps=steps)
    for step in range(steps):
        factor = SCHEDULES["one_cycle"](step / steps)
        assert factor == pytest.approx(cycle.get_last_lr()[0], abs=2e-3)
        theirs.step()
        if step < steps - 1:
            cycle.step()
    assert cycle.get_last_lr()[0] == pytest.approx(SCHEDULES["one_cycle"](1.0))


def test_cosine_agrees() -> None:
    theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, T_max=100)
    for step in range(100):
        assert SCHEDULES["cosine"](step / 100) == pytest.approx(cosine.get_last_lr()[0], abs=1e-9)
        theirs.step()
        cosine.step()


def test_a_step_of_training_agrees() -> None:
    """One full batch through `Trainer`: split off nothing, scale, loss, clipping, momentum, statistics."""
    data = blobs(48)
    spec = ModelSpec((Conv2D(4, 3), BatchNorm(), MaxPool2D(2), Flatten(), Dense(3)), (8, 8, 1))
    model = Model.new(spec, data.classes, np.random.default_rng(0))
    config = TrainConfig(
        epochs=1, batch_size=48, validation=0, threads=1, schedule="constant", learning_rate=0.1,
        momentum=0.0, weight_decay=0.01, clip_norm=0.05,
    )  # fmt: skip
    trainer = Trainer(model, data, config)
    *_, finished = trainer.run()
    layout = Bench(spec).layout
    params = torch.tensor(model.params, requires_grad=True)
    x = torch.tensor(data.images.transpose(0, 3, 1, 2) / np.float32(255), dtype=torch.float32)
    y = run_torch(spec, params, layout, x)
    functional.cross_entropy(y, torch.tensor(data.labels.astype(np.int64))).backward()
    gradient = params.grad.clone()
    gradient[layout.state] = 0
    gradient *= min(1.0, 0.05 / float(gradient.norm()))
    gradient[layout.decayed] += 0.01 * params.detach()[layout.decayed]
    expected = (params.detach() - 0.1 * gradient).numpy()
    trained = finished.model.params
    np.testing.assert_allclose(trained[layout.trainable], expected[layout.trainable], rtol=1e-4, atol=1e-6)
    mean, variance = torch.zeros(4), torch.ones(4)
    weight = params.detach()
    named = {v.key: weight[v.start : v.stop].reshape(v.param.shape) for v in layout.views}
    seen = conv2d(spec.layers[0], x, {"weight": named["0.weight"], "bias": named["0.bias"]}, (8, 8, 1))
    functional.batch_norm(seen, mean, variance, training=True, momentum=0.1)
    np.testing.assert_allclose(
        trained[layout.state], np.concatenate([mean.numpy(), variance.numpy()]), rtol=1e-4, atol=1e-6
    )
