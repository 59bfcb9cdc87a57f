"""What a format cannot express of a network: every layer at fault, and what would make it fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from engine.errors import ExportError
from engine.nn.specs import ModelSpec

__all__ = ["Loss", "refuse"]


@dataclass(frozen=True)
class Loss:
    """One thing that a format cannot express.

    Attributes
    ----------
    layer : int or None
        Index of the layer that causes it; None for the network as a whole.
    reason : str
        What is wrong with the layer, as the end of a sentence about it.
    remedy : str
        What would make it fit, as an order.
    """

    layer: int | None
    reason: str
    remedy: str

    def words(self, spec: ModelSpec) -> str:
        """Return the loss as a part of a sentence."""
        if self.layer is None:
            return f"{self.reason} ({self.remedy})"
        return f"layer {self.layer + 1}, {spec.layers[self.layer].title}, {self.reason} ({self.remedy})"


def refuse(title: str, spec: ModelSpec, losses: Sequence[Loss]) -> NoReturn:
    """Raise `ExportError` with the report of all `losses` of a network in the format `title`."""
    report = "; ".join(loss.words(spec) for loss in losses)
    raise ExportError(f"{title} cannot express this network: {report}.")
