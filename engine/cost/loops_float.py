"""The loops of the float kernels under ``export/kernels``; the parts are named after what one round handles.

The counts are the same for every core. Without a floating-point unit nearly all instructions are those of the
compiler's library, one call for each sum and product, and these are among the parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from engine.cost.loops import Counter, Loops, Parts, image, occurring
from engine.export.facts import KernelWorkload
from engine.shapes import size

__all__ = ["FLOAT"]

TOGETHER = 4  # pixels that kernels/taps.c computes at a time
RUN = 32  # blocks that kernels/dense.c adds up before it adds them to the output
COPIED = 8  # numbers that kernels/lines.c copies at a time
FLOORED = "relu"  # which kernels/dense.c applies itself


def _applied(w: KernelWorkload, copies: int = 1) -> Mapping[str, tuple[float, float]]:
    """Return how often the stage's functions run, and how often they are written: `copies` times."""
    return {name: (size(w.out_shape), copies) for name in w.functions}


@dataclass(frozen=True)
class _Conv2D:
    """One call of ``conv2d``, whose names its attributes have; its sizes say what it computes."""

    w: KernelWorkload

    def __getattr__(self, name: str) -> int:
        return self.w.sizes[name]

    @property
    def channels(self) -> int:
        return self.w.in_shape[2]

    @property
    def filters(self) -> int:
        return self.w.out_shape[2]

    @property
    def across(self) -> int:
        return 1 if self.pool > 1 else TOGETHER

    @property
    def width(self) -> int:
        return (self.out_width * self.pool - 1) * self.stride + self.kernel

    @property
    def below(self) -> bool:
        """Whether windows reach below the image."""
        return (self.out_height * self.pool - 1) * self.stride + self.kernel - self.top > self.in_height

    @property
    def shared(self) -> str:
        """Whether two neighbouring windows are read at once."""
        even = self.pool % 2 == 0 if self.pool > 1 else self.out_width % TOGETHER == 0
        single_block = self.channels == self.stride == 1 and self.kernel == self.block and 1 < self.block < 6
        return " shared" * (single_block and even)

    @property
    def clipped(self) -> bool:
        """Whether columns of the kernel that meet only zeros are left out."""
        return (self.left > 0 or self.width - self.left > self.in_width) and self.channels > 2

    @property
    def whole(self) -> bool:
        """Whether blocks leave nothing over."""
        return (self.channels if self.clipped else self.kernel * self.channels) % self.block == 0

    @cached_property
    def heights(self) -> list[int]:
        return _heights(self.w.sizes, self.in_height, self.out_height, self.below)

    @cached_property
    def taps(self) -> list[int]:
        """How many numbers of a row each place reads."""
        return [self._taps(j) for j in range(0, self.out_width, self.across)]

    def _taps(self, place: int) -> int:
        if not self.clipped:
            return self.kernel * self.channels
        column = place * self.pool * self.stride - self.left
        last = self.pool - 1 if self.pool > 1 else min(self.out_width - 1 - place, TOGETHER - 1)
        start, stop = max(0, -(column + last * self.stride)), min(self.kernel, self.in_width - column)
        return (stop - start) * self.channels

    @property
    def squares(self) -> int:
        """How often four windows of a pool are computed."""
        return -(-(self.pool**2) // TOGETHER)


def _conv2d(w: KernelWorkload) -> Loops:
    c = _Conv2D(w)
    places = c.out_height * len(c.taps)
    pairs, single = c.filters // 2 * c.squares, c.filters % 2 * c.squares
    steps = {
        "call": 1,
        "rows": c.out_height,
        "places": places,
        "pair windows pooled": places * pairs * (c.pool > 1),
        **_windows(c, "pair", pairs, c.shared),
        **_windows(c, "single", single, ""),
        **_lines(c),
    }
    copies = 2 if c.pool > 1 else TOGETHER * (2 * (c.filters > 1) + c.filters % 2)
    return Loops(occurring(steps), occurring(_conv2d_code(c)), _applied(w, copies), frozenset({"lines"}))


def _windows(c: _Conv2D, which: str, often: int, shared: str) -> Parts:
    """Return the parts that add up the products of four windows and a pair of filters, or a single one."""
    rows = sum(c.heights)
    blocks = rows * sum(n // c.block for n in c.taps)
    ones = rows * sum(n % c.block for n in c.taps) * (not c.whole)
    return {
        f"{which} windows": c.out_height * len(c.taps) * often,
        f"{which} rows{' and rest' * (not c.whole)}{shared}": rows * len(c.taps) * often,
        f"{which} blocks{shared}": blocks * often,
        f"{which} taps{shared}": blocks * c.block * often,
        f"{which} ones": ones * often,
    }


def _conv2d_code(c: _Conv2D) -> Parts:
    pair, single, written = c.filters > 1, c.filters % 2, min(c.squares, 3)
    return {
        "call": 1,
        "pair": pair,
        "single": single,
        f"pair taps{c.shared}": c.block * pair * written,
        "single taps": c.block * single * written,
        "pair ones": pair * (not c.whole),
        "single ones": single * (not c.whole),
        "pooled": c.pool > 1,
        "clipped rows": c.below or c.top > 0,
        "clipped columns": c.clipped,
        "incomplete places": c.across > 1 and c.out_width % TOGETHER > 0,
    }


def _heights(s: Mapping[str, int], in_height: int, out_height: int, below: bool) -> list[int]:
    """Return how many rows of the kernel meet the image, for each row of the output."""
    pool, heights = s.get("pool", 1), []
    for i in range(out_height):
        first = i * pool * s["stride"] - s["top"]
        last = first + (pool - 1) * s["stride"]
        start = max(0, -last) if s["top"] > 0 else 0
        heights.append((min(s["kernel"], in_height - first) if below else s["kernel"]) - start)
    return heights


def _lines(c: _Conv2D) -> Parts:
    """Return what bringing rows into the buffer takes, see kernels/lines.c."""
    advance, rows = c.pool * c.stride, (c.pool - 1) * c.stride + c.kernel
    fresh = _fresh(rows, advance, c.top, c.out_height)
    inside, used = sum(0 <= row < c.in_height for row in fresh), min(c.in_width, c.width - c.left)
    kept, moves = max(0, rows - advance) * c.width * c.channels, c.out_height - 1
    copied, outside = used * c.channels, len(fresh) - inside
    ends = min(rows, inside) * (c.width - used)  # which stay zero
    return {
        "lines": inside,
        "lines of padding": outside,
        "copied eights": moves * (kept // COPIED) + inside * (copied // COPIED),
        "copied rest": moves * (kept % COPIED) + inside * (copied % COPIED),
        "zeros": (outside * c.width + ends) * c.channels,
    }


def _fresh(rows: int, advance: int, top: int, out_height: int) -> list[int]:
    """Return the rows of the image, or beyond it, that are brought into a buffer of `rows`."""
    kept = max(0, rows - advance)
    return [i * advance - top + row for i in range(out_height) for row in range(kept if i else 0, rows)]


def _depthwise(w: KernelWorkload) -> Loops:
    s, (in_height, in_width, channels) = w.sizes, image(w.in_shape)
    out_height, out_width, _ = image(w.out_shape)
    kernel, groups = s["kernel"], -(-channels // 4)
    pairs = -(-out_width // 2) * groups
    rows = sum(_heights(s, in_height, out_height, below=True)) * pairs
    width = (out_width - 1) * s["stride"] + kernel
    fresh = _fresh(kernel, s["stride"], s["top"], out_height)
    inside, used = sum(0 <= row < in_height for row in fresh), min(in_width, width - s["left"])
    outside, kept = len(fresh) - inside, max(0, kernel - s["stride"])
    steps = {
        "call": 1,
        "rows": out_height,
        "groups": out_height * groups,
        "pairs": out_height * pairs,
        "pair rows": rows,
        "threes": rows * (kernel // 3),
        "rests": rows * (kernel % 3 > 0),
        "rest taps": rows * (kernel % 3),
        "lines": len(fresh) * groups,
        "pixels": inside * used * groups,
        "incomplete pixels": inside * used * (channels % 4 > 0) * groups,
        "zeros": 4 * groups * (inside * (width - used) + outside * width),
        "copied eights": kept * 4 * groups * width * (out_height - 1) // COPIED,
    }
    code = {
        "call": 1,
        "threes": kernel >= 3,
        "rest taps": kernel % 3,
        "incomplete": channels % 4 > 0,
        "odd": out_width % 2,
        "kept": kept > 0,
        "one group": groups == 1,
    }
    functions = _applied(w, 8 if channels >= 4 else 2 * channels)
    return Loops(occurring(steps), occurring(code), functions, frozenset({"lines"}))


def _dense(w: KernelWorkload) -> Loops:
    inputs, outputs, block = size(w.in_shape), size(w.out_shape), w.sizes["block"]
    whole = inputs - inputs % block
    quads, alone, rest = outputs // 4, outputs % 4, inputs % block
    floored = FLOORED in w.functions and not rest
    functions = {} if floored else _applied(w)
    steps = {
        "call": 1,
        "quads": quads,
        "runs": quads * -(-whole // (RUN * block)),
        f"blocks of {block}": quads * whole // block,
        "singles": alone,
        "pairs": alone * whole // 2,
        "rest": rest,
        "rest products": rest * outputs,
        "floored": outputs * floored,
    }
    shared = {f"blocks of {block}", *(["rest"] if rest else [])}
    return Loops(occurring(steps), occurring({"call": 1, "rest": rest}), functions, frozenset(shared))


def _pool(w: KernelWorkload, height: int, width: int) -> Loops:
    out_height, out_width, channels = image(w.out_shape)
    pixels, count = out_height * out_width, height * width
    numbers = pixels * channels
    steps = {
        "call": 1,
        "rows": out_height,
        "pixels": pixels,
        "numbers": numbers,
        "window rows": numbers * height,
        "taps": numbers * count,
    }
    code = {"call": 1, "taps": min(count, 9), "many taps": count > 9, "one pixel": pixels == 1}
    return Loops(occurring(steps), occurring(code))


def _max_pool(w: KernelWorkload) -> Loops:
    return _pool(w, w.sizes["size"], w.sizes["size"])


def _avg_pool(w: KernelWorkload) -> Loops:
    return _pool(w, w.sizes["window_height"], w.sizes["window_width"])


def _by_number(w: KernelWorkload) -> Loops:
    """Return the loops of kernels that handle pixel after pixel and number after number."""
    rows, columns, channels = image(w.out_shape)
    of = f" of {channels}" if channels < 3 else ""
    numbers, factor = rows * columns * channels, w.sizes.get("factor", 0)
    divided = " divided" if factor & (factor - 1) else ""
    steps = {
        "call": 1,
        f"rows{divided}": rows,
        f"pixels{of}{divided}": rows * columns,
        f"numbers{of}": numbers,
    }
    code = {f"call{of}{divided}": 1, f"one pixel{of}": rows * columns == 1}
    return Loops(occurring(steps), occurring(code), _applied(w))


FLOAT: Mapping[str, Counter] = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise,
    "dense": _dense,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "upsample": _by_number,
    "prelu": _by_number,
    "scale_shift": _by_number,
    "map": _by_number,
    "softmax": _by_number,
    "gather": _by_number,
}
"""The loops of each float kernel, by its name."""
