"""The base of layers that multiply by a weight, add a bias and apply an activation function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from engine.nn.activations import ACTIVATIONS, LINEAR
from engine.nn.kernel_calls import scaled_sum
from engine.nn.param import FloatArray
from engine.nn.specs import LayerSpec

__all__ = ["Weighted"]


class Weighted(LayerSpec):
    """A layer with parameters ``weight`` and perhaps ``bias``; subclasses declare the fields."""

    activation: str
    bias: bool

    channel_axis: ClassVar[int] = 0
    """The axis of the weight that runs over the output channels."""

    def scaled(
        self, p: Mapping[str, FloatArray], scale: FloatArray, shift: FloatArray
    ) -> tuple[LayerSpec, Mapping[str, FloatArray]] | None:
        if ACTIVATIONS[self.activation] is not LINEAR:
            return None
        bias = p["bias"] if self.bias else 0.0
        weight, moved = scaled_sum(p["weight"], bias, self.channel_axis, scale, shift)
        return self.replace(bias=True), {"weight": weight, "bias": moved}
