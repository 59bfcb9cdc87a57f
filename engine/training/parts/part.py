"""The base class of all parts of a run: what a checkpoint asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.training.checkpoint import Checkpoint

__all__ = ["Indices", "Part", "Vector"]

Vector = NDArray[np.float32]
Indices = NDArray[np.intp]


class Part:
    """What a checkpoint needs from a part; most parts have only some of it."""

    @property
    def vectors(self) -> Mapping[str, Vector]:
        """The arrays themselves, by their names in a checkpoint."""
        return {}

    @property
    def numbers(self) -> Mapping[str, Any]:
        """Fields of the checkpoint's `Position`."""
        return {}

    @property
    def generators(self) -> tuple[Mapping[str, Any], ...]:
        """States of random generators."""
        return ()

    def restore(self, run: Checkpoint) -> None:
        """Continue from `run`."""
        for name, vector in self.vectors.items():
            vector[...] = run.vectors[name]
