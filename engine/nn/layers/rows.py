"""Convolution as matrix products over rows, without im2col.

The source is copied once into a buffer that is expanded along the kernel's *width* only: entry
(i, j, c, w) holds the padded source at row i, column ``w * stride + j``. The operand of output row h is
then a contiguous slice, rows ``h * stride`` … ``h * stride + kernel - 1`` of that buffer, which overlapping
strides turn into one batched `matmul` (k copies of the input instead of k²).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import as_strided

from engine.errors import SpecError
from engine.nn.layers.products import pieces
from engine.nn.ops import Allocate, copying, nothing
from engine.nn.param import FloatArray

__all__ = ["PADDINGS", "Geometry", "Span", "expanded", "folding", "row_product", "row_windows"]


@dataclass(frozen=True)
class Span:
    """A sliding kernel along one axis.

    Attributes
    ----------
    source, out : int
        Number of positions read and written.
    kernel : int
    stride : int
        Step of the kernel between two outputs, in padded source positions.
    before : int
        Padding before the source; negative if its first positions are not read.
    dilation : int
        Distance between adjacent source elements in padded positions; more than 1 only for the gradient of a
        convolution with a stride.
    """

    source: int
    out: int
    kernel: int
    stride: int = 1
    before: int = 0
    dilation: int = 1

    @property
    def padded(self) -> int:
        """Number of padded positions that outputs read."""
        return (self.out - 1) * self.stride + self.kernel

    def overlap(self, tap: int) -> tuple[slice, slice]:
        """Return the outputs that read the source at kernel position `tap`, and the positions they read."""
        return _overlap(self.source, self.out, self.before - tap, self.stride, self.dilation)

    def positions(self, start: int, length: int) -> tuple[slice, slice]:
        """Return which of `length` padded positions from `start` on hold source positions, and which."""
        return _overlap(self.source, length, self.before - start, 1, self.dilation)

    def part(self, outputs: slice) -> Span:
        """Return the span of some of the outputs."""
        before = self.before - outputs.start * self.stride
        return replace(self, out=outputs.stop - outputs.start, before=before)

    def adjoint(self) -> Span:
        """Return the span of the gradient with respect to the source."""
        before = self.kernel - 1 - self.before
        return Span(self.out, self.source, self.kernel, 1, before, self.stride)


def _same(source: int, kernel: int, stride: int) -> Span:
    """Pad so that out = ceil(source / stride); an odd zero goes to the end, as in TensorFlow."""
    out = -(-source // stride)
    padding = max((out - 1) * stride + kernel - source, 0)
    return Span(source, out, kernel, stride, padding // 2)


def _valid(source: int, kernel: int, stride: int) -> Span:
    return Span(source, (source - kernel) // stride + 1, kernel, stride)


PADDINGS: dict[str, Callable[[int, int, int], Span]] = {"same": _same, "valid": _valid}


@dataclass(frozen=True)
class Geometry:
    """A square kernel sliding over rows and columns."""

    rows: Span
    columns: Span

    @classmethod
    def of(cls, height: int, width: int, kernel: int, stride: int, padding: str) -> Geometry:
        """Return the geometry for an input of `height` × `width`; raise `SpecError` if no kernel fits in."""
        span = PADDINGS[padding]
        found = cls(span(height, kernel, stride), span(width, kernel, stride))
        if min(found.rows.out, found.columns.out) < 1:
            raise SpecError(
                f"a {kernel}×{kernel} kernel does not fit into {height}×{width}; make it smaller or pad.",
                field="kernel",
            )
        return found

    @property
    def kernel(self) -> int:
        """Side of the square kernel."""
        return self.rows.kernel

    @property
    def c_sizes(self) -> dict[str, int]:
        """The arguments of a C kernel that slides over an unpadded image."""
        rows, columns = self.rows, self.columns
        return {"kernel": rows.kernel, "stride": rows.stride, "top": rows.before, "left": columns.before}

    @property
    def reads_in_place(self) -> bool:
        """Whether the source itself is the expanded buffer: a 1×1 kernel with stride 1."""
        return self.kernel == 1 and self.rows.stride == 1 and self.rows.dilation == 1

    def part(self, columns: slice) -> Geometry:
        """Return the geometry of some columns of the output."""
        return Geometry(self.rows, self.columns.part(columns))

    def adjoint(self) -> Geometry:
        """Return the geometry of the gradient with respect to the source."""
        return Geometry(self.rows.adjoint(), self.columns.adjoint())


def _overlap(source: int, target: int, shift: int, stride: int, dilation: int) -> tuple[slice, slice]:
    """Slices (target, source) of the pairs with ``dilation * s + shift == stride * t``; one factor is 1."""
    if dilation == 1:
        low = max(0, -(-shift // stride))
        high = max(low, min(target, (source - 1 + shift) // stride + 1))
        first = stride * low - shift
        return slice(low, high), slice(first, first + stride * (high - low), stride)
    low = max(0, -(shift // dilation))
    high = max(low, min(source, (target - 1 - shift) // dilation + 1))
    first = dilation * low + shift
    return slice(first, first + dilation * (high - low), dilation), slice(low, high)


def expanded(
    geometry: Geometry, source: FloatArray, lasting: Allocate
) -> tuple[FloatArray, Callable[[], None]]:
    """Return the expanded buffer of `source` (H, C, W, N), and a closure that fills it.

    The buffer has the shape (rows.padded, kernel, C, out W, N). The padding in it stays zero.
    """
    _, channels, _, batch = source.shape
    if geometry.reads_in_place:
        return source[:, None], nothing
    rows, columns = geometry.rows, geometry.columns
    buffer = lasting((rows.padded, geometry.kernel, channels, columns.out, batch))
    to_rows, from_rows = rows.positions(0, rows.padded)
    copies = []
    for j in range(geometry.kernel):
        to_columns, from_columns = columns.overlap(j)
        pair = (buffer[to_rows, j, :, to_columns], source[from_rows, :, from_columns])
        if pair[0].size:
            copies.append(pair)
    return buffer, copying(copies)


def folding(columns: Span, shares: FloatArray, target: FloatArray) -> Callable[[], None]:
    """Return the adjoint of `expanded`: sum `shares` (H, kernel, C, out W, N) into `target` (H, C, W, N)."""
    pairs = [columns.overlap(j) for j in range(columns.kernel)]
    widths = [to.stop - to.start for _, to in pairs]
    widest = int(np.argmax(widths))
    whole = widths[widest] == target.shape[2]
    additions = [
        (target[:, :, to], shares[:, j, :, origin])
        for j, (origin, to) in enumerate(pairs)
        if widths[j] > 0 and not (whole and j == widest)
    ]
    first = shares[:, widest, :, pairs[widest][0]] if whole else None

    def fold() -> None:
        if first is None:
            target[...] = 0
        else:
            np.copyto(target, first)
        for to, share in additions:
            np.add(to, share, out=to)

    return fold


def row_windows(buffer: FloatArray, rows: Span, parts: int = 1) -> FloatArray:
    """View the expanded buffer (padded, kernel, C, W, N) as the operand of each output row.

    Returns
    -------
    ndarray
        (out rows, parts, taps, W·N / parts), overlapping, so not to be written.
    """
    kernel, channels, width, batch = buffer.shape[1:]
    columns = width * batch // parts
    row, item = buffer.strides[0], buffer.itemsize
    return as_strided(
        buffer,
        (rows.out, parts, rows.kernel * kernel * channels, columns),
        (rows.stride * row, columns * item, width * batch * item, item),
        writeable=False,
    )


def row_product(geometry: Geometry, buffer: FloatArray, y: FloatArray) -> Callable[[FloatArray], None]:
    """Return a closure that writes ``matrix (K, taps) @ windows`` of `buffer` to `y` (H, K, W, N)."""
    height, filters, width, batch = y.shape
    taps = geometry.kernel * geometry.kernel * buffer.shape[2]
    parts = pieces(width * batch, filters * taps, least=16)
    windows = row_windows(buffer, geometry.rows, parts)
    out = y.reshape(height, filters, parts, -1).transpose(0, 2, 1, 3)

    def multiply(matrix: FloatArray) -> None:
        np.matmul(matrix, windows, out=out)

    return multiply
