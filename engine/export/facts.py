"""The figures of an exported model that are known without a compiler, and how they were obtained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.int8.ranges import Quantization
from engine.nn.model import Model
from engine.shapes import Shape, describe_shape

__all__ = ["Facts", "KernelWorkload", "accuracy_words"]


@dataclass(frozen=True)
class KernelWorkload:
    """One call of a kernel, as far as its cost depends on it.

    Attributes
    ----------
    layers : tuple of int
        Indices of the layers that it computes.
    kernel : str
    in_shape, out_shape : tuple of int
    sizes : mapping of str to int
        The kernel's constant arguments by name.
    functions : tuple of str
        Functions that it applies to each output: activations, a table.
    taps : int
        How many inputs are read for each output.
    weight_bytes, array_bytes : int
        Bytes of constant memory that it reads, in all and in its largest array.
    given : bool
        Whether it reads the caller's input.
    """

    layers: tuple[int, ...]
    kernel: str
    in_shape: Shape
    out_shape: Shape
    sizes: Mapping[str, int]
    functions: tuple[str, ...]
    taps: int
    weight_bytes: int
    array_bytes: int
    given: bool = False


@dataclass(frozen=True)
class Facts:
    """Figures of one exported model.

    Attributes
    ----------
    model : Model
    arena_bytes : int
        Static memory for feature maps and scratch memory.
    weight_bytes : int
        Constant memory for all arrays.
    workloads : tuple of KernelWorkload
        The kernels called for one inference, in order.
    copied : int
        Numbers of the output that are copied to the caller after the last stage.
    """

    model: Model
    arena_bytes: int
    weight_bytes: int
    workloads: tuple[KernelWorkload, ...] = ()
    copied: int = 0

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return self.model.spec.macs

    def lines(self) -> Iterator[str]:
        """Yield the figures in words."""
        model = self.model
        yield f"Model: {model.name}, hash {model.fingerprint}"
        yield f"Input: {describe_shape(model.spec.input_shape)} (height, width, channels), bytes, ink bright"
        yield f"Classes: {len(model.classes)}"
        yield f"Accuracy: {accuracy_words(model)}"
        if model.quantization is not None:
            yield f"Accuracy in int8: {_accuracy_in_int8(model.quantization)}"
        yield f"Parameters: {model.spec.parameters:,} (counted)"
        yield f"Multiply-accumulates: {self.macs:,} an inference (counted)"
        yield f"RAM: {self.arena_bytes:,} bytes of static memory (counted); stack and caller's buffers extra"
        yield f"Flash: {self.weight_bytes:,} bytes of weights (counted); code extra"


def accuracy_words(model: Model) -> str:
    """Return the accuracy of `model` with its origin, from the record of the training."""
    metrics = model.record.metrics
    if metrics is None or metrics.accuracy is None:
        return "not measured"
    images = "?" if metrics.images is None else metrics.images
    data = "?" if metrics.data is None else metrics.data
    return f"{100 * metrics.accuracy:.2f} % of {images} test images of {data} (measured)"


def _accuracy_in_int8(quantization: Quantization) -> str:
    metrics = quantization.metrics
    ranges = f"ranges by {quantization.method} from {quantization.images:,} images"
    if "accuracy" not in metrics:
        return f"not measured; {ranges}"
    images = f"{metrics['images']:.0f} " if "images" in metrics else ""
    of_data = f" of {quantization.data}" if quantization.data else ""
    return f"{100 * metrics['accuracy']:.2f} % of {images}test images{of_data} (measured); {ranges}"
