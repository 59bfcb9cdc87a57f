"""Checks before a run: whether model, data and settings fit together, and which settings have no effect.

They are made before a run starts and before any file is replaced.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.data.check import doubts, fault, is_mix_up, listed, shifted_labels
from engine.data.dataset import Dataset
from engine.data.preprocess import SIDE
from engine.data.splits import rest_count
from engine.errors import TrainingError
from engine.knobs import Knob, knobs_of
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.shapes import describe_shape
from engine.training.config import TrainConfig, thread_words, usable_cores
from engine.training.optimizers import OPTIMIZERS, OPTIONAL
from engine.words import short

__all__ = ["check_run", "data_notes", "misfit", "run_notes"]

READ_PER_CLASS = 20  # images that stand for a class
MOSTLY = 0.5  # share of them that must look alike


def check_run(model: Model, data: Dataset, config: TrainConfig) -> None:
    """Raise `TrainingError` if model, data and settings do not fit together."""
    if wrong := misfit(model, data) or fault(data):
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


def data_notes(data: Dataset, test: Dataset | None = None, reader: Model | None = None) -> list[str]:
    """Return a sentence for all that looks wrong with `data`, though it can be trained on.

    Parameters
    ----------
    data : Dataset
        Training images.
    test : Dataset or None
        Test images, to compare the labels with.
    reader : Model or None
        A trained model that knows the classes of `data`, to compare their names with what images look like.
    """
    notes = [*doubts(data), "" if test is None else shifted_labels(data, test)]
    if not any(notes) and reader is not None:  # a reader understands nothing of inverted images
        notes.append(misnamed(data, reader))
    return [note for note in notes if note]


def misnamed(data: Dataset, reader: Model) -> str:
    """Say so if `reader` takes the images of most classes for another class of `data`; else empty.

    This finds a list of names that is off by one, which training and test images share.
    """
    read = Predictor(reader, READ_PER_CLASS)
    shifted: dict[str, str] = {}
    for label, name in enumerate(data.classes):
        images = data.images[np.flatnonzero(data.labels == label)[:READ_PER_CLASS]]
        answers, counts = np.unique(read.logits(images).argmax(axis=1), return_counts=True)
        if counts.max(initial=0) <= MOSTLY * len(images):
            continue
        looks_like = reader.classes[answers[counts.argmax()]]
        if looks_like != name and looks_like in data.classes:
            shifted[name] = looks_like
    if not is_mix_up(shifted, len(data.classes)):
        return ""
    pairs = [f"{name} look like {other}" for name, other in shifted.items()]
    return (
        f"The names of the classes of {data.name} seem to be mixed up: images called {listed(pairs)}; "
        "check the list of names."
    )


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
