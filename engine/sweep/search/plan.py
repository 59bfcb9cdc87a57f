"""How a search goes: its aims, its limits, and who chooses what to try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.boards.boards import Board
from engine.errors import FieldError
from engine.sweep.objectives import ACCURACY_ALONE, Objective

__all__ = ["SAMPLERS", "Plan"]

SAMPLERS: Mapping[str, str] = {
    "tpe": "tree-structured Parzen estimator: models where good networks are",
    "nsga2": "NSGA-II: crosses the networks of the front",
    "random": "independent draws",
}
"""What can choose the next network, by name, in words."""


@dataclass(frozen=True)
class Plan:
    """How a search goes.

    Attributes
    ----------
    trials : int
        Different networks to train, at most.
    minutes : float
        After them no run begins any more.
    objectives : tuple of Objective
    sampler : str
        A key of `SAMPLERS`.
    halving : bool
        Whether successive halving ends runs that are behind.
    board : Board or None
        Whose memory a network must fit in int8, to be trained at all.
    seed : int
        Of the sampler.
    """

    trials: int
    minutes: float = float("inf")
    objectives: tuple[Objective, ...] = ACCURACY_ALONE
    sampler: str = "tpe"
    halving: bool = False
    board: Board | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.halving and self.objectives != ACCURACY_ALONE:
            raise FieldError(
                "halving",
                "Successive halving compares accuracies alone and would end the small networks of a front; "
                "give it with the objective accuracy.",
            )

    def to_json(self) -> dict[str, Any]:
        """Return what must be the same for a search to go on: its aims, and the board."""
        board = None if self.board is None else self.board.name
        return {"objectives": [aim.name for aim in self.objectives], "board": board}
