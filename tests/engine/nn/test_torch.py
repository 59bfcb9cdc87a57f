"""The same numbers as PyTorch: layers, losses, optimizers, schedules and whole training steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.nn.layers import LAYERS, BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from engine.nn.losses import LOSSES
from engine.nn.model import Model
from engine.nn.presets import PRESETS, Preset
from engine.nn.specs import LayerSpec, ModelSpec
from engine.shapes import Shape
from engine.training.config import TrainConfig
from engine.training.optimizers import OPTIMIZERS, OptimizerSettings
from engine.training.schedules import SCHEDULES
from engine.training.trainer import Trainer
from tests.engine.helpers import BATCH, CASES, Bench, Probe, blobs, case_id, network_around

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[bench]'")
functional = torch.nn.functional
nets = pytest.importorskip("tests.torch_nets")  # imports PyTorch itself

Tensor = Any


class AddValue(torch.nn.Module):
    """Adds a trained number to every number of a batch (N, C, H, W) or (N, F)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.value


def probe(layer: Probe, shape: Shape) -> list[Any]:
    theirs = (shape[2], *shape[:2]) if len(shape) == 3 else shape
    return [AddValue((layer.batch, *theirs))]


IMAGE_PROBE = {Probe: nets.Translation(probe, {"value": ("value", (3, 1, 0, 2))})}
FLAT_PROBE = {Probe: nets.Translation(probe, {"value": ("value", (1, 0))})}


def to_torch(x: np.ndarray) -> Tensor:
    """Turn (H, C, W, N) or (F, N) into (N, C, H, W) or (N, F)."""
    return torch.tensor(x.transpose(3, 1, 0, 2) if x.ndim == 4 else x.T)


def compare(spec: ModelSpec, shape: Shape) -> None:
    """Compare outputs and all gradients in float64."""
    bench = Bench(spec)
    gradient = bench.gradient()
    net = nets.TorchNet(spec, bench.params, IMAGE_PROBE if len(shape) == 3 else FLAT_PROBE)
    y = net.module(to_torch(bench.x))
    (y * torch.tensor(bench.weights.T)).sum().backward()
    np.testing.assert_allclose(bench.space.y.T, y.detach().numpy(), rtol=1e-8, atol=1e-10)
    expected = net.gradient()
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-9 * max(1, np.abs(expected).max()))


def test_every_layer_is_compared() -> None:
    assert set(nets.TRANSLATIONS) == set(LAYERS.values())


DETERMINISTIC = [(layer, shape) for layer, shape in CASES if not (isinstance(layer, Dropout) and layer.rate)]


@pytest.mark.parametrize(("layer", "shape"), DETERMINISTIC, ids=case_id)
def test_layers_agree(layer: LayerSpec, shape: Shape) -> None:
    """The gradient of the input is the probe's."""
    compare(network_around(layer, shape), shape)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_presets_agree(preset: Preset) -> None:
    built = preset.build(10)
    certain = tuple(Dropout(0) if isinstance(layer, Dropout) else layer for layer in built.layers)
    compare(ModelSpec(certain, built.input_shape), built.input_shape)


@pytest.mark.parametrize("shape", [(6, 5, 3), (7,)], ids=case_id)
def test_observed_statistics_agree(shape: Shape) -> None:
    """What training blends into the running statistics is what PyTorch blends in."""
    spec = network_around(BatchNorm(), shape, probe=False)
    bench = Bench(spec, batch=BATCH)
    bench.gradient()
    observed = {view.name: view.of(bench.space.grad) for view in bench.layout.views}
    net = nets.TorchNet(spec, bench.params)
    norm = next(m for m in net.module if hasattr(m, "momentum"))
    norm.momentum = 1.0
    net.module(to_torch(bench.x))
    np.testing.assert_allclose(observed["mean"], norm.running_mean.numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(observed["variance"], norm.running_var.numpy(), rtol=1e-9)


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
    settings = OptimizerSettings(0.9, nesterov, decay, slice(0, 10))
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
    net = nets.TorchNet(spec, model.params)
    y = net.module(nets.to_images(data.images))
    functional.cross_entropy(y, torch.tensor(data.labels.astype(np.int64))).backward()
    gradient = net.gradient()
    gradient *= min(1.0, 0.05 / float(np.linalg.norm(gradient)))
    gradient[layout.decayed] += 0.01 * model.params[layout.decayed]
    expected = net.params() - 0.1 * gradient  # the statistics are blended by PyTorch already
    np.testing.assert_allclose(finished.model.params, expected, rtol=1e-4, atol=1e-6)
