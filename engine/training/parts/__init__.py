"""The parts of a training run. Each owns the vectors and numbers that it changes, and saves them itself.

A checkpoint asks every part for its `vectors` and `numbers`; a resumed run gives them back through `restore`.
Arrays are written in place and never replaced, so a part may hold a view of another part's array.
"""

from __future__ import annotations

from engine.training.parts.averages import AveragedParameters, RunningStatistics
from engine.training.parts.early_stopping import EarlyStopping, LastGood
from engine.training.parts.gradient_step import GradientStep
from engine.training.parts.part import Part
from engine.training.parts.place import Clock, EpochOrder, Place

__all__ = [
    "AveragedParameters",
    "Clock",
    "EarlyStopping",
    "EpochOrder",
    "GradientStep",
    "LastGood",
    "Part",
    "Place",
    "RunningStatistics",
]
