"""A model: the description of a network, its parameters, and the meaning of its outputs."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import SpecError
from engine.int8.certainty import Certainty
from engine.int8.ranges import Quantization
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.record import UNTRAINED, TrainingRecord

__all__ = ["Model"]


@dataclass(frozen=True)
class Model:
    """A network with parameters.

    Parameters
    ----------
    spec : ModelSpec
    params : ndarray of float32, shape (parameters,)
        Flat vector in the order of ``ParamLayout(spec)``. The model keeps a read-only copy, or the vector
        itself if that is read-only already: models that differ in other fields share it.
    classes : tuple of str
        What each output stands for, in order.
    name : str
    record : TrainingRecord
        How the parameters were trained.
    quantization : Quantization or None
        Calibration ranges for int8. They belong to these parameters, so `replace` drops them if it is given
        others.
    certainty : Certainty or None
        When an answer counts. It belongs to parameters and classes, so `replace` drops it with them.

    Raises
    ------
    SpecError
        When the numbers of parameters or classes do not fit the spec.
    """

    spec: ModelSpec
    params: NDArray[np.float32]
    classes: tuple[str, ...]
    name: str = "untitled"
    record: TrainingRecord = UNTRAINED
    quantization: Quantization | None = None
    certainty: Certainty | None = None

    def __post_init__(self) -> None:
        layout = ParamLayout(self.spec)
        if self.params.shape != (layout.size,):
            raise SpecError(f"the network has {layout.size:,} parameters, got {self.params.size:,}.")
        if len(self.classes) != self.spec.classes:
            raise SpecError(
                f"the network ends in {self.spec.classes} outputs but there are {len(self.classes)} classes; "
                "change the units of the last layer."
            )
        if self.quantization is not None and len(self.quantization.layers) != len(self.spec.layers):
            raise SpecError(
                f"the network has {len(self.spec.layers)} layers but its quantization "
                f"{len(self.quantization.layers)}; quantize it again."
            )
        if self.certainty is not None and len(self.certainty.least) != len(self.classes):
            raise SpecError(
                f"the model has {len(self.classes)} classes but its calibration "
                f"{len(self.certainty.least)}; run `tinyml calibrate` again."
            )
        if not _is_constant(self.params):
            params = np.array(self.params, np.float32)
            params.setflags(write=False)
            object.__setattr__(self, "params", params)

    @classmethod
    def new(
        cls, spec: ModelSpec, classes: tuple[str, ...], rng: np.random.Generator, name: str = "untitled"
    ) -> Self:
        """Return an untrained model."""
        return cls(spec, ParamLayout(spec).init(rng), classes, name)

    @property
    def trained(self) -> bool:
        """Whether the parameters come from training."""
        return self.record != UNTRAINED

    @property
    def fingerprint(self) -> str:
        """SHA-256 over description, parameters, classes, quantization and certainty, as 16 hex digits."""
        digest = hashlib.sha256(self.spec.fingerprint.encode())
        digest.update(np.ascontiguousarray(self.params, "<f4").tobytes())
        digest.update("\0".join(self.classes).encode())
        if self.quantization is not None:
            digest.update(self.quantization.fingerprint.encode())
        if self.certainty is not None:
            digest.update(self.certainty.fingerprint.encode())
        return digest.hexdigest()[:16]

    def is_same_network(self, other: Model) -> bool:
        """Return whether `other` differs in parameters and what belongs to them at most."""
        return (self.spec, self.classes, self.name) == (other.spec, other.classes, other.name)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed.

        With a new `spec` or new `params` the copy has no quantization and no certainty, unless they are given
        too; new `classes` drop the certainty.
        """
        if changes.keys() & {"spec", "params"}:
            changes.setdefault("quantization", None)
        if changes.keys() & {"spec", "params", "classes"}:
            changes.setdefault("certainty", None)
        return dataclasses.replace(self, **changes)


def _is_constant(params: NDArray[np.float32]) -> bool:
    """Return whether nobody can write `params`: it is read-only and no view of an array that may not be."""
    return params.dtype == np.float32 and params.flags.owndata and not params.flags.writeable
