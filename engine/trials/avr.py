"""Exported code on a simulated AVR (to come)."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import MissingToolError
from engine.trials.trial import Outcome, Record, Runner, Trial

__all__ = ["RUNNER"]


def _check() -> None:
    raise MissingToolError("AVR cannot be simulated yet; choose another target.")


def _run(trial: Trial) -> Outcome:
    raise NotImplementedError


def _trace(trial: Trial, vector: int) -> Sequence[Record]:
    return []


RUNNER = Runner(_check, _run, _trace)
