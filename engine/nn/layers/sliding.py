"""The base of convolutions, whose square kernel slides over an image: their fields and their geometry."""

from __future__ import annotations

from collections.abc import Mapping

from engine.int8.calls import Window
from engine.knobs import knob
from engine.nn.layers.rows import PADDINGS, Geometry
from engine.nn.layers.weighted import Weighted
from engine.shapes import Shape, need_image

__all__ = ["SlidingKernel", "kernel_knob", "padding_knob", "stride_knob", "window_of"]


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
    choices = dict(zip(PADDINGS, ("Same size", "No padding"), strict=True))
    default: str = knob("same", "Padding", doc, choices=choices)
    return default


class SlidingKernel(Weighted):
    """The base of layers whose kernel slides over an image; subclasses declare the fields."""

    kernel: int
    stride: int
    padding: str

    def geometry(self, x: Shape) -> Geometry:
        """Return how the kernel slides over an input of shape `x`."""
        height, width, _ = need_image(x, self.title)
        return Geometry.of(height, width, self.kernel, self.stride, self.padding)

    def summary(self) -> str:
        step = f" stride {self.stride}" if self.stride > 1 else ""
        return f"{self.kernel}×{self.kernel}{step} {self.padding} {self.activation}"


def window_of(sizes: Mapping[str, int]) -> Window:
    """Return how the kernel of a call with these `sizes` slides."""
    return Window(**{name: sizes[name] for name in ("kernel", "stride", "top", "left")})
