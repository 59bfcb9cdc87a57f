"""Choose the variant of exported code for a board: the fastest one that fits."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from engine.boards.boards import Board
from engine.cost.estimate import Cost, cost_on, format_with_facts
from engine.cost.figures import Figure
from engine.data.dataset import Dataset
from engine.errors import ExportError
from engine.export import ExportOptions, PreparedExport
from engine.export.options import AUTO, VARIANTS
from engine.nn.model import Model

__all__ = ["Fitted", "fitted"]


@dataclass(frozen=True)
class Fitted:
    """A prepared export, with its cost on the board that it was prepared for."""

    prepared: PreparedExport
    cost: Cost


def fitted(
    model: Model, format_name: str, board: Board, options: ExportOptions, data: Dataset | None = None
) -> Fitted:
    """Return `model`, prepared for export with a variant for `board`.

    Raises
    ------
    ExportError
        When no variant fits, when the one that `options` ask for does not fit, or when the format has no
        facts.
    """
    form, costs = format_with_facts(format_name), []
    for candidate in _candidates(board, options):
        prepared = form.prepare(model, candidate, data)
        costs.append(cost_on(prepared, board))
        if costs[-1].fits:
            return Fitted(prepared, costs[-1])
    raise ExportError(_sentence(board, min(costs, key=lambda cost: cost.flash.value)))


def _candidates(board: Board, options: ExportOptions) -> list[ExportOptions]:
    if options.variant != AUTO:
        return [options]
    others = [dataclasses.replace(options, variant=variant) for variant in VARIANTS[1:]]
    from_fast = [options, *others]  # AUTO is the fast variant
    return from_fast[::-1] if board.core.narrow else from_fast


def _sentence(board: Board, cost: Cost) -> str:
    flash = f"{_share(cost.flash, board.flash_bytes)} bytes of flash ({cost.flash.how.word})"
    ram = f"{_share(cost.ram, board.ram_bytes)} of RAM ({cost.ram.how.word})"
    return f"The model does not fit {board.title}: it takes {flash}, {ram}; shrink it or take another board."


def _share(figure: Figure, there: int) -> str:
    return f"{figure.value:,.0f} of {there:,}"
