"""Names: what C and C++ accept, and something to suggest for any model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ExportError, FieldError
from engine.export import ExportOptions, check_name, suggest_name
from engine.export.context import Context


@pytest.mark.parametrize("name", ["digits", "Digits2", "a", "my_model_3"])
def test_identifiers_are_taken(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "2nd", "my-model", "_x", "a__b", "a_", "ä", "a b", "a\n", "x" * 41])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ExportError, match="name"):
        check_name(name)


@pytest.mark.parametrize("name", ["int", "class", "template", "main", "uint8_t", "Float", "NEW"])
def test_words_with_a_meaning_are_refused(name: str) -> None:
    with pytest.raises(ExportError, match=f"'{name}' has a meaning of its own"):
        check_name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [(name, "device on Windows") for name in ("con", "PRN", "Aux", "nul", "COM1", "lpt9")]
    + [
        (name, "header of boards")
        for name in ("SPI", "Wire", "Servo", "SD", "wifi", "EEPROM", "Print", "queue")
    ]
    + [(name, "header of the C library") for name in ("io", "Unistd", "windows", "TIME")],
)
def test_names_of_devices_and_headers_are_refused_in_any_case(name: str, reason: str) -> None:
    with pytest.raises(
        ExportError, match=f"^The name '{name}' is that of a {reason}.*try {name.lower()}_model"
    ):
        check_name(name)


@given(st.text())
def test_every_suggestion_is_a_valid_name(text: str) -> None:
    assert check_name(suggest_name(text)) == suggest_name(text)


@pytest.mark.parametrize(
    ("text", "name"), [("MNIST digits", "mnist_digits"), ("2-layer", "model_2_layer"), ("int", "int_model")]
)
def test_a_suggestion_resembles_the_text(text: str, name: str) -> None:
    assert suggest_name(text) == name


def test_options_check_name_and_ranges() -> None:
    with pytest.raises(ExportError, match="try a_b"):
        ExportOptions("a b")
    with pytest.raises(FieldError, match="at least 0"):
        ExportOptions("a", test_vectors=-1)


def test_only_whole_prefixes_are_renamed() -> None:
    assert Context("net").renamed("tm_a(TM_B, atm_c, ATM_D)") == "net_a(NET_B, atm_c, ATM_D)"
