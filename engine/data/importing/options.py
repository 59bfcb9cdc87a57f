"""What the user may say about data whose meaning the files leave open; ``auto`` looks at the data."""

from __future__ import annotations

from dataclasses import dataclass

from engine.knobs import check_knobs, knob

__all__ = ["AUTO", "TEST_PART_SEED", "ImportOptions"]

AUTO = "auto"
TEST_PART_SEED = 0  # which images become the test part; the same wherever data are imported


@dataclass(frozen=True)
class ImportOptions:
    """How to read and to set right what is imported.

    Raises
    ------
    FieldError
        When a number is out of range, or a choice is not one.
    """

    fit: str = knob(
        AUTO,
        "Fit",
        "keep images as they are, or preprocess them like drawings; auto keeps colour, and grey of 28×28",
        choices=(AUTO, "keep", "preprocess"),
    )
    ink: str = knob(
        AUTO,
        "Ink",
        "whether the ink is bright on black or dark on light; auto looks at the borders",
        choices=(AUTO, "bright", "dark"),
    )
    transposed: str = knob(
        AUTO,
        "Transposed",
        "whether rows and columns are swapped; auto takes it so for files named emnist",
        choices=(AUTO, "yes", "no"),
    )
    label_column: str = knob(
        AUTO,
        "Label column",
        "where a table has its labels; auto goes by heading and content",
        choices=(AUTO, "first", "last"),
    )
    test_share: float = knob(
        0.15,
        "Share for testing",
        "how much of each class is kept for testing, where the data have no test part of their own",
        low=0.0,
        high=0.5,
    )
    class_names: str = knob(
        "",
        "Class names",
        "what the labels stand for, in their order, separated by commas; empty takes the labels themselves",
    )

    def __post_init__(self) -> None:
        check_knobs(self)
