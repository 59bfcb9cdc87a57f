"""One node of a chain, with what it reads: what every operator is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from engine.formats.onnx_files.reading.flow import Flow
from engine.formats.onnx_files.reading.protobuf import Fault, Node

__all__ = ["Apply", "Step", "Values"]

Values = NDArray[Any]


@dataclass(frozen=True)
class Step:
    """One node of the chain.

    Attributes
    ----------
    node : Node
    flow : Flow
        What it reads, and what it changes.
    values : tuple of (ndarray or None)
        Its constant inputs; None for the tensor that flows, and for those that are missing.
    position : int
        Which input is the tensor that flows.
    """

    node: Node
    flow: Flow
    values: tuple[Values | None, ...]
    position: int

    def constant(self, index: int, what: str) -> Values:
        """Return a constant input that must be there."""
        value = self.optional(index)
        if value is None:
            raise Fault(f"its {what} is not constant; export the network for inference.")
        return value

    def optional(self, index: int) -> Values | None:
        """Return a constant input, or None."""
        return self.values[index] if index < len(self.values) else None

    def attribute(self, name: str, default: Any) -> Any:
        """Return an attribute, or the operator's default."""
        return self.node.attributes.get(name, default)


Apply = Callable[[Step], None]
"""Continues the flow of a step by its node."""
