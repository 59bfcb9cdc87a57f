"""Dense layers in int8, with their weights in the order in which the C kernel reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.int8.arithmetic import Int8s
from engine.int8.calls.as_bytes import (
    folded_bias,
    requantization_arrays,
    requantization_sizes,
    scaling_arrays,
)
from engine.int8.calls.weighted import IntegerWeighted
from engine.int8.stage_code import FAST, StageCode, Variant

__all__ = ["IntegerDense"]

FOUR = 4
CODE_FOR_TWO = 250  # bytes
LARGEST_BYTE = 255
MANY_WEIGHTS = 1 << 15
SUM_LIMIT = 1 << 23  # what the sum of a run stays below, see kernels/dense_dot_s8.c


@dataclass(frozen=True, eq=False)
class IntegerDense(IntegerWeighted):
    """All inputs to each output, weight (units, features)."""

    def run(self, x: Int8s) -> Int8s:
        return self.finish(self.centred(x) @ self.exact_weight.T)

    def code(self, variant: Variant = FAST) -> StageCode:
        return _fast(self) if variant.fast else _small(self)


def _fast(call: IntegerDense) -> StageCode:
    """Return the C with the fewest instructions."""
    outputs, inputs = call.weight.shape
    left = _left(outputs, inputs)
    rows = outputs // FOUR * FOUR + left if left else _fours(outputs)
    weight = np.zeros((rows, _fours(inputs)), np.int16)
    weight[:outputs, :inputs] = call.weight
    run = _run(weight)
    sizes = {
        "left": left,
        "run": run,
        "round": _round(call, run),
        **requantization_sizes(call.requantization),
    }
    return StageCode("dense_s8", sizes, {"weight": _laid_out(weight), **_scaled(call)})


def _fours(n: int) -> int:
    return -(-n // FOUR) * FOUR


def _left(outputs: int, inputs: int) -> int:
    """Return how many outputs follow the fours: none where zeros are shorter than the code for a last two."""
    return 2 if 0 < outputs % FOUR <= 2 and 2 * inputs > CODE_FOR_TWO else 0


def _run(weight: NDArray[np.int16]) -> int:
    """Return over how many inputs the kernel may add up before it takes sums apart."""
    run: int = weight.shape[1]
    while max(_largest(weight, run), _largest(-weight, run)) >= SUM_LIMIT:
        run = -(-run // (2 * FOUR)) * FOUR
    return run


def _round(call: IntegerDense, run: int) -> int:
    """Return how many fours of inputs a round of the kernel's loop takes: code beside weights."""
    whole = run == call.weight.shape[1] and run % (4 * FOUR) == 0
    return FOUR if whole and call.weight.size >= MANY_WEIGHTS else 2


def _largest(weight: NDArray[np.int16], run: int) -> int:
    """Return the largest sum over `run` inputs that occurs if each byte is the worst that it can be."""
    starts = np.arange(0, weight.shape[1], run)
    runs = np.add.reduceat(np.maximum(weight, 0), starts, axis=1, dtype=np.int64)
    return int(runs.max()) * LARGEST_BYTE


def _laid_out(weight: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return numbers ``256 · b + a`` for outputs a, b: of each four inputs 0 and 2, then 1 and 3."""
    pairs = weight[0::2] + 256 * weight[1::2]
    together = len(weight) // FOUR * 2
    parts = [(pairs[:together], 2), (pairs[together:], 1)]
    return np.concatenate([_in_turn(part, of) for part, of in parts])


def _in_turn(pairs: NDArray[np.int16], of: int) -> NDArray[np.int16]:
    """Return the rows in groups `of` so many: four inputs of one row, of the next, in the kernel's order."""
    inputs = pairs.shape[1]
    fours = pairs.reshape(-1, of, inputs // FOUR, 2, 2)  # group, row, four, which half, even or odd
    return np.ascontiguousarray(fours.transpose(0, 2, 4, 1, 3)).ravel()


def _scaled(call: IntegerDense) -> Mapping[str, NDArray[Any]]:
    """Return the arrays by output, with the input's zero point in the biases."""
    bias = folded_bias(call.source, call.bias, call.weight.sum(axis=1, dtype=np.int64))
    return scaling_arrays(call.requantization, bias)


def _small(call: IntegerDense) -> StageCode:
    """Return the C with the least flash; the input's zero point is folded into the bias."""
    bias = folded_bias(call.source, call.bias, call.weight.sum(axis=1, dtype=np.int64))
    arrays = {"weight": call.weight.ravel(), **requantization_arrays(call.requantization, bias)}
    return StageCode("dense_small_s8", requantization_sizes(call.requantization), arrays)
