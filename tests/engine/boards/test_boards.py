"""Boards: every one can be verified or says that it cannot, and has rates to predict with."""

from __future__ import annotations

import pytest

from engine.boards.boards import BOARDS, CORES, Board, Core
from engine.boards.targets import TARGETS
from engine.cost.instruction_rates import RATES


@pytest.mark.parametrize("core", CORES.values(), ids=str)
def test_a_core_names_a_target_and_rates_that_there_are(core: Core) -> None:
    assert core.target is None or core.target in TARGETS
    assert core.rates in RATES
    assert 0.5 <= core.cycles <= 2


@pytest.mark.parametrize("board", BOARDS.values(), ids=str)
def test_a_board_says_what_it_has_and_where_that_is_from(board: Board) -> None:
    assert board.core is CORES[board.core.name]
    assert 1024 <= board.ram_bytes < board.flash_bytes
    assert 10**6 < board.clock_hz <= 10**9
    assert len(board.source) > 20


def test_memory_is_told_in_round_numbers() -> None:
    assert BOARDS["arduino-uno"].summary == "AVR at 16 MHz, 31.5 KB flash, 2 KB RAM"
    assert BOARDS["pico"].summary == "Cortex-M0+ at 125 MHz, 2 MB flash, 264 KB RAM"
