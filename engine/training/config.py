"""The settings of a training run. Each is a knob, from which forms and command-line options are made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from engine.errors import FieldError
from engine.knobs import check_knobs, knob, knobs_from_json, knobs_to_json
from engine.nn.losses import LOSSES, suitable_loss
from engine.nn.model import Model
from engine.training.augment import Augmentation
from engine.training.optimizers import OPTIMIZERS
from engine.training.schedules import SCHEDULES

__all__ = ["TrainConfig", "default_threads", "thread_words", "trained_config", "usable_cores"]


def default_threads() -> int:
    """Return how many threads to train with: all cores; of more than two, one is left to the window."""
    cores = usable_cores()
    return cores if cores <= 2 else cores - 1


def usable_cores() -> int:
    """Return how many cores this process may use, which can be fewer than the machine has."""
    cores = os.cpu_count() or 1
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return cores if affinity is None else min(cores, len(affinity(0)))


def thread_words(count: int) -> str:
    """Return `count` in words: ``1 thread``, ``2 threads``."""
    return f"{count} thread{'s' if count > 1 else ''}"


@dataclass(frozen=True)
class TrainConfig:
    """One run's settings; `engine.training.trainer.Trainer` carries them out."""

    epochs: int = knob(5, "Epochs", "passes over the training images", low=1, high=10_000)
    batch_size: int = knob(64, "Batch", "images per step", low=1, high=4096, unit="images")
    optimizer: str = knob(
        "sgd",
        "Optimizer",
        "how a step is computed from gradients",
        choices={name: optimizer.title for name, optimizer in OPTIMIZERS.items()},
    )
    learning_rate: float = knob(0.05, "Learning rate", "size of a step", low=0, high=100)
    schedule: str = knob(
        "cosine",
        "Schedule",
        "how the learning rate changes during the run",
        choices={name: name.replace("_", " ").capitalize() for name in SCHEDULES},
    )
    loss: str = knob(
        "cross_entropy",
        "Loss",
        "what training minimizes",
        choices={name: loss.title for name, loss in LOSSES.items()},
        advanced=True,
    )
    momentum: float = knob(
        0.9, "Momentum", "share of the last step that SGD keeps", low=0, high=0.999, advanced=True
    )
    nesterov: bool = knob(False, "Nesterov", "look ahead along the momentum", advanced=True)
    weight_decay: float = knob(
        0.0, "Weight decay", "pulls weights towards zero", low=0, high=1, advanced=True
    )
    smoothing: float = knob(
        0.0,
        "Label smoothing",
        "spread this share of each label over all classes: the network gets less sure of itself; 0 for none",
        low=0,
        high=0.5,
        advanced=True,
    )
    mixup: float = knob(
        0.0,
        "Mixup",
        "blend pairs of images and their labels; larger values blend more evenly; 0 for none",
        low=0,
        high=2,
        advanced=True,
    )
    accumulate: int = knob(
        1,
        "Batches per step",
        "add up the gradients of so many batches before each step: like a larger batch, with less memory",
        low=1,
        high=256,
        advanced=True,
    )
    averaging: float = knob(
        0.0,
        "Averaged weights",
        "keep the weights' running average instead of the last ones, often a little better; 0.99 looks back "
        "about 100 steps, 0 is off",
        low=0,
        high=0.9999,
        advanced=True,
    )
    clip_norm: float = knob(
        0.0,
        "Limit gradients",
        "longer gradients are shortened to this length, against runs that diverge; 0 for no limit",
        low=0,
        high=1e6,
        advanced=True,
    )
    validation: float = knob(
        0.1, "Validation", "share of the images kept aside to watch progress", low=0, high=0.5, advanced=True
    )
    patience: int = knob(
        0,
        "Stop early after",
        "end after so many epochs without a lower validation loss and keep the best weights; 0 for never",
        low=0,
        high=1000,
        unit="epochs",
        advanced=True,
    )
    drawings: float = knob(
        0.0,
        "Canvas-like",
        "share of the images that are cropped, scaled and centred as the canvas does with your drawings",
        low=0,
        high=1,
        advanced=True,
    )
    seed: int = knob(0, "Seed", "same seed and threads, same result", low=0, high=2**31 - 1, advanced=True)
    threads: int = knob(
        0,
        "Threads",
        "0 is automatic: all cores; of more than two, one is left to the window",
        low=0,
        high=256,
        advanced=True,
    )
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        check_knobs(self)

    @property
    def actual_threads(self) -> int:
        """The number of threads used on this machine: what was asked for, but no more than usable cores."""
        return min(self.threads, usable_cores()) if self.threads else default_threads()

    def to_json(self) -> dict[str, Any]:
        """Return all values as a JSON object."""
        return {**knobs_to_json(self), "augmentation": knobs_to_json(self.augmentation)}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Make a configuration from a JSON object; raise `FieldError` for a wrong value."""
        if not isinstance(value, Mapping) or not isinstance(value.get("augmentation", {}), Mapping):
            raise FieldError("config", "a training configuration must be a JSON object.")
        own = {name: item for name, item in value.items() if name != "augmentation"}
        augmentation = knobs_from_json(Augmentation, value.get("augmentation", {}))
        return replace(knobs_from_json(cls, own), augmentation=augmentation)


def trained_config(model: Model) -> TrainConfig:
    """Return the settings that the record of `model` tells; the default ones if it tells none."""
    try:
        return TrainConfig.from_json(model.record.config)
    except FieldError:
        return TrainConfig(loss=suitable_loss(model.spec).name)
