"""Exported C gives what the engine gives, for every layer, any geometry, several compilers, C and C++."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.data import Catalogue
from engine.errors import SpecError
from engine.export import make_vectors
from engine.export.vectors import agree
from engine.nn.layers import LAYERS, Activation, BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.nn.specs import LayerSpec, ModelSpec
from engine.storage import model_file
from tests.engine.export.programs import (
    C99,
    CAMPAIGN,
    CPP,
    SANITIZED,
    STRICT,
    Answer,
    compiler,
    fault_of,
    random_model,
    run_models,
    vectors_of,
)
from tests.engine.helpers import ALL_INSTANCES, CASES, network_around, share

VECTORS = 2
ROUTES = {  # three take all networks, the other a few: clang takes half of the time
    "clang": (("clang", *C99, "-O0"), (0, 2)),
    "clang++": (("clang++", *CPP, "-O0"), (1, 4)),
    "g++": (("g++", *CPP, "-O0"), (1, 12)),
    "sanitizers": (("gcc", *C99, *SANITIZED), (3, 4)),
}


def assert_agree(models: list[Model], vectors: list, answers: list[Answer]) -> None:
    faults = [
        f"{model.spec}: {fault}"
        for model, v, a in zip(models, vectors, answers, strict=True)
        if (fault := fault_of(model, v, a))
    ]
    assert not faults, f"{len(faults)} networks differ:\n" + "\n".join(faults[:5])


def networks() -> list[ModelSpec]:
    """Return one network per layer and shape; every fourth goes on with a dense layer."""
    bare = [network_around(layer, shape, probe=False) for layer, shape in CASES]
    bare[::4] = [ModelSpec((*spec.layers, Dense(3, "tanh")), spec.input_shape) for spec in bare[::4]]
    return bare


@pytest.mark.parametrize("route", ROUTES)
def test_every_layer_in_every_geometry(route: str, tmp_path: Path) -> None:
    (program, *flags), part = ROUTES[route]
    every = networks()
    specs = [*(every[n] for n in share(*part)), *MERGING]
    tested = {type(layer) for spec in specs for layer in spec.layers}
    assert tested == set(LAYERS.values())
    models = [random_model(spec, seed) for seed, spec in enumerate(specs)]
    vectors = vectors_of(models, VECTORS)
    answers = run_models(models, vectors, (compiler(program), *flags, *STRICT), tmp_path)
    assert_agree(models, vectors, answers)


def chain(rng: np.random.Generator) -> ModelSpec:
    """Return a random network of up to seven layers."""
    shape = (int(rng.integers(1, 12)), int(rng.integers(1, 12)), int(rng.integers(1, 7)))
    layers: list[LayerSpec] = []
    length = rng.integers(2, 8)
    while len(layers) < length:
        layer = ALL_INSTANCES[rng.integers(len(ALL_INSTANCES))]
        try:
            ModelSpec((*layers, layer, Flatten()), shape).rows()
        except SpecError:
            continue
        layers.append(layer)
    return ModelSpec((*layers, Flatten()), shape)


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=CAMPAIGN)])
def test_random_networks(count: int, tmp_path: Path) -> None:
    seed = int(np.random.default_rng().integers(1 << 32))
    print(f"seed {seed}")  # noqa: T201 - pytest shows it when the test fails
    rng = np.random.default_rng(seed)
    models = [random_model(chain(rng), i) for i in range(count)]
    vectors = vectors_of(models, VECTORS)
    answers = run_models(models, vectors, (compiler("clang"), *C99, *STRICT, "-O0"), tmp_path)
    assert_agree(models, vectors, answers)


def small(*layers: LayerSpec) -> ModelSpec:
    return ModelSpec(layers, (6, 5, 2))


PLAIN = Conv2D(5, 3, activation="linear", bias=False)
MERGING = [
    small(PLAIN, BatchNorm(), Activation("relu"), MaxPool2D(2), Flatten(), Dense(3)),
    small(PLAIN, MaxPool2D(2), BatchNorm(), Activation("tanh"), Flatten()),  # a scale may be negative
    small(PLAIN, BatchNorm(), BatchNorm(), Flatten()),
    small(PLAIN, Activation("softmax"), MaxPool2D(2), Flatten()),
    small(PLAIN, MaxPool2D(2), MaxPool2D(2), Flatten()),
    small(Conv2D(5, 3), BatchNorm(), Flatten()),
    small(Conv2D(5, 3), Activation("sigmoid"), Activation("tanh"), Flatten()),
    small(PLAIN, Flatten(), BatchNorm(), Activation("relu"), Dense(3)),
    small(Flatten(), BatchNorm(), Dense(4, bias=False), BatchNorm(), Dense(3, "softmax")),
    small(Flatten(), Activation("softmax")),
    small(Flatten(), Dropout(), Activation("relu")),
    small(Dropout(), Flatten()),
    small(Flatten(), Flatten(), Dense(3)),
    ModelSpec((Flatten(),), (1, 1, 3)),
    ModelSpec((BatchNorm(), Activation("relu"), Flatten()), (2, 2, 3)),
]
WHOLE = [preset.build(10) for preset in PRESETS.values()]


@pytest.mark.parametrize(
    ("specs", "program", "flags"),
    [
        ([*MERGING[::4], *WHOLE[::3]], "gcc", ("-O2",)),
        ([*MERGING[1::4], *WHOLE[1::3]], "clang", ("-O3",)),
    ],
    ids=["gcc -O2", "clang -O3"],
)
def test_merged_layers_and_presets(
    specs: list[ModelSpec], program: str, flags: tuple[str, ...], tmp_path: Path
) -> None:
    models = [random_model(spec, seed) for seed, spec in enumerate(specs)]
    vectors = vectors_of(models, VECTORS)
    answers = run_models(models, vectors, (compiler(program), *C99, *STRICT, *flags), tmp_path)
    assert_agree(models, vectors, answers)


def test_outputs_are_the_same_to_the_bit_at_every_level(tmp_path: Path) -> None:
    model = random_model(PRESETS["separable-cnn"].build(10))
    vectors = vectors_of([model], 5)
    results = []
    for program, level in (("gcc", "-O3"), ("clang", "-Os"), ("clang", "-O0")):
        (answer,) = run_models([model], vectors, (compiler(program), *C99, *STRICT, level), tmp_path)
        results.append(answer.outputs.tobytes())
    assert len(set(results)) == 1


@pytest.mark.parametrize("name", ["digits", "characters"])
def test_shipped_models_on_real_images(name: str, data_dir: Path, tmp_path: Path) -> None:
    path = Path(__file__).resolve().parents[3] / "resources" / "models" / f"{name}.tinyml"
    if not path.is_file():
        pytest.skip(f"resources/models/{name}.tinyml has not been trained yet")
    model = model_file.load(path)
    data = Catalogue([data_dir]).load({"digits": "mnist", "characters": "emnist"}[name], "test")
    vectors = make_vectors(model, 1000, data)
    (answer,) = run_models([model], [vectors], (compiler("gcc"), *C99, *STRICT, "-O2"), tmp_path)
    assert agree(answer.outputs, vectors.outputs).all()
    assert_agree([model], [vectors], [answer])
