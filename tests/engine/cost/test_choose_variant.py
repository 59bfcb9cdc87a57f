"""The variant of exported code that a board gets."""

from __future__ import annotations

import dataclasses

import pytest

from engine.boards.boards import BOARDS
from engine.cost.choose_variant import fitted
from engine.cost.estimate import estimate
from engine.errors import ExportError
from engine.export import ExportOptions
from engine.nn.presets import PRESETS
from tests.engine.export.programs import random_model

MODEL = random_model(PRESETS["tinyml-cnn"].build(10))
ROOMY = BOARDS["nano-33-ble"]


def test_the_fastest_is_taken_where_it_fits() -> None:
    assert fitted(MODEL, "c-int8", ROOMY, ExportOptions()).prepared.options == ExportOptions()


def test_smaller_code_is_taken_where_only_that_fits() -> None:
    compact = estimate(MODEL, "c-int8", ROOMY, ExportOptions(variant="compact")).flash.value
    tight = dataclasses.replace(ROOMY, flash_bytes=int(compact) + 1)
    assert not estimate(MODEL, "c-int8", tight).fits
    assert fitted(MODEL, "c-int8", tight, ExportOptions()).prepared.options.variant == "compact"


def test_plain_loops_are_taken_where_they_are_fast() -> None:
    small = random_model(PRESETS["genann-2x19"].build(10))
    assert (
        fitted(small, "c-int8", BOARDS["arduino-mega"], ExportOptions()).prepared.options.variant == "small"
    )


@pytest.mark.parametrize("variant", ["auto", "fast"])
def test_a_model_that_does_not_fit_is_refused(variant: str) -> None:
    with pytest.raises(
        ExportError, match=r"takes [\d,]+ of 100 bytes of flash \(estimated\), [\d,]+ of 262,144 of RAM \("
    ):
        fitted(MODEL, "c-int8", dataclasses.replace(ROOMY, flash_bytes=100), ExportOptions(variant=variant))
