"""How sure an answer must be to count: a temperature, and the least winning output of each class.

The winning output of what is no character is low. How high it usually is differs from class to class (a 1 has
few pixels), so each class has a least output of its own. That is one comparison on a chip, in whole numbers
for int8. The temperature divides outputs before softmax so that probabilities are as high as they are right.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import FieldError
from engine.int8.arithmetic import Affine
from engine.words import is_text

__all__ = ["REJECTED", "Certainty", "verdicts"]

REJECTED: Final = -1
"""The verdict on an image that shows none of the classes."""

_VERSION = 1
_AGAIN = "run `tinyml calibrate` again"
_LARGEST = 1e30
_TEMPERATURES = 0.01, 100.0


@dataclass(frozen=True)
class Certainty:
    """When a model is sure; it belongs to the model's parameters.

    Attributes
    ----------
    least : tuple of float
        For each class the lowest output with which it may win.
    temperature : float
        What outputs are divided by before softmax.
    data : str
        Name of the data set that both were found on.
    images : int
        Number of images used.
    accepted : float
        Share of these images that are accepted, 0 … 1.
    """

    least: tuple[float, ...]
    temperature: float = 1.0
    data: str = ""
    images: int = 0
    accepted: float = 1.0

    def __post_init__(self) -> None:
        if not all(_is_number(value) for value in self.least):
            raise FieldError("least", f"the least outputs must be finite numbers; {_AGAIN}.")
        low, high = _TEMPERATURES
        if not (_is_number(self.temperature) and low <= self.temperature <= high):
            raise FieldError(
                "temperature",
                f"the temperature must be a number from {low:g} to {high:g}; {_AGAIN}.",
            )
        told = is_text(self.data) and type(self.images) is int and 0 <= self.images <= _LARGEST
        if not (told and _is_number(self.accepted) and 0 <= self.accepted <= 1):
            raise FieldError(
                "certainty",
                f"a calibration must name its data, the number of images and the share accepted; {_AGAIN}.",
            )

    @property
    def fingerprint(self) -> str:
        """SHA-256 over what changes verdicts and probabilities."""
        values = json.dumps([*map(float, self.least), float(self.temperature)])
        return hashlib.sha256(values.encode()).hexdigest()

    @property
    def float_least(self) -> NDArray[np.float32]:
        """The least outputs of the float network, (classes,)."""
        return np.array(self.least, np.float32)

    def int8_least(self, output: Affine) -> NDArray[np.int8]:
        """Return the least outputs of an int8 network whose outputs mean what `output` says, (classes,).

        Where int8 does not reach a least output, its largest number is enough.
        """
        steps = np.ceil(np.array(self.least) / output.scale) + output.zero_point
        least: NDArray[np.int8] = np.clip(steps, -128, 127).astype(np.int8)
        return least

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {
            "version": _VERSION,
            "least": list(self.least),
            "temperature": self.temperature,
            "data": self.data,
            "images": self.images,
            "accepted": self.accepted,
        }

    @classmethod
    def from_json(cls, value: object) -> Certainty:
        """Make a calibration from parsed JSON, or raise `FieldError`."""
        if not isinstance(value, Mapping) or type(value.get("version")) is not int:
            raise FieldError("certainty", "a calibration must be a JSON object with a version.")
        if value["version"] != _VERSION:
            raise FieldError(
                "certainty",
                f"its version is not {_VERSION}, the only one known here; update the application or "
                f"{_AGAIN}.",
            )
        least = value.get("least")
        if not isinstance(least, list):
            raise FieldError("least", f"the least outputs must be a list; {_AGAIN}.")
        named = {name: value.get(name) for name in ("temperature", "data", "images", "accepted")}
        return cls(tuple(least), **named)  # type: ignore[arg-type] # which the constructor checks


def _is_number(value: object) -> bool:
    is_number = type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
    return is_number and abs(value) <= _LARGEST  # type: ignore[arg-type]


def verdicts(outputs: NDArray[Any], least: NDArray[Any]) -> NDArray[np.int64]:
    """Return the class of each row of `outputs`, or `REJECTED` where the winning output is too low.

    Parameters
    ----------
    outputs : ndarray, shape (n, classes)
        Of the float network or the int8 network.
    least : ndarray of the same type, shape (classes,)
        The lowest output with which each class may win.
    """
    best = outputs.argmax(axis=1)
    is_sure = outputs[np.arange(len(best)), best] >= least[best]
    return np.where(is_sure, best, REJECTED)
