"""Batch norm folded into weights: fewer layers, the same answers."""

from __future__ import annotations

import numpy as np
import pytest

from engine.nn.layers import Activation, BatchNorm, Conv2D, Dense, DepthwiseConv2D, Flatten, MaxPool2D
from engine.nn.predictor import Predictor
from engine.nn.presets import PRESETS
from engine.nn.specs import LayerSpec, ModelSpec
from engine.quantize.fold_batch_norm import fold
from engine.quantize.network import untrained_quantization
from tests.engine.quantize.test_network import images_for, random_model


def linear(*layers: LayerSpec) -> tuple[LayerSpec, ...]:
    return (*layers, Flatten(), Dense(3))


FOLDED = [
    (linear(Conv2D(3, 3, activation="linear", bias=False), BatchNorm(), Activation("relu")), 1),
    (linear(Conv2D(3, 3, activation="linear"), BatchNorm(), BatchNorm()), 2),
    (linear(DepthwiseConv2D(3, activation="linear", bias=False), BatchNorm()), 1),
    ((Flatten(), Dense(4, "linear", bias=False), BatchNorm(), Dense(3)), 1),
    (linear(Conv2D(3, 3, activation="relu"), BatchNorm()), 0),
    (linear(Conv2D(3, 3, activation="linear"), MaxPool2D(2), BatchNorm()), 0),
    (linear(BatchNorm(), Conv2D(3, 3, activation="linear")), 0),
]


@pytest.mark.parametrize(("layers", "count"), FOLDED)
def test_a_folded_network_gives_the_same(layers: tuple[LayerSpec, ...], count: int) -> None:
    model = random_model(ModelSpec(layers, (6, 6, 2)))
    folded = fold(model)
    images = images_for(model.spec, 8)
    assert len(model.spec.layers) - len(folded.spec.layers) == count
    assert (folded is model) == (count == 0)
    expected, found = (Predictor(m, 8).logits(images) for m in (model, folded))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_no_preset_keeps_a_batch_norm(preset: object) -> None:
    model = random_model(preset.build(10))  # type: ignore[attr-defined]
    folded = fold(model)
    assert all(p.trainable for row in folded.spec.rows() for p in row.layer.params(row.in_shape).values())
    images = images_for(model.spec, 4)
    expected, found = (Predictor(m, 4).logits(images) for m in (model, folded))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_a_folded_network_needs_ranges_of_its_own() -> None:
    model = random_model(ModelSpec(FOLDED[0][0], (6, 6, 2)))
    assert fold(model.replace(quantization=untrained_quantization(model.spec))).quantization is None
