"""What a user chooses when exporting; forms and the command line read it from the knobs."""

from __future__ import annotations

from dataclasses import dataclass

from engine.export.context import check_name
from engine.knobs import check_knobs, knob

__all__ = ["ExportOptions"]


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

    def __post_init__(self) -> None:
        check_knobs(self)
        check_name(self.name)
