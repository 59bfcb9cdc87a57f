"""Checks before a run: whether model, data and settings fit together, and which settings have no effect.

They are made before a run starts and before any file is replaced.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.data.dataset import Dataset
from engine.data.preprocess import SIDE
from engine.data.splits import rest_count
from engine.errors import TrainingError
from engine.knobs import Knob, knobs_of
from engine.nn.model import Model
from engine.shapes import describe_shape
from engine.training.config import TrainConfig, thread_words, usable_cores
from engine.training.optimizers import OPTIMIZERS, OPTIONAL
from engine.words import short

__all__ = ["check_run", "misfit", "run_notes"]


def check_run(model: Model, data: Dataset, config: TrainConfig) -> None:
    """Raise `TrainingError` if model, data and settings do not fit together."""
    if wrong := misfit(model, data):
        raise TrainingError(wrong)
    if config.drawings and data.image_shape != (SIDE, SIDE, 1):
        raise TrainingError(
            f"Drawings are {SIDE}×{SIDE} but the images of {data.name} are "
            f"{describe_shape(data.image_shape)}; set the share of drawings to 0."
        )
    training = rest_count(data.labels, config.validation)
    if config.batch_size > training:
        raise TrainingError(
            f"A batch of {config.batch_size} is larger than the {training:,} training images; "
            "make it smaller."
        )
    steps = training // config.batch_size * config.epochs
    if config.accumulate > steps:
        raise TrainingError(
            f"The gradients of {config.accumulate} batches are to be gathered but the whole run has {steps}: "
            "nothing would be learned; gather fewer."
        )


def misfit(model: Model, data: Dataset, title: str = "") -> str:
    """Return in one sentence why `model` cannot be trained or tested on `data`; empty where it can.

    `title` names the data set in the sentence; empty for its own name.
    """
    title = title or data.name
    if data.image_shape != model.spec.input_shape:
        return (
            f"The images of {title} are {describe_shape(data.image_shape)}, but the network reads "
            f"{describe_shape(model.spec.input_shape)}; choose another data set or change the input."
        )
    if data.classes != model.classes:
        return (
            f"{title} has {len(data.classes)} classes ({_some(data.classes)}), but the model knows "
            f"{len(model.classes)} ({_some(model.classes)}); choose the data set that it was trained on, "
            "or start a new model."
        )
    return ""


def run_notes(config: TrainConfig, call: Callable[[Knob], str]) -> list[str]:
    """Return a sentence for each setting that has no effect or is changed.

    Parameters
    ----------
    config : TrainConfig
    call : callable
        ``call(knob)`` gives the name under which the user knows a setting: an option or a label.
    """
    notes = []
    if config.threads > config.actual_threads:
        cores, used = usable_cores(), thread_words(config.actual_threads)
        machine = f"This machine has {cores} core{'s' if cores > 1 else ''}"
        notes.append(f"{machine}: training with {used} instead of {config.threads}.")
    optimizer = OPTIMIZERS[config.optimizer]
    idle = dict.fromkeys(OPTIONAL - optimizer.heeds, f"with {optimizer.title}")
    if not config.momentum:
        idle.setdefault("nesterov", "without momentum")
    if not config.validation:
        idle["patience"] = "without validation images"
    asked = [knob for knob in knobs_of(TrainConfig) if getattr(config, knob.name) != knob.default]
    return notes + [f"{call(knob)} has no effect {idle[knob.name]}." for knob in asked if knob.name in idle]


def _some(classes: tuple[str, ...]) -> str:
    return " ".join(short(name, 12) for name in classes[:6]) + (" …" if len(classes) > 6 else "")
