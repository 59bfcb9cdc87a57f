"""Replicas: one batch split over threads gives what one thread gives, to rounding."""

from __future__ import annotations

import numpy as np
import pytest

from engine.nn.layers import BatchNorm, Dense, Flatten
from engine.nn.losses import LOSSES
from engine.nn.param_layout import ParamLayout
from engine.nn.predictor import output_activation
from engine.nn.presets import PRESETS, Preset
from engine.nn.specs import ModelSpec
from engine.training import data_parallel
from engine.training.augment import Augmentation
from engine.training.data_parallel import Objective, Replicas, StepResult, useful_threads
from engine.training.images import LabelledImages
from tests.engine.helpers import blobs

DATA = blobs(40, side=28)
WORK = LabelledImages(DATA.images, DATA.labels)
BATCH = np.arange(21)
PLAIN = Augmentation()


def observes(spec: ModelSpec) -> bool:
    state = ParamLayout(spec).state
    return state.start < state.stop


def several_parts(spec: ModelSpec, batch: int) -> int:
    """Cut every batch, in place of `micro_batches`, which leaves small ones whole."""
    return next(n for n in range(2, batch + 1) if batch % n == 0)


def step(
    spec: ModelSpec,
    threads: int,
    loss: str = "cross_entropy",
    times: int = 1,
    augmentation: Augmentation = PLAIN,
) -> tuple[StepResult, np.ndarray]:
    params = ParamLayout(spec).init(np.random.default_rng(0))
    rngs = [np.random.default_rng(seed) for seed in range(threads)]
    made = Replicas(spec, params, len(BATCH), Objective(LOSSES[loss]), augmentation, rngs)
    try:
        for _ in range(times):
            result = made.step(WORK, BATCH)
        return result, made.grad.copy()
    finally:
        made.close()


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_threads_change_nothing_but_rounding(preset: Preset, threads: int) -> None:
    spec = preset.build(3)
    if observes(spec):
        pytest.skip("batch norm sees each thread's part of the batch on its own")
    one, gradient = step(spec, 1, preset.loss)
    many, others = step(spec, threads, preset.loss)
    assert many.correct == one.correct
    assert many.loss == pytest.approx(one.loss, rel=1e-5)
    np.testing.assert_allclose(others, gradient, rtol=1e-4, atol=1e-5 * np.abs(gradient).max())


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_parts_and_threads_get_their_own_augmented_images(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, moving = PRESETS["lenet"].build(3), Augmentation(shift=2, rotate=20, stroke=0.5, noise=0.1)
    one, gradient = step(spec, 1, augmentation=moving)
    monkeypatch.setattr(data_parallel, "micro_batches", several_parts)
    many, others = step(spec, threads, augmentation=moving)
    assert many.loss == pytest.approx(one.loss, rel=1e-5)
    np.testing.assert_allclose(others, gradient, rtol=1e-4, atol=1e-5 * np.abs(gradient).max())


def test_statistics_are_the_mean_over_the_threads() -> None:
    spec = ModelSpec((BatchNorm(), Flatten(), Dense(3)), (28, 28, 1))
    layout = ParamLayout(spec)
    mean = next(view for view in layout.views if view.name == "mean")
    found = [float(mean.of(step(spec, threads)[1])[0]) for threads in (1, 2, 3)]
    assert found[1:] == pytest.approx([found[0]] * 2, rel=1e-5)
    assert found[0] == pytest.approx(DATA.images[BATCH].mean() / 255, rel=1e-5)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_step_leaves_nothing_behind(threads: int) -> None:
    spec = PRESETS["separable-cnn"].build(3)
    once, twice = (step(spec, threads, times=times)[1] for times in (1, 2))
    assert np.array_equal(once, twice)


def test_more_threads_than_images() -> None:
    spec = ModelSpec((Flatten(), Dense(3)), (28, 28, 1))
    params = ParamLayout(spec).init(np.random.default_rng(0))
    rngs = [np.random.default_rng(seed) for seed in range(5)]
    made = Replicas(spec, params, 2, Objective(LOSSES["cross_entropy"]), Augmentation(), rngs)
    try:
        assert np.isfinite(made.step(WORK, np.arange(2)).loss)
    finally:
        made.close()


def test_a_fault_in_a_thread_is_heard() -> None:
    spec = ModelSpec((Flatten(), Dense(3)), (28, 28, 1))
    params = ParamLayout(spec).init(np.random.default_rng(0))
    rngs = [np.random.default_rng(seed) for seed in range(2)]
    made = Replicas(spec, params, 4, Objective(LOSSES["cross_entropy"]), Augmentation(), rngs)
    try:
        with pytest.raises(IndexError):
            made.step(WORK, np.array([0, 1, 2, 10_000]))
    finally:
        made.close()


def test_softmax_is_absorbed_by_its_loss_alone() -> None:
    spec = ModelSpec((Flatten(), Dense(3, "softmax")), (28, 28, 1))
    assert output_activation(spec) is LOSSES["cross_entropy"].absorbs
    plain = ModelSpec((Flatten(), Dense(3)), (28, 28, 1))
    (with_softmax, g1), (without, g2) = step(spec, 1), step(plain, 1)
    assert with_softmax == without  # the loss computes the softmax of both
    assert np.array_equal(g1, g2)
    (with_softmax, g1), (without, g2) = step(spec, 1, "mse"), step(plain, 1, "mse")
    assert with_softmax.loss != without.loss
    assert not np.array_equal(g1, g2)
    assert without.loss > 0


def test_mixup_weighs_both_labels() -> None:
    """The gradient is that of the blended images under both labels, by the share that was drawn."""
    spec = ModelSpec((Flatten(), Dense(3, "linear")), (2, 2, 1))
    params = ParamLayout(spec).init(np.random.default_rng(0))
    images = np.random.default_rng(1).integers(0, 256, (4, 2, 2, 1)).astype(np.uint8)
    labels = np.array([0, 1, 2, 1])
    loss = LOSSES["cross_entropy"]
    made = Replicas(spec, params, 4, Objective(loss, mixup=0.7), Augmentation(), [np.random.default_rng(5)])
    result = made.step(LabelledImages(images, labels), np.arange(4))
    share = float(np.random.default_rng(5).beta(0.7, 0.7))
    share = max(share, 1 - share)
    x = images.reshape(4, 4).T / 255
    x = share * x + (1 - share) * x[:, ::-1]
    weight, bias = params[:12].reshape(3, 4), params[12:]
    y = weight @ x + bias[:, None]
    log_p = y - np.log(np.exp(y).sum(0))
    target = share * np.eye(3)[labels].T + (1 - share) * np.eye(3)[labels[::-1]].T
    assert result.loss == pytest.approx(-(target * log_p).sum(), rel=1e-5)
    expected = (np.exp(log_p) - target) @ x.T / 4
    np.testing.assert_allclose(made.grad[:12].reshape(3, 4), expected, rtol=1e-4, atol=1e-6)


def test_tiny_shares_get_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.training.data_parallel.WORTHWHILE", 1000)
    spec = ModelSpec((Flatten(), Dense(10, "linear")), (5, 5, 1))  # 250 multiply-accumulates an image
    assert [useful_threads(spec, batch, 3) for batch in (1, 8, 12, 100)] == [1, 2, 3, 3]
    assert useful_threads(spec, 2, 64) == 1
