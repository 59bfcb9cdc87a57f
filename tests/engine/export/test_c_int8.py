"""Exported int8 C gives the engine's bits: every layer, random networks, compilers, levels, sanitizers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.data import Catalogue
from engine.export import ExportOptions, export_model, write_files
from engine.export.options import VARIANTS
from engine.formats.tflite_files.micro import exponentials, mean_multiplier
from engine.int8.arithmetic import Affine
from engine.int8.calls import IntegerCall
from engine.int8.integers import GivenSum, LayerIntegers
from engine.nn.activations import PROBABILITY
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
    PReLU,
    Upsample2D,
)
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.nn.spec_json import spec_from_json
from engine.nn.specs import ModelSpec
from engine.quantize.calibrate import calibrate
from engine.quantize.network import integer_network
from engine.shapes import Shape
from engine.storage import model_file
from tests.engine.export.int8_programs import Case, cases_of, headers_of, quantized, run_cases
from tests.engine.export.programs import C99, CAMPAIGN, CPP, SANITIZED, STRICT, build, compiler
from tests.engine.export.stages.geometries import overlapping
from tests.engine.export.test_c_float32 import MERGING, chain, networks
from tests.engine.helpers import CASES, network_around, share

VECTORS = 4
TRAPPED = ("-O0", "-fsanitize=undefined", "-fsanitize-trap=all")  # needs no library
WHOLE = [preset.build(10) for preset in PRESETS.values()]


def spec(shape: Shape, *layers: object) -> ModelSpec:
    return ModelSpec(layers, shape)  # type: ignore[arg-type]


IMAGE = (9, 7, 3)
GEOMETRIES = [
    spec((1, 1, 1), Flatten(), Dense(1)),
    spec((1, 1, 5), Conv2D(3, 1), Flatten()),
    spec((1, 9, 2), Conv2D(3, 3), MaxPool2D(1), Flatten(), Dense(2)),
    spec(IMAGE, MaxPool2D(2), Conv2D(4, 3), Flatten(), Dense(3)),
    spec(IMAGE, AvgPool2D(2), Conv2D(4, 3, activation="tanh"), MaxPool2D(2), Flatten(), Dense(3)),
    spec(IMAGE, BatchNorm(), Conv2D(4, 2, stride=2), AvgPool2D(2), Flatten(), Dense(3)),
    spec(IMAGE, Activation("leaky_relu"), Conv2D(5, 3, padding="valid"), GlobalAvgPool2D()),
    spec(IMAGE, Flatten(), BatchNorm(), Dense(7, "leaky_relu"), Dense(3, "sigmoid")),
    spec(IMAGE, GlobalAvgPool2D(), Activation("softmax")),
    spec(IMAGE, GlobalAvgPool2D(), BatchNorm(), Dense(5, "relu6"), Dense(2, "softmax")),
    spec(
        IMAGE,
        DepthwiseConv2D(3),
        DepthwiseConv2D(3, stride=2),
        DepthwiseConv2D(3, padding="valid"),
        Flatten(),
    ),
    spec((8, 8, 8), DepthwiseConv2D(5, activation="tanh"), DepthwiseConv2D(2), Conv2D(8, 1), Flatten()),
    spec((8, 8, 6), Conv2D(6, 1), Conv2D(12, 1), Conv2D(3, 3), Conv2D(7, 5), MaxPool2D(3), Flatten()),
    spec((7, 7, 4), Conv2D(9, 3), AvgPool2D(7), Flatten(), Dense(11), Dense(4)),
    spec((13, 5, 1), Conv2D(4, 3, stride=3), Conv2D(3, 3, stride=2), Flatten(), Dense(2)),
    spec((6, 6, 2), Conv2D(3, 3, activation="sigmoid"), MaxPool2D(3), Flatten(), Activation("softmax")),
    spec((6, 6, 2), Dropout(), Flatten()),
    spec((1, 1, 3), Flatten()),
    spec(
        (5, 4, 3),
        *(Upsample2D(3), PReLU(), Conv2D(4, 3), PReLU(), MaxPool2D(2), Upsample2D(), Flatten(), PReLU()),
        Dense(3),
    ),
]
FOUND = Path(__file__).parent / "cases"
OVERLAPPING = [  # a convolution with pooling that could write over rows its last pools still read
    spec_from_json(json.loads((FOUND / f"int8-overlap-{name}.json").read_text()))
    for name in ("minimal", "natural")
]
GIVEN = spec((4, 7, 5), GlobalAvgPool2D(), Activation("softmax"))
FEW = [*OVERLAPPING, *GEOMETRIES, *MERGING]


def test_every_kind_of_integer_call_has_code() -> None:
    of_each_kind = {type(layer): network_around(layer, shape, probe=False) for layer, shape in CASES}
    cases = [*cases_of([*FEW, *of_each_kind.values()], 1), Case.of(given_integers(), one_image(GIVEN))]
    made = {type(stage.call) for one in cases for stage in integer_network(one.model).stages}
    kinds = {cls for cls in all_subclasses(IntegerCall) if cls.__module__.startswith("engine.")}
    assert {cls for cls in kinds if not all_subclasses(cls)} <= made
    assert all(cls.code is not IntegerCall.code for cls in made)


def given_integers() -> Model:
    """Return a network whose integers another program chose, with the two calls that only such ones have."""
    mean, plain = Affine(0.05, -100), quantized(GIVEN)
    assert plain.quantization is not None
    multiplier, shift = mean_multiplier(plain.quantization.source, mean, 28)
    sums = GivenSum((1.0,), (0,), (multiplier,), (shift,))
    integers = (LayerIntegers(mean, sums), LayerIntegers(PROBABILITY, table=exponentials(mean)))
    layers = plain.quantization.layers
    given = [replace(ranges, integers=one) for ranges, one in zip(layers, integers, strict=True)]
    return plain.replace(quantization=replace(plain.quantization, layers=tuple(given)))


def one_image(network: ModelSpec) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (6, *network.input_shape), np.uint8)


def test_integers_that_are_given_are_computed_in_c(tmp_path: Path) -> None:
    run_cases([Case.of(given_integers(), one_image(GIVEN))], [compiler("cc"), *C99, *STRICT], tmp_path)


def all_subclasses(cls: type) -> set[type]:
    return {cls_ for direct in cls.__subclasses__() for cls_ in ({direct} | all_subclasses(direct))}


def test_every_layer_in_every_geometry(tmp_path: Path) -> None:
    specs = networks()
    assert {type(layer) for one in specs for layer in one.layers} == set(LAYERS.values())
    run_cases(cases_of([*specs, *FEW], VECTORS), (compiler("clang"), *C99, *STRICT, *TRAPPED), tmp_path)


def test_nothing_outside_is_touched(tmp_path: Path) -> None:
    every = networks()
    specs = [*(every[n] for n in share(0, 4)), *FEW]
    run_cases(cases_of(specs, VECTORS), (compiler("gcc"), *C99, *STRICT, *SANITIZED), tmp_path)


MANY = [(40, "fast"), *(pytest.param(1000, variant, marks=CAMPAIGN) for variant in VARIANTS)]


@pytest.mark.parametrize(("count", "variant"), MANY)
def test_random_networks(count: int, variant: str, tmp_path: Path) -> None:
    """Every second one has feature maps that share memory; `test_memory` runs many more of these."""
    seed = int(np.random.default_rng().integers(1 << 32))
    print(f"seed {seed}")  # noqa: T201 - pytest shows it when the test fails
    rng = np.random.default_rng(seed)
    cases = cases_of(((overlapping if i % 2 else chain)(rng) for i in range(count)), VECTORS)
    for start in range(0, count, 200):
        command = (compiler("clang"), *C99, *STRICT, "-O0")
        run_cases(cases[start : start + 200], command, tmp_path, variant=variant)


@pytest.mark.parametrize("variant", VARIANTS[1:])
def test_variants_give_the_same_bits(variant: str, tmp_path: Path) -> None:
    command = (compiler("clang"), *C99, *STRICT, "-O0")
    run_cases(cases_of(FEW, VECTORS), command, tmp_path, variant=variant)


ROUTES = {
    "gcc -O2": ("gcc", *C99, "-O2"),
    "gcc -O3": ("gcc", *C99, "-O3", "-funsigned-char"),
    "gcc freestanding": ("gcc", *C99, "-O2", "-ffreestanding"),
    "g++": ("g++", *CPP, "-Os"),
    "clang -Os": ("clang", *C99, "-Os"),
    "clang -O3": ("clang", *C99, "-O3"),
    "clang++": ("clang++", *CPP, "-O2"),
    "no extensions": ("gcc", *C99, "-O1", "-include", "plain.h"),
}
VARIANT = {"g++": "compact", "gcc -O3": "small", "clang -Os": "compact"}  # of the networks of a route
PLAIN = "#include <stdint.h>\n#include <stdio.h>\n#undef __GNUC__\n"  # then extensions are not used
ALSO = {"gcc -O2": WHOLE[::4], "clang -O3": WHOLE[1::4]}


@pytest.mark.parametrize("route", ROUTES)
def test_compilers_and_levels(route: str, tmp_path: Path) -> None:
    program, *flags = ROUTES[route]
    turn = list(ROUTES).index(route)
    specs = [*FEW[turn % 4 :: 4], *ALSO.get(route, ())]  # a quarter, in turns: compiling is what costs time
    (tmp_path / "plain.h").write_text(PLAIN)
    command = (compiler(program), f"-I{tmp_path}", *flags, *STRICT)
    run_cases(cases_of(specs, VECTORS), command, tmp_path, variant=VARIANT.get(route, "fast"))


SHIPPED = {"digits": "mnist", "characters": "emnist"}
COMPILED = {
    "gcc -O0": ("gcc", "-O0"),
    "gcc -O2": ("gcc", "-O2"),
    "gcc -Os": ("gcc", "-Os"),
    "clang -O0": ("clang", "-O0"),
    "clang -Os": ("clang", "-Os"),
    "clang -O3": ("clang", "-O3"),
    "sanitizers": ("gcc", *SANITIZED),
    "clang, undefined behaviour": ("clang", *TRAPPED),
}
# The presets take these routes with random weights: trained ones need one more, and once the sanitizers.
USUAL = {
    ("digits", "gcc -O2"): 2000,
    ("characters", "clang -O3"): 2000,
    ("digits", "sanitizers"): 100,
}
EVERY = 10_000
TURNS = [(*turn, count) for turn, count in USUAL.items()] + [
    pytest.param(model, route, EVERY, marks=CAMPAIGN) for model in SHIPPED for route in COMPILED
]


@pytest.mark.parametrize(("name", "route", "count"), TURNS)
def test_shipped_models_on_test_images(
    name: str, route: str, count: int, data_dir: Path, tmp_path: Path
) -> None:
    model = model_file.load(Path(__file__).resolve().parents[3] / "resources" / "models" / f"{name}.tinyml")
    catalogue = Catalogue([data_dir])
    if model.quantization is None:
        images = catalogue.load(SHIPPED[name], "train").images[:500]
        model = model.replace(quantization=calibrate(model, images))
    images = catalogue.load(SHIPPED[name], "test").images[:count]
    program, *flags = COMPILED[route]
    run_cases([Case.of(model, images)], (compiler(program), *C99, *STRICT, *flags), tmp_path)


def test_avr_takes_the_header_without_a_warning(tmp_path: Path) -> None:
    for number, one in enumerate([*GEOMETRIES[::3], PRESETS["genann-2x19"].build(10)]):
        write_files(tmp_path, export_model(quantized(one), "c-int8", ExportOptions("net", 2)), overwrite=True)
        for flags in (("-x", "c", *C99), CPP)[: 1 + (number % 3 == 0)]:
            command = [compiler("avr-gcc"), "-mmcu=atmega2560", *flags, *STRICT, "-Os", "-c"]
            build(command, [tmp_path / "net_selftest.c"], tmp_path / f"net{number}.o")


ARM = ("-mthumb", "-mfloat-abi=soft", *C99, *STRICT, "-ffreestanding", "-c")


@pytest.mark.parametrize(("core", "levels"), [("cortex-m0plus", ("-O3",)), ("cortex-m4", ("-O0", "-Os"))])
def test_arm_needs_nothing_but_arithmetic_at_every_level(
    core: str, levels: Sequence[str], tmp_path: Path
) -> None:
    specs = [*GEOMETRIES[6:13], PRESETS["tinyml-cnn"].build(10)]
    models = [quantized(one) for one in specs]
    for level in levels:
        command = [compiler("arm-none-eabi-gcc"), f"-mcpu={core}", *ARM, level]
        (tmp_path / "all.h").write_text(headers_of(models, command), encoding="utf-8")
        (tmp_path / "all.c").write_text('#include "all.h"\n')
        build(command, [tmp_path / "all.c"], tmp_path / "all.o")
        listed = subprocess.run(["nm", "-u", tmp_path / "all.o"], capture_output=True, text=True, check=True)
        missing = {line.split()[-1] for line in listed.stdout.splitlines()}
        assert {name for name in missing if not name.startswith(("__aeabi_", "__gnu_"))} == set(), level
