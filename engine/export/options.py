"""The options of an export. Each is a knob, from which forms and command-line options are made."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.errors import ExportError
from engine.export.context import check_name
from engine.knobs import check_knobs, knob

__all__ = ["AUTO", "VARIANTS", "ExportOptions"]

AUTO = "auto"
VARIANTS = ("fast", "compact", "small")
"""The variants of code: the fastest first, the one with the least flash last."""


@dataclass(frozen=True)
class ExportOptions:
    """Options of every format.

    Raises
    ------
    FieldError
        When a number is out of range.
    ExportError
        When the name is no C identifier.
    """

    name: str = knob("model", "Name", "prefix of every function and file: a C identifier")
    test_vectors: int = knob(
        10, "Test vectors", "inputs with expected outputs, and a self-test that runs them", low=0, high=1000
    )

    preprocess: bool = knob(
        False,
        "Preprocessing",
        "a function that turns a drawing of any size into the image that the network reads",
    )
    training: bool = knob(
        False, "Training", "code that learns on the device; takes more RAM, for gradients and weights"
    )
    train_layers: int = knob(
        0,
        "Layers that learn",
        "with training: how many of the last layers with weights learn; the others do not change; 0 is all",
        low=0,
        high=100,
        advanced=True,
    )
    variant: str = knob(
        AUTO,
        "Variant",
        "fast code; compact: fast, int8 convolutions with weights in half the space; or small; auto is fast",
        choices=(AUTO, *VARIANTS),
        advanced=True,
    )
    section: str = knob(
        "", "Section", "the linker's section for the weights; empty for the default one", advanced=True
    )
    ram_limit: int = knob(
        0,
        "RAM limit",
        "refuse networks whose feature maps need more; 0 is no limit",
        low=0,
        high=1 << 30,
        unit="bytes",
        advanced=True,
    )

    def __post_init__(self) -> None:
        check_knobs(self)
        check_name(self.name)
        if not re.fullmatch(r"[\w.$,-]*", self.section, re.ASCII):
            raise ExportError(
                f"The section {self.section[:40]!r} is no name for linkers; use letters, digits and dots."
            )

    @property
    def fast(self) -> bool:
        """Whether to take fast kernels where there are also small ones."""
        return self.variant != "small"

    @property
    def compact(self) -> bool:
        """Whether fast kernels read compact weights, where there is such a layout."""
        return self.variant == "compact"
