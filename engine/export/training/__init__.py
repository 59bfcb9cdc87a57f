"""Training on a device: what happens in which order and where its memory is, as `timetable` says."""

from __future__ import annotations

from engine.export.training.timetable import (
    NOWHERE,
    WORD,
    Timetable,
    TrainedStep,
    suitable_loss,
    timetable,
)

__all__ = ["NOWHERE", "WORD", "Timetable", "TrainedStep", "suitable_loss", "timetable"]
