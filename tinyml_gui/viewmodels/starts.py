"""Which start and which learning rate to propose for a run, so that the user sees a network learn.

A trained network first gets worse when it continues at the full rate with other images. So that is
never proposed.
"""

from __future__ import annotations

from pathlib import PureWindowsPath
from typing import Final

from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.training.optimizers import OPTIMIZERS

__all__ = [
    "CONTINUE",
    "FRESH",
    "data_title",
    "pretrained_on",
    "proposed_rate",
    "proposed_start",
    "trained_on",
]

CONTINUE: Final = "continue"  #: continue to train the model
FRESH: Final = "fresh"  #: the same network with new parameters; other starts are names of presets
_GENTLE: Final = 0.1  # of the optimizer's default rate, for a network that has learned already


def trained_on(model: Model) -> tuple[str, ...]:
    """Return all data sets that the model's record says it has learned from, the last one first."""
    names = (model.record.data, *(model.record.pretrained_on or ()))
    return tuple(dict.fromkeys(name for name in names if name))


def pretrained_on(model: Model, data: str) -> tuple[str, ...]:
    """Return the other data sets that `model` has learned from, once it is also trained on `data`."""
    return tuple(name for name in trained_on(model) if name != data)


def proposed_start(model: Model, data: str, shipped: bool) -> str:
    """Return the start to propose: continue where the model learned last from these images, or not at all."""
    known = trained_on(model)
    return FRESH if model.trained and (shipped or known[:1] != (data,)) else CONTINUE


def proposed_rate(start: str, model: Model, optimizer: str, rate: float) -> float:
    """Return the rate to propose in place of `rate`; one that the user has chosen stays."""
    default = OPTIMIZERS[optimizer].default_rate
    gentle = float(f"{_GENTLE * default:.6g}")
    if rate not in (default, gentle):
        return rate
    return gentle if start not in PRESETS and start != FRESH and model.trained else default


def data_title(name: str) -> str:
    """Return what a data set is called in a sentence: its name, or the last part of its path."""
    return PureWindowsPath(name).name or name  # understands both slashes
