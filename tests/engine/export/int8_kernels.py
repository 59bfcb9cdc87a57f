"""Integer calls with random numbers, each as a stage of one C program, without a network around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engine.export import c_text, kernel_files
from engine.export.context import Context
from engine.export.writers import c_header
from engine.int8.arithmetic import Affine, Requantization
from engine.int8.calls import IntegerCall, IntegerConv2D, IntegerDense, Window
from engine.shapes import size
from engine.stage_code import StageCode, Variant

BASE = ("tm.h", "tm_s8.h")
BEHIND = 3  # bytes behind an input in the arena that may be read
ZEROS = (-128, 3, -20, 0, 127)
ACTIVATIONS = ("relu", "linear", "table", "relu6")


def requantization(rng: np.random.Generator, channels: int, taps: int, activation: str) -> Requantization:
    """Return one for which sums over `taps` products fill the range of an int8 and more."""
    zero = int(rng.integers(-128, 100)) if activation != "relu" or rng.random() < 0.5 else -128
    low, high = {"relu": (zero, 127), "relu6": (zero, min(zero + 150, 127))}.get(activation, (-128, 127))
    spread = int(np.ceil(np.log2(np.sqrt(taps) * 75 + 1)))
    shift = np.clip(spread + rng.integers(-1, 2, channels), 1, 31).astype(np.int32)
    table = rng.integers(-128, 128, 256).astype(np.int8) if activation == "table" else None
    multiplier = rng.integers(1 << 30, (1 << 31) - 1, channels, endpoint=True).astype(np.int32)
    multiplier[rng.random(channels) < 0.05] = 0
    return Requantization(multiplier, shift, zero, low, high, table)


def conv2d(rng: np.random.Generator, shape: tuple[int, int, int], filters: int, **how: int) -> IntegerConv2D:
    """Return a convolution with random weights; `how` has kernel, stride, same, pool and extreme."""
    kernel, stride, pool = how["kernel"], how.get("stride", 1), how.get("pool", 1)
    sides = [_side(n, kernel, stride, bool(how.get("same", 1))) for n in shape[:2]]
    (rows, top), (columns, left) = sides
    taps = kernel * kernel * shape[2]
    least = 127 if how.get("extreme") else -127
    return IntegerConv2D(
        shape,
        (rows // pool, columns // pool, filters),
        Affine(1.0, int(rng.choice(ZEROS))),
        Affine(1.0, 0),
        rng.integers(least, 128, (filters, kernel, kernel, shape[2])).astype(np.int8),
        rng.integers(-30_000, 30_000, filters).astype(np.int32),
        requantization(rng, filters, taps, str(rng.choice(ACTIVATIONS))),
        Window(kernel, stride, top, left),
        pool,
    )


def _side(n: int, kernel: int, stride: int, same: bool) -> tuple[int, int]:
    """Return the number of places along a side, and the padding before it."""
    if not same:
        return (n - kernel) // stride + 1, 0
    places = -(-n // stride)
    return places, max((places - 1) * stride + kernel - n, 0) // 2


def dense(rng: np.random.Generator, features: int, units: int, extreme: bool = False) -> IntegerDense:
    """Return a dense layer with random weights, or with the largest that there are."""
    weight = rng.integers(-127, 128, (units, features))
    if extreme:
        weight = np.broadcast_to(rng.choice([-127, 127], (units, 1)), (units, features))
    return IntegerDense(
        (features,),
        (units,),
        Affine(1.0, int(rng.choice(ZEROS))),
        Affine(1.0, 0),
        weight.astype(np.int8),
        rng.integers(-30_000, 30_000, units).astype(np.int32),
        requantization(rng, units, features, str(rng.choice(ACTIVATIONS))),
    )


@dataclass(frozen=True)
class Program:
    """C source with one function for each call, and what they must give.

    Attributes
    ----------
    calls : sequence of IntegerCall
    given : bool
        Whether inputs are a caller's int8, of any alignment and exactly as long as they are.
    compact : bool
        Whether weights are packed.
    """

    calls: Sequence[IntegerCall]
    given: bool = False
    compact: bool = False

    @cached_property
    def codes(self) -> list[StageCode]:
        return [call.code(Variant(compact=self.compact)) for call in self.calls]

    @cached_property
    def inputs(self) -> list[np.ndarray]:
        rng = np.random.default_rng(5)
        return [rng.integers(-128, 128, (1, *call.in_shape)).astype(np.int8) for call in self.calls]

    def expected(self, number: int) -> bytes:
        """Return the bytes that a call must give."""
        return _bytes(self.calls[number].run(self.inputs[number]))

    def input_bytes(self, number: int) -> bytes:
        """Return the bytes that a call reads."""
        x = self.inputs[number]
        return x.tobytes() if self.given else _bytes(x)

    def behind(self) -> int:
        return 0 if self.given else BEHIND

    def source(self) -> str:
        """Return the functions ``void stage_I(const uint8_t *x, uint8_t *y, uint8_t *scratch)``."""
        text = "#include <stdint.h>\n"
        text += kernel_files.collect([code.kernel for code in self.codes], BASE)
        return text + "".join(self._stage(i) for i in range(len(self.calls)))

    def _stage(self, number: int) -> str:
        code, c = self.codes[number], Context(f"s{number}")
        values = {"in_flip": 128 * self.given, "in_given": int(self.given), "scratch": "scratch", "table": 0}
        values |= {**c_header.shape_sizes(self.calls[number]), **code.sizes}
        values |= {name: c.symbol(name) for name in code.arrays}
        arguments = [str(values[name]) for name in kernel_files.parameters(code.kernel)[2:]]
        arrays = "".join(
            c_text.array(f"static const TM_CONST TM_ALIGNED {c_header.c_type(a)} {c.symbol(name)}", a)
            for name, a in code.arrays.items()
        )
        return (
            arrays
            + f"void stage_{number}(const uint8_t *x, uint8_t *y, uint8_t *scratch);\n"
            + f"void stage_{number}(const uint8_t *x, uint8_t *y, uint8_t *scratch)\n{{\n    (void)scratch;\n"
            + f"    tm_{code.kernel}({', '.join(['x', 'y', *arguments])});\n}}\n"
        )


def _bytes(q: np.ndarray) -> bytes:
    return (q.astype(np.int16) + 128).astype(np.uint8).tobytes()


def sizes(call: IntegerCall) -> tuple[int, int]:
    """Return the numbers of bytes that a call reads and writes."""
    return size(call.in_shape), size(call.out_shape)
