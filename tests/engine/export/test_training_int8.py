"""The last layers learn behind others in int8: the same bits before, the same steps behind."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ExportError, QuantizationError
from engine.export import ExportOptions, export_model, write_files
from engine.export.training import head_inputs, head_model
from engine.export.vectors import make_vectors
from engine.nn.layers import Activation, BatchNorm, Conv2D, Dense, DepthwiseConv2D, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.presets import PRESETS
from engine.nn.specs import LayerSpec, ModelSpec
from engine.quantize.calibrate import calibrate
from tests.engine.export.learners import (
    Lessons,
    as_on_a_device,
    in_order_of_c,
    learn_in_c,
    learn_in_engine,
    training_memory,
)
from tests.engine.export.programs import C99, CPP, SANITIZED, STRICT, build, compiler, facts_of, random_model


def quantized(spec: ModelSpec, seed: int = 0) -> Model:
    model = random_model(spec, seed)
    images = make_vectors(model, 20).images
    return model.replace(quantization=calibrate(model, images))


def small(*layers: LayerSpec) -> ModelSpec:
    return ModelSpec(layers, (9, 8, 2))


def with_head(model: Model, head: ModelSpec, params: np.ndarray) -> np.ndarray:
    """Return the parameters of `model`, the last layers' from those of `head`."""
    layout, whole = ParamLayout(head), model.params.copy()
    shift = len(model.spec.layers) - len(head.layers)
    for view in layout.views:
        ParamLayout(model.spec).layer(view.layer + shift, whole)[view.name][...] = view.of(params)
    return whole


NETWORKS = {
    "a flattened image": (small(Conv2D(4, 3), MaxPool2D(2), Flatten(), Dense(5, "relu"), Dense(3)), 2),
    "a vector": (small(Conv2D(4, 3), Flatten(), Dense(6, "tanh"), Dense(3, "sigmoid")), 1),
    "an image": (small(Conv2D(4, 3), DepthwiseConv2D(3), Conv2D(5, 2), MaxPool2D(2), Flatten(), Dense(3)), 3),
    "batch norm": (
        small(
            Conv2D(4, 3),
            Conv2D(4, 3, activation="linear"),
            BatchNorm(),
            Activation("relu"),
            Flatten(),
            Dense(3),
        ),
        2,
    ),
    "a softmax at the end": (small(Conv2D(3, 3), Flatten(), Dense(4), Dense(3, "softmax")), 2),
}
PROGRAMS = [
    ("gcc", *C99, "-O2"),
    ("g++", *CPP, "-O1"),
    ("gcc", *C99, *SANITIZED),
]


@cache
def model_of(name: str) -> Model:
    """Return a network of `NETWORKS`, quantized."""
    return quantized(NETWORKS[name][0])


@pytest.mark.parametrize("command", PROGRAMS, ids=" ".join)
@pytest.mark.parametrize("name", NETWORKS)
def test_learns_as_the_engine_does_behind_the_same_int8(
    name: str, command: tuple[str, ...], tmp_path: Path
) -> None:
    spec, trained = NETWORKS[name]
    model = model_of(name)
    lessons = Lessons.random(spec, 4, 0.02)
    program = (compiler(command[0]), *command[1:], *STRICT)
    (learned,) = learn_in_c([model], [lessons], program, tmp_path, trained, "c-int8")
    whole = as_on_a_device(model)
    head = head_model(whole, trained)
    losses, states = learn_in_engine(head, lessons, inputs=head_inputs(model, trained, lessons.images))
    np.testing.assert_allclose(learned.losses, losses, rtol=1e-5, atol=1e-6)
    for found, expected in ((learned.first, states[1]), (learned.last, states[-1])):
        params = with_head(whole, head.spec, expected)
        np.testing.assert_allclose(found, in_order_of_c(whole, params, trained), rtol=1e-5, atol=1e-5)
    assert learned.best == learned.scores.argmax() == learned.outputs.argmax()


def test_the_selftest_knows_what_the_header_gives(tmp_path: Path) -> None:
    name = "a flattened image"
    options = ExportOptions("net", test_vectors=20, training=True, train_layers=NETWORKS[name][1])
    write_files(tmp_path, export_model(model_of(name), "c-int8", options))
    build([compiler("gcc"), *C99, *STRICT, "-O2"], [tmp_path / "net_selftest.c"], tmp_path / "test")
    assert subprocess.run([tmp_path / "test"], check=False).returncode == 0


def test_learning_adds_little_memory_to_an_int8_network() -> None:
    """LeNet's last layer learns in the arena that its int8 network has anyway."""
    model = quantized(PRESETS["lenet"].build())
    plain = facts_of(model, "c-int8").arena_bytes
    options = ExportOptions(training=True, train_layers=1)
    weights = 4 * (84 + 1) * 10
    assert training_memory(model, options, body_in_int8=True) == plain + weights + 8
    assert (
        training_memory(model.replace(quantization=None), options, body_in_int8=True) == plain + weights + 8
    )
    assert training_memory(model, options) > plain + weights + 8


@pytest.mark.parametrize("trained", [0, 9])
def test_something_must_be_left_in_int8(trained: int) -> None:
    model = model_of("a vector")
    options = ExportOptions(training=True, train_layers=trained, test_vectors=0)
    with pytest.raises(ExportError, match=r"let fewer of the last layers learn \(.*--train-layers\), for"):
        export_model(model, "c-int8", options)


def test_a_model_that_is_not_quantized_is_refused() -> None:
    model = random_model(NETWORKS["a vector"][0])
    with pytest.raises(QuantizationError):
        export_model(model, "c-int8", ExportOptions(training=True, train_layers=1))


def test_too_little_memory_is_refused_beforehand() -> None:
    model = random_model(NETWORKS["a vector"][0])
    need = training_memory(model, ExportOptions(training=True))
    with pytest.raises(
        ExportError, match=f"Learning needs {need:,} bytes of RAM, above the limit of {need - 1:,}"
    ):
        export_model(model, "c-float32", ExportOptions(training=True, ram_limit=need - 1))
    assert export_model(model, "c-float32", ExportOptions(training=True, ram_limit=need))
