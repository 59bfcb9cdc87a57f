"""Train a model again from the record in its file, and compare the bits.

The record has everything that decides about them: network, settings with the seed, number of threads, and the
SHA-256 of images and labels. What it began with, if that was a trained model, must be given. The last bits
also depend on the kernels that BLAS and NumPy choose by the processor; the record names those too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.data.dataset import Dataset
from engine.errors import FieldError, TrainingError
from engine.nn.model import Model
from engine.training.checkpoint import MAX_THREADS
from engine.training.config import TrainConfig
from engine.training.events import Reason
from engine.training.terms import Terms, kernels_in_use
from engine.training.trainer import Trainer

__all__ = ["Comparison", "Plan", "compared", "plan_of"]


@dataclass(frozen=True)
class Plan:
    """How a model was trained, as far as it must be known to train it again.

    Attributes
    ----------
    model : Model
        What came of it the first time.
    config : TrainConfig
    threads : int
    data : str
        Name of the data set.
    terms : Terms
        Its hashes, and the kernels that computed.
    start : str
        Fingerprint of the trained model that it began with; empty if it began with random parameters.
    """

    model: Model
    config: TrainConfig
    threads: int
    data: str
    terms: Terms
    start: str

    def trainer(self, data: Dataset, start: Model | None) -> Trainer:
        """Return the trainer that does the same again.

        Raises
        ------
        TrainingError
            When the data or `start` are not those of the first time.
        """
        data = replace(data, name=self.data)
        self._check_data(data)
        return Trainer(self._first(start), data, self.config, self.threads)

    def _check_data(self, data: Dataset) -> None:
        now = Terms.of(data)
        changed = [part for part in ("images", "labels") if getattr(now, part) != getattr(self.terms, part)]
        if changed:
            raise TrainingError(
                f"The {' and '.join(changed)} of {data.name} are not those that the model learned from "
                "(their SHA-256 differs); name the folder with the right ones with --data."
            )

    def _first(self, start: Model | None) -> Model:
        """Return the model that the training began with."""
        if not self.start:
            if start is not None:
                raise TrainingError("The training began with random parameters; leave --start out.")
            rng = np.random.default_rng(self.config.seed)
            return Model.new(self.model.spec, self.model.classes, rng, self.model.name)
        if start is None or start.fingerprint != self.start:
            got = f", not with {start.fingerprint}" if start else ""
            raise TrainingError(
                f"The training began with the trained model {self.start}{got}; give its file with --start."
            )
        return start


def plan_of(model: Model) -> Plan:
    """Return how `model` was trained; raise `TrainingError` if its record does not tell enough."""
    record = model.record
    if record.finetuning is not None:
        raise TrainingError(
            f"{model.name} was fine-tuned for int8 after its training; replay the model from before that."
        )
    if record.reason == Reason.STOPPED.value:
        raise TrainingError(
            f"The training of {model.name} was stopped by hand, which no record can repeat; go on with "
            "`tinyml train --resume` to its end first."
        )
    try:
        terms = Terms.from_json(record.terms)
        config = TrainConfig.from_json(record.config)
    except FieldError as error:
        raise TrainingError(f"The record of {model.name} cannot be used: {error}") from error
    threads = record.threads or 0
    if terms is None or record.data is None or not 1 <= threads <= MAX_THREADS:
        raise TrainingError(
            f"The record of {model.name} does not tell its data with their SHA-256 and its threads, as "
            "those of earlier versions and other programs; only models trained by this version are replayed."
        )
    start = "" if record.start is None else record.start.fingerprint or ""
    return Plan(model, config, threads, record.data, terms, start)


@dataclass(frozen=True)
class Comparison:
    """What a training gave the second time.

    Attributes
    ----------
    parameters, different : int
        Number of all parameters, and of those with other bits.
    largest : float
        The largest difference of a parameter.
    fingerprint : str
        Of the second model.
    other_kernels : str
        Why bits may differ: the kernels of then and now, as a sentence; empty if they are the same.
    """

    parameters: int
    different: int
    largest: float
    fingerprint: str
    other_kernels: str

    @property
    def is_same(self) -> bool:
        """Whether all bits are the same."""
        return not self.different

    def to_json(self) -> Mapping[str, Any]:
        """Return the figures as a JSON object."""
        return {"same": self.is_same, **vars(self)}


def compared(plan: Plan, again: Model) -> Comparison:
    """Compare the model of `plan` with what its second training gave."""
    first, second = plan.model.params, again.params
    different = first.view(np.uint32) != second.view(np.uint32)
    here, then = kernels_in_use(), plan.terms.kernels
    return Comparison(
        parameters=first.size,
        different=int(different.sum()),
        largest=float(np.abs(first.astype(np.float64) - second).max(initial=0.0)),
        fingerprint=again.fingerprint,
        other_kernels="" if here == then else f"It was trained with {then}, and now with {here}.",
    )
