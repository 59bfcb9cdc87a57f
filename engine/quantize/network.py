"""The int8 network of a model and its outputs: the reference that exported code equals to the bit.

Every call of the float network (`engine.nn.call_chain`) gives its integer call. The scale and zero point of
its input are those of the call before; those of its output follow from the calibration range
(`engine.quantize.calibrate`). Nothing else is needed, so the same model always gives the same integers. Those
that another program chose (`engine.int8.integers`) are taken as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from engine.errors import QuantizationError
from engine.int8.arithmetic import Affine, Int8s
from engine.int8.calls import IntegerCall
from engine.int8.integers import LayerIntegers
from engine.int8.ranges import LayerRanges, Quantization, Range
from engine.nn.call_chain import Network, Stage, build_network, with_buffers
from engine.nn.fake_int8 import Rounding
from engine.nn.kernel_calls import Call
from engine.nn.model import Model
from engine.nn.predictor import checked_images, scores
from engine.nn.specs import ModelSpec
from engine.shapes import size

__all__ = [
    "IntegerPredictor",
    "check_int8",
    "check_quantized",
    "integer_network",
    "rounding_of",
    "run_stages",
    "stage_outputs",
    "untrained_quantization",
    "with_quantization",
]

BATCH = 64  # images at once, or fewer of a large network
BATCH_NUMBERS = 1 << 24  # that a stage works on for a batch, at most: bounds the memory


def untrained_quantization(spec: ModelSpec) -> Quantization:
    """Return placeholder ranges, so that the size of the int8 network can be planned before training."""
    ranges = LayerRanges(Range(-1.0, 1.0), Range(-1.0, 1.0))
    return Quantization((ranges,) * len(spec.layers), "untrained")


def with_quantization(model: Model) -> Model:
    """Return `model`, with placeholder ranges if it is not quantized."""
    if model.quantization is not None:
        return model
    return model.replace(quantization=untrained_quantization(model.spec))


def check_quantized(model: Model) -> Quantization:
    """Return the quantization of `model`; raise `QuantizationError` if it has none."""
    if model.quantization is None:
        raise QuantizationError(f"{model.name} has no int8 ranges yet; run `tinyml quantize` on it first.")
    return model.quantization


def integer_network(model: Model) -> Network[IntegerCall]:
    """Return the int8 network of `model`.

    Raises
    ------
    QuantizationError
        When the model has no quantization, its parameters are not finite, or int8 cannot express a layer.
    """
    quantization = check_quantized(model)
    stages = build_network(model).stages
    source = quantization.source
    steps = []
    for index, stage in enumerate(stages):
        ranges = _ranges(quantization.layers, stage, stages[index + 1 : index + 2])
        call = stage.call.integer(source, ranges)
        if call is None:
            raise _no_int8_form(model.spec, stage)
        steps.append((stage.layers, call))
        source = call.target
    return with_buffers(steps, size(model.spec.input_shape))


def check_int8(model: Model) -> None:
    """Raise `QuantizationError` if int8 cannot express `model`, whatever its ranges are."""
    integer_network(model.replace(quantization=untrained_quantization(model.spec)))


def _no_int8_form(spec: ModelSpec, stage: Stage[Call]) -> QuantizationError:
    names = " and ".join(f"{index + 1} ({spec.layers[index].title})" for index in stage.layers)
    return QuantizationError(
        f"Layer {names} has no int8 form; put another layer in its place, or export in floats (c-float32)."
    )


def _ranges(
    layers: tuple[LayerRanges, ...], stage: Stage[Call], following: Sequence[Stage[Call]]
) -> LayerRanges:
    """Return the calibration ranges of a stage.

    A layer may be split over two stages, before its activation function: the output range of the first one is
    then that of the function's argument.
    """
    if not stage.layers:
        return LayerRanges(Range(0.0, 0.0), Range(0.0, 0.0))  # not used: the stage only moves numbers
    last = layers[stage.layers[-1]]
    inside = any(after.layers[:1] == stage.layers[-1:] for after in following)
    arguments = (layers[i].argument for i in stage.layers)
    output = last.argument if inside and last.argument is not None else last.output
    integers = _integers([layers[i].integers for i in stage.layers])
    return LayerRanges(output, next((range_ for range_ in arguments if range_ is not None), None), integers)


def _integers(layers: Sequence[LayerIntegers | None]) -> LayerIntegers | None:
    """Return the integers of a call that computes all of `layers`."""
    given = [integers for integers in layers if integers is not None]
    return reduce(LayerIntegers.then, given) if given else None


def rounding_of(model: Model) -> Rounding:
    """Return where and how the int8 network of `model` rounds, for fake quantization."""
    assert model.quantization is not None
    layers = model.quantization.layers
    outputs: dict[int, Affine] = {}
    arguments: dict[int, Affine] = {}
    stages = build_network(model).stages
    for index, (stage, integer) in enumerate(zip(stages, integer_network(model).stages, strict=True)):
        if not stage.layers:
            continue
        inside = any(after.layers[:1] == stage.layers[-1:] for after in stages[index + 1 : index + 2])
        (arguments if inside else outputs)[stage.layers[-1]] = integer.call.target
        if stage.call.function is not None and not stage.call.function.clamps:
            found = ((i, layers[i].argument) for i in stage.layers)
            arguments |= {i: range_.affine for i, range_ in found if range_ is not None}
    return Rounding(outputs, arguments)


def stage_outputs(network: Network[IntegerCall], images: NDArray[np.uint8]) -> Iterator[Int8s]:
    """Yield the output of each stage, in order.

    Parameters
    ----------
    network : Network of IntegerCall
    images : ndarray of uint8, shape (n, height, width) or (n, height, width, channels)

    Yields
    ------
    ndarray of int8, shape (n, height, width, channels) or (n, features)
    """
    x = (images ^ 0x80).view(np.int8)
    for stage in network.stages:
        x = stage.call.run(x.reshape(len(x), *stage.call.in_shape))
        yield x


def run_stages(network: Network[IntegerCall], images: NDArray[np.uint8]) -> Int8s:
    """Return the output of the last stage, flat (n, numbers); see `stage_outputs`."""
    output = np.empty(0, np.int8)
    for output in stage_outputs(network, images):  # noqa: B007
        pass
    return output.reshape(len(images), -1)


class IntegerPredictor:
    """Runs the int8 network of a model on images and gives the outputs of exported code.

    Parameters
    ----------
    model : Model
        A quantized one.

    Raises
    ------
    QuantizationError
        See `integer_network`.
    """

    def __init__(self, model: Model) -> None:
        self.spec = model.spec
        self.classes = model.classes
        self.network = integer_network(model)
        self.output: Affine = self.network.stages[-1].call.target
        largest = max(stage.call.working_size for stage in self.network.stages)
        self._batch = max(1, min(BATCH, BATCH_NUMBERS // largest))
        self._scores = scores(model.spec)

    def run(self, images: NDArray[np.uint8]) -> Int8s:
        """Return the output tensor.

        Parameters
        ----------
        images : ndarray of uint8, shape (n, height, width) or (n, height, width, channels)

        Returns
        -------
        ndarray of int8, shape (n, classes)
        """
        images = checked_images(self.spec, images)
        starts = range(0, len(images), self._batch)
        parts = [run_stages(self.network, images[start : start + self._batch]) for start in starts]
        return np.concatenate(parts) if parts else np.empty((0, len(self.classes)), np.int8)

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the outputs as real numbers, (n, classes); see `run`."""
        return self.output.dequantize(self.run(images))

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return scores in [0, 1], (n, classes); see `run`."""
        outputs = np.ascontiguousarray(self.logits(images).T)
        self._scores(outputs)
        return np.ascontiguousarray(outputs.T)
