"""The outputs that exported code must give, in float and in int8, of the whole network and of each stage.

Float outputs may differ from the engine's by `TOLERANCE`; int8 outputs are the engine's bit for bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.errors import VerifyError
from engine.export import c_text
from engine.export.vectors import TOLERANCE, Vectors, agree, relative_error
from engine.int8.certainty import REJECTED
from engine.nn.call_chain import Stage, build_network, output_orders
from engine.nn.kernel_calls import Order, channels_last
from engine.nn.model import Model
from engine.quantize.judge import float_verdicts, int8_verdicts
from engine.quantize.network import IntegerPredictor, stage_outputs
from engine.quantize.probe import OUTPUT, Point, Probe

__all__ = ["REFERENCES", "Answers", "FloatReference", "IntegerReference", "Reference", "reference_for"]


@dataclass(frozen=True, eq=False)
class Answers:
    """The outputs of exported code for each input.

    Attributes
    ----------
    best : ndarray of int32, shape (n,)
        The classes that ``predict`` returned, or `REJECTED`.
    scores : ndarray of float32, shape (n, classes)
    outputs : ndarray of float32 or int8, shape (n, classes)
        Outputs of the bare network.
    """

    best: NDArray[np.int32]
    scores: NDArray[np.float32]
    outputs: NDArray[Any]


class Reference(ABC):
    """The expected outputs of a model for some test vectors.

    Parameters
    ----------
    model : Model
    vectors : Vectors

    Attributes
    ----------
    run : str
        The C function that runs the bare network, without the model's prefix.
    value, c_value : numpy.dtype, str
        The type of its inputs and outputs, in NumPy and in C.
    c_from_byte : str
        C expression for an input of that function, made from a ``byte`` of an image.
    rule : str
        When outputs agree, in words.
    learns : bool
        Whether exports that learn on the device have that function too.
    stages : tuple of Stage
    inputs : ndarray of `value`, shape (n, size)
        Inputs of the bare network.
    outputs : ndarray of `value`, shape (n, classes)
        Its expected outputs.
    probabilities : ndarray of float32, shape (n, classes)
        The expected scores of ``predict``.
    verdicts : ndarray of int64, shape (n,)
        What ``predict`` must return.
    """

    run: ClassVar[str]
    value: ClassVar[np.dtype[Any]]
    c_value: ClassVar[str]
    c_from_byte: ClassVar[str]
    rule: ClassVar[str]
    learns: ClassVar[bool] = False
    stages: Sequence[Stage[Any]]
    inputs: NDArray[Any]
    outputs: NDArray[Any]
    probabilities: NDArray[np.float32]
    verdicts: NDArray[np.int64]

    def __init__(self, model: Model, vectors: Vectors) -> None:
        self.model = model
        self.vectors = vectors

    def titles(self) -> list[str]:
        """Return the layers of each stage, in words."""
        layers = self.model.spec.layers
        named = [", ".join(f"{i + 1} {layers[i].title}" for i in stage.layers) for stage in self.stages]
        return [name or "order of the output" for name in named]

    @abstractmethod
    def errors(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Return the difference of each of the `outputs`, (n, classes), from the expected one."""

    @abstractmethod
    def acceptable(self, errors: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which differences count as agreement, (n, classes)."""

    @abstractmethod
    def wrong_class(self, best: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return for which inputs `best`, (n,), is not the verdict on the expected outputs, (n,)."""

    @abstractmethod
    def stage_values(self, vector: int) -> list[NDArray[Any] | None]:
        """Return the flat output of each stage for one of the vectors; None where it is not known."""

    @abstractmethod
    def decoded(self, data: bytes) -> NDArray[Any]:
        """Return a stage's output, (numbers,), from the bytes that exported code wrote."""

    @abstractmethod
    def agrees(self, found: NDArray[Any], expected: NDArray[Any]) -> bool:
        """Return whether a stage's output is the expected one."""


class FloatReference(Reference):
    """The outputs of ``c-float32``."""

    run = "run_float"
    value = np.dtype("<f4")
    c_value = "float"
    c_from_byte = f"(float)(byte) * {c_text.floating(1 / 255)}"
    rule = f"within {TOLERANCE:g} of the expected number, or of 1 where that is smaller"
    learns = True

    def __init__(self, model: Model, vectors: Vectors) -> None:
        super().__init__(model, vectors)
        self.stages = build_network(model).stages
        flat = vectors.images.reshape(len(vectors), -1).astype(np.float32)
        self.inputs = flat * np.float32(1 / 255)
        self.outputs = vectors.outputs
        self.verdicts = float_verdicts(model, self.outputs)
        self.probabilities = vectors.probabilities

    def errors(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        return relative_error(outputs, self.outputs)

    def acceptable(self, errors: NDArray[np.float64]) -> NDArray[np.bool_]:
        return errors <= TOLERANCE

    def wrong_class(self, best: NDArray[np.int32]) -> NDArray[np.bool_]:
        valid = (best >= 0) & (best < self.outputs.shape[1])
        highest = self.outputs.max(axis=1)
        named = self.outputs[np.arange(len(best)), np.where(valid, best, 0)]
        is_rejected = best == REJECTED
        named_well = valid & agree(named, highest)  # a tie may go either way
        misjudged = is_rejected != (self.verdicts == REJECTED)
        wrong: NDArray[np.bool_] = ~(named_well | is_rejected) | (misjudged & ~self._at_the_limit(highest))
        return wrong

    def _at_the_limit(self, highest: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which winning outputs, (n,), are as good as the least ones of their classes, (n,)."""
        if self.model.certainty is None:
            return np.zeros(len(highest), np.bool_)
        return agree(highest, self.model.certainty.float_least[self.outputs.argmax(axis=1)])

    def stage_values(self, vector: int) -> list[NDArray[Any] | None]:
        seen: dict[int, NDArray[np.float32]] = {}

        def observe(point: Point, values: NDArray[Any]) -> None:
            layer, kind = point
            if kind == OUTPUT:
                seen[layer] = channels_last(values[..., 0]).astype(np.float32)

        probe = Probe(self.model.spec, self.model.params, 1)
        probe.run(self.vectors.images[vector : vector + 1], observe)
        orders = output_orders(self.model)
        return [
            _in_order(seen[layer], orders[layer]) if (layer := self._finished(i)) is not None else None
            for i in range(len(self.stages))
        ]

    def _finished(self, index: int) -> int | None:
        """Return the layer that ends with stage `index`; None if the next stages go on with it."""
        last = self.stages[index].layers[-1:]
        goes_on = any(last[0] in after.layers for after in self.stages[index + 1 :]) if last else True
        return None if goes_on else last[0]

    def decoded(self, data: bytes) -> NDArray[Any]:
        return np.frombuffer(data, self.value)

    def agrees(self, found: NDArray[Any], expected: NDArray[Any]) -> bool:
        return bool(agree(found, expected).all())


def _in_order(values: NDArray[Any], order: Order | None) -> NDArray[Any]:
    return values if order is None else values[order]


class IntegerReference(Reference):
    """The outputs of ``c-int8``."""

    run = "run_int8"
    value = np.dtype("i1")
    c_value = "int8_t"
    c_from_byte = "(int8_t)((byte) ^ 0x80)"
    rule = "bit for bit"

    def __init__(self, model: Model, vectors: Vectors) -> None:
        super().__init__(model, vectors)
        predictor = IntegerPredictor(model)
        self._network = predictor.network
        self.stages = self._network.stages
        self.inputs = (vectors.images.reshape(len(vectors), -1) ^ 0x80).view(np.int8)
        self.outputs = predictor.run(vectors.images)
        self.verdicts = int8_verdicts(model, predictor, self.outputs)
        self.probabilities = predictor.probabilities(vectors.images)

    def errors(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        steps: NDArray[np.float64] = np.abs(outputs.astype(np.float64) - self.outputs)
        return steps

    def acceptable(self, errors: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.equal(errors, 0)

    def wrong_class(self, best: NDArray[np.int32]) -> NDArray[np.bool_]:
        wrong: NDArray[np.bool_] = best != self.verdicts
        return wrong

    def stage_values(self, vector: int) -> list[NDArray[Any] | None]:
        image = self.vectors.images[vector : vector + 1]
        return [output.ravel() for output in stage_outputs(self._network, image)]

    def decoded(self, data: bytes) -> NDArray[Any]:
        return (np.frombuffer(data, np.uint8) ^ 0x80).view(np.int8)

    def agrees(self, found: NDArray[Any], expected: NDArray[Any]) -> bool:
        return bool((found == expected).all())


REFERENCES: Mapping[str, type[Reference]] = MappingProxyType(
    {"c-float32": FloatReference, "c-int8": IntegerReference}
)
"""The reference of each format that can be verified."""


def reference_for(format_name: str, model: Model, vectors: Vectors) -> Reference:
    """Return the expected outputs of `model` exported as `format_name`."""
    if format_name not in REFERENCES:
        raise VerifyError(
            f"Exports as {format_name} cannot be run here; choose one of: {', '.join(REFERENCES)}."
        )
    return REFERENCES[format_name](model, vectors)
