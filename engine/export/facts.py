"""What is known of an exported model, each figure with how it was obtained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.model import Model
from engine.specs import describe_shape

__all__ = ["Facts"]


@dataclass(frozen=True)
class Facts:
    """Figures of one exported model.

    Attributes
    ----------
    model : Model
    arena_bytes : int
        Memory for all feature maps, input and output of ``predict`` included.
    weight_bytes : int
        Constant memory for the arrays that were written.
    """

    model: Model
    arena_bytes: int
    weight_bytes: int

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
        yield f"Accuracy: {self.accuracy()}"
        yield f"Parameters: {model.spec.parameters:,} (counted)"
        yield f"Multiply-accumulates: {self.macs:,} an inference (counted)"
        yield f"RAM: {self.arena_bytes:,} bytes of static arena (counted); stack and caller's buffers extra"
        yield f"Flash: {self.weight_bytes:,} bytes of weights (counted); code extra"

    def accuracy(self) -> str:
        """Return the accuracy with its origin, from the record of the training."""
        metrics = self.model.record.get("metrics")
        found = metrics.get("accuracy") if isinstance(metrics, Mapping) else None
        if not isinstance(metrics, Mapping) or not isinstance(found, (int, float)):
            return "not measured"
        images, data = metrics.get("images", "?"), metrics.get("data", "?")
        return f"{100 * found:.2f} % of {images} test images of {data} (measured)"
