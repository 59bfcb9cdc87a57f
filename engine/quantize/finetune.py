"""Quantization-aware fine-tuning: a trained network adapts to the rounding of int8.

Batch norm is folded into the weights and the ranges are calibrated. Then an ordinary run goes on at a low
learning rate with fake quantization: weights and tensors are rounded as int8 rounds them
(`engine.nn.fake_int8`). At the end the ranges are calibrated again, because the weights have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset
from engine.knobs import check_knobs, knob
from engine.nn.model import Model
from engine.quantize.calibrate import DEFAULT_IMAGES, DEFAULT_METHOD, METHODS, calibrate
from engine.quantize.fold_batch_norm import fold
from engine.quantize.network import rounding_of
from engine.training.config import TrainConfig, trained_config
from engine.training.events import Event, Finished, Reason
from engine.training.trainer import Trainer

__all__ = ["QuantizeConfig", "calibration_images", "quantize_run"]

AVERAGING = 0.999  # decay of the weights' average during fine-tuning: it evens out single steps


@dataclass(frozen=True)
class QuantizeConfig:
    """How a model becomes int8."""

    method: str = knob(
        DEFAULT_METHOD,
        "Ranges",
        "how the calibration range of each tensor is chosen",
        choices={name: method.title for name, method in METHODS.items()},
        advanced=True,
    )
    images: int = knob(
        DEFAULT_IMAGES,
        "Images",
        "training images to calibrate on",
        low=1,
        high=100_000,
        unit="images",
        advanced=True,
    )
    finetune: int = knob(
        0,
        "Fine-tuning",
        "epochs with fake quantization; 0 for none",
        low=0,
        high=1000,
        unit="epochs",
    )
    learning_rate: float = knob(
        1e-4, "Learning rate", "size of a step of the fine-tuning", low=0, high=1, advanced=True
    )
    seed: int = knob(
        0,
        "Seed",
        "which images, and their order; same seed, same result",
        low=0,
        high=2**31 - 1,
        advanced=True,
    )
    threads: int = knob(0, "Threads", "of the fine-tuning; 0 is automatic", low=0, high=256, advanced=True)

    def __post_init__(self) -> None:
        check_knobs(self)


def quantize_run(
    model: Model,
    data: Dataset,
    config: QuantizeConfig = QuantizeConfig(),
    stopped: Callable[[], bool] = lambda: False,
) -> Generator[Event, None, None]:
    """Quantize `model`, yielding what happens; the last event, `Finished`, carries the quantized model.

    Without fine-tuning that is the only event and the parameters stay as they are. With it, the events are
    those of a training run: not asking for the next event pauses it, closing the generator gives it up. If
    the run diverges, the quantized model is the one that was calibrated before it.

    Parameters
    ----------
    model : Model
    data : Dataset
        Training images.
    config : QuantizeConfig
    stopped : callable
        Called after each event; if it returns true, fine-tuning ends there and its result is kept.

    Raises
    ------
    QuantizationError, SpecError, TrainingError
        When model and data do not go together, or the network gives numbers that are not finite.
    """
    images = calibration_images(data, config)
    start = _calibrated(model, images, data, config)
    if not config.finetune:
        yield Finished(Reason.COMPLETED, start)
        return
    folded = _calibrated(fold(model), images, data, config)
    trainer = Trainer(folded, data, _tuning(model, config), rounding=rounding_of(folded))
    for event in trainer.run():
        if not isinstance(event, Finished):
            yield event
            if stopped():
                trainer.stop()
        elif event.reason is Reason.DIVERGED:
            yield Finished(event.reason, start)
        else:
            record = replace(model.record, finetuning=event.model.record)
            tuned = event.model.replace(record=record)
            yield Finished(event.reason, _calibrated(tuned, images, data, config))


def calibration_images(data: Dataset, config: QuantizeConfig) -> NDArray[np.uint8]:
    """Return the training images to calibrate on: a random choice, in the order of the data."""
    count = min(config.images, len(data))
    chosen = np.random.default_rng(config.seed).choice(len(data), count, replace=False)
    return data.images[np.sort(chosen)]


def _calibrated(model: Model, images: NDArray[np.uint8], data: Dataset, config: QuantizeConfig) -> Model:
    return model.replace(quantization=calibrate(model, images, config.method, data.name))


def _tuning(model: Model, config: QuantizeConfig) -> TrainConfig:
    """Return the settings of the fine-tuning: those of the training before, with small steps."""
    return replace(
        trained_config(model),
        epochs=config.finetune,
        optimizer="adam",
        learning_rate=config.learning_rate,
        schedule="cosine",
        weight_decay=0.0,
        accumulate=1,
        averaging=AVERAGING,
        patience=0,
        seed=config.seed,
        threads=config.threads,
    )
