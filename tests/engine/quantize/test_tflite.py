"""Single layers against TensorFlow Lite: it rounds once where microcontrollers round twice, so 1 is fine."""

from __future__ import annotations

import numpy as np
import pytest

from engine.nn.layers import (
    Activation,
    AvgPool2D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
)
from engine.nn.specs import LayerSpec, ModelSpec
from engine.quantize.network import integer_network
from tests.engine.quantize.test_network import images_for, quantized, random_model

tflite_ops = pytest.importorskip("tests.engine.quantize.tflite_ops", reason="ai-edge-litert is not installed")

IMAGE = (9, 8, 5)
EXACT = (AvgPool2D(2), MaxPool2D(3), GlobalAvgPool2D())
LAYERS: tuple[LayerSpec, ...] = (
    Conv2D(4, 3),
    Conv2D(7, 5, stride=2, activation="linear"),
    Conv2D(3, 2, padding="valid", activation="relu6"),
    Conv2D(16, 1),
    DepthwiseConv2D(3),
    DepthwiseConv2D(4, stride=3, activation="linear"),
    DepthwiseConv2D(2, padding="valid"),
    Activation("tanh"),
    Activation("sigmoid"),
    *EXACT,
)
FLAT = (Dense(7), Dense(30, "relu"), Activation("softmax"), Activation("tanh"))


def calls_of(*layers: LayerSpec):
    spec = ModelSpec(layers, IMAGE)
    images = images_for(spec, 20)
    model = quantized(random_model(spec), images)
    stages = integer_network(model).stages
    return [stage.call for stage in stages if type(stage.call) in tflite_ops.OPERATIONS]


def differences(call: object) -> np.ndarray:
    shape = (20, *call.in_shape)  # type: ignore[attr-defined]
    x = np.random.default_rng(3).integers(-128, 128, shape).astype(np.int8)
    ours, theirs = call.run(x), tflite_ops.run_tflite(call, x)  # type: ignore[attr-defined]
    return np.abs(ours.astype(int) - theirs.astype(int))


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_images(layer: LayerSpec) -> None:
    (call,) = calls_of(layer, Flatten())[:1]
    found = differences(call)
    assert found.max() <= (0 if layer in EXACT else 1)
    assert found.mean() < 0.1


@pytest.mark.parametrize("layer", FLAT, ids=repr)
def test_vectors(layer: LayerSpec) -> None:
    (call,) = calls_of(Flatten(), layer)[:1]
    found = differences(call)
    assert found.max() <= 1
    assert found.mean() < 0.1
