"""Calibration ranges: all that an int8 network depends on besides the parameters.

Ranges belong to layers, not to calls of kernels, so they remain valid however calls are merged. Together with
the parameters they determine every integer of the int8 network (`engine.quantize.network`). A network that
another program quantized has, beside its ranges, the integers themselves (`engine.int8.integers`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from engine.errors import QuantizationError
from engine.int8.arithmetic import Affine
from engine.int8.integers import LayerIntegers, affine_from_json
from engine.words import is_text

__all__ = ["IMAGE", "LayerRanges", "Quantization", "Range"]

IMAGE = Affine(1 / 255, -128)
"""Scale and zero point of the input: ``q + 128`` is the byte of the image."""

MAX_LAYERS = 1000
MAX_METRICS = 100
LARGEST = 1e30


@dataclass(frozen=True)
class Range:
    """A calibration range, from `low` to `high`; it always contains 0."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not -LARGEST <= self.low <= 0 <= self.high <= LARGEST:
            raise QuantizationError(
                f"{self.low:g} … {self.high:g} is no range of numbers that int8 can hold; calibrate again."
            )

    @classmethod
    def around(cls, low: float, high: float) -> Range:
        """Return the smallest range that contains `low`, `high` and 0."""
        return cls(min(low, 0.0), max(high, 0.0))

    @property
    def affine(self) -> Affine:
        """Scale and zero point for the numbers of this range."""
        return Affine.of(self.low, self.high)

    def within(self, low: float, high: float) -> Range:
        """Return the part of this range between `low` ≤ 0 and `high` ≥ 0."""
        return Range(max(self.low, low), min(self.high, high))

    def to_json(self) -> list[float]:
        """Return what `from_json` reads."""
        return [self.low, self.high]

    @classmethod
    def from_json(cls, value: object) -> Range:
        """Make a range from parsed JSON, or raise `QuantizationError`."""
        if not isinstance(value, list) or len(value) != 2 or not all(map(_is_number, value)):
            raise QuantizationError("a range must be a list of two finite numbers; calibrate again.")
        return cls(float(value[0]), float(value[1]))


@dataclass(frozen=True)
class LayerRanges:
    """The calibration ranges of one layer.

    Attributes
    ----------
    output : Range
        Of the layer's output.
    argument : Range or None
        Of the input of its activation function; None for a layer without one.
    integers : LayerIntegers or None
        The integers themselves, where another program chose them; they then count instead of the ranges.
    """

    output: Range
    argument: Range | None = None
    integers: LayerIntegers | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        argument = None if self.argument is None else self.argument.to_json()
        ranges = {"output": self.output.to_json(), "argument": argument}
        return ranges if self.integers is None else {**ranges, "integers": self.integers.to_json()}

    @classmethod
    def from_json(cls, value: object) -> LayerRanges:
        """Make ranges from parsed JSON, or raise `QuantizationError`."""
        if not isinstance(value, Mapping) or set(value) - {"integers"} != {"output", "argument"}:
            raise QuantizationError('a layer\'s ranges must be "output" and "argument"; calibrate again.')
        argument, integers = value["argument"], value.get("integers")
        return cls(
            Range.from_json(value["output"]),
            None if argument is None else Range.from_json(argument),
            None if integers is None else LayerIntegers.from_json(integers),
        )


@dataclass(frozen=True)
class Quantization:
    """The calibration ranges of a model, and how they were found.

    Attributes
    ----------
    layers : tuple of LayerRanges
        One for each layer of the network.
    method : str
        How the ranges were chosen, a key of `engine.quantize.calibrate.METHODS`.
    images : int
        Number of images that were used for this.
    data : str
        Name of the data set that they are from.
    metrics : mapping of str to float
        Results of the int8 model: ``accuracy``, ``float_accuracy`` …
    source : Affine
        What a byte of the image, less 128, stands for.
    """

    layers: tuple[LayerRanges, ...]
    method: str = ""
    images: int = 0
    data: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    source: Affine = IMAGE

    @property
    def given(self) -> bool:
        """Whether another program chose some of its integers."""
        return self.source != IMAGE or any(ranges.integers is not None for ranges in self.layers)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the ranges, as hex digits."""
        text = json.dumps([ranges.to_json() for ranges in self.layers])
        text += "" if self.source == IMAGE else json.dumps(asdict(self.source))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {
            "layers": [ranges.to_json() for ranges in self.layers],
            "method": self.method,
            "images": self.images,
            "data": self.data,
            "metrics": dict(self.metrics),
            **({} if self.source == IMAGE else {"source": asdict(self.source)}),
        }

    @classmethod
    def from_json(cls, value: object) -> Quantization:
        """Make a quantization from parsed JSON, or raise `QuantizationError`."""
        if not isinstance(value, Mapping):
            raise QuantizationError("a quantization must be a JSON object; calibrate again.")
        layers, method, images, data, metrics = (
            value.get(key) for key in ("layers", "method", "images", "data", "metrics")
        )
        if not isinstance(layers, list) or len(layers) > MAX_LAYERS:
            raise QuantizationError("the layers of a quantization must be a list; calibrate again.")
        if not (is_text(method) and is_text(data) and type(images) is int and 0 <= images <= LARGEST):
            raise QuantizationError(
                "a quantization must name its method, its data and the number of images; calibrate again."
            )
        ranges = tuple(LayerRanges.from_json(layer) for layer in layers)
        source = affine_from_json(value["source"]) if "source" in value else IMAGE
        return cls(ranges, str(method), images, str(data), _metrics(metrics), source)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST


def _metrics(value: object) -> dict[str, float]:
    metrics: dict[Any, Any] = dict(value) if isinstance(value, Mapping) else {"": None}
    fits = len(metrics) <= MAX_METRICS and all(map(is_text, metrics))
    if not (fits and all(map(_is_number, metrics.values()))):
        raise QuantizationError("the metrics of a quantization must be a few numbers; calibrate again.")
    return metrics
