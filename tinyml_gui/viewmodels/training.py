"""What the training page and the bar at the bottom say about a run.

A `Run` folds the trainer's events into a status, four curves and a few sentences. It knows nothing of
threads or widgets: feed it events, read it.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from engine.data import Dataset
from engine.nn.model import Model
from engine.shapes import describe_shape
from engine.training.checkpoint import Checkpoint
from engine.training.config import TrainConfig
from engine.training.events import BatchDone, Diverged, EpochDone, Finished, Learning, Reason
from tinyml_gui.viewmodels.accuracy import Accuracies
from tinyml_gui.viewmodels.curves import Binned
from tinyml_gui.viewmodels.quantities import duration_words, percent
from tinyml_gui.viewmodels.starts import data_title

__all__ = [
    "Headline",
    "Interrupted",
    "Phase",
    "Run",
    "Status",
    "bar_text",
    "data_facts",
    "ending_words",
    "figures",
    "headline",
]


class Phase(enum.Enum):
    """Where a run is."""

    IDLE = "Not trained yet"
    STARTING = "Preparing…"
    RUNNING = "Training…"
    PAUSED = "Paused"
    STOPPING = "Stopping…"
    TESTING = "Testing…"
    DONE = "Finished"
    DIVERGED = "Diverged"
    FAILED = "Could not train"

    @property
    def active(self) -> bool:
        """Whether the trainer holds the model."""
        return self in _ACTIVE

    @property
    def failed(self) -> bool:
        """Whether the run ended without a usable result."""
        return self in {Phase.DIVERGED, Phase.FAILED}


_ACTIVE: Final = {Phase.STARTING, Phase.RUNNING, Phase.PAUSED, Phase.STOPPING}
_REASONS: Final = {
    Reason.COMPLETED: "All epochs done.",
    Reason.STOPPED: "Stopped; what was learned so far is kept.",
    Reason.EARLY: "Stopped early: the validation loss no longer fell; the best parameters were restored.",
    Reason.DIVERGED: "",  # the event says it
}
_ENDINGS: Final = {
    Reason.COMPLETED: "Training finished",
    Reason.STOPPED: "Stopped in epoch {} of {}",
    Reason.EARLY: "Stopped early in epoch {} of {}",
    Reason.DIVERGED: "",
}


@dataclass(frozen=True)
class Status:
    """All figures of a run at one moment; nan where unknown."""

    phase: Phase = Phase.IDLE
    epoch: int = 0
    epochs: int = 0
    progress: float = 0.0
    loss: float = math.nan
    accuracy: float = math.nan
    validation_loss: float = math.nan
    validation_accuracy: float = math.nan
    images_per_second: float = math.nan
    seconds_left: float = math.nan
    sentence: str = ""
    hint: str = ""
    ending: str = ""


class Run:
    """One training run as it is shown.

    Attributes
    ----------
    status : Status
    train_loss, train_accuracy, validation_loss, validation_accuracy : Binned
        Curves over epochs.
    config : TrainConfig
        What it was started with.
    """

    def __init__(self) -> None:
        self.status = Status()
        self.config = TrainConfig()
        self.train_loss = Binned()
        self.train_accuracy = Binned()
        self.validation_loss = Binned()
        self.validation_accuracy = Binned()
        self._learning = Learning(0)
        self._history: list[EpochDone] = []

    def start(self, config: TrainConfig, classes: int = 0) -> None:
        """Forget the last run and wait for events; `classes` says what accuracy guessing would give."""
        self._learning = Learning(classes)
        self.config, self._history = config, []
        for curve in (self.train_loss, self.train_accuracy, self.validation_loss, self.validation_accuracy):
            curve.clear()
        self.status = Status(Phase.STARTING, epochs=config.epochs)

    def resumed(self, run: Checkpoint, classes: int = 0) -> None:
        """Begin with the history of an interrupted run; curves of it that are shown stay."""
        shown = len(self.train_loss) and self.config == run.config
        if shown and tuple(self._history) == run.history:
            self._set(phase=Phase.STARTING, sentence="", ending="")
            return
        self.start(run.config, classes)
        for done in run.history:
            self.train_loss.append(done.epoch, done.train_loss, smoothed=False)
            self.train_accuracy.append(done.epoch, done.train_accuracy, smoothed=False)
            self._epoch(done)

    def consume(self, events: Iterable[Any]) -> None:
        """Fold `events` in, in order; others than the trainer's are ignored."""
        for event in events:
            handler = _HANDLERS.get(type(event))
            if handler is not None:
                handler(self, event)

    def pause(self) -> None:
        """Show that the run was paused."""
        if self.status.phase in {Phase.STARTING, Phase.RUNNING}:
            self._set(phase=Phase.PAUSED)

    def resume(self) -> None:
        """Show that the run continues."""
        if self.status.phase is Phase.PAUSED:
            self._set(phase=Phase.RUNNING)

    def stop(self) -> None:
        """Show that the run was asked to end."""
        if self.status.phase.active:
            self._set(phase=Phase.STOPPING)

    def fail(self, sentence: str) -> None:
        """Show why the run could not start or continue."""
        self._set(phase=Phase.FAILED, sentence=sentence)

    def testing(self) -> None:
        """Show that the trained model is being tested."""
        if self.status.phase is Phase.DONE:
            self._set(phase=Phase.TESTING)

    def tested(self) -> None:
        """Show that the test has ended."""
        if self.status.phase is Phase.TESTING:
            self._set(phase=Phase.DONE)

    def _batch(self, event: BatchDone) -> None:
        x = event.step / max(event.steps, 1) * self.status.epochs
        self._learning.begin(event)
        self.train_loss.append(x, event.loss)
        self.train_accuracy.append(x, event.accuracy)
        phase = Phase.RUNNING if self.status.phase is Phase.STARTING else self.status.phase
        self._set(
            phase=phase,
            epoch=event.epoch,
            progress=event.step / max(event.steps, 1),
            loss=self.train_loss.last,
            accuracy=self.train_accuracy.last,
            images_per_second=event.images_per_second,
            seconds_left=event.seconds_left,
        )

    def _epoch(self, event: EpochDone) -> None:
        self._history.append(event)
        self.validation_loss.append(event.epoch, event.validation_loss)
        self.validation_accuracy.append(event.epoch, event.validation_accuracy)
        self._set(
            validation_loss=event.validation_loss,
            validation_accuracy=event.validation_accuracy,
            hint=self._learning.hint(event),
        )

    def _diverged(self, event: Diverged) -> None:
        self._set(phase=Phase.DIVERGED, sentence=f"{event.advice} {event.kept}")

    def _finished(self, event: Finished) -> None:
        if self.status.phase is not Phase.DIVERGED:
            ending = _ENDINGS[event.reason].format(self.status.epoch, self.status.epochs)
            sentence = _REASONS[event.reason]
            self._set(phase=Phase.DONE, sentence=sentence, ending=ending, seconds_left=math.nan)

    def _set(self, **changes: Any) -> None:
        self.status = replace(self.status, **changes)


_HANDLERS: Final[dict[type, Any]] = {
    BatchDone: Run._batch,
    EpochDone: Run._epoch,
    Diverged: Run._diverged,
    Finished: Run._finished,
}


@dataclass(frozen=True)
class Interrupted:
    """A run that can be resumed, and the model as it was when the run ended."""

    model: Model
    run: Checkpoint

    @property
    def sentence(self) -> str:
        """What happened."""
        return f"{self.model.name} is half trained on {data_title(self.run.data)}"

    @property
    def offer(self) -> str:
        """The text of the button that resumes the run."""
        epochs = self.run.config.epochs
        return f"Resume interrupted training (epoch {min(self.run.position.epoch, epochs)} of {epochs})"

    def is_of(self, model: Model) -> bool:
        """Tell whether `model` is the one that the run ended with."""
        return model.spec == self.model.spec and np.array_equal(model.params, self.model.params)

    def suits(self, data: Dataset) -> bool:
        """Tell whether `data` is what the run was learning from, as far as can be seen."""
        return (data.name, len(data)) == (self.run.data, self.run.images)


def ending_words(status: Status, accuracy: float = math.nan, images: int = 0) -> str:
    """Return how a run ended and, where it was tested, with what result."""
    if math.isnan(accuracy):
        return status.ending
    return f"{status.ending}: {percent(accuracy)} on {images:,} test images"


def bar_text(status: Status) -> str:
    """Return the one line of the bar at the bottom."""
    parts = [status.phase.value]
    if status.epoch:
        parts[0] += f" epoch {status.epoch} of {status.epochs}"
        parts.append(f"loss {status.loss:.3f}")
    if status.phase is Phase.RUNNING and status.epoch:
        parts.append(f"{status.images_per_second:,.0f} images/s")
        left = duration_words(status.seconds_left)
        parts += [f"{left} left"] if left else []
    return "   ".join(parts)


def data_facts(data: Dataset) -> str:
    """Return what a data set holds, in a few words."""
    return f"{len(data):,} images {describe_shape(data.image_shape)} · {len(data.classes)} classes"


@dataclass(frozen=True)
class Headline:
    """The page's key figure, the same in int8 where it is known, and what they are."""

    figure: str
    caption: str
    in_int8: str = ""


def headline(status: Status, tested: Accuracies) -> Headline:
    """Return what matters most now: the validation accuracy while training, then the test accuracy."""
    untested = math.isnan(tested.in_float)
    if status.phase.active or (status.phase is Phase.TESTING and untested):
        if not math.isnan(status.validation_accuracy):
            return Headline(percent(status.validation_accuracy), "validation accuracy")
        known = not math.isnan(status.accuracy)
        return Headline(percent(status.accuracy), "training accuracy") if known else Headline("", "")
    if untested:
        return Headline("", "")
    caption = tested.words if tested.int8_words else f"accuracy {tested.words}"
    return Headline(percent(tested.in_float), caption, tested.int8_words)


def figures(status: Status) -> tuple[tuple[str, str], ...]:
    """Return (name, value) of the small figures below the curves; always the same names."""
    epoch = f"{status.epoch} of {status.epochs}" if status.epochs else "–"
    speed = "–" if math.isnan(status.images_per_second) else f"{status.images_per_second:,.0f} images/s"
    left = duration_words(status.seconds_left) if status.phase.active else ""
    return (
        ("Epoch", epoch),
        ("Loss", _number(status.loss)),
        ("Validation loss", _number(status.validation_loss)),
        ("Validation accuracy", percent(status.validation_accuracy)),
        ("Speed", speed),
        ("Time left", left or "–"),
    )


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"
