"""The backward pass of a convolution: gradients of its weight and of its input.

The input gradient adds each output gradient to the pixels from which that output was computed. Which of three
ways is the fastest depends on the shape; all give the same gradient:

- stride 1 and at least as many filters as channels (the usual case): one product over *rows* computes the
  contribution of every kernel column, (kernel, C) numbers for each pixel, and shifted additions sum them up.
  Only the channels, the smaller side, are computed `kernel` times;
- stride 1 and fewer filters than channels: a convolution of the output gradient with the flipped weight;
- larger strides: the contribution of every tap, summed up by strided additions (col2im). A convolution would
  mostly multiply by zero, because the output gradient would have to be dilated first.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.nn.layers.products import pieces
from engine.nn.layers.rows import Geometry, Span, expanded, folding, row_product, row_windows
from engine.nn.ops import Allocate
from engine.nn.param import FloatArray

__all__ = ["input_gradient", "weight_gradient"]

Pass = Callable[[], None]
FEW_TAPS = 16  # a product over fewer taps does not fill the vector registers
MOST_TAPS = 25  # in one product windows @ dyᵀ: with more, and over 32 filters, OpenBLAS takes twice as long


def weight_gradient(
    geometry: Geometry, buffer: FloatArray, dy: FloatArray, grad: FloatArray, temporary: Allocate
) -> Pass:
    """Return a closure that writes the weight's gradient, the sum over rows of windows @ dyᵀ.

    OpenBLAS computes this product faster than dy @ windowsᵀ. It is cut into pieces between taps rather than
    along the sums, so that there are fewer partial results to add up.

    Parameters
    ----------
    geometry : Geometry
    buffer : ndarray
        The expanded input (padded rows, kernel, C, W, N).
    dy : ndarray
        (H, K, W, N).
    grad : ndarray
        (K, kernel, kernel, C), written.
    temporary : Allocate
    """
    height, filters, width, batch = dy.shape
    taps = geometry.kernel * geometry.kernel * buffer.shape[2]
    parts = pieces(width * batch, filters * min(taps, FEW_TAPS), least=32)
    length = width * batch // parts
    bundles = pieces(taps, filters * length, least=4, most=MOST_TAPS)
    windows = row_windows(buffer, geometry.rows, parts).reshape(height, parts, bundles, -1, length)
    columns = dy.reshape(height, filters, parts, length).transpose(0, 2, 3, 1)[:, :, None]
    partial = temporary((height, parts, bundles, taps // bundles, filters))
    total = np.empty(partial.shape[2:], dy.dtype)
    matrix = grad.reshape(filters, -1)

    def backward() -> None:
        np.matmul(windows, columns, out=partial)
        np.add.reduce(partial, axis=(0, 1), out=total)
        matrix[...] = total.reshape(taps, filters).T

    return backward


def input_gradient(
    geometry: Geometry,
    weight: FloatArray,
    dy: FloatArray,
    dx: FloatArray,
    temporary: Allocate,
    lasting: Allocate,
) -> Pass:
    """Return a closure that writes the gradient of the input to `dx` (H, C, W, N).

    Parameters
    ----------
    geometry : Geometry
    weight : ndarray
        (K, kernel, kernel, C).
    dy : ndarray
        (H, K, W, N).
    temporary, lasting : Allocate
        For arrays of one pass, and for arrays that keep their contents.
    """
    filters, channels = weight.shape[0], weight.shape[3]
    if geometry.rows.stride > 1:
        return _by_taps(geometry, weight, dy, dx, temporary)
    if geometry.reads_in_place or filters < channels:
        return _by_flipping(geometry, weight, dy, dx, lasting)
    return _by_rows(geometry, weight, dy, dx, temporary)


def _by_flipping(
    geometry: Geometry, weight: FloatArray, dy: FloatArray, dx: FloatArray, lasting: Allocate
) -> Pass:
    adjoint = geometry.adjoint()
    buffer, expand = expanded(adjoint, dy, lasting)
    multiply = row_product(adjoint, buffer, dx)
    flipped = weight[:, ::-1, ::-1].transpose(3, 1, 2, 0)  # (C, k, k, K)
    matrix = np.empty(flipped.shape, weight.dtype)
    flat = matrix.reshape(len(matrix), -1)

    def backward() -> None:
        matrix[...] = flipped
        expand()
        multiply(flat)

    return backward


def _by_rows(
    geometry: Geometry, weight: FloatArray, dy: FloatArray, dx: FloatArray, temporary: Allocate
) -> Pass:
    height, channels, _, batch = dx.shape
    shares = temporary((height, geometry.kernel, channels, geometry.columns.out, batch))
    fold = folding(geometry.columns, shares, dx)
    flipped = weight[:, ::-1].transpose(2, 3, 1, 0)  # (column, C, row, K): row r of a window meets row k-1-r
    matrix = np.empty(flipped.shape, weight.dtype)
    flat = matrix.reshape(geometry.kernel * channels, -1)
    products = _row_products(geometry.rows, flat, dy, shares)

    def backward() -> None:
        matrix[...] = flipped
        for left, right, out in products:
            np.matmul(left, right, out=out)
        fold()

    return backward


def _row_products(
    rows: Span, matrix: FloatArray, dy: FloatArray, shares: FloatArray
) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
    """Return the products (left, right, out) that fill `shares` from the rows of `dy`.

    All rows whose window lies inside the image are computed by one batched product. At the border the window
    is cut off, and the matrix with it.
    """
    filters = dy.shape[1]
    windowed = dy.reshape(len(dy), filters, -1)
    length = windowed.shape[2]
    parts = pieces(length, matrix.size, least=16)
    out = shares.reshape(len(shares), len(matrix), parts, -1).transpose(0, 2, 1, 3)
    first = rows.before - rows.kernel + 1  # row of `dy` at which the window of input row 0 begins
    low, high = max(0, -first), min(rows.source, rows.out - rows.kernel + 1 - first)
    products = []
    if low < high:
        inside = row_windows(dy[low + first :, None], Span(0, high - low, rows.kernel), parts)
        products.append((matrix, inside, out[low:high]))
    for row in (*range(min(low, rows.source)), *range(max(high, low), rows.source)):
        start, stop = max(0, row + first), min(rows.out, row + first + rows.kernel)
        if start >= stop:
            continue
        used = matrix[:, (start - row - first) * filters : (stop - row - first) * filters]
        operand = windowed[start:stop].reshape(-1, parts, length // parts).transpose(1, 0, 2)
        products.append((used, operand, out[row]))
    return products


def _by_taps(
    geometry: Geometry, weight: FloatArray, dy: FloatArray, dx: FloatArray, temporary: Allocate
) -> Pass:
    rows, columns = geometry.rows, geometry.columns
    height, filters, width, batch = dy.shape
    kernel, channels = geometry.kernel, weight.shape[3]
    shares = temporary((height, kernel, kernel, channels, width, batch))
    matrix = weight.reshape(filters, -1).T  # (taps, K)
    source, out = dy.reshape(height, filters, -1), shares.reshape(height, len(matrix), -1)
    additions = []
    for i in range(kernel):
        from_rows, to_rows = rows.overlap(i)
        for j in range(kernel):
            from_columns, to_columns = columns.overlap(j)
            pair = (dx[to_rows, :, to_columns], shares[from_rows, i, j, :, from_columns])
            if pair[0].size:
                additions.append(pair)

    def backward() -> None:
        np.matmul(matrix, source, out=out)
        dx[...] = 0
        for to, share in additions:
            np.add(to, share, out=to)

    return backward
