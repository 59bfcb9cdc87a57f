"""Weights and bias of an operator, as parameters of a layer and as the integers of its int8 form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.formats.tflite_files import micro
from engine.formats.tflite_files.chain import Chain, Floats
from engine.formats.tflite_files.graph import Operator, Tensor
from engine.int8.arithmetic import HIGH, LOW, MAX_SHIFT, Affine
from engine.int8.integers import GivenSum, IntegersFaultError, LayerIntegers
from engine.nn.specs import LayerSpec

__all__ = ["Weights", "integers_of"]

SYMMETRIC = "convert the network again, with int8 weights that are symmetric"
OTHERWISE = "convert it with other calibration data, or take its float32 version"


@dataclass(frozen=True, eq=False)
class Weights:
    """The constants of an operator that computes weighted sums.

    Attributes
    ----------
    weight : Tensor
    bias : Tensor or None
    """

    weight: Tensor
    bias: Tensor | None

    @classmethod
    def of(cls, chain: Chain, operator: Operator, rank: int) -> Weights:
        """Return those of `operator`, whose weight has `rank` axes."""
        weight, bias = chain.operands(operator, 2)
        if weight is None or len(weight.shape) != rank:
            raise operator.refusal(f"has no weight of {rank} dimensions", "convert the network again")
        kinds = ("FLOAT32", "FLOAT32") if chain.affine is None else ("INT8", "INT32")
        for tensor, kind in zip((weight, bias), kinds, strict=True):
            if tensor is not None and tensor.kind != kind:
                what = f"has weights or a bias of {tensor.kind}, not {kind}"
                raise operator.refusal(what, "convert the whole network to int8 or float32")
            if tensor is not None and not np.isfinite(tensor.numbers).all():
                raise operator.refusal("has weights that are not finite", "train the network again")
        return cls(weight, bias)

    def add(
        self,
        chain: Chain,
        operator: Operator,
        layer: LayerSpec,
        values: NDArray[np.generic],
        axis: int,
        limits: str,
        single: bool = False,
    ) -> None:
        """Add the layer that an operator becomes.

        Parameters
        ----------
        chain : Chain
        operator : Operator
        layer : LayerSpec
        values : ndarray
            The weight in the engine's layout.
        axis : int
            Its axis that runs over the output channels.
        limits : str
            The activation that the operator applies, as in the schema.
        single : bool
            Whether a single scale for all channels is multiplied in 32 bits.
        """
        channels = values.shape[axis]
        bias = np.zeros(channels, np.int32) if self.bias is None else self.bias.numbers.ravel()
        if len(bias) != channels:
            raise operator.refusal(f"has {len(bias)} biases for {channels} channels", "convert it again")
        scales = chain.scales(operator)
        if scales is None:
            params = {"weight": values, "bias": bias}
            chain.add(operator, layer, {name: p.astype(np.float32) for name, p in params.items()})
            return
        source, target = scales
        steps = self._steps(operator, channels)
        pairs = self._multipliers(source, target, steps, single)
        bounds = micro.activation_limits(limits, target) or (LOW, HIGH)
        integers = integers_of(operator, target, steps, bias, pairs, bounds)
        chain.add(operator, layer, _real(integers, values, axis, source, operator), integers)

    def _steps(self, operator: Operator, channels: int) -> list[float]:
        scales = [float(scale) for scale in self.weight.scales]
        if len(scales) not in (1, channels) or not all(1e-30 < scale < 1e30 for scale in scales):
            raise operator.refusal("has scales of weights that are not positive, or too few", SYMMETRIC)
        if self.weight.zero_points.any():
            raise operator.refusal("has weights with a zero point", SYMMETRIC)
        return scales * (channels // len(scales))

    def _multipliers(
        self, source: Affine, target: Affine, steps: Sequence[float], single: bool
    ) -> list[micro.Multiplier]:
        if single and len(self.weight.scales) == 1:
            return [micro.single_multiplier(source, steps[0], target)] * len(steps)
        return micro.sum_multipliers(source, steps, target)


def integers_of(
    operator: Operator,
    target: Affine,
    steps: Sequence[float],
    bias: NDArray[np.generic],
    pairs: Sequence[micro.Multiplier],
    limits: tuple[int, int] = (LOW, HIGH),
) -> LayerIntegers:
    """Return the integers of sums, or say why kernels cannot compute them."""
    shifts = tuple(shift if number else MAX_SHIFT for number, shift in pairs)
    numbers = tuple(number for number, _ in pairs)
    try:
        sums = GivenSum(tuple(steps), tuple(int(b) for b in bias), numbers, shifts, *limits)
    except IntegersFaultError as fault:
        raise operator.refusal(f"cannot be computed in int8 here: {fault.what}", OTHERWISE) from fault
    return LayerIntegers(target, sums)


def _real(
    integers: LayerIntegers, values: NDArray[np.generic], axis: int, source: Affine, operator: Operator
) -> dict[str, Floats]:
    """Return the parameters that the integers stand for, if these can be found in them again."""
    assert integers.sums is not None
    sums, shape = integers.sums, [1] * values.ndim
    shape[axis] = -1
    steps = np.array(sums.steps)
    weight = (values.astype(np.float64) * steps.reshape(shape)).astype(np.float32)
    try:
        sums.sums(weight, axis)
    except IntegersFaultError as fault:
        raise operator.refusal(f"cannot be computed in int8 here: {fault.what}", OTHERWISE) from fault
    return {"weight": weight, "bias": (np.array(sums.bias) * steps * source.scale).astype(np.float32)}
