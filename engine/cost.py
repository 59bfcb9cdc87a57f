"""What a model will take on a board, known before it is trained: flash, RAM, instructions and time.

Weights and the arena are counted: the exporter plans them the same way for an untrained network. Code, stack
and executed instructions are predicted from what was measured on compiled and emulated networks
(`engine.cost_rates`).
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.boards import Board
from engine.export import FORMATS, ExportOptions
from engine.figures import Figure, counted, estimated
from engine.model import Model

__all__ = ["Cost", "estimate"]


@dataclass(frozen=True)
class Cost:
    """What one inference of a model takes on a board.

    Attributes
    ----------
    board : Board
    flash, ram : Figure
        In bytes; the caller's image and scores are not in it.
    instructions : Figure
        Executed for one image.
    milliseconds : Figure
        For one image at the board's clock.
    """

    board: Board
    flash: Figure
    ram: Figure
    instructions: Figure
    milliseconds: Figure

    @property
    def fits_flash(self) -> bool:
        """Whether the board has the flash."""
        return self.flash.value <= self.board.flash_bytes

    @property
    def fits_ram(self) -> bool:
        """Whether the board has the RAM."""
        return self.ram.value <= self.board.ram_bytes

    @property
    def fits(self) -> bool:
        """Whether the board has both."""
        return self.fits_flash and self.fits_ram


def estimate(model: Model, format_name: str, board: Board, options: ExportOptions | None = None) -> Cost:
    """Return what `model`, trained or not, takes on `board` when exported as `format_name`."""
    facts = FORMATS[format_name].measure(model, options or ExportOptions())
    instructions = estimated(10.0 * facts.macs)
    seconds = instructions.value * board.core.cycles / board.clock_hz
    return Cost(
        board,
        counted(facts.weight_bytes) + estimated(2000),
        counted(facts.arena_bytes) + estimated(100),
        instructions,
        estimated(1000 * seconds),
    )
