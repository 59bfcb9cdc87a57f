"""How a requantization is passed to kernels, whose numbers are bytes ``q + 128``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.int8.arithmetic import Affine, Int8s, Int32s, Requantization

__all__ = [
    "LARGEST_BYTE",
    "PACKED_SUM_LIMIT",
    "folded_bias",
    "requantization_arrays",
    "requantization_sizes",
    "scaling_arrays",
    "table_bytes",
    "zero_byte",
]


LARGEST_BYTE = 255
PACKED_SUM_LIMIT = 1 << 23
"""Sums of packed weights, two in one number, stay below this; see ``kernels/dense_dot_s8.c``."""


def zero_byte(affine: Affine) -> int:
    """Return the byte that stands for the real number 0."""
    return affine.zero_point + 128


def folded_bias(source: Affine, bias: Int32s, sums: NDArray[np.int64]) -> Int32s:
    """Return the bias with the input's zero point folded in; `sums` are those of each channel's weights.

    All arrays have the shape (channels,).
    """
    folded: Int32s = (bias - zero_byte(source) * sums).astype(np.int32)
    return folded


def table_bytes(table: Int8s) -> NDArray[np.uint8]:
    """Return a table of int8, (256,), as bytes ``q + 128``: then a byte is its index, too."""
    result: NDArray[np.uint8] = (table.astype(np.int16) + 128).astype(np.uint8)
    return result


def requantization_sizes(requantization: Requantization) -> Mapping[str, int]:
    """Return the zero point and the limits as bytes: ``zero``, ``low`` and ``high``."""
    r = requantization
    return {"zero": r.zero_point + 128, "low": r.low + 128, "high": r.high + 128}


def requantization_arrays(requantization: Requantization, bias: Int32s) -> Mapping[str, NDArray[Any]]:
    """Return ``bias``, ``multiplier`` and ``shift`` minus 1, each (channels,); ``table`` if there is one."""
    r = requantization
    arrays: dict[str, NDArray[Any]] = {
        "bias": np.asarray(bias, np.int32),
        "multiplier": np.broadcast_to(r.multiplier, bias.shape).astype(np.int32),
        "shift": (np.broadcast_to(r.shift, bias.shape) - 1).astype(np.uint8),
    }
    return arrays if r.table is None else arrays | {"table": table_bytes(r.table)}


def scaling_arrays(requantization: Requantization, bias: Int32s) -> Mapping[str, NDArray[Any]]:
    """Return ``scaling``, ``shift`` minus 1, and ``table`` if there is one.

    ``scaling`` holds for each channel twice the bias, then the multiplier.
    """
    arrays = dict(requantization_arrays(requantization, bias))
    scaling = np.stack([2 * arrays.pop("bias"), arrays.pop("multiplier")], axis=1)
    return {"scaling": scaling.ravel(), **arrays}
