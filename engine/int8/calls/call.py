"""The base of int8 calls, and the contract between a call and its C kernel.

Reference
    `IntegerCall.run` computes a call in NumPy, and exported C gives the same bits. Tensors are int8 here,
    (images, height, width, channels) or (images, features). Exported code stores ``q + 128`` as uint8
    instead: these are the bytes of an image, and 0 stands for the zero of a ReLU. Convolutions pad with the
    zero point, which stands for 0. A convolution with max pooling takes the maximum before it requantizes;
    the result is the same, as requantization keeps the order of numbers.

Kernel
    `IntegerCall.code` names the kernel: ``TM_KERNEL void tm_NAME(const uint8_t *x, uint8_t *y, ...)`` in
    ``kernels/NAME.c``. The parameters after x and y are matched *by name*: with the sizes and arrays of the
    `StageCode`, or with one of the following, which every kernel may have:

    ``in_height``, ``in_width``, ``in_channels``, ``in_size``, ``out_…``
        Of the shapes. ``channels`` are those of the input.
    ``in_flip``
        0, or 128 if the input is int8: ``x[i] ^ in_flip`` is always ``q + 128``. Every kernel must have it,
        as every stage can be the first one.
    ``in_given``
        1 if the input is memory of the caller, which may have any alignment, and must not be read beyond its
        end. 0 if it is in the arena: then it is aligned to 4 bytes, and up to 3 bytes beyond its end may be
        read, but not written.
    ``scratch``
        ``uint8_t *``, aligned to 4 bytes: memory that only this stage uses.
    ``table``
        0 if `StageCode.arrays` has no table.

Memory
    The output is aligned to 4 bytes, and nothing may be written beyond its end. Input, output and scratch
    memory do not overlap, unless the stage has a ``lead`` (see `engine.int8.calls.leads`) or the call works
    in place. Constant arrays are aligned to 4 bytes. They are read by ``TM_GET_S8(pointer)`` and the like,
    see ``kernels/tm_s8.h``: on AVR they are in flash, which plain pointers cannot read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.int8.arithmetic import Affine, Int8s
from engine.shapes import Shape, size
from engine.stage_code import FAST, StageCode, Variant

__all__ = ["IntegerCall"]


@dataclass(frozen=True, eq=False)
class IntegerCall:
    """One call of an int8 kernel; the module's docstring is its contract.

    Attributes
    ----------
    in_shape, out_shape : tuple of int
    source, target : Affine
        Scales and zero points of input and output.
    """

    in_shape: Shape
    out_shape: Shape
    source: Affine
    target: Affine

    in_place: ClassVar[bool] = False
    """Whether the output may overwrite the input. Then output number i is computed from input number i."""

    @property
    def taps(self) -> int:
        """How many numbers are read for each number of the output."""
        return max(1, size(self.in_shape) // size(self.out_shape))

    @property
    def working_size(self) -> int:
        """About how many numbers `run` has in memory for each image."""
        return size(self.in_shape) + size(self.out_shape)

    def run(self, x: Int8s) -> Int8s:
        """Return the output (images, *out_shape) for inputs `x`, (images, *in_shape)."""
        raise NotImplementedError

    def code(self, variant: Variant = FAST) -> StageCode:
        """Return this call in C: its kernel, and its arrays in the order in which the kernel reads them."""
        raise NotImplementedError
