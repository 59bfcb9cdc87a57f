"""What the tests of verification share: tiny models of each format, and tools that may be missing."""

from __future__ import annotations

import importlib.util
import shutil

import numpy as np
import pytest

from engine.boards.compilers import find_cross_compiler
from engine.boards.targets import TARGETS
from engine.errors import MissingToolError
from engine.export import make_vectors
from engine.nn.layers import AvgPool2D, BatchNorm, Conv2D, Dense, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.quantize.calibrate import calibrate
from tests.engine.export.programs import random_model

SPEC = ModelSpec(
    (
        Conv2D(3, 3, activation="linear"),
        BatchNorm(),
        MaxPool2D(),
        Conv2D(2, 3),
        AvgPool2D(2),
        Flatten(),
        Dense(5),
        Dense(3, "linear"),
    ),
    (10, 9, 1),
)
EMULATED = [name for name, target in TARGETS.items() if target.runner == "emulator"]


def tiny_model(spec: ModelSpec = SPEC) -> Model:
    """Return a random model, quantized too, whose name must not matter."""
    classes = tuple(f"class {i}" for i in range(spec.classes))
    model = random_model(spec, 1, classes).replace(name='"; /* 数字 */ #error\n')
    images = make_vectors(model, 40).images
    return model.replace(quantization=calibrate(model, images))


def need(target: str, compiler: str | None = None) -> None:
    """Skip the test where a target's tools are not installed."""
    toolchains = TARGETS[target].toolchains
    try:
        if toolchains:
            find_cross_compiler([compiler] if compiler else [t.name for t in toolchains])
    except MissingToolError as error:
        pytest.skip(str(error))
    packages = ("elftools", "unicorn") if target in EMULATED else ("elftools",) if toolchains else ()
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install 'tinyml-studio[verify]'")
    if TARGETS[target].runner == "simavr" and shutil.which("simavr") is None:
        pytest.skip("simavr is not installed")


def noise(seed: int, count: int) -> np.ndarray:
    """Return random bytes."""
    return np.random.default_rng(seed).integers(0, 256, count, dtype=np.uint8)
