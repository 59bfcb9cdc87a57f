"""What a stage of a network is in C: one call of a kernel, all arguments constant.

A call of a network, in floats or in int8, says which it is (`Call.code`, `IntegerCall.code`) for the variant
of the code that is wanted. What the writers do with it is in `engine.export`; the kernels are C files there.
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
    """Which code is wanted of a call that has several.

    Attributes
    ----------
    fast : bool
        Few instructions rather than little flash.
    compact : bool
        Of fast int8 code that with weights in half the space.
    registers : bool
        Whether float kernels may use registers that have to be saved: others of the network do so anyway.
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
        Name of the kernel and its C file.
    sizes : mapping of str to int
        Constant arguments by the kernel's parameter names, besides those that the shapes give.
    arrays : mapping of str to ndarray
        Constant arrays by the kernel's parameter names, in the order in which the kernel reads them; the
        dtype is the C type.
    scratch : int
        Bytes of memory that the kernel needs while it runs.
    lead : int or None
        How many bytes before its input the output may begin, at least: the stage reads from front to back and
        writes over what it has read. None where the two must not overlap.
    functions : mapping of str to str
        C functions, names of kernel files too, that are passed to a kernel which asks for them.
    """

    kernel: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    scratch: int = 0
    lead: int | None = None
    functions: Mapping[str, str] = field(default_factory=dict)
