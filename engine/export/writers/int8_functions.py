"""The functions of int8 stages, for headers in which all layers or the first ones are in int8."""

from __future__ import annotations

from engine.export.writers import c_header
from engine.export.writers.c_header import CHeader

__all__ = ["stage_function"]


def stage_function(header: CHeader, number: int, suffix: str, flip: int) -> str:
    """Return the function of a stage; `flip` is 128 where its input is int8."""
    c, stage = header.context, header.network.stages[number - 1]
    given = stage.source == 0
    x = "x" if given else _place(header, header.arena.buffers[stage.source])
    scratch = _place(header, header.arena.scratch[number - 1])
    more = {"in_flip": str(flip), "in_given": str(int(given)), "scratch": scratch, "table": "0"}
    return (
        c_header.stage_comment(header, number)
        + f"{c.macro('STAGE')} {c.symbol('stage', number)}{suffix}"
        + f"({'const uint8_t *x' if given else 'void'})\n{{\n"
        + c_header.call(header, number, x, _place(header, header.arena.buffers[stage.target]), more)
        + "}\n"
    )


def _place(header: CHeader, offset: int) -> str:
    return f"(uint8_t *){header.context.symbol('arena')} + {offset}"
