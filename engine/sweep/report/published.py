"""The published figures of the dense networks that the preset 361 trains again."""

from __future__ import annotations

import json
from collections.abc import Mapping

from engine.nn.spec_json import spec_from_json
from engine.sweep.columns import Row
from engine.sweep.stacks.chain import chain_of
from resources import read_text

__all__ = ["WHAT_THEY_MEASURED", "Place", "place_of", "published"]

RESOURCE = "published_361.json"
Place = tuple[str, int, int]
"""Activation function, number of hidden layers, neurons in each."""

WHAT_THEY_MEASURED = (
    "What the published columns measured differs: RAM was the resident memory of the program that trained, "
    "flash counted 8 bytes a weight, prediction timed a loop over all test images in C, and training looked "
    "at the test images to stop early. Ours are RAM and flash of the exported C code in floats, the time of "
    "one image times their number, and test images that served for the report alone."
)


def published() -> Mapping[Place, Mapping[str, float]]:
    """Return the published figures by column, of each network."""
    value = json.loads(read_text(RESOURCE))
    columns = value["columns"]
    return {
        (activation, row[0], row[1]): dict(zip(columns[2:], row[2:], strict=True))
        for activation, rows in value["tables"].items()
        for row in rows
    }


def place_of(row: Row) -> Place | None:
    """Return where the network of `row` stands in such a table; None if it is another kind of network."""
    depth, width = row["Hidden Layer"], row["Neuron per hidden layer"]
    if not (isinstance(depth, int) and isinstance(width, int)):  # layers of several widths have a text
        return None
    chain = chain_of(spec_from_json(json.loads(str(row["Network"]))))
    return None if chain is None else (chain.activation.name, depth, width)
