"""The same network in PyTorch, as ground truth for tests and as a peer in benchmarks. Needs torch.

Nothing of the engine's arithmetic is used: padding, epsilon and slope are written down here once more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

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
    PReLU,
    Upsample2D,
)
from engine.nn.param import FloatArray
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import LayerSpec, ModelSpec
from engine.shapes import Shape

__all__ = ["TRANSLATIONS", "TorchNet", "Translation", "to_images"]

Modules = list[nn.Module]
Axes = tuple[int, ...] | None

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.01),
    "relu6": nn.ReLU6,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softmax": lambda: nn.Softmax(dim=1),
}


@dataclass(frozen=True)
class Translation:
    """How PyTorch says one kind of layer.

    Attributes
    ----------
    modules : callable
        ``modules(layer, in_shape)`` gives the modules.
    tensors : mapping
        PyTorch's name of each parameter, and the permutation that gives its order of axes.
    """

    modules: Callable[[Any, Shape], Modules]
    tensors: Mapping[str, tuple[str, Axes]] = field(default_factory=dict)


class FlattenRows(nn.Module):
    """Flatten (N, C, H, W) in the engine's order: row, channel, column."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 1, 3).flatten(1) if x.ndim == 4 else x


class ChannelMean(nn.Module):
    """Mean over the pixels of each channel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))


def _ends(side: int, layer: Any) -> tuple[int, int]:
    """Return TensorFlow's padding of one side: the odd zero goes behind, which PyTorch's own cannot."""
    if layer.padding == "valid":
        return 0, 0
    padding = max((math.ceil(side / layer.stride) - 1) * layer.stride + layer.kernel - side, 0)
    return padding // 2, padding - padding // 2


def _convolution(layer: Any, x: Shape, filters: int, groups: int) -> Modules:
    ends = (*_ends(x[1], layer), *_ends(x[0], layer))  # left, right, top, bottom
    own = ends[0] if len(set(ends)) == 1 else 0  # by the convolution itself: the faster way
    convolution = nn.Conv2d(x[2], filters, layer.kernel, layer.stride, own, groups=groups, bias=layer.bias)
    padding: Modules = [nn.ZeroPad2d(ends)] if own == 0 and any(ends) else []
    return [*padding, convolution, *_activation(layer.activation)]


def _activation(name: str) -> Modules:
    module = ACTIVATIONS[name]()
    return [] if isinstance(module, nn.Identity) else [module]


def _dense(layer: Dense, x: Shape) -> Modules:
    return [nn.Linear(x[0], layer.units, bias=layer.bias), *_activation(layer.activation)]


def _batch_norm(layer: BatchNorm, x: Shape) -> Modules:
    return [nn.BatchNorm2d(x[2], eps=1e-5) if len(x) == 3 else nn.BatchNorm1d(x[0], eps=1e-5)]


TRANSLATIONS: Mapping[type[LayerSpec], Translation] = {
    Conv2D: Translation(
        lambda layer, x: _convolution(layer, x, layer.filters, 1),
        {"weight": ("weight", (0, 3, 1, 2)), "bias": ("bias", None)},
    ),
    DepthwiseConv2D: Translation(
        lambda layer, x: _convolution(layer, x, x[2], x[2]),
        {"weight": ("weight", (2, 0, 1)), "bias": ("bias", None)},
    ),
    Dense: Translation(_dense, {"weight": ("weight", None), "bias": ("bias", None)}),
    BatchNorm: Translation(
        _batch_norm,
        {
            "scale": ("weight", None),
            "shift": ("bias", None),
            "mean": ("running_mean", None),
            "variance": ("running_var", None),
        },
    ),
    MaxPool2D: Translation(lambda layer, x: [nn.MaxPool2d(layer.size)]),
    AvgPool2D: Translation(lambda layer, x: [nn.AvgPool2d(layer.size)]),
    GlobalAvgPool2D: Translation(lambda layer, x: [ChannelMean()]),
    Upsample2D: Translation(lambda layer, x: [nn.Upsample(scale_factor=layer.factor, mode="nearest")]),
    PReLU: Translation(lambda layer, x: [nn.PReLU(x[-1])], {"slope": ("weight", None)}),
    Flatten: Translation(lambda layer, x: [FlattenRows()]),
    Activation: Translation(lambda layer, x: _activation(layer.function)),
    Dropout: Translation(lambda layer, x: [nn.Dropout(layer.rate)]),
}
"""Every kind of layer."""


class TorchNet:
    """A network in PyTorch whose parameters are read and written as the engine's flat vector.

    Parameters
    ----------
    spec : ModelSpec
    params : ndarray, optional
        Flat vector to start with; its type becomes the network's. PyTorch's own start by default.
    more : mapping
        Translations of further kinds of layers.

    Attributes
    ----------
    module : torch.nn.Sequential
        From (N, C, H, W) to (N, outputs); in training mode.
    """

    def __init__(
        self,
        spec: ModelSpec,
        params: FloatArray | None = None,
        more: Mapping[type[LayerSpec], Translation] | None = None,
    ) -> None:
        self._layout = ParamLayout(spec)
        self._places: dict[str, tuple[nn.Module, str, Axes]] = {}
        modules: Modules = []
        for row in spec.rows():
            translation = {**TRANSLATIONS, **(more or {})}[type(row.layer)]
            made = translation.modules(row.layer, row.in_shape)
            modules += made
            for name in row.layer.params(row.in_shape):
                theirs, axes = translation.tensors[name]
                owner = next(m for m in made if hasattr(m, theirs))
                self._places[f"{row.index}.{name}"] = owner, theirs, axes
        self.module = nn.Sequential(*modules)
        if params is not None:
            self.module.to(torch.from_numpy(params[:0].copy()).dtype)
            self._load(params)

    def _load(self, params: FloatArray) -> None:
        with torch.no_grad():
            for view in self._layout.views:
                owner, name, axes = self._places[view.key]
                array, tensor = view.of(params), getattr(owner, name)
                array = array if axes is None else array.transpose(axes)
                tensor.copy_(torch.from_numpy(np.array(array)).view_as(tensor))

    def params(self) -> FloatArray:
        """Return the parameters in the engine's order."""
        return self._flat(lambda tensor: tensor)

    def gradient(self) -> FloatArray:
        """Return the gradient in the engine's order, zero for state."""
        return self._flat(lambda tensor: torch.zeros_like(tensor) if tensor.grad is None else tensor.grad)

    def _flat(self, value: Callable[[torch.Tensor], torch.Tensor]) -> FloatArray:
        some = next(iter(self.module.parameters()))
        flat = np.zeros(self._layout.size, some.detach().numpy().dtype)
        for view in self._layout.views:
            owner, name, axes = self._places[view.key]
            array = value(getattr(owner, name)).detach().numpy()
            mine = view.of(flat)
            mine = mine if axes is None else mine.transpose(axes)
            mine[...] = array.reshape(mine.shape)
        return flat


def to_images(images: FloatArray) -> torch.Tensor:
    """Return uint8 images (n, H, W, C) as PyTorch reads them: (n, C, H, W), 0 … 1."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
