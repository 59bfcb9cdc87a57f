"""Training on a device: the order of all calls and the places of all buffers (`timetable`)."""

from __future__ import annotations

from engine.export.training.body import Body, int8_body, plan_together
from engine.export.training.head_behind_int8 import head_inputs, head_model, outputs_behind_int8
from engine.export.training.timetable import NOWHERE, Places, Timetable, TrainedStep, timetable

__all__ = [
    "NOWHERE",
    "Body",
    "Places",
    "Timetable",
    "TrainedStep",
    "head_inputs",
    "head_model",
    "int8_body",
    "outputs_behind_int8",
    "plan_together",
    "timetable",
]
