"""The same network in PyTorch, as ground truth for tests and as a peer in benchmarks. Needs torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from engine.layers import (
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
from engine.layers.elementwise import LEAK
from engine.layers.norm import EPSILON
from engine.layers.rows import Geometry, Span
from engine.params import FloatArray, ParamLayout
from engine.specs import LayerSpec, ModelSpec, Shape

__all__ = ["FlattenRows", "to_torch"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(LEAK),
    "relu6": nn.ReLU6,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softmax": lambda: nn.Softmax(dim=1),
}


class FlattenRows(nn.Module):
    """Flatten (N, C, H, W) in the engine's order: row, channel, column."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 1, 3).flatten(1)


class ChannelMean(nn.Module):
    """Mean over the pixels of each channel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))


def _behind(span: Span) -> int:
    return max(span.padded - span.before - span.source, 0)


def _convolution(layer: Any, geometry: Geometry, channels: int, filters: int, groups: int) -> list[nn.Module]:
    rows, columns = geometry.rows, geometry.columns
    padding = (columns.before, _behind(columns), rows.before, _behind(rows))
    symmetric = padding[0] == padding[1] == padding[2] == padding[3]
    convolution = nn.Conv2d(
        channels,
        filters,
        layer.kernel,
        layer.stride,
        padding[0] if symmetric else 0,
        groups=groups,
        bias=layer.bias,
    )
    return [convolution] if symmetric else [nn.ZeroPad2d(padding), convolution]


def _conv2d(layer: Conv2D, x: Shape) -> list[nn.Module]:
    return _convolution(layer, layer.geometry(x), x[2], layer.filters, 1) + _activation(layer.activation)


def _depthwise(layer: DepthwiseConv2D, x: Shape) -> list[nn.Module]:
    return _convolution(layer, layer.geometry(x), x[2], x[2], x[2]) + _activation(layer.activation)


def _activation(name: str) -> list[nn.Module]:
    module = ACTIVATIONS[name]()
    return [] if isinstance(module, nn.Identity) else [module]


def _dense(layer: Dense, x: Shape) -> list[nn.Module]:
    return [nn.Linear(x[0], layer.units, bias=layer.bias), *_activation(layer.activation)]


def _batch_norm(layer: BatchNorm, x: Shape) -> list[nn.Module]:
    return [nn.BatchNorm2d(x[2], EPSILON) if len(x) == 3 else nn.BatchNorm1d(x[0], EPSILON)]


MODULES: dict[type[LayerSpec], Callable[[Any, Shape], list[nn.Module]]] = {
    Conv2D: _conv2d,
    DepthwiseConv2D: _depthwise,
    Dense: _dense,
    MaxPool2D: lambda layer, x: [nn.MaxPool2d(layer.size)],
    AvgPool2D: lambda layer, x: [nn.AvgPool2d(layer.size)],
    GlobalAvgPool2D: lambda layer, x: [ChannelMean()],
    Flatten: lambda layer, x: [FlattenRows()],
    Activation: lambda layer, x: _activation(layer.function),
    BatchNorm: _batch_norm,
    Dropout: lambda layer, x: [nn.Dropout(layer.rate)],
}

TO_TORCH: dict[type[LayerSpec], dict[str, tuple[str, tuple[int, ...] | None]]] = {
    Conv2D: {"weight": ("weight", (0, 3, 1, 2)), "bias": ("bias", None)},
    DepthwiseConv2D: {"weight": ("weight", (2, 0, 1)), "bias": ("bias", None)},
    Dense: {"weight": ("weight", None), "bias": ("bias", None)},
    BatchNorm: {
        "scale": ("weight", None),
        "shift": ("bias", None),
        "mean": ("running_mean", None),
        "variance": ("running_var", None),
    },
}
"""PyTorch's name of each parameter and the permutation of its axes."""


def to_torch(
    spec: ModelSpec, params: FloatArray | None = None
) -> tuple[nn.Sequential, dict[str, torch.Tensor]]:
    """Return the network, with `params` copied in, and its tensors by the engine's keys (``0.weight``)."""
    modules: list[nn.Module] = []
    tensors: dict[str, torch.Tensor] = {}
    for row in spec.rows():
        made = MODULES[type(row.layer)](row.layer, row.in_shape)
        modules += made
        for name in row.layer.params(row.in_shape):
            theirs = TO_TORCH[type(row.layer)][name][0]
            owner = next(m for m in made if hasattr(m, theirs))
            tensors[f"{row.index}.{name}"] = getattr(owner, theirs)
    network = nn.Sequential(*modules)
    if params is not None:
        copy_params(spec, params, tensors)
    return network, tensors


def copy_params(spec: ModelSpec, params: FloatArray, tensors: dict[str, torch.Tensor]) -> None:
    """Write the flat vector `params` into PyTorch's tensors."""
    layout = ParamLayout(spec)
    with torch.no_grad():
        for view in layout.views:
            tensor = tensors[view.key]
            tensor.copy_(
                torch.from_numpy(to_theirs(spec, view.layer, view.name, view.of(params))).view_as(tensor)
            )


def to_theirs(spec: ModelSpec, layer: int, name: str, array: FloatArray) -> FloatArray:
    """Return a parameter (or its gradient) with PyTorch's order of axes."""
    axes = TO_TORCH[type(spec.layers[layer])][name][1]
    return array.copy() if axes is None else array.transpose(axes).copy()
