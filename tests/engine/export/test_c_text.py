"""C text reads back as what it was made from, and holds nothing that upsets a compiler."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.export import c_text

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(FLOATS)
def test_a_float_literal_reads_back_to_the_bit(value: float) -> None:
    text = c_text.floating(value)
    assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?f", text)
    assert "." in text or "e" in text
    assert np.float32(text.removesuffix("f")).tobytes() == np.float32(value).tobytes()


@given(st.text())
def test_a_string_literal_holds_the_same_bytes(text: str) -> None:
    literal = c_text.string(text)
    assert literal.isascii()
    assert "??" not in literal
    assert ast.literal_eval("b" + literal.replace("\\?", "?")) == text.encode()


@given(st.text())
def test_a_comment_ends_where_it_should(text: str) -> None:
    safe = c_text.comment_text(text)
    assert safe.isascii()
    assert safe.isprintable()
    assert not re.search(r"\*/|/\*|\?\?", safe)


def test_a_block_comment_stays_within_its_width() -> None:
    comment = c_text.block_comment(["  words " * 60, "", "*/ int evil; /*"])
    assert max(map(len, comment.splitlines())) <= c_text.WIDTH
    assert comment.count("*/") == 1
    assert comment.endswith("*/\n")


@pytest.mark.parametrize("values", [np.arange(40, dtype=np.int32), np.linspace(0, 1, 7, dtype=np.float32)])
def test_an_array_lists_every_number(values: np.ndarray) -> None:
    text = c_text.array("static const x name", values)
    body = text[text.index("{") + 1 : text.index("}")]
    read = [float(item.strip().removesuffix("f")) for item in body.split(",")]
    assert text.startswith(f"static const x name[{len(values)}]")
    np.testing.assert_array_equal(np.array(read, values.dtype), values)
    assert max(map(len, text.splitlines())) <= c_text.WIDTH
