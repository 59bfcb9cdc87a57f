"""One stage of a network in C: a call of a kernel with constant arguments.

Each call of a network, in floats or in int8, returns its stage for the wanted variant of the code
(`Call.code`, `IntegerCall.code`). The writers in `engine.export` turn stages into C; the kernels are C files
there. The contract of int8 kernels is in `engine.int8.calls.call`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

__all__ = ["FAST", "FLOAT_BYTES", "StageCode", "Variant"]

FLOAT_BYTES = 4


@dataclass(frozen=True)
class Variant:
    """Which code is wanted, if a call has several forms in C.

    Attributes
    ----------
    fast : bool
        Whether few instructions are preferred to little flash.
    compact : bool
        Whether fast int8 code stores weights in half the space.
    registers : bool
        Whether float kernels may use callee-saved registers, because other kernels of the network do so
        anyway.
    """

    fast: bool = True
    compact: bool = False
    registers: bool = False


FAST = Variant()


@dataclass(frozen=True, eq=False)
class StageCode:
    """One stage in C.

    Attributes
    ----------
    kernel : str
        Name of the kernel and of its C file.
    sizes : mapping of str to int
        Constant arguments by the kernel's parameter names, besides those that follow from the shapes.
    arrays : mapping of str to ndarray
        Constant arrays by the kernel's parameter names, in the order in which the kernel reads them; the
        dtype is the C type.
    scratch : int
        Bytes of memory that the kernel needs while it runs.
    lead : int or None
        If the output overlaps the input, it must begin at least so many bytes before it: the stage reads its
        input from front to back and overwrites what it has read. None if the two must not overlap.
    functions : mapping of str to str
        C functions that are passed to the kernel, by parameter name; each has a C file of the same name.
    """

    kernel: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    scratch: int = 0
    lead: int | None = None
    functions: Mapping[str, str] = field(default_factory=dict)
