"""Groups of nodes that are one step of a chain, though they branch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.formats.onnx_files.reading.protobuf import Node

__all__ = ["COMPLEMENT", "with_groups"]

COMPLEMENT = "Complement"
"""An operator of our own: 1 - p and p for a probability p. So scikit-learn gives two classes."""


def with_groups(nodes: Sequence[Node], constants: Mapping[str, NDArray[Any]]) -> list[Node]:
    """Return `nodes` with each group that is known here as one node."""
    makers = {name: node for node in nodes for name in node.outputs}
    changed: dict[str, Node | None] = {}
    for node in nodes:
        first = makers.get(node.inputs[0]) if node.operator == "Concat" and len(node.inputs) == 2 else None
        if first is not None and _is_complement(first, node.inputs[1], constants):
            changed[first.outputs[0]] = None
            changed[node.outputs[0]] = Node(COMPLEMENT, node.name, node.inputs[1:], node.outputs, {})
    kept = (changed.get(node.outputs[0], node) if node.outputs else node for node in nodes)
    return [node for node in kept if node is not None]


def _is_complement(node: Node, name: str, constants: Mapping[str, NDArray[Any]]) -> bool:
    """Return whether `node` gives 1 minus the tensor `name`."""
    one = constants.get(node.inputs[0]) if node.operator == "Sub" and len(node.inputs) == 2 else None
    return one is not None and node.inputs[1] == name and bool(np.all(one == 1))
