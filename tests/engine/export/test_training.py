"""Exported code learns as the engine does: every layer, any geometry, several steps, several compilers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import SpecError
from engine.nn.layers import (
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
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.nn.presets import PRESETS
from engine.nn.specs import LayerSpec, ModelSpec
from engine.shapes import Shape, size
from tests.engine.export.learners import (
    Learned,
    Lessons,
    as_on_a_device,
    in_order_of_c,
    learn_in_c,
    learn_in_engine,
)
from tests.engine.export.programs import C99, CAMPAIGN, CPP, SANITIZED, STRICT, compiler, random_model
from tests.engine.helpers import ALL_INSTANCES, CASES, share

TOLERANCE = 1e-5
STEPS = 3
MOST = 2000  # numbers that a dense layer adds up: sums of more differ, by their order, by the tolerance
ROUTES = {  # three take all networks, the others a few: optimizing costs the time
    "clang": (("clang", *C99, "-O0"), (0, 2)),
    "clang++": (("clang++", *CPP, "-O0"), (1, 4)),
    "sanitizers": (("gcc", *C99, *SANITIZED), (3, 4)),
    "clang -O1": (("clang", *C99, "-O1"), (0, 32)),
    "g++ -O2": (("g++", *CPP, "-O2"), (1, 32)),
    "gcc -O1": (("gcc", *C99, "-O1"), (2, 32)),
}


def surrounded(layer: LayerSpec, shape: Shape, turn: int) -> ModelSpec:
    """Return a network in which gradients pass through `layer`; what is before it takes turns."""
    flatten = GlobalAvgPool2D() if size(layer.out_shape(shape)) > MOST else Flatten()
    layers: tuple[LayerSpec, ...]
    if len(shape) == 1:
        before = (Dense(shape[0]), Dense(shape[0], "tanh"), Dropout(0))[turn % 3]
        layers, shape = (Flatten(), before, layer), (1, 1, shape[0])
    else:
        before = (
            Conv2D(shape[-1], 1, activation="linear"),
            DepthwiseConv2D(3, activation="sigmoid"),
            Conv2D(shape[-1], 3, activation="relu"),
            Dropout(0),
        )[turn % 4]
        layers = (before, layer)
    return ModelSpec((*layers, flatten, Dense(3)), shape)


def without_chance(layer: LayerSpec) -> LayerSpec:
    """Return `layer`, but a dropout that drops nothing: each side has a generator of its own."""
    return Dropout(0) if isinstance(layer, Dropout) else layer


def faults(model: Model, lessons: Lessons, learned: Learned) -> list[str]:
    """Return how `learned` differs from what the engine learns."""
    twin = as_on_a_device(model)
    losses, states = learn_in_engine(twin, lessons)
    before, first, last = (in_order_of_c(twin, states[n]) for n in (0, 1, -1))
    answer = Predictor(twin.replace(params=states[-1]))
    found = {
        "loss": (learned.losses, losses),
        "first step": (learned.first - before, first - before),
        "last weights": (learned.last, last),
        "outputs": (learned.outputs, answer.logits(lessons.images[-1:])[0]),
        "scores": (learned.scores, answer.probabilities(lessons.images[-1:])[0]),
    }
    differing = []
    for name, (a, b) in found.items():
        error = np.abs(a - b).max() / max(1.0, np.abs(b).max())
        if not error <= TOLERANCE:
            differing.append(f"{name} {error:.1e}")
    return [f"{model.spec}: {', '.join(differing)}"] if differing else []


def assert_learns_alike(
    specs: list[ModelSpec], command: tuple[str, ...], folder: Path, rate: float = 0.1
) -> None:
    models = [random_model(spec, seed) for seed, spec in enumerate(specs)]
    lessons = [Lessons.random(spec, STEPS, rate, seed) for seed, spec in enumerate(specs)]
    learned = learn_in_c(models, lessons, (compiler(command[0]), *command[1:], *STRICT), folder)
    differing = [f for triple in zip(models, lessons, learned, strict=True) for f in faults(*triple)]
    assert not differing, f"{len(differing)} networks differ:\n" + "\n".join(differing[:5])
    assert all((a.first != in_order_of_c(m, m.params)).any() for m, a in zip(models, learned, strict=True))


@pytest.mark.parametrize("route", ROUTES)
def test_every_layer_in_every_geometry(route: str, tmp_path: Path) -> None:
    command, part = ROUTES[route]
    specs = [surrounded(without_chance(CASES[n][0]), CASES[n][1], n) for n in share(*part)]
    assert {type(layer) for spec in specs for layer in spec.layers} == set(LAYERS.values())
    assert_learns_alike(specs, command, tmp_path)


def small(*layers: LayerSpec) -> ModelSpec:
    return ModelSpec(layers, (6, 5, 2))


PLAIN = Conv2D(5, 3, activation="linear", bias=False)
MERGING = [
    small(PLAIN, BatchNorm(), Activation("relu"), MaxPool2D(2), Flatten(), Dense(3)),
    small(PLAIN, MaxPool2D(2), BatchNorm(), Activation("tanh"), Flatten(), Dense(3)),
    small(PLAIN, BatchNorm(), BatchNorm(), Flatten(), Dense(3, bias=False)),
    small(PLAIN, Activation("softmax"), MaxPool2D(2), Flatten(), Dense(3)),
    small(PLAIN, MaxPool2D(2), MaxPool2D(2), Flatten()),
    small(Conv2D(5, 3), BatchNorm(), Flatten()),
    small(Conv2D(5, 3), Activation("sigmoid"), Activation("tanh"), Flatten()),
    small(PLAIN, Flatten(), BatchNorm(), Activation("relu"), Dense(3)),
    small(Flatten(), BatchNorm(), Dense(4, bias=False), BatchNorm(), Dense(3, "softmax")),
    small(Flatten(), Dense(8, "sigmoid"), Dense(3, "sigmoid")),  # squared error
    small(Flatten(), Dense(3), Activation("softmax")),
    small(BatchNorm(), AvgPool2D(2), Activation("leaky_relu"), GlobalAvgPool2D()),
    small(AvgPool2D(2), DepthwiseConv2D(2, padding="valid"), Activation("relu6"), Flatten()),
    small(Conv2D(3, 2, activation="tanh"), Flatten(), Activation("softmax")),  # not in the order of memory
    small(Conv2D(3, 6, padding="same", activation="softmax"), GlobalAvgPool2D()),
    ModelSpec((Flatten(), Dense(1, "sigmoid")), (1, 1, 1)),
]
WHOLE = [
    ModelSpec(tuple(map(without_chance, spec.layers)), spec.input_shape)
    for spec in (preset.build(10) for preset in PRESETS.values())
]


@pytest.mark.parametrize(
    ("specs", "command"),
    [
        ([*MERGING[::4], *WHOLE[::4]], ("gcc", *C99, "-O2")),
        ([*MERGING[1::4], *WHOLE[1::4]], ("clang", *C99, "-O3")),
        (MERGING, ("gcc", *C99, *SANITIZED)),
    ],
    ids=["gcc -O2", "clang -O3", "sanitizers"],
)
def test_merged_layers_and_presets(specs: list[ModelSpec], command: tuple[str, ...], tmp_path: Path) -> None:
    assert_learns_alike(specs, command, tmp_path, rate=0.03)


def chain(rng: np.random.Generator) -> ModelSpec:
    """Return a random network of up to eight layers, batch norm left out: where it folds differs by place."""
    shape = (int(rng.integers(1, 12)), int(rng.integers(1, 12)), int(rng.integers(1, 7)))
    layers: list[LayerSpec] = []
    length = rng.integers(1, 7)
    while len(layers) < length:
        layer = without_chance(ALL_INSTANCES[rng.integers(len(ALL_INSTANCES))])
        try:
            ModelSpec((*layers, layer, Flatten()), shape).rows()
        except SpecError:
            continue
        if not isinstance(layer, BatchNorm):
            layers.append(layer)
    return ModelSpec((*layers, Flatten(), Dense(3)), shape)


@pytest.mark.parametrize("count", [20, pytest.param(500, marks=CAMPAIGN)])
def test_random_networks(count: int, tmp_path: Path) -> None:
    seed = int(np.random.default_rng().integers(1 << 32))
    print(f"seed {seed}")  # noqa: T201 - pytest shows it when the test fails
    rng = np.random.default_rng(seed)
    assert_learns_alike([chain(rng) for _ in range(count)], ("clang", *C99, "-O0"), tmp_path, rate=0.01)
