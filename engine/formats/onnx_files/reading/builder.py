"""A network that grows layer by layer, with its parameters and, from int8 files, its ranges.

A multiplication and addition of each channel waits until it is known what follows: several become one, which
the layer before takes in if it can, as a bias or a folded batch norm. Otherwise it becomes a batch norm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.errors import SpecError
from engine.formats.onnx_files.reading.protobuf import Fault
from engine.int8.arithmetic import HIGH, LOW, Affine
from engine.int8.ranges import IMAGE, LayerRanges, Quantization, Range
from engine.nn.activations import ACTIVATIONS, LINEAR, ActivationFunction
from engine.nn.layers import Activation, BatchNorm, Flatten
from engine.nn.layers.norm import EPSILON
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import MAX_LAYERS, LayerSpec, ModelSpec
from engine.shapes import Shape

__all__ = ["Builder"]

Floats = NDArray[np.float64]
Arrays = Mapping[str, NDArray[np.float32]]

EXACT = 1e-6  # relative difference of scales that are the same, but for float32


@dataclass(frozen=True)
class _Made:
    """A layer with its parameters, its output's scale in int8 and that of its function's input."""

    layer: LayerSpec
    params: Arrays
    out_shape: Shape
    output: Affine | None = None
    argument: Affine | None = None

    @property
    def function(self) -> ActivationFunction:
        """The activation function that it applies."""
        name = getattr(self.layer, "activation", getattr(self.layer, "function", LINEAR.name))
        return ACTIVATIONS[name]

    @property
    def may_apply(self) -> bool:
        """Whether it can still be given an activation function."""
        return hasattr(self.layer, "activation") and self.function is LINEAR


class Builder:
    """Layers as they are found.

    Parameters
    ----------
    input_shape : tuple of int
        (height, width, channels).

    Attributes
    ----------
    remarks : list of str
        What was assumed or changed, as sentences.
    shape : tuple of int
        Of the numbers that the next layer reads.
    """

    def __init__(self, input_shape: Shape) -> None:
        self.input_shape = input_shape
        self.remarks: list[str] = []
        self._made: list[_Made] = []
        self._source: Affine | None = None
        self._waiting: tuple[Floats, Floats] | None = None

    @property
    def shape(self) -> Shape:
        return self._made[-1].out_shape if self._made else self.input_shape

    def add(self, layer: LayerSpec, params: Arrays | None = None) -> None:
        """Add a layer with its parameters."""
        self._settle()
        self._append(layer, params or {})

    def scale(self, factor: Floats, offset: Floats) -> None:
        """Multiply every channel by `factor` and add `offset`, both (channels,)."""
        if self._waiting is not None:
            factor, offset = factor * self._waiting[0], factor * self._waiting[1] + offset
        self._waiting = (factor, offset)

    def activate(self, name: str) -> None:
        """Apply an activation function."""
        self._settle()
        last = self._made[-1] if self._made else None
        if last is None or not last.may_apply:
            self._append(Activation(name), {})
            self._made[-1] = replace(self._made[-1], argument=None if last is None else last.output)
            return
        layer = last.layer.replace(activation=name)
        self._made[-1] = replace(last, layer=layer, output=None, argument=last.output)

    def cap(self) -> None:
        """Limit the output of a ReLU to 6."""
        last = self._made[-1] if self._made else None
        if last is None or self._waiting is not None or last.function is not ACTIVATIONS["relu"]:
            raise Fault("it limits numbers that are not those of a ReLU; use ReLU6.")
        field = "activation" if hasattr(last.layer, "activation") else "function"
        self._made[-1] = replace(last, layer=last.layer.replace(**{field: "relu6"}))

    def complement(self) -> None:
        """Give 1 - p before the only output p: two outputs with opposite weights, as p is a sigmoid."""
        self._settle()
        last = self._made[-1] if self._made else None
        if (
            last is None
            or last.function is not ACTIVATIONS["sigmoid"]
            or getattr(last.layer, "units", 0) != 1
        ):
            raise Fault("it does not read one probability of a sigmoid; use a softmax over the classes.")
        del self._made[-1]
        opposite = {name: np.concatenate([-values, values]) for name, values in last.params.items()}
        self._append(last.layer.replace(units=2), opposite)

    def quantize(self, affine: Affine) -> None:
        """Note that the numbers pass through int8.

        Where 0 is the lowest number of int8, a quantizer may have left out the ReLU before it.
        """
        self._settle()
        last = self._made[-1] if self._made else None
        if last is not None and last.params and last.function is LINEAR and affine.zero_point == LOW:
            self.activate("relu")
        if last is None:
            self._source = affine
        else:
            self._made[-1] = replace(self._made[-1], output=affine)

    def flatten(self) -> None:
        """Make a vector, if it is none yet."""
        if len(self.shape) == 3:
            self.add(Flatten())

    def finished(self) -> tuple[ModelSpec, NDArray[np.float32], Quantization | None]:
        """Return the network, its parameters and its ranges."""
        self._settle()
        self.flatten()
        spec = ModelSpec(tuple(made.layer for made in self._made), self.input_shape)
        layout = ParamLayout(spec)
        params = np.empty(layout.size, np.float32)
        for view in layout.views:
            view.of(params)[...] = self._made[view.layer].params[view.name]
        return spec, params, self._quantization()

    def _append(self, layer: LayerSpec, params: Arrays) -> None:
        if len(self._made) == MAX_LAYERS:
            raise Fault(f"it is after the {MAX_LAYERS} layers that are supported; choose a smaller network.")
        try:
            out, wanted = layer.out_shape(self.shape), layer.params(self.shape)
        except SpecError as error:
            raise Fault(error.reason) from error
        for name, param in wanted.items():
            if params[name].shape != param.shape:
                raise Fault(f"its {name} does not fit its input; export the network again.")
        if not all(np.isfinite(values).all() for values in params.values()):
            raise Fault("its weights hold numbers that are not finite; train the network again.")
        self._made.append(_Made(layer, params, out))

    def _settle(self) -> None:
        """Find a place for the scaling that waits."""
        if self._waiting is None:
            return
        (factor, offset), self._waiting = self._waiting, None
        if not np.any(offset) and np.allclose(factor, 1, EXACT, 0):
            return
        last = self._made[-1] if self._made else None
        moved = last.layer.scaled(last.params, factor, offset) if last and last.output is None else None
        if moved is None:
            self._append(BatchNorm(), _batch_norm(factor, offset))
            return
        del self._made[-1]
        layer, params = moved
        self._append(layer, {name: np.asarray(values, np.float32) for name, values in params.items()})

    def _clamped(self) -> list[_Made]:
        """Return the layers; one without a scale has that of a function behind it that only clamps."""
        result = list(self._made)
        for number, (made, after) in enumerate(pairwise(self._made)):
            if (
                made.output is None
                and not after.params
                and after.function.clamps
                and after.function is not LINEAR
            ):
                result[number] = replace(made, output=after.output)
        return result

    def _quantization(self) -> Quantization | None:
        """Return the ranges of an int8 file; None, with a remark, where some are missing."""
        if self._source is None and not any(made.output or made.argument for made in self._made):
            return None
        source = self._source or IMAGE
        if source.zero_point != IMAGE.zero_point or not np.isclose(source.scale, IMAGE.scale, EXACT, 0):
            self.remarks.append(
                f"The input has the scale {source.scale:g} in int8 there and 1/255 here, so int8 answers "
                "differ."
            )
        if any(made.output and after.layer.scaling(after.params) for made, after in pairwise(self._made)):
            self.remarks.append(
                "A bias or batch norm has a scale of its own in int8 there and is part of the layer before "
                "here, so int8 answers may differ by some steps."
            )
        ranges: list[LayerRanges] = []
        held = source
        for number, made in enumerate(self._clamped(), start=1):
            found = _output(made, held)
            if found is None:
                self.remarks.append(
                    f"Layer {number} has no scale in int8, so all scales were left out; run `tinyml "
                    "quantize`."
                )
                return None
            self._remark_scale(number, made, found)
            held = found
            ranges.append(LayerRanges(_range(held), None if made.argument is None else _range(made.argument)))
        return Quantization(tuple(ranges), "imported")

    def _remark_scale(self, number: int, made: _Made, used: Affine) -> None:
        given = made.output
        if given is not None and not np.isclose(given.scale, used.scale, EXACT, 0):
            self.remarks.append(
                f"The output of layer {number} has the scale {given.scale:g} in int8 there and "
                f"{used.scale:g} here, so int8 answers may differ by some steps."
            )


def _batch_norm(factor: Floats, offset: Floats) -> Arrays:
    one = np.ones(len(factor))
    values = {"scale": factor, "shift": offset, "mean": 0 * one, "variance": one - EPSILON}
    return {name: array.astype(np.float32) for name, array in values.items()}


def _output(made: _Made, source: Affine) -> Affine | None:
    """Return scale and zero point of what a layer gives for an input with those of `source`, if known."""
    function = made.function
    if made.params and not function.clamps and made.argument is None:
        return None
    if function.int8_output is not None:
        return function.int8_output
    if made.output is not None:
        return made.output
    return None if made.params or function is not LINEAR else source


def _range(affine: Affine) -> Range:
    """Return the range whose scale and zero point are those of `affine`."""
    low, high = ((end - affine.zero_point) * affine.scale for end in (LOW, HIGH))
    return Range(low, high)
