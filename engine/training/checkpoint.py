"""A checkpoint: everything that an interrupted run needs to go on and give the same bits."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.errors import FieldError
from engine.nn.param_layout import ParamLayout
from engine.record import EpochDone
from engine.shapes import Shape
from engine.training.config import TrainConfig
from engine.training.optimizers import OPTIMIZERS
from engine.training.terms import Terms

__all__ = ["MAX_THREADS", "Checkpoint", "KeepInterval", "Position", "set_generator"]

MAX_THREADS = 256
MAX_EPOCHS = 10_000
MAX_NUMBER = 1 << 53  # of steps or images: far above any run, and exact in a float

T = TypeVar("T")


@dataclass(frozen=True)
class Position:
    """Where a run is.

    Attributes
    ----------
    epoch : int
        The epoch under way, from 1.
    index : int
        Number of finished batches in this epoch.
    loss, correct : float
        Sums over these batches: of the loss, and of the images classified correctly.
    steps : int
        Steps that the optimizer has taken.
    best : float
        The lowest validation loss.
    since : int
        Epochs since then.
    """

    epoch: int = 1
    index: int = 0
    loss: float = 0.0
    correct: float = 0.0
    steps: int = 0
    best: float = math.inf
    since: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run between two batches.

    Attributes
    ----------
    config : TrainConfig
    threads : int
        Number of threads; another number would give other bits.
    data : str
        Name of the data set, or its folder.
    images : int
        Number of images in the data set.
    position : Position
    history : tuple of EpochDone
    generators : tuple of mapping
        States of the random generators: that of the shuffle at the start of the epoch, then one for each
        thread.
    vectors : mapping of str to ndarray of float32, shape (n,)
        ``params``, ``shown`` and ``best`` have the length of all parameters; ``pending`` (the accumulated
        gradient) and ``memory0`` … (the optimizer's) that of the trained ones.
    terms : Terms or None
        What else it needs to give the same bits; None if it was saved by an earlier version.
    """

    config: TrainConfig
    threads: int
    data: str
    images: int
    position: Position
    history: tuple[EpochDone, ...]
    generators: tuple[Mapping[str, Any], ...]
    vectors: Mapping[str, NDArray[np.float32]]
    terms: Terms | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all but the vectors as a JSON object."""
        return {
            "config": self.config.to_json(),
            "threads": self.threads,
            "data": self.data,
            "images": self.images,
            **({} if self.terms is None else {"terms": self.terms.to_json()}),
            "position": _without_special(asdict(self.position)),
            "history": [_without_special(asdict(done)) for done in self.history],
            "generators": list(self.generators),
        }

    @staticmethod
    def vector_shapes(facts: object, layout: ParamLayout) -> dict[str, Shape]:
        """Return the names and shapes of the vectors that a checkpoint with the JSON object `facts` has."""
        remembers = OPTIMIZERS[_config(facts).optimizer].remembers
        trained = layout.trainable.stop
        own = dict.fromkeys(("params", "shown", "best"), (layout.size,))
        memory = [f"memory{i}" for i in range(remembers)]
        return {**own, **dict.fromkeys([*memory, "pending"], (trained,))}

    @classmethod
    def from_json(cls, facts: object, vectors: Mapping[str, NDArray[np.float32]]) -> Self:
        """Make a checkpoint from what `to_json` gave; raise `TinyMLError` for a wrong value."""
        config = _config(facts)
        assert isinstance(facts, Mapping)
        threads = _whole(facts, "threads", 1, MAX_THREADS)
        generators = facts.get("generators")
        if not isinstance(generators, list) or len(generators) != threads + 1:
            raise FieldError("generators", "the states of the random numbers do not match the threads.")
        for state in generators:
            set_generator(np.random.default_rng(0), state)
        history = facts.get("history")
        if not isinstance(history, list) or len(history) > MAX_EPOCHS:
            raise FieldError("history", "the history must be a list of epochs.")
        return cls(
            config,
            threads,
            str(facts.get("data")),
            _whole(facts, "images", 1, 1 << 40),
            _position(facts.get("position"), config),
            tuple(_numbers(EpochDone, done, "history") for done in history),
            tuple(generators),
            vectors,
            Terms.from_json(facts.get("terms")),
        )


def set_generator(rng: np.random.Generator, state: Any) -> None:
    """Put `rng` into a saved `state`; raise `FieldError` if it is damaged."""
    try:
        rng.bit_generator.state = state
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise FieldError("generators", "a state of the random numbers is damaged.") from error


def _config(facts: object) -> TrainConfig:
    if not isinstance(facts, Mapping):
        raise FieldError("run", "the run must be a JSON object.")
    return TrainConfig.from_json(facts.get("config"))


def _position(value: object, config: TrainConfig) -> Position:
    position = _numbers(Position, value, "position")
    if not (1 <= position.epoch <= config.epochs + 1 and position.index >= 0 and position.steps >= 0):
        raise FieldError("position", "the position lies outside of the run.")
    return position


def _whole(facts: Mapping[str, Any], name: str, low: int, high: int) -> int:
    value = facts.get(name)
    if type(value) is not int or not low <= value <= high:
        raise FieldError(name, f"{name} must be a whole number from {low} to {high}.")
    return value


def _numbers(cls: type[T], value: object, name: str) -> T:
    """Make the dataclass `cls`, which has only numbers; None stands for infinity or nan."""
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    if not isinstance(value, Mapping) or set(value) != set(known):
        raise FieldError(name, f"{name} must have the fields {', '.join(known)}.")
    return cls(**{key: _number(item, known[key].type, name) for key, item in value.items()})


def _number(value: object, kind: Any, name: str) -> float:
    if kind == "float" and value is None:
        return math.inf if name == "position" else math.nan
    if type(value) is float and kind == "float" and math.isfinite(value):
        return value
    if type(value) is int and abs(value) <= MAX_NUMBER:
        return value
    raise FieldError(name, f"{name} holds {reprlib.repr(value)} where a number belongs.")


def _without_special(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}


class KeepInterval:
    """How often a run is saved: rarely enough that writing takes at most 5 % of the time.

    The first save is due at once. All times are in seconds of a monotonic clock.
    """

    PAUSES: ClassVar[int] = 20  # a pause is so many times as long as the last save took

    def __init__(self) -> None:
        self._due = -math.inf

    def due(self, now: float) -> bool:
        """Return whether the run is to be saved now."""
        return now >= self._due

    def kept(self, start: float, end: float) -> None:
        """Note when the last save began and when it ended."""
        self._due = end + self.PAUSES * (end - start)
