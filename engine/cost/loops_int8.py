"""The loops of the int8 kernels, ``export/kernels/*_s8.c``; the parts are named after what one round handles.

The counts are the same for every core. Where cores differ in what they do at once (four bytes, two products),
the parts are counted both in fours and in what is left over, and the measured rates say what each takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from engine.cost.loops import Counter, Loops, Parts, image, looked_up, occurring, rescaling
from engine.cost.loops_conv2d_s8 import conv2d, conv2d_small
from engine.export.facts import KernelWorkload
from engine.shapes import size

__all__ = ["INT8"]

WRITTEN = 8  # groups of four inputs that compilers write out
UNROLLED = 8  # taps of kernels/depthwise_conv2d_s8.c that are written out
FEWEST_LOOPED = 8  # inputs of a dense layer
FEW, LOOPED = 4, 9  # taps of a pooling that compilers write out; more are a loop
MOST_SUMMED = 257  # bytes that kernels/avg_pool_s8.c adds up four channels at a time


@dataclass(frozen=True)
class _Dense:
    """One call of ``dense_s8``."""

    w: KernelWorkload

    @cached_property
    def runs(self) -> list[int]:
        run, inputs = self.w.sizes["run"], size(self.w.in_shape)
        return [min(run, inputs - start) for start in range(0, inputs, run)]

    @property
    def outputs(self) -> int:
        return size(self.w.out_shape)

    @property
    def fours(self) -> int:
        return sum(n // 4 for n in self.runs)

    @property
    def odd(self) -> int:
        return sum(n // 4 % 2 for n in self.runs)

    @property
    def rest(self) -> int:
        return sum(n % 4 for n in self.runs)

    @property
    def alone(self) -> int:
        """Whether two outputs are computed after the groups of four."""
        return int(self.w.sizes["left"] > 0 and self.outputs % 4 > 0)

    @property
    def groups(self) -> int:
        return self.outputs // 4 + (self.outputs % 4 > 0 and not self.alone)

    @property
    def short(self) -> bool:
        return self.fours <= WRITTEN

    @property
    def of(self) -> str:
        """What a compiler may do otherwise: sums that nothing reads, loops of a few rounds."""
        return f" of {self.outputs}" * (self.outputs < 4) + " short" * self.short


def _dense(w: KernelWorkload) -> Loops:
    d = _Dense(w)
    large = w.sizes["unroll"] == 4
    steps = {
        "call": 1,
        f"groups{d.of}": d.groups,
        f"runs{d.of}": d.groups * len(d.runs),
        f"fours{d.of}": d.groups * d.fours,
        f"rounds of 4{d.of}": d.groups * (d.fours // 4) * large,
        f"rounds of 2{d.of}": d.groups * (d.fours // 2) * (not large),
        f"odd{d.of}": d.groups * d.odd,
        f"rest{d.of}": d.groups * d.rest,
        f"given{d.of}": d.groups * d.fours * w.given,
        f"pair{d.of}": d.alone,
        f"pair runs{d.of}": d.alone * len(d.runs),
        f"pair fours{d.of}": d.alone * d.fours,
        f"pair rest{d.of}": d.alone * d.rest,
        f"pair given{d.of}": d.alone * d.fours * w.given,
        f"bytes {rescaling(w.sizes)}": d.outputs,
        "looked up": d.outputs * looked_up(w),
    }
    return Loops(occurring(steps), occurring(_dense_code(d, large)))


def _dense_code(d: _Dense, large: bool) -> Parts:
    group, loop = d.groups > 0, max(d.runs) >= FEWEST_LOOPED
    return {
        "call": 1,
        "rounds of 4": large,
        f"groups{d.of}": group,
        f"loop{d.of}": group and loop,
        f"pair loop{d.of}": d.alone and loop,
        "written fours": group * d.fours * d.short,
        "written pair fours": d.alone * d.fours * d.short,
        f"odd{d.of}": group and d.odd > 0,
        f"rest{d.of}": group * min(d.rest, 3),
        "has rest": d.rest > 0,
        "given": d.w.given,
        f"pair{d.of}": d.alone,
        f"pair rest{d.of}": d.alone * min(d.rest, 3),
        "several runs": len(d.runs) > 1,
        f"uneven runs{d.of}": d.runs[-1] < d.runs[0],
        "one group": d.groups + d.alone == 1,
        "incomplete group": d.outputs % 4 > 0,
        f"bytes {rescaling(d.w.sizes)}": 1,
        "looked up": looked_up(d.w),
    }


def _dense_small(w: KernelWorkload) -> Loops:
    inputs, outputs, mode = size(w.in_shape), size(w.out_shape), rescaling(w.sizes)
    steps = {
        "call": 1,
        f"bytes {mode}": outputs,
        "looked up": outputs * looked_up(w),
        "products": inputs * outputs,
        "given": inputs * outputs * w.given,
    }
    code = {"call": 1, f"bytes {mode}": 1, "looked up": looked_up(w), "given": w.given, "one": outputs == 1}
    return Loops(occurring(steps), occurring(code))


def _depthwise(w: KernelWorkload) -> Loops:
    channels, kernel = image(w.in_shape)[2], w.sizes["kernel"]
    rows, columns, _ = image(w.out_shape)
    pixels, point = rows * columns, " of one" * (kernel == 1)
    steps = {
        "call": 1,
        "rows": rows,
        f"pixels{point}": pixels,
        **_taps(w, "quad", pixels * (channels // 4)),
        **_taps(w, "single", pixels * (channels % 4)),
        f"bytes {rescaling(w.sizes)}": pixels * channels,
        "looked up": pixels * channels * looked_up(w),
        **_lines(w),
    }
    return Loops(occurring(steps), occurring(_depthwise_code(w, channels, kernel)))


def _taps(w: KernelWorkload, which: str, often: int) -> Parts:
    """Return the parts that add up the products of four channels at a time, or of one."""
    kernel = w.sizes["kernel"]
    far, alone = " far" * (kernel > UNROLLED), _alone(w)
    looped = often * (kernel > 1)  # a kernel of one pixel has no loops
    return {
        f"{which}s{' of one' * (kernel == 1)}{alone}": often,
        f"{which} rows{alone}": looped * kernel,
        f"{which} taps{far if which == 'quad' else alone}": looped * kernel**2,
        f"{which} taps given": often * kernel**2 * (w.given and not w.sizes["lines"]),
    }


def _alone(w: KernelWorkload) -> str:
    """Whether one group of channels is all, so that its numbers may stay in registers."""
    return " alone" * (image(w.in_shape)[2] in (1, 4))


def _depthwise_code(w: KernelWorkload, channels: int, kernel: int) -> Parts:
    quads, singles, point = channels >= 4, channels % 4 > 0, " of one" * (kernel == 1)
    far, made = " far" * (kernel > UNROLLED), 4 * quads + singles
    return {
        f"call{point}{_alone(w)}": 1,
        f"quads{point}": quads,
        f"quad taps{far}": min(kernel, UNROLLED) * quads,
        f"singles{point}": singles,
        f"single taps{far}": min(kernel, UNROLLED) * singles,
        f"bytes {rescaling(w.sizes)}": made,
        "looked up": looked_up(w) * made,
        "lines": w.sizes["lines"],
        "line rest": w.sizes["lines"] * singles,
        "padding": w.sizes["left"] > 0,
        "given": w.given,
    }


def _lines(w: KernelWorkload) -> Parts:
    """Return what copying the rows of a depthwise convolution takes, see kernels/lines_s8.c."""
    s = w.sizes
    if not s["lines"]:
        return {}
    in_height, in_width, channels = image(w.in_shape)
    kernel, stride, width = s["kernel"], s["stride"], s["width"]
    read = {i * stride + a for i in range(image(w.out_shape)[0]) for a in range(kernel)}
    inside = sum(0 <= row - s["top"] < in_height for row in read)
    pixels = min(in_width, width - s["left"])
    filled = [s["left"] * channels, (width - s["left"] - pixels) * channels]
    outside = len(read) - inside
    return {
        "lines": inside,
        "lines of padding": outside,
        "copied fours": inside * (pixels * channels // 4),
        "copied rest": inside * (pixels * channels % 4),
        "filled fours": inside * sum(n // 4 for n in filled) + outside * (width * channels // 4),
        "filled rest": inside * sum(n % 4 for n in filled) + outside * (width * channels % 4),
        "given": inside * pixels * channels * w.given,
    }


def _pool(w: KernelWorkload, height: int, width: int, in_fours: bool) -> dict[str, float]:
    """Return how often the parts of a pooling run; none of them in fours where sums would not fit."""
    rows, columns, channels = image(w.out_shape)
    pixels, count = rows * columns, height * width
    quads = pixels * (channels // 4) * in_fours
    singles = pixels * channels - 4 * quads
    few, many = " of few" * (count <= FEW), " of many" * (not in_fours)
    return {
        "call": 1,
        "rows": rows,
        "pixels": pixels,
        "quads": quads,
        "quad rows": quads * height,
        f"quad taps{few}": quads * count,
        "singles": singles,
        f"single rows{many}": singles * height,
        f"single taps{few}{many}": singles * count,
        "given": pixels * channels * count * w.given,
    }


def _pool_code(w: KernelWorkload, count: int, quads: bool, singles: bool) -> dict[str, float]:
    return {
        "call": 1,
        "quads": quads,
        "singles": singles,
        "taps": min(count, LOOPED),
        "many taps": count > LOOPED,
        "given": w.given,
        "one pixel": w.out_shape[:-1] in ((), (1, 1)),
    }


def _moved(w: KernelWorkload) -> Loops:
    """Return the loops of a pooling of single pixels, which copies, or does nothing in place."""
    numbers = size(w.out_shape)
    steps = {
        "call of one": 1,
        "moved fours": numbers // 4,
        "moved": numbers % 4,
        "given": numbers * w.given,
    }
    return Loops(occurring(steps), occurring({"call of one": 1, "given of one": w.given}))


def _max_pool(w: KernelWorkload) -> Loops:
    side, channels = w.sizes["size"], w.out_shape[-1]
    if side == 1:
        return _moved(w)
    code = _pool_code(w, side**2, channels >= 4, channels % 4 > 0)
    return Loops(occurring(_pool(w, side, side, in_fours=True)), occurring(code))


def _avg_pool(w: KernelWorkload) -> Loops:
    height, width, channels = w.sizes["window_height"], w.sizes["window_width"], w.out_shape[-1]
    count = height * width
    if count == 1:
        return _moved(w)
    in_fours = count <= MOST_SUMMED
    quads, singles = in_fours and channels >= 4, channels % 4 > 0 or not in_fours
    means = "means by shift" if count & (count - 1) == 0 else "means"
    steps = _pool(w, height, width, in_fours) | {means: size(w.out_shape)}
    code = _pool_code(w, count, quads, singles) | {means: 4 * quads + singles}
    return Loops(occurring(steps), occurring(code), shared=frozenset({means}))


def _by_number(w: KernelWorkload) -> Loops:
    """Return the loops of kernels that handle pixel after pixel and number after number."""
    rows, columns, channels = image(w.out_shape)
    of = f" of {channels}" if channels < 3 else " of few" if channels <= WRITTEN else ""
    numbers, factor = rows * columns * channels, w.sizes.get("factor", 0)
    divided = " divided" if factor & (factor - 1) else ""
    steps = {
        "call": 1,
        f"rows{divided}": rows,
        f"pixels{of}{divided}": rows * columns,
        f"numbers{of}": numbers,
        f"given{of}": numbers * w.given,
    }
    code = {
        f"call{of}{divided}": 1,
        "few": channels * (2 < channels <= WRITTEN),
        f"one pixel{of}": rows * columns == 1,
        f"given{of}": w.given,
    }
    return Loops(occurring(steps), occurring(code))


INT8: Mapping[str, Counter] = {
    "conv2d_s8": conv2d,
    "conv2d_small_s8": conv2d_small,
    "dense_s8": _dense,
    "dense_small_s8": _dense_small,
    "depthwise_conv2d_s8": _depthwise,
    "max_pool_s8": _max_pool,
    "avg_pool_s8": _avg_pool,
    "upsample_s8": _by_number,
    "prelu_s8": _by_number,
    "table_s8": _by_number,
    "softmax_s8": _by_number,
    "gather_s8": _by_number,
}
"""The loops of each int8 kernel, by its name."""
