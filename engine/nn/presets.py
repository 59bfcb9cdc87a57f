"""Networks to start from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.nn.layers import (
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
from engine.nn.losses import suitable_loss
from engine.nn.specs import LayerSpec, ModelSpec
from engine.shapes import Shape

__all__ = ["PRESETS", "Preset"]

Layers = tuple[LayerSpec, ...]


@dataclass(frozen=True)
class Preset:
    """A named network for any number of classes.

    Attributes
    ----------
    name, title, doc : str
    layers : callable
        ``layers(classes)`` returns the layers for that number of classes.
    """

    name: str
    title: str
    doc: str
    layers: Callable[[int], Layers]

    def build(self, classes: int = 10, input_shape: Shape = (28, 28, 1)) -> ModelSpec:
        """Return the network for `classes` outputs."""
        return ModelSpec(self.layers(classes), input_shape)

    @property
    def loss(self) -> str:
        """The loss that suits its output, a key of `engine.nn.losses.LOSSES`."""
        return suitable_loss(self.build()).name


def _lenet(classes: int) -> Layers:
    return (
        Conv2D(6, 5, activation="relu"),
        MaxPool2D(2),
        Conv2D(16, 5, activation="relu"),
        MaxPool2D(2),
        Flatten(),
        Dense(120, "relu"),
        Dense(84, "relu"),
        Dense(classes),
    )


def _mlp(classes: int) -> Layers:
    return (Flatten(), Dense(32, "relu"), Dense(32, "relu"), Dense(classes))


def _block(filters: int, padding: str = "same") -> Layers:
    convolution = Conv2D(filters, 3, padding=padding, activation="linear", bias=False)
    return (convolution, BatchNorm(), Activation("relu"))


def _tinyml_cnn(classes: int) -> Layers:
    # only one convolution has padding: 3×3 pixels remain without a third pool, with half the multiplications
    return (
        *_block(16, "valid"),
        MaxPool2D(2),
        *_block(32, "valid"),
        MaxPool2D(2),
        *_block(46),
        *_block(46, "valid"),
        Flatten(),
        Dropout(0.1),
        Dense(classes),
    )


def _separable(filters: int, stride: int = 1) -> Layers:
    depthwise = DepthwiseConv2D(3, stride, activation="linear", bias=False)
    pointwise = Conv2D(filters, 1, activation="linear", bias=False)
    return (depthwise, BatchNorm(), Activation("relu"), pointwise, BatchNorm(), Activation("relu"))


def _separable_cnn(classes: int) -> Layers:
    return (
        *_block(16),
        MaxPool2D(2),
        *_separable(32),
        MaxPool2D(2),
        *_separable(64),
        *_separable(64),
        GlobalAvgPool2D(),
        Dense(classes),
    )


def _lenet_tinyml(classes: int) -> Layers:
    return (
        Conv2D(6, 5, activation="sigmoid"),
        AvgPool2D(2),
        Conv2D(16, 5, activation="sigmoid"),
        AvgPool2D(2),
        Flatten(),
        Dense(120, "sigmoid"),
        Dense(120, "sigmoid"),
        Dense(classes, "sigmoid"),
    )


def _genann(classes: int) -> Layers:
    return (Flatten(), Dense(19, "sigmoid"), Dense(19, "sigmoid"), Dense(classes, "sigmoid"))


def _uno_digits(classes: int) -> Layers:
    return (
        Conv2D(8, 5, 2, activation="relu"),
        MaxPool2D(2),
        Conv2D(16, 3, padding="valid", activation="relu"),
        Flatten(),
        Dense(classes),
    )


PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("lenet", "LeNet-S", "two 5×5 convolutions and three dense layers: 99 % on digits", _lenet),
        Preset("mlp-32-32", "Small dense network", "two hidden layers of 32: the smallest and fastest", _mlp),
        Preset("tinyml-cnn", "TinyML CNN", "3×3 convolutions with batch norm: best for letters", _tinyml_cnn),
        Preset(
            "separable-cnn", "Separable CNN", "depthwise convolutions: few multiplications", _separable_cnn
        ),
        Preset("lenet-tinyml", "LeNet, sigmoid", "the classic with average pooling", _lenet_tinyml),
        Preset(
            "uno-digits", "Arduino Uno", "int8 fits 2 KB of RAM with the image: 98 % on digits", _uno_digits
        ),
        Preset("genann-2x19", "Genann 2×19", "two hidden layers of 19 sigmoids", _genann),
    )
}
"""Every preset by name."""
