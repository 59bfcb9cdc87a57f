"""The layers, one file each, listed by hand: PyInstaller does not find modules that a scan imports."""

from __future__ import annotations

from collections.abc import Mapping

from engine.nn.activations import ACTIVATIONS
from engine.nn.layers.conv2d import Conv2D
from engine.nn.layers.dense import Dense
from engine.nn.layers.depthwise import DepthwiseConv2D
from engine.nn.layers.dropout import Dropout
from engine.nn.layers.elementwise import Activation
from engine.nn.layers.flatten import Flatten
from engine.nn.layers.norm import BatchNorm
from engine.nn.layers.pool import AvgPool2D, GlobalAvgPool2D, MaxPool2D
from engine.nn.layers.prelu import PReLU
from engine.nn.layers.upsample import Upsample2D
from engine.nn.specs import LayerSpec

__all__ = [
    "ACTIVATIONS",
    "LAYERS",
    "Activation",
    "AvgPool2D",
    "BatchNorm",
    "Conv2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GlobalAvgPool2D",
    "MaxPool2D",
    "PReLU",
    "Upsample2D",
]

LAYERS: Mapping[str, type[LayerSpec]] = {
    cls.kind: cls
    for cls in (
        Conv2D,
        DepthwiseConv2D,
        Dense,
        MaxPool2D,
        AvgPool2D,
        GlobalAvgPool2D,
        Upsample2D,
        Flatten,
        Activation,
        PReLU,
        BatchNorm,
        Dropout,
    )
}
"""Every layer by its kind, in the order in which a menu offers them."""
