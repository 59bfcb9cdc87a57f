"""What is said of unsaved work that programs have left which ended before it was saved."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.nn.model import Model
from engine.training.checkpoint import Checkpoint
from engine.words import short
from tinyml_gui.document.recovery import LeftBehind
from tinyml_gui.viewmodels.accuracy import accuracies
from tinyml_gui.viewmodels.quantities import percent

__all__ = ["Offer", "left_words", "model_words", "run_words"]


@dataclass(frozen=True)
class Offer:
    """What one program has left, and what it is in a few words."""

    left: LeftBehind
    what: str


def model_words(model: Model) -> str:
    """Return name and state of a model."""
    accuracy = accuracies(model).in_float
    tested = "not tested" if math.isnan(accuracy) else percent(accuracy)
    return f"{short(model.name)}, {f'trained, {tested}' if model.trained else 'not trained yet'}"


def run_words(run: Checkpoint) -> str:
    """Return where a run was interrupted."""
    epochs = run.config.epochs
    return f"training interrupted in epoch {min(run.position.epoch, epochs)} of {epochs}"


def left_words(model: Model | None, run: Checkpoint | None, fault: str) -> str:
    """Return what was left; `fault` says why some of it cannot be read."""
    known = ["" if model is None else model_words(model), "" if run is None else run_words(run), fault]
    return "; ".join(part for part in known if part)
