"""Presets: the ones that the contract names, with the sizes that it states."""

from __future__ import annotations

import numpy as np
import pytest

from engine.nn.layers import Activation, AvgPool2D, Dense
from engine.nn.losses import LOSSES
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.nn.presets import PRESETS, Preset
from engine.shapes import describe_shape

presets = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)


def test_promised_presets_exist() -> None:
    assert {"mlp-32-32", "lenet", "lenet-tinyml", "tinyml-cnn", "genann-2x19"} <= set(PRESETS)


@presets
def test_preset_is_described(preset: Preset) -> None:
    assert PRESETS[preset.name] is preset
    assert preset.title
    assert preset.doc
    assert preset.loss in LOSSES


@presets
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (20, 28, 1)], ids=describe_shape)
@pytest.mark.parametrize("classes", [2, 10, 47])
def test_preset_fits_classes_and_images(preset: Preset, classes: int, shape: tuple[int, ...]) -> None:
    spec = preset.build(classes, shape)
    assert spec.classes == classes
    names = tuple(str(index) for index in range(classes))
    predictor = Predictor(Model.new(spec, names, np.random.default_rng(0)), 2)
    images = np.random.default_rng(1).integers(0, 256, (2, *shape)).astype(np.uint8)
    assert np.isfinite(predictor.probabilities(images)).all()


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("lenet", 107_786, 693_000),
        ("mlp-32-32", 26_506, 26_432),
        ("genann-2x19", 15_495, 15_447),
        ("lenet-tinyml", 112_502, 697_680),
    ],
)
def test_sizes(name: str, parameters: int, macs: int) -> None:
    spec = PRESETS[name].build()
    assert (spec.parameters, spec.macs) == (parameters, macs)


def test_the_network_for_letters_is_small_enough() -> None:
    spec = PRESETS["tinyml-cnn"].build(47)
    assert spec.parameters <= 60_000
    assert spec.macs <= 1_200_000


def test_the_classic_is_all_sigmoid() -> None:
    spec = PRESETS["lenet-tinyml"].build()
    assert sum(isinstance(layer, AvgPool2D) for layer in spec.layers) == 2
    assert [layer.units for layer in spec.layers if isinstance(layer, Dense)] == [120, 120, 10]
    named = [layer for layer in spec.layers if hasattr(layer, "activation")]
    assert {layer.activation for layer in named} == {"sigmoid"}
    assert not any(isinstance(layer, Activation) for layer in spec.layers)
