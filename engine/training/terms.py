"""The terms under which a run gives the same bits again: its data, and the code that multiplies its matrices.

Seed, threads and settings are part of a checkpoint and stay what they are. What lies outside of it is noted
here: images and labels by their SHA-256, and the kernels, which BLAS and NumPy choose by the processor and
which add numbers in another order on another one. A run does not go on with other data, because it would be
another run; with other kernels it does, and says that its last bits will differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from threadpoolctl import threadpool_info

from engine import __version__
from engine.data.dataset import Dataset
from engine.errors import FieldError, TrainingError
from engine.words import is_text

__all__ = ["Terms", "kernels_in_use", "resuming_note"]


@dataclass(frozen=True)
class Terms:
    """What a run began with.

    Attributes
    ----------
    images, labels : str
        SHA-256, as hex digits.
    kernels : str
        See `kernels_in_use`.
    """

    images: str
    labels: str
    kernels: str

    @classmethod
    def of(cls, data: Dataset) -> Self:
        """Return the terms of a run that learns from `data` on this computer."""
        images, labels = (
            hashlib.sha256(np.ascontiguousarray(part).data) for part in (data.images, data.labels)
        )
        return cls(images.hexdigest(), labels.hexdigest(), kernels_in_use())

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """Return the terms in a JSON object; None for None, in files of earlier versions."""
        if value is None:
            return None
        names = list(cls.__dataclass_fields__)
        if not isinstance(value, Mapping) or not all(is_text(value.get(name)) for name in names):
            raise FieldError("terms", f"the terms of the run must name {', '.join(names)}.")
        return cls(**{name: value[name] for name in names})

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return asdict(self)

    def check_data(self, now: Terms, name: str) -> None:
        """Raise `TrainingError` if the data called `name` are not those that the run began with."""
        changed = [part for part in ("images", "labels") if getattr(self, part) != getattr(now, part)]
        if changed:
            raise TrainingError(
                f"The {' and '.join(changed)} of {name} are not those that the run began with (their SHA-256 "
                "differs); choose the data that it began with, or begin a new training with this model."
            )


def kernels_in_use() -> str:
    """Return in a few words which code computes here: program, NumPy and BLAS, each for this processor."""
    found = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])
    simd = f" with {found[-1]}" if found else ""
    libraries = {
        f"{blas['internal_api']} {blas['version']} for {blas.get('architecture', 'this processor')}"
        for blas in threadpool_info()
        if blas["user_api"] == "blas"
    }
    return ", ".join([f"tinyml {__version__}", f"NumPy {np.__version__}{simd}", *sorted(libraries)])[:200]


def resuming_note(began: Terms | None) -> str:
    """Return in one sentence why a resumed run may end with other bits; empty where it will not."""
    if began is None:
        return (
            "The run was saved without a note of its data and of the processor's kernels: "
            "whether they are still the same is not known."
        )
    here = kernels_in_use()
    if here == began.kernels:
        return ""
    return f"The run began with {began.kernels}, and goes on with {here}: its last bits will differ."
