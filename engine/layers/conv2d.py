"""Conv2D: a bank of small filters slides over the image; see `engine.layers.rows` for how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from engine.knobs import knob
from engine.layers.elementwise import ACTIVATIONS, activation_knob, finish
from engine.layers.rows import PADDINGS, Geometry, expansion, row_windows
from engine.ops import Arrays, Bound, FloatArray, Op, nothing
from engine.params import Param, constant
from engine.specs import LayerSpec, Shape, need_image

__all__ = ["Conv2D", "kernel_knob", "padding_knob", "stride_knob"]


def kernel_knob() -> int:
    """Declare the side of a square kernel."""
    default: int = knob(3, "Kernel", "side of the square kernel", low=1, high=15, unit="px")
    return default


def stride_knob() -> int:
    """Declare the step of a kernel."""
    default: int = knob(1, "Stride", "step of the kernel", low=1, high=8, unit="px", advanced=True)
    return default


def padding_knob() -> str:
    """Declare what happens at the border."""
    doc = "same: zeros around the image keep its size; valid: only where the kernel fits"
    default: str = knob("same", "Padding", doc, choices=tuple(PADDINGS))
    return default


@dataclass(frozen=True)
class Conv2D(LayerSpec):
    """Two-dimensional convolution; weight is (filters, kernel, kernel, channels)."""

    kind = "conv2d"
    title = "Convolution"

    filters: int = knob(8, "Filters", "number of output channels", low=1, high=512)
    kernel: int = kernel_knob()
    stride: int = stride_knob()
    padding: str = padding_knob()
    activation: str = activation_knob("relu")
    bias: bool = knob(True, "Bias", "add a trained number to each channel", advanced=True)

    def geometry(self, x: Shape) -> Geometry:
        """Return how the kernel slides over an input of shape `x`."""
        height, width, _ = need_image(x, self.title)
        return Geometry.of(height, width, self.kernel, self.stride, self.padding)

    def out_shape(self, x: Shape) -> Shape:
        geometry = self.geometry(x)
        return (geometry.rows.out, geometry.columns.out, self.filters)

    def params(self, x: Shape) -> Mapping[str, Param]:
        shape = (self.filters, self.kernel, self.kernel, x[-1])
        init = ACTIVATIONS[self.activation].init(self.kernel * self.kernel * x[-1])
        weight = {"weight": Param(shape, init, decayed=True)}
        return weight | ({"bias": Param((self.filters,), constant(0))} if self.bias else {})

    def macs(self, x: Shape) -> int:
        height, width, filters = self.out_shape(x)
        return height * width * filters * self.kernel * self.kernel * x[-1]

    def lower(self, x: Shape) -> tuple[Op, ...]:
        out = self.out_shape(x)
        return (Correlate(x, out, self.geometry(x)), *finish(out, self.bias, self.activation))

    def summary(self) -> str:
        step = f" stride {self.stride}" if self.stride > 1 else ""
        return f"{self.filters} filters {self.kernel}×{self.kernel}{step} {self.padding} {self.activation}"


@dataclass(frozen=True)
class Correlate(Op):
    """``y[h, k, w] = Σ weight[k, a, b, c] · x[h·s + a, c, w·s + b]`` over the padded input."""

    geometry: Geometry

    def bind(self, a: Arrays) -> Bound:
        weight = a.p["weight"]
        matrix = weight.reshape(len(weight), -1)  # (K, taps)
        buffer, expand = _expanded(self.geometry, a.x)
        multiply = _row_product(self.geometry, buffer, a.y)

        def forward() -> None:
            expand()
            multiply(matrix)

        if a.dy is None:
            return Bound(forward, nothing)
        passes = [_weight_gradient(self.geometry, buffer, a.dy, a.g["weight"])]
        if a.dx is not None:
            passes.append(_input_gradient(self.geometry, weight, a.dy, a.dx))

        def backward() -> None:
            for step in passes:
                step()

        return Bound(forward, backward)


def _expanded(geometry: Geometry, source: FloatArray) -> tuple[FloatArray, Callable[[], None]]:
    """Return the row buffer (padded, kernel, C, W, N) of `source` and the closure that fills it."""
    _, channels, _, batch = source.shape
    if geometry.reads_in_place:
        return source[:, None], nothing
    rows, columns = geometry.rows, geometry.columns
    buffer = np.empty((rows.padded, geometry.kernel, channels, columns.out, batch), source.dtype)
    return buffer, expansion(geometry, source, buffer)


def rows_together(filters: int, geometry: Geometry) -> int:
    """Choose how many output rows share a matrix product.

    Few filters make a product so flat that the BLAS kernel idles; two rows at once cost
    (kernel + stride) / kernel of the multiplications and still win below about twelve filters.
    """
    rows = geometry.rows
    return 2 if filters <= 12 and rows.out % 2 == 0 and rows.kernel > 2 * rows.stride else 1


def _row_product(geometry: Geometry, buffer: FloatArray, y: FloatArray) -> Callable[[FloatArray], None]:
    """Return a closure that writes ``matrix (K, taps) @ windows`` to `y` (H, K, W, N)."""
    height, filters = y.shape[:2]
    together = rows_together(filters, geometry)
    windows = row_windows(buffer, geometry.rows, together)
    out = y.reshape(height // together, together * filters, -1)
    if together == 1:

        def multiply(matrix: FloatArray) -> None:
            np.matmul(matrix, windows, out=out)

        return multiply
    shift = windows.shape[1] - geometry.kernel * geometry.kernel * buffer.shape[2]
    stacked = np.zeros((together * filters, windows.shape[1]), y.dtype)
    upper, lower = stacked[:filters, : windows.shape[1] - shift], stacked[filters:, shift:]

    def multiply_two(matrix: FloatArray) -> None:
        upper[...] = matrix
        lower[...] = matrix
        np.matmul(stacked, windows, out=out)

    return multiply_two


def _weight_gradient(
    geometry: Geometry, buffer: FloatArray, dy: FloatArray, grad: FloatArray
) -> Callable[[], None]:
    """Return a closure that writes the weight's gradient: columns @ dyᵀ, which OpenBLAS does faster."""
    height, filters = dy.shape[:2]
    windows = row_windows(buffer, geometry.rows, 1)  # (H, taps, W·N)
    columns = dy.reshape(height, filters, -1).transpose(0, 2, 1)
    partial = np.empty((height, windows.shape[1], filters), dy.dtype)
    total = np.empty(partial.shape[1:], dy.dtype)
    matrix = grad.reshape(filters, -1)

    def backward() -> None:
        np.matmul(windows, columns, out=partial)
        np.add.reduce(partial, axis=0, out=total)
        matrix[...] = total.T

    return backward


def _input_gradient(
    geometry: Geometry, weight: FloatArray, dy: FloatArray, dx: FloatArray
) -> Callable[[], None]:
    """Return a closure that correlates the (dilated) output gradient with the flipped weights."""
    adjoint = geometry.adjoint()
    buffer, expand = _expanded(adjoint, dy)
    multiply = _row_product(adjoint, buffer, dx)
    flipped = weight[:, ::-1, ::-1].transpose(3, 1, 2, 0)  # (C, k, k, K)
    matrix = np.empty(flipped.shape, weight.dtype)
    flat = matrix.reshape(len(matrix), -1)

    def backward() -> None:
        matrix[...] = flipped
        expand()
        multiply(flat)

    return backward
