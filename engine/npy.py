"""The header of NumPy's ``.npy`` format, read from files of unknown origin.

NumPy parses the header as a Python literal and lets through whatever the parser raises. Here every fault of a
header is one `ValueError`, and its length is limited.

Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

__all__ = ["MAX_HEADER_BYTES", "NpyHeader", "read_npy_header"]

MAX_HEADER_BYTES = 1 << 10

_FAULTS = (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, TokenError, EOFError)


@dataclass(frozen=True)
class NpyHeader:
    """What an array declares about itself.

    Attributes
    ----------
    version : (int, int)
    shape : tuple of int
    fortran_order : bool
        Whether columns are contiguous instead of rows.
    dtype : numpy.dtype
    """

    version: tuple[int, int]
    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]


def read_npy_header(stream: IO[bytes]) -> NpyHeader:
    """Read magic and header from `stream`, which then stands at the first number.

    Raises
    ------
    ValueError
        For anything but a header with plausible values.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            version = npy.read_magic(stream)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran_order, dtype = read(stream, max_header_size=MAX_HEADER_BYTES)
    except _FAULTS as error:
        raise ValueError("this is no header of a .npy array") from error
    if any(side < 0 for side in shape):
        raise ValueError(f"an array cannot have the shape {shape}")
    return NpyHeader(version, tuple(shape), fortran_order, dtype)
