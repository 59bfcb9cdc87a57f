"""Run exported code: on this computer, on emulated cores, on a simulated AVR."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from engine.verify.runners import avr, emulated, host
from engine.verify.runners.trial import Runner, RunResult, StageOutput, Trial

__all__ = ["RUNNERS", "RunResult", "Runner", "StageOutput", "Trial"]

RUNNERS: Mapping[str, Runner] = MappingProxyType(
    {"host": host.RUNNER, "emulator": emulated.RUNNER, "simavr": avr.RUNNER}
)
"""Every runner, by the name in `engine.boards.targets.Target.runner`."""
