"""Runs networks in the Sequential text format, pixel by pixel, as the program that wrote them does.

It is written from the description of the format, with loops and 64 bits, and uses nothing of this program.
Each pooled map is stored transposed, and every dense layer is a Genann network that ends in sigmoids.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[np.float64]  # a feature map [z, y, x], or a vector


def run(text: str, image: NDArray[np.uint8]) -> Tensor:
    """Return the outputs of the network `text` for one grey image, (height, width)."""
    words = iter(text.split())
    width, height, layers = (int(next(words)) for _ in range(3))
    assert image.shape == (height, width)
    x: Tensor = image[None] / 255.0
    for _ in range(layers):
        x = LAYERS[next(words)](words, x)
    assert next(words, None) is None
    return x


def ints(words: Iterator[str], count: int) -> list[int]:
    return [int(next(words)) for _ in range(count)]


def floats(words: Iterator[str], count: int) -> Tensor:
    return np.array([float(next(words)) for _ in range(count)])


def check(x: Tensor, width: int, height: int, depth: int) -> None:
    assert x.shape == (depth, height, width)


def convolution(words: Iterator[str], x: Tensor) -> Tensor:
    width, height, depth, kw, kh, pw, ph, filters, stride = ints(words, 9)
    check(x, width, height, depth)
    padded = np.zeros((depth, height + 2 * ph, width + 2 * pw))
    padded[:, ph : ph + height, pw : pw + width] = x
    out_h, out_w = (height + 2 * ph - kh) // stride + 1, (width + 2 * pw - kw) // stride + 1
    y = np.zeros((filters, out_h, out_w))
    for k in range(filters):
        assert ints(words, 3) == [kw, kh, depth]
        kernel = floats(words, kw * kh * depth).reshape(depth, kh, kw)
        for i in range(out_h):
            for j in range(out_w):
                a, b = i * stride, j * stride
                y[k, i, j] = (padded[:, a : a + kh, b : b + kw] * kernel).sum()
    return y


def pooling(words: Iterator[str], x: Tensor) -> Tensor:
    kind, size, side, depth = ints(words, 4)
    check(x, side, side, depth)
    out = side // size
    y = np.zeros((depth, out, out))
    for k in range(depth):
        for i in range(out):
            for j in range(out):
                square = x[k, i * size : (i + 1) * size, j * size : (j + 1) * size]
                y[k, j, i] = square.mean() if kind else square.max()
    return y


def activation(words: Iterator[str], x: Tensor) -> Tensor:
    width, height, depth = ints(words, 3)
    assert x.size == width * height * depth
    return {"sigmoid": sigmoid}[next(words)](x)


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + np.exp(-x))


def flatten(words: Iterator[str], x: Tensor) -> Tensor:
    check(x, *ints(words, 3))
    return x.ravel()  # element (x, y, z) stands at (z * height + y) * width + x


def dense(words: Iterator[str], x: Tensor) -> Tensor:
    inputs, hidden_layers, hidden, outputs = ints(words, 4)
    y = x.ravel()
    assert len(y) == inputs
    for units in [hidden] * hidden_layers + [outputs]:
        z = np.zeros(units)
        for n in range(units):
            weights = floats(words, len(y) + 1)
            z[n] = 1 / (1 + math.exp(-(weights[1:] @ y - weights[0])))
        y = z
    return y


LAYERS = {"1": dense, "2": convolution, "3": pooling, "4": activation, "5": flatten}
