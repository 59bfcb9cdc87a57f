"""Networks that train together get the weights that each gets alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from engine.data.dataset import Dataset
from engine.nn.layers import Activation, Dense, Flatten
from engine.nn.specs import ModelSpec
from engine.nn.workspace import Mode, Workspace, load_images
from engine.sweep.description import Run
from engine.sweep.outcome import Finished, Trained
from engine.sweep.stack_training import StackTask, stack_key
from engine.sweep.stacks.chain import LOSS, Chain, chain_of
from engine.sweep.stacks.packing import pack, shares, side_class
from engine.sweep.stacks.stack import Stack, StackedNetwork
from engine.training.config import TrainConfig
from engine.training.events import Finished as RunFinished
from engine.training.events import Reason
from engine.training.parts import EpochOrder
from engine.training.trainer import Trainer, divided
from tests.engine.helpers import blobs

DATA = blobs(400)
CONFIG = TrainConfig(epochs=1, batch_size=16, momentum=0.0, threads=1, validation=0.1, seed=3)
WIDTHS = [(1,), (19,), (7,), (5, 5), (3, 9), (12, 4, 6), (2,) * 6, (18,) * 6, (11,) * 6, (9,) * 6]
FUNCTIONS = [("relu", 0.0), ("sigmoid", 0.0), ("tanh", 0.9), ("leaky_relu", 0.5)]  # with a momentum


def dense(widths: Sequence[int], function: str, data: Dataset = DATA) -> ModelSpec:
    hidden = (Dense(width, function) for width in widths)
    return ModelSpec((Flatten(), *hidden, Dense(len(data.classes))), data.image_shape)


def runs(function: str, config: TrainConfig = CONFIG) -> list[Run]:
    """Return a run for each of `WIDTHS`, each with a rate of its own."""
    rates = np.linspace(0.02, 0.2, len(WIDTHS))
    configs = [replace(config, learning_rate=float(rate)) for rate in rates]
    return [
        Run(i, dense(widths, function), made, "isometric")
        for i, (widths, made) in enumerate(zip(WIDTHS, configs, strict=True))
    ]


def chain(run: Run) -> Chain:
    found = chain_of(run.spec)
    assert found is not None
    return found


def stack_of(made: Sequence[Run], dtype: type = np.float32) -> Stack:
    networks = [
        StackedNetwork(chain(run), params := run.params(), run.config.learning_rate, 0 * params)
        if run.config.momentum
        else StackedNetwork(chain(run), run.params(), run.config.learning_rate)
        for run in made
    ]
    return Stack(networks, CONFIG.batch_size, dtype)


def order(config: TrainConfig) -> np.ndarray:
    division = divided(DATA, config)
    return EpochOrder(division.training, division.shuffle).shuffled()


def alone(run: Run, steps: int) -> np.ndarray:
    """Train with the engine's operations in float64; return the parameters."""
    params, size = run.params().astype(np.float64), run.config.batch_size
    space = Workspace(run.spec, params, size, Mode(train=True, absorbed=LOSS.absorbs))
    velocity = np.zeros_like(params)
    for step in range(steps):
        chosen = order(run.config)[step * size : (step + 1) * size]
        load_images(DATA.images[chosen], space.x)
        space.forward()
        LOSS.compute(space.y, DATA.labels[chosen], space.dy, 1 / size)
        space.backward()
        velocity *= run.config.momentum
        velocity += space.grad
        params -= run.config.learning_rate * velocity
    return params


def steps_of(stack: Stack, steps: int, momentum: float = 0.0) -> None:
    images = DATA.images.reshape(len(DATA), -1)
    size = stack.batch
    for step in range(steps):
        chosen = order(CONFIG)[step * size : (step + 1) * size]
        stack.step(images[chosen], DATA.labels[chosen], 1.0, momentum)


def trained(made: Sequence[Run], data: Dataset = DATA) -> list[Trained]:
    events = StackTask(tuple(made)).events(data, None)
    found = [event.trained for event in events if isinstance(event, Finished)]
    return sorted(found, key=lambda item: item.run.number)


@pytest.mark.parametrize(("function", "momentum"), FUNCTIONS)
def test_every_weight_is_that_of_training_alone_in_float64(function: str, momentum: float) -> None:
    made, steps = runs(function, replace(CONFIG, momentum=momentum)), 360 // CONFIG.batch_size
    stack = stack_of(made, np.float64)
    steps_of(stack, steps, momentum)
    for number, run in enumerate(made):
        np.testing.assert_allclose(stack.params(number), alone(run, steps), rtol=0, atol=1e-8)


@pytest.mark.parametrize(("function", "momentum"), FUNCTIONS)
def test_twenty_steps_are_those_of_the_trainer_in_float32(function: str, momentum: float) -> None:
    """The same seed holds the same images aside, shows them in the same order and lowers the rate alike."""
    config = replace(CONFIG, batch_size=18, momentum=momentum)
    for run, mine in zip(made := runs(function, config), trained(made), strict=True):
        *_, last = Trainer(run.model(DATA.classes), DATA, run.config).run()
        assert isinstance(last, RunFinished)
        assert mine.reason is Reason.COMPLETED
        np.testing.assert_allclose(mine.params, last.model.params, rtol=0, atol=1e-5)
        assert mine.validation.accuracy == last.model.record.history[-1].validation_accuracy  # type: ignore[index]
        assert mine.validation.loss == pytest.approx(last.model.record.history[-1].validation_loss, abs=1e-4)  # type: ignore[index]


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_a_network_that_stops_early_leaves_with_its_best_weights(momentum: float) -> None:
    """Labels that mean nothing are learned by heart, one network sooner than the other."""
    labels = np.random.default_rng(1).integers(0, 3, len(DATA)).astype(np.uint8)
    data = replace(DATA, labels=labels)
    made = runs("tanh", replace(CONFIG, epochs=6, patience=2, schedule="constant", momentum=momentum))[:5]
    found = trained(made, data)
    for run, mine in zip(made, found, strict=True):
        *_, last = Trainer(run.model(data.classes), data, run.config).run()
        assert isinstance(last, RunFinished)
        history = last.model.record.history or ()
        assert (mine.reason, mine.epochs) == (last.reason, len(history))
        assert mine.validation.loss == pytest.approx(min(done.validation_loss for done in history), abs=1e-3)
    assert len({item.epochs for item in found}) > 1


def test_images_with_channels_are_read_in_the_order_of_the_network() -> None:
    images = np.random.default_rng(0).integers(0, 256, (120, 3, 4, 2)).astype(np.uint8)
    data = Dataset("colours", images, blobs(120).labels, DATA.classes)
    run = Run(0, dense((4,), "tanh", data), CONFIG, "isometric")
    (mine,) = trained([run], data)
    *_, last = Trainer(run.model(data.classes), data, run.config).run()
    assert isinstance(last, RunFinished)
    np.testing.assert_allclose(mine.params, last.model.params, rtol=0, atol=1e-5)


@pytest.mark.parametrize("function", ["relu", "leaky_relu", "sigmoid"])
@pytest.mark.parametrize("rate", [100.0, 1e6, 1e11])  # of a run at most 100
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_network_that_diverges_does_not_touch_its_neighbour(
    function: str, rate: float, momentum: float
) -> None:
    """Both lie in one square, where the neighbour's products multiply its numbers by zeros."""
    made = runs(function, replace(CONFIG, momentum=momentum))[-4:]
    places = pack([chain(run) for run in made]).places
    assert places[0].square == places[1].square
    calm, wild = stack_of(made), stack_of(made)
    wild._rates[places[1].square, places[1].member] = rate
    with np.errstate(all="raise", under="ignore"):
        steps_of(calm, 15, momentum)
    steps_of(wild, 15, momentum)
    assert wild.diverged <= {1}
    assert function == "sigmoid" or wild.diverged == {1}
    for number in (0, 2, 3):
        assert np.array_equal(calm.params(number), wild.params(number))


def test_diverged_runs_are_told_and_the_others_go_on() -> None:
    made = runs("relu", replace(CONFIG, epochs=2))
    for number in (6, 7):
        made[number] = replace(made[number], config=replace(made[number].config, learning_rate=100.0))
    found = trained(made)
    assert [item.run.number for item in found if item.reason is Reason.DIVERGED] == [6, 7]
    assert all(item.epochs == (1 if item.reason is Reason.DIVERGED else 2) for item in found)
    assert np.isnan(found[6].validation.accuracy)


def test_chains_are_recognised_by_what_they_compute() -> None:
    spec = ModelSpec((Flatten(), Dense(5), Activation("relu"), Dense(4, "softmax")))
    assert chain_of(spec) == chain_of(ModelSpec((Flatten(), Dense(5, "relu"), Dense(4))))
    others = [
        (Flatten(), Dense(4)),  # no hidden layer
        (Flatten(), Dense(5, "relu"), Dense(5, "tanh"), Dense(4)),
        (Flatten(), Dense(5, "relu", bias=False), Dense(4)),
        (Flatten(), Dense(5, "relu"), Dense(4, "sigmoid")),
        (Flatten(), Dense(5, "softmax"), Dense(4)),
    ]
    assert [chain_of(ModelSpec(layers)) for layers in others] == [None] * len(others)


def test_what_a_stack_cannot_do_is_trained_otherwise() -> None:
    run = runs("relu")[3]
    assert stack_key(run) is not None
    for change in (
        {"nesterov": True},
        {"optimizer": "adam"},
        {"loss": "mse"},
        {"mixup": 0.2},
        {"drawings": 0.5},
    ):
        assert stack_key(replace(run, config=replace(run.config, **change))) is None  # type: ignore[arg-type]
    same = replace(run, config=replace(run.config, learning_rate=0.5))
    assert stack_key(same) == stack_key(run)
    assert stack_key(replace(run, config=replace(run.config, seed=9))) != stack_key(run)


def test_squares_are_full_and_parts_even() -> None:
    chains = [
        Chain(784, (w,) * d, 10, chain(runs("relu")[0]).activation)
        for d in range(1, 20)
        for w in range(1, 20)
    ]
    packing = pack(chains)
    assert (packing.side, packing.members, len(packing.depths)) == (20, 2, 190)
    assert list(packing.depths) == sorted(packing.depths)
    parts = shares(chains, 2)
    assert sorted(parts[0] + parts[1]) == list(range(361))
    work = [sum(chains[i].macs for i in part) for part in parts]
    assert max(work) < 1.02 * min(work)
    assert side_class(Chain(4, (33, 2), 3, chains[0].activation)) == 40
