"""Dense layers in int8, with their weights in the order in which the C kernel reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.int8.arithmetic import Int8s
from engine.int8.calls.as_bytes import (
    LARGEST_BYTE,
    PACKED_SUM_LIMIT,
    folded_bias,
    requantization_arrays,
    requantization_sizes,
    scaling_arrays,
)
from engine.int8.calls.weighted import IntegerWeighted
from engine.stage_code import FAST, StageCode, Variant

__all__ = ["IntegerDense"]

FOUR = 4
CODE_FOR_TWO = 250  # bytes of flash for the code that computes two outputs alone
MANY_WEIGHTS = 1 << 15


@dataclass(frozen=True, eq=False)
class IntegerDense(IntegerWeighted):
    """Every output depends on every input; weight (units, features)."""

    def run(self, x: Int8s) -> Int8s:
        return self.finish(self.centred(x) @ self.exact_weight.T)

    def code(self, variant: Variant = FAST) -> StageCode:
        return _fast(self) if variant.fast else _small(self)


def _fast(call: IntegerDense) -> StageCode:
    """Return the C code that executes the fewest instructions."""
    outputs, inputs = call.weight.shape
    left = _left(outputs, inputs)
    rows = outputs // FOUR * FOUR + left if left else _fours(outputs)
    weight = np.zeros((rows, _fours(inputs)), np.int16)
    weight[:outputs, :inputs] = call.weight
    run = _run(weight)
    sizes = {
        "left": left,
        "run": run,
        "unroll": _unroll(call, run),
        **requantization_sizes(call.requantization),
    }
    return StageCode("dense_s8", sizes, {"weight": _laid_out(weight), **_scaled(call)})


def _fours(n: int) -> int:
    return -(-n // FOUR) * FOUR


def _left(outputs: int, inputs: int) -> int:
    """Return how many outputs are computed after the groups of four: 2, or 0 if padding takes less flash.

    Padding completes the last group of four with outputs whose weights are zero.
    """
    return 2 if 0 < outputs % FOUR <= 2 and 2 * inputs > CODE_FOR_TWO else 0


def _run(weight: NDArray[np.int16]) -> int:
    """Return how many inputs the kernel may add up before it must separate the two packed sums."""
    run: int = weight.shape[1]
    while max(_largest(weight, run), _largest(-weight, run)) >= PACKED_SUM_LIMIT:
        run = -(-run // (2 * FOUR)) * FOUR
    return run


def _unroll(call: IntegerDense, run: int) -> int:
    """Return how many groups of four inputs one round of the kernel's loop handles.

    More make it faster, but take flash for code, which is worth it only beside many weights.
    """
    whole = run == call.weight.shape[1] and run % (4 * FOUR) == 0
    return FOUR if whole and call.weight.size >= MANY_WEIGHTS else 2


def _largest(weight: NDArray[np.int16], run: int) -> int:
    """Return the largest sum over `run` inputs that can occur, over all possible inputs."""
    starts = np.arange(0, weight.shape[1], run)
    runs = np.add.reduceat(np.maximum(weight, 0), starts, axis=1, dtype=np.int64)
    return int(runs.max()) * LARGEST_BYTE


def _laid_out(weight: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return numbers ``256 · b + a`` with the weights a and b of two outputs.

    Of each group of four inputs, 0 and 2 come first, then 1 and 3.
    """
    pairs = weight[0::2] + 256 * weight[1::2]
    together = len(weight) // FOUR * 2
    parts = [(pairs[:together], 2), (pairs[together:], 1)]
    return np.concatenate([_in_turn(part, of) for part, of in parts])


def _in_turn(pairs: NDArray[np.int16], of: int) -> NDArray[np.int16]:
    """Return the rows interleaved in groups of `of`: four inputs of the first row, four of the next one."""
    inputs = pairs.shape[1]
    fours = pairs.reshape(-1, of, inputs // FOUR, 2, 2)  # group, row, four, which half, even or odd
    return np.ascontiguousarray(fours.transpose(0, 2, 4, 1, 3)).ravel()


def _scaled(call: IntegerDense) -> Mapping[str, NDArray[Any]]:
    """Return the arrays for requantization, with the input's zero point folded into the biases."""
    bias = folded_bias(call.source, call.bias, call.weight.sum(axis=1, dtype=np.int64))
    return scaling_arrays(call.requantization, bias)


def _small(call: IntegerDense) -> StageCode:
    """Return the C code that takes the least flash; the input's zero point is folded into the bias."""
    bias = folded_bias(call.source, call.bias, call.weight.sum(axis=1, dtype=np.int64))
    arrays = {"weight": call.weight.ravel(), **requantization_arrays(call.requantization, bias)}
    return StageCode("dense_small_s8", requantization_sizes(call.requantization), arrays)
