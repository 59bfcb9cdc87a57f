"""Networks are described by frozen specs, and their shapes follow without data or parameters.

`LayerSpec` says what one layer is; `ModelSpec` is the input shape and the layers. The editor, the
trainer, the file format, the cost figures and the C generator all read the same objects. A spec computes
nothing itself: it is *lowered* to array operations (`engine.nn.ops`), which a workspace binds to buffers.

Shapes are ``(height, width, channels)`` for images and feature maps, ``(features,)`` for flat vectors.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from engine.errors import FieldError, SpecError
from engine.knobs import check_knobs, knobs_to_json
from engine.nn.kernel_calls import Call
from engine.nn.ops import Op
from engine.nn.param import FloatArray, Param
from engine.shapes import Shape, describe_shape, size

__all__ = ["LayerRow", "LayerSpec", "ModelSpec"]

MAX_LAYERS = 100
MAX_ELEMENTS = 1 << 26  # of an input, or of all parameters: far more than a microcontroller holds
MAX_FEATURES = 1 << 24  # numbers in all feature maps; a convolution needs up to 15 times its input


@dataclass(frozen=True)
class LayerSpec:
    """Frozen description of one layer; its fields are declared with `engine.knobs.knob`."""

    kind: ClassVar[str]
    """Name in JSON files; never compared, only looked up in `engine.nn.layers.LAYERS`."""
    title: ClassVar[str]
    """Name on the screen."""

    def __post_init__(self) -> None:
        try:
            check_knobs(self)
        except FieldError as error:
            raise SpecError(str(error), field=error.field) from None

    def out_shape(self, x: Shape) -> Shape:
        """Return the output shape for input shape `x`, or raise `SpecError`."""
        raise NotImplementedError

    def params(self, x: Shape) -> Mapping[str, Param]:
        """Return the arrays that this layer owns for input shape `x`, by name."""
        return {}

    def macs(self, x: Shape) -> int:
        """Return the multiply-accumulates of one inference on input shape `x`."""
        return 0

    def lower(self, x: Shape) -> tuple[Op, ...]:
        """Return the array operations that compute this layer on input shape `x`, in order."""
        raise NotImplementedError

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        """Return the calls of C kernels that compute this layer with parameters `p` on input shape `x`."""
        raise NotImplementedError

    def training_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        """Return the calls that compute this layer while training on a device: usually those of `c_calls`."""
        return self.c_calls(x, p)

    def scaling(self, p: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray] | None:
        """Return the factor and the offset of each channel, if the layer does no more than multiply and add.

        Both have the shape (channels,) and describe inference with the parameters `p`. None for a layer that
        computes anything else.
        """
        return None

    def scaled(
        self, p: Mapping[str, FloatArray], scale: FloatArray, shift: FloatArray
    ) -> tuple[LayerSpec, Mapping[str, FloatArray]] | None:
        """Return a layer and its parameters that compute ``scale · y + shift`` of this layer's output y.

        `scale` and `shift` have the shape (channels,). None if there is no such layer.
        """
        return None

    def summary(self) -> str:
        """Return the fields in a few words, as a table or the editor shows them."""
        return " ".join(str(v) for v in knobs_to_json(self).values())

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True)
class LayerRow:
    """One row of a network's table: a layer, its shapes, parameters and multiply-accumulates."""

    index: int
    layer: LayerSpec
    in_shape: Shape
    out_shape: Shape
    parameters: int
    macs: int


@dataclass(frozen=True)
class ModelSpec:
    """A sequential network.

    Parameters
    ----------
    layers : tuple of LayerSpec
    input_shape : tuple of int
        (height, width, channels).
    """

    layers: tuple[LayerSpec, ...]
    input_shape: Shape = (28, 28, 1)

    def rows(self) -> tuple[LayerRow, ...]:
        """Return the rows of the network's table; raise `SpecError` at the first layer that does not fit."""
        rows, error = self.inspect()
        if error is not None:
            raise error
        return rows

    def inspect(self) -> tuple[tuple[LayerRow, ...], SpecError | None]:
        """Return the rows up to the first fault, and the fault or None; an editor shows both."""
        rows: list[LayerRow] = []
        try:
            _check_input(self.input_shape, len(self.layers))
        except SpecError as error:
            return (), error
        shape = self.input_shape
        for index, layer in enumerate(self.layers):
            try:
                row = _row(index, layer, shape)
            except SpecError as error:
                return tuple(rows), SpecError(error.reason, index, error.field)
            rows.append(row)
            shape = row.out_shape
        return tuple(rows), _total_fault(rows) or _end_fault(rows)

    @property
    def out_shape(self) -> Shape:
        """The shape of the network's output."""
        return self.rows()[-1].out_shape

    @property
    def classes(self) -> int:
        """The number of outputs."""
        return self.out_shape[0]

    @property
    def parameters(self) -> int:
        """The number of parameters, running statistics included."""
        return sum(row.parameters for row in self.rows())

    @property
    def macs(self) -> int:
        """The multiply-accumulates of one inference."""
        return sum(row.macs for row in self.rows())

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that `engine.nn.spec_json.spec_from_json` reads."""
        layers = [{"kind": layer.kind, **knobs_to_json(layer)} for layer in self.layers]
        return {"input_shape": list(self.input_shape), "layers": layers}

    @property
    def fingerprint(self) -> str:
        """A short hash of the description, for file names and comparisons."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _row(index: int, layer: LayerSpec, shape: Shape) -> LayerRow:
    out = layer.out_shape(shape)
    if size(out) > MAX_ELEMENTS:
        raise SpecError(f"its output {describe_shape(out)} is too large; make the layer smaller.")
    parameters = sum(size(p.shape) for p in layer.params(shape).values())
    if parameters > MAX_ELEMENTS:
        raise SpecError(f"it would have {parameters:,} parameters; make the layer smaller.")
    return LayerRow(index, layer, shape, out, parameters, layer.macs(shape))


def _check_input(shape: Shape, layers: int) -> None:
    if len(shape) != 3 or min(shape) < 1 or size(shape) > MAX_ELEMENTS:
        raise SpecError(f"the input must be height × width × channels, got {describe_shape(shape)}.")
    if layers == 0:
        raise SpecError("the network has no layers; add one.")


def _total_fault(rows: list[LayerRow]) -> SpecError | None:
    """Return the fault of layers that are too large only together; it names the largest of them."""
    features = [size(row.out_shape) for row in rows]
    parameters = [row.parameters for row in rows]
    for counts, most, what in (
        (features, MAX_FEATURES, "the outputs of all layers are"),
        (parameters, MAX_ELEMENTS, "the parameters of all layers are"),
    ):
        if sum(counts) > most:
            reason = f"{what} {sum(counts):,} numbers, at most {most:,} are supported; make it smaller."
            return SpecError(reason, counts.index(max(counts)))
    return None


def _end_fault(rows: list[LayerRow]) -> SpecError | None:
    last = rows[-1]
    if len(last.out_shape) == 1:
        return None
    return SpecError(
        f"the network ends in {describe_shape(last.out_shape)} but must end in one number for each class; "
        "add Flatten and Dense, or global average pooling.",
        last.index,
    )
