"""Evaluation as background work: all test images are answered, in parts."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from engine.data import Catalogue, Dataset
from engine.errors import TrainingError
from engine.insight import Assessment, assess_in_parts
from engine.nn.model import Model
from engine.training.start_check import misfit
from tinyml_gui.background.jobs import JobProgress

__all__ = ["Assessed", "EvaluationOrder", "assess"]


@dataclass(frozen=True)
class EvaluationOrder:
    """What to evaluate, on the test images of which data set.

    Attributes
    ----------
    model : Model
    catalogue : Catalogue
    data : str
        A name, or a folder.
    int8 : bool
    """

    model: Model
    catalogue: Catalogue
    data: str
    int8: bool


@dataclass(frozen=True)
class Assessed:
    """An evaluation, with what it was of."""

    order: EvaluationOrder
    data: Dataset
    found: Assessment


def assess(order: EvaluationOrder) -> Generator[JobProgress, None, Assessed]:
    """Answer all test images.

    Raises
    ------
    TinyMLError
        When there are none, they do not fit the network, or its answers are not numbers.
    """
    yield from ()
    data = order.catalogue.load(order.data, "test")
    if wrong := misfit(order.model, data):
        raise TrainingError(f"{order.model.name} does not fit the data: {wrong}")
    steps = assess_in_parts(order.model, data, order.int8)
    while True:
        try:
            done = next(steps)
        except StopIteration as end:
            return Assessed(order, data, end.value)
        yield JobProgress(done, len(data))
