"""Background work about what ended programs have left, as generators that know no threads."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

from engine.errors import TinyMLError
from engine.nn.model import Model
from engine.training.checkpoint import Checkpoint
from tinyml_gui.document.recovery import LeftBehind, RecoveryFiles
from tinyml_gui.viewmodels.recovery import Offer, left_words

__all__ = ["Contents", "look", "read"]


class Contents(NamedTuple):
    """What a set holds.

    Attributes
    ----------
    model : Model or None
        The model to open: the unsaved one, or what the run has made of it since.
    run : (Model, Checkpoint) or None
        The interrupted run, and its model as it was then.
    fault : str
        Why something cannot be read.
    """

    model: Model | None
    run: tuple[Model, Checkpoint] | None
    fault: str


def look(files: RecoveryFiles) -> Generator[Offer, None, tuple[Offer, ...]]:
    """Find what ended programs have left, the newest first."""
    offers: list[Offer] = []
    for left in files.left():
        model, run, fault = read(left)
        offers.append(Offer(left, left_words(model, None if run is None else run[1], fault)))
        yield offers[-1]
    return tuple(offers)


def read(left: LeftBehind) -> Contents:
    """Read a set; what is damaged in it does not hide the rest."""
    from engine.storage import model_file

    model, run, fault = None, None, ""
    try:
        if left.model is not None:
            model = model_file.load(left.model)
    except TinyMLError as error:
        fault = str(error)
    try:
        if left.run is not None:
            trained, checkpoint = model_file.load_run(left.run)
            run = None if checkpoint is None else (trained, checkpoint)
            model = trained if model is None or _has_learned_since(left, model, trained) else model
    except TinyMLError as error:
        fault = fault or str(error)
    return Contents(model, run, fault)


def _has_learned_since(left: LeftBehind, model: Model, trained: Model) -> bool:
    """Tell whether the run was written after `model`, and trains the same network."""
    if left.model is None or left.run is None:
        return False
    return model.is_same_network(trained) and left.run.stat().st_mtime >= left.model.stat().st_mtime
