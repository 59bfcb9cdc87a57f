"""The loops of the two int8 convolutions, ``export/kernels/conv2d_s8.c`` and ``conv2d_small_s8.c``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from engine.cost.loops import Loops, Parts, looked_up, occurring, rescaling
from engine.export.facts import KernelWorkload
from engine.shapes import size

__all__ = ["conv2d", "conv2d_small"]

PITCH_MAX = 1016  # bytes between two places that one instruction reaches, as in kernels/conv2d_dot_s8.c
ROUND = 12  # groups of four products that its assembly loop does in one round
FAR_ROUND = 8  # pairs of products in a round of its loop in C
SHORT, WRITTEN = 2, 8  # pairs of products that compilers write out


@dataclass(frozen=True)
class _Conv2D:
    """One call of ``conv2d_s8``, whose names its attributes have."""

    w: KernelWorkload

    @property
    def height(self) -> int:
        return self.w.out_shape[0] * self.w.sizes["pool"]

    @property
    def width(self) -> int:
        return self.w.out_shape[1] * self.w.sizes["pool"]

    @property
    def filters(self) -> int:
        return self.w.out_shape[2]

    @property
    def steps(self) -> int:
        return -(-self.height // self.w.sizes["phases"])

    @property
    def in_phases(self) -> bool:
        return self.w.sizes["phases"] > 1

    @property
    def pooled(self) -> bool:
        return self.w.sizes["pool"] > 1

    @property
    def group(self) -> int:
        """Places whose windows are next to each other."""
        return self.w.sizes["pool"] if self.pooled else self.width

    @property
    def groups(self) -> int:
        return self.steps * (self.width // self.group)

    @property
    def rounds(self) -> int:
        """Pairs of filters, or of rows, of one place."""
        return self.filters if self.in_phases else -(-self.filters // 2)

    @property
    def words(self) -> int:
        s = self.w.sizes
        return s["kernel"] * s["rows"] * s["depth"] // 2

    @property
    def written(self) -> str:
        """Whether compilers write the loop over them out, and may keep the weights, if of one round only."""
        if self.words > WRITTEN:
            return ""
        return (" short" if self.words <= SHORT else " written") + " once" * (self.rounds == 1)

    @property
    def odd_filter(self) -> bool:
        return self.filters % 2 == 1 and not self.in_phases

    @property
    def half(self) -> str:
        """Whether there is no second sum, so that a compiler may leave it out."""
        alone = self.height == 1 if self.in_phases else self.filters == 1
        return " half" if alone else ""

    @property
    def packed(self) -> str:
        return " packed" if self.w.sizes["packed"] else ""

    @property
    def far(self) -> str:
        """Whether the second place is out of reach of one instruction."""
        s = self.w.sizes
        return " far" if 4 * s["stride"] * s["rows"] * s["depth"] > PITCH_MAX else ""

    @property
    def ends(self) -> str:
        """How sums become bytes."""
        return " pooled" * self.pooled + " in phases" * self.in_phases

    @property
    def few(self) -> str:
        channels = self.w.in_shape[2]
        return " one" if channels == 1 else " few" if channels < 4 else ""

    @cached_property
    def copied(self) -> list[int]:
        """The rows of the image, or beyond it, that are copied."""
        s = self.w.sizes
        needed = s["kernel"] + (s["phases"] - 1) * s["stride"]
        moved = s["phases"] * s["stride"]
        again = max(0, needed - moved)  # rows that are there already
        rows = (range(again if step else 0, needed) for step in range(self.steps))
        return [step * moved - s["top"] + row for step, those in enumerate(rows) for row in those]

    @cached_property
    def inside(self) -> int:
        return sum(0 <= row < self.w.in_shape[0] for row in self.copied)

    @property
    def pixels(self) -> int:
        """Pixels of a row that are copied."""
        return min(self.w.in_shape[1], self.columns - self.w.sizes["left"])

    @property
    def columns(self) -> int:
        return (self.width - 1) * self.w.sizes["stride"] + self.w.sizes["kernel"]

    @property
    def padding(self) -> int:
        """Pixels of padding."""
        outside = len(self.copied) - self.inside
        return self.inside * (self.columns - self.pixels) + outside * self.columns


def conv2d(w: KernelWorkload) -> Loops:
    """Return the parts of a call of ``conv2d_s8``."""
    c = _Conv2D(w)
    pairs, singles = c.groups * (c.group // 2), c.groups * (c.group % 2)
    places = pairs + singles
    made = places * c.filters if c.pooled else c.height * c.width * c.filters
    steps = {
        "call": 1,
        "steps": c.steps,
        **_copying(c),
        "cleared": size(w.out_shape) * (w.sizes["pool"] > w.sizes["phases"]),
        "groups": c.groups * c.pooled,
        "last filters": places * c.rounds * c.odd_filter,
        f"bytes {rescaling(w.sizes)}": made,
        "looked up": size(w.out_shape) * looked_up(w),
        **_sums(c, "pair", pairs, c.far),
        **_sums(c, "single", singles, ""),
    }
    return Loops(occurring(steps), occurring(_conv2d_code(c)))


def _copying(c: _Conv2D) -> Parts:
    """Return the parts that bring rows of the image into strips."""
    channels, pixels = c.w.in_shape[2], c.inside * c.pixels
    return {
        "rows": c.inside,
        "rows of padding": len(c.copied) - c.inside,
        "pixels of padding": c.padding,
        "numbers of padding": c.padding * channels,
        f"pixels{c.few}": pixels,
        "fours": pixels * (channels // 4),
        "numbers": pixels * (channels % 4),
        "given": pixels * channels * c.w.given,
    }


def _sums(c: _Conv2D, place: str, often: int, far: str) -> Parts:
    """Return the parts that add up products, at two places at once or at one."""
    sums, kind = often * c.rounds, f"{place}{far}{c.packed}{c.half}{c.written}"
    return {
        f"{place}s": often,
        f"{place} sums{c.ends}{c.half}": sums * (c.words > SHORT),
        f"{place} sums{c.ends}{c.half} short": sums * (c.words <= SHORT),
        f"packed {place}": sums * bool(c.packed),
        f"{kind} words": sums * c.words,
        f"{kind} rounds": sums * (c.words // (FAR_ROUND if far else 2 * ROUND)),
        f"{kind} fours": sums * (c.words // 4),
        f"{kind} odd": sums * (c.words % 2),
        f"{kind} rest": sums * (c.words % 4),
    }


def _conv2d_code(c: _Conv2D) -> Parts:
    s, channels, mode = c.w.sizes, c.w.in_shape[2], rescaling(c.w.sizes)
    pair, single = c.group > 1, c.group % 2
    twos = c.words // 2
    written = (ROUND if twos >= ROUND else 0) + twos % ROUND
    one = c.in_phases and c.pooled
    made = 1 if one or c.half else 2  # bytes of one place
    return {
        "call": 1,
        "pair": pair,
        "single": single,
        f"pair{c.packed}{c.far}{c.half}": pair,
        f"single{c.packed}{c.half}": single,
        f"pair{c.packed}{c.far} twos": pair * (0 if c.far else written),
        f"single{c.packed} twos": single * written,
        "odd": (pair + single) * (c.words % 2),
        "rest": (pair + single) * (c.words % 4 > 0),
        f"places{c.ends}": pair + single,
        f"places{c.written}{c.half}": pair + single,
        "pair words": pair * c.words * (c.words <= WRITTEN),
        "single words": single * c.words * (c.words <= WRITTEN),
        f"bytes {mode}": pair * made * (1 if c.pooled else 2) + single * made,
        "padding": c.padding > 0,
        "padding above": len(c.copied) > c.inside,
        f"pixels{c.few}": 1,
        "fours": channels >= 4,
        "numbers": channels % 4,
        "last filter": c.odd_filter,
        "one round": c.rounds == 1,
        "cleared": s["pool"] > s["phases"],
        "looked up": looked_up(c.w),
        "given": c.w.given,
    }


def conv2d_small(w: KernelWorkload) -> Loops:
    """Return the parts of a call of ``conv2d_small_s8``."""
    s = w.sizes
    channels, (out_height, out_width, filters) = w.in_shape[2], w.out_shape
    pool, kernel = s["pool"], s["kernel"]
    rows = _inside(s["top"], s["stride"], kernel, out_height * pool, w.in_shape[0])
    columns = _inside(s["left"], s["stride"], kernel, out_width * pool, w.in_shape[1])
    windows, products = size(w.out_shape) * pool**2, filters * sum(rows) * sum(columns) * channels
    kind = " of one row" * (kernel == 1) + (" pooled" if pool == 2 else " pooled more" * (pool > 2))
    steps = {
        "call": 1,
        "rows": out_height,
        "pixels": out_height * out_width,
        f"bytes {rescaling(s)}": size(w.out_shape),
        "looked up": size(w.out_shape) * looked_up(w),
        f"windows{kind}": windows,
        f"kernel rows{kind}": windows * kernel,
        f"runs{kind}": filters * sum(rows) * sum(n > 0 for n in columns),
        f"products{kind}": products,
        "given": products * w.given,
    }
    code = {
        "call": 1,
        "pooled": pool > 1,
        "larger pools": pool > 2,
        f"bytes {rescaling(s)}": 1,
        "looked up": looked_up(w),
        "one row": kernel == 1,
        "one channel": channels == 1,
        "one filter": filters == 1,
        "padding": s["top"] + s["left"] > 0,
        "given": w.given,
    }
    return Loops(occurring(steps), occurring(code))


def _inside(before: int, stride: int, kernel: int, places: int, length: int) -> list[int]:
    """Return for each place along a side how many numbers of its window are inside of the image."""
    starts = (i * stride - before for i in range(places))
    return [max(0, min(start + kernel, length) - max(start, 0)) for start in starts]
