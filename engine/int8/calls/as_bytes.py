"""How a requantization is passed to kernels: in terms of the bytes q + 128."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.int8.arithmetic import Affine, Int8s, Int32s, Requantization

__all__ = [
    "bytes_of",
    "folded_bias",
    "requantization_arrays",
    "requantization_sizes",
    "scaling_arrays",
    "table_bytes",
    "zero_byte",
]


def zero_byte(affine: Affine) -> int:
    """Return the byte that stands for 0."""
    return affine.zero_point + 128


def folded_bias(source: Affine, bias: Int32s, sums: NDArray[np.int64]) -> Int32s:
    """Return the bias for inputs as bytes, whose zero is not 0; `sums` are of the weights of each channel."""
    folded: Int32s = (bias - zero_byte(source) * sums).astype(np.int32)
    return folded


def bytes_of(q: Int8s) -> NDArray[np.uint8]:
    """Return int8 numbers as the bytes ``q + 128``."""
    result: NDArray[np.uint8] = (q.astype(np.int16) + 128).astype(np.uint8)
    return result


def table_bytes(table: Int8s) -> NDArray[np.uint8]:
    """Return a table from byte to byte."""
    return bytes_of(table)


def requantization_sizes(requantization: Requantization) -> Mapping[str, int]:
    """Return zero point and limits as bytes: ``zero``, ``low`` and ``high``."""
    r = requantization
    return {"zero": r.zero_point + 128, "low": r.low + 128, "high": r.high + 128}


def requantization_arrays(requantization: Requantization, bias: Int32s) -> Mapping[str, NDArray[Any]]:
    """Return ``bias``, ``multiplier`` and ``shift``, less one, by channel; ``table`` where there is one."""
    r = requantization
    arrays: dict[str, NDArray[Any]] = {
        "bias": np.asarray(bias, np.int32),
        "multiplier": np.broadcast_to(r.multiplier, bias.shape).astype(np.int32),
        "shift": (np.broadcast_to(r.shift, bias.shape) - 1).astype(np.uint8),
    }
    return arrays if r.table is None else arrays | {"table": table_bytes(r.table)}


def scaling_arrays(requantization: Requantization, bias: Int32s) -> Mapping[str, NDArray[Any]]:
    """Return ``scaling``, by channel twice the bias and the multiplier; ``shift``; ``table``, if any."""
    arrays = dict(requantization_arrays(requantization, bias))
    scaling = np.stack([2 * arrays.pop("bias"), arrays.pop("multiplier")], axis=1)
    return {"scaling": scaling.ravel(), **arrays}
