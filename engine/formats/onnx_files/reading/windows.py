"""Which of our convolutions computes one of ONNX.

Ours have square kernels and pad as TensorFlow does, "same" or "valid". A kernel of any other form, or with
other padding, is put into a larger square one whose remaining weights are 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import SpecError
from engine.formats.onnx_files.reading.protobuf import MAX_NUMBERS, Fault, Node
from engine.nn.layers.rows import PADDINGS, Geometry

__all__ = ["Slide", "slide_of"]

MAX_KERNEL = 15

Pair = tuple[int, int]


@dataclass(frozen=True)
class Slide:
    """How a kernel slides over an image, in rows and columns.

    Attributes
    ----------
    kernel, stride, dilation : pair of int
    before, after : pair of int
        Padding with zeros.
    """

    kernel: Pair
    stride: Pair
    dilation: Pair
    before: Pair
    after: Pair

    @property
    def reach(self) -> Pair:
        """Sides of the kernel with the gaps that dilation makes."""
        rows, columns = ((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
        return rows, columns

    def out(self, image: Pair) -> Pair:
        """Return how many rows and columns come out of an `image`."""
        rows, columns = (
            (n + a + b - k) // s + 1
            for n, a, b, k, s in zip(image, self.before, self.after, self.reach, self.stride, strict=True)
        )
        return rows, columns

    def fitted(self, image: Pair) -> tuple[int, str, Pair]:
        """Return the side and padding of the smallest kernel of ours, and where the weights stand in it.

        Raises
        ------
        Fault
            When there is none.
        """
        if len(set(self.stride)) != 1:
            raise Fault("it has different steps for rows and columns; use equal ones.")
        for side in range(max(self.reach), MAX_KERNEL + 1):
            for padding in PADDINGS:
                offset = self._offset(image, side, padding)
                if offset is not None:
                    return side, padding, offset
        raise Fault(
            f"its padding {(*self.before, *self.after)} cannot be expressed; pad by half of the kernel, or "
            "not at all."
        )

    def _offset(self, image: Pair, side: int, padding: str) -> Pair | None:
        try:
            geometry = Geometry.of(*image, side, self.stride[0], padding)
        except SpecError:
            return None
        spans = (geometry.rows, geometry.columns)
        top, left = (span.before - b for span, b in zip(spans, self.before, strict=True))
        room = zip((top, left), self.reach, strict=True)
        fits = all(0 <= offset <= side - reach for offset, reach in room)
        same = (geometry.rows.out, geometry.columns.out) == self.out(image)
        return (top, left) if fits and same else None

    def placed(self, weight: NDArray[np.float32], side: int, offset: Pair) -> NDArray[np.float32]:
        """Return `weight` (…, rows, columns) in a square kernel of this `side`, from `offset` on."""
        if weight[..., 0, 0].size * side * side > MAX_NUMBERS:
            raise Fault("it would need too many weights; make the layer smaller.")
        square = np.zeros((*weight.shape[:-2], side, side), np.float32)
        rows, columns = (
            slice(o, o + r, d) for o, r, d in zip(offset, self.reach, self.dilation, strict=True)
        )
        square[..., rows, columns] = weight
        return square


def slide_of(node: Node, image: Pair, kernel: Pair, pads: tuple[int, ...] = (0, 0, 0, 0)) -> Slide:
    """Return how the kernel of `node` slides over an `image`, after an earlier node has added `pads`."""
    stride, dilation = (_pair(node, name) for name in ("strides", "dilations"))
    if min(*stride, *dilation, *kernel) < 1:
        raise Fault("its kernel or its steps are not positive; export it again.")
    plain = Slide(kernel, stride, dilation, (0, 0), (0, 0))
    own = tuple(_own_pads(node, image, plain))
    if len(own) != 4 or min(own) < 0:
        raise Fault("its padding is not four positive numbers; export it again.")
    top, left, bottom, right = (a + b for a, b in zip(own, pads, strict=True))
    return Slide(kernel, stride, dilation, (top, left), (bottom, right))


def _pair(node: Node, name: str) -> Pair:
    values = node.attributes.get(name, (1, 1))
    if len(values) != 2:
        raise Fault("it does not slide over rows and columns; use layers for images.")
    return int(values[0]), int(values[1])


def _own_pads(node: Node, image: Pair, slide: Slide) -> Iterator[int]:
    auto = node.attributes.get("auto_pad", "NOTSET")
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        yield from (int(n) for n in node.attributes.get("pads", (0, 0, 0, 0)))
        return
    total = [
        max((-(-n // s) - 1) * s + r - n, 0) for n, s, r in zip(image, slide.stride, slide.reach, strict=True)
    ]
    small, large = [n // 2 for n in total], [n - n // 2 for n in total]
    yield from (*small, *large) if auto == "SAME_UPPER" else (*large, *small)
