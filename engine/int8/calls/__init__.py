"""The calls of an int8 network: in NumPy exactly what each of them computes, and which kernel does it in C.

`run` is the reference: exported C equals it to the bit. Tensors are int8 here, (images, height, width,
channels) or (images, features). Exported code holds ``q + 128`` as uint8, which is zero for a rectifier's
zero and equal to the bytes of an image; that is its own affair.

Convolutions pad with the zero point, so that padding stands for 0. Max pooling comes before requantization
when a convolution does it itself: rescaling keeps the order, so the result is the same.

A call's `code` names its kernel, ``TM_KERNEL void tm_NAME(const uint8_t *x, uint8_t *y, ...)`` in
``kernels/NAME.c``. What stands behind x and y is found *by name*: a size, an array, or one of these, which
every kernel may ask for:

``in_height``, ``in_width``, ``in_channels``, ``in_size``, ``out_…``
    Of the shapes; ``channels`` are those of the input.
``in_flip``
    0, or 128 where the input is int8: ``x[i] ^ in_flip`` is always ``q + 128``. Every kernel must ask for it,
    as any stage may be the first.
``in_given``
    1 where the input is the caller's memory: of any alignment, and nothing may be read behind its end. 0
    where it is in the arena: aligned to 4 bytes, and up to 3 bytes behind its end may be read, not written.
``scratch``
    ``uint8_t *``, aligned to 4 bytes, for the stage alone.
``table``
    May be missing in `StageCode.arrays`: then it is 0.

The output is aligned to 4 bytes, and nothing is written behind its end. Input, output and scratch do not
overlap, but where the stage's code has a ``lead`` (see `engine.int8.calls.leads`) or the call works in place.
Constant arrays are aligned to 4 bytes and read through ``TM_GET_S8(pointer)`` and its kind, see
``kernels/tm_s8.h``: on AVR they stand in flash, which plain pointers do not reach.
"""

from __future__ import annotations

from engine.int8.calls.call import IntegerCall
from engine.int8.calls.conv2d import IntegerConv2D
from engine.int8.calls.dense import IntegerDense
from engine.int8.calls.depthwise import IntegerDepthwise
from engine.int8.calls.lookup import IntegerGather, IntegerSoftmax, IntegerTable, softmax_table
from engine.int8.calls.pool import IntegerAvgPool, IntegerMaxPool
from engine.int8.calls.weighted import IntegerWeighted
from engine.int8.calls.window import Window

__all__ = [
    "IntegerAvgPool",
    "IntegerCall",
    "IntegerConv2D",
    "IntegerDense",
    "IntegerDepthwise",
    "IntegerGather",
    "IntegerMaxPool",
    "IntegerSoftmax",
    "IntegerTable",
    "IntegerWeighted",
    "Window",
    "softmax_table",
]
