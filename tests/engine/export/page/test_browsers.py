"""The page in real browsers: drawn on by mouse, finger, pen and keys, it answers as the engine does."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.data.preprocess import preprocess
from engine.export import FORMATS, ExportOptions
from engine.export.page import as_javascript, assemble
from engine.quantize.network import IntegerPredictor
from engine.storage.shipped import load_shipped
from tests.engine.export.page.browsers import BROWSERS, Browser

MODEL = load_shipped("digits").replace(name="</title><script>document.title='x'</script>")
PREDICTOR = IntegerPredictor(MODEL)
ONE = [(0.55, 0.1), (0.5, 0.5), (0.48, 0.9)]
UP, DOWN, DELETE = "\ue013", "\ue015", "\ue017"
CLEAR = "document.getElementById('clear').click()"
TURNS = "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))"
OUTPUTS = """
const tinyml = (window.wrappedJSObject ?? window).tinyml;
const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0)), outputs = [];
for (let at = 0; at < bytes.length; at += 784) {
  outputs.push(Array.from(tinyml.answer(bytes.slice(at, at + 784)).output));
}
return outputs;
"""
ADD_SCRIPT = """
const script = document.createElement("script");
script.textContent = "document.title = 1";
document.body.append(script);
"""
SEEN = """
const seen = document.getElementById("seen").getContext("2d").getImageData(0, 0, 28, 28).data;
return Array.from(seen).filter((_, at) => at % 4 === 0);
"""


def text_of(browser: Browser, name: str) -> str:
    browser.run(TURNS)
    return str(browser.run("return document.getElementById(arguments[0]).textContent", name))


def check_a_thousand_images(browser: Browser) -> None:
    images = np.random.default_rng(1).integers(0, 256, (1000, 28, 28), np.uint8)
    found = browser.run(OUTPUTS, base64.b64encode(images.tobytes()).decode())
    np.testing.assert_array_equal(found, PREDICTOR.run(images))


def check_drawing(browser: Browser) -> None:
    for kind in browser.pointers:
        browser.run(CLEAR)
        assert text_of(browser, "top") == "Nothing drawn"
        browser.draw(kind, *ONE)
        assert text_of(browser, "top") == "1"
        seen = np.array(browser.run(SEEN), np.uint8).reshape(28, 28)
        best = PREDICTOR.probabilities(seen[None])[0].max()
        assert f"1{100 * best:.1f} %" in text_of(browser, "bars")


def check_what_is_seen(browser: Browser) -> None:
    browser.draw("touch", (0.2, 0.2), (0.8, 0.2), (0.4, 0.9))
    text_of(browser, "top")
    ink = browser.run("return Array.from((window.wrappedJSObject ?? window).tinyml.ink.opacity)")
    seen = preprocess(np.array(ink, np.uint8).reshape(280, 280))
    assert seen is not None
    assert browser.run(SEEN) == seen.ravel().tolist()


def check_undo(browser: Browser) -> None:
    browser.draw("mouse", *ONE)
    text_of(browser, "top")
    before = browser.run(SEEN)
    browser.draw("touch", (0.1, 0.9), (0.9, 0.9))
    text_of(browser, "top")
    assert browser.run(SEEN) != before
    browser.run("document.getElementById('undo').click()")
    assert text_of(browser, "top") == "1"
    assert browser.run(SEEN) == before


def check_keys(browser: Browser) -> None:
    browser.run("document.getElementById('paper').focus()")
    browser.press(*[UP] * 10, " ", *[DOWN] * 20, " ")
    assert text_of(browser, "top") == "1"
    browser.press(DELETE)
    assert text_of(browser, "top") == "Nothing drawn"


def check_names_are_text_and_nothing_else_runs(browser: Browser) -> None:
    assert browser.run("return document.title") == MODEL.name
    browser.run(ADD_SCRIPT)
    assert browser.run("return document.title") == MODEL.name


def check_controls(browser: Browser) -> None:
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.run(
        "return [...document.querySelectorAll('button')].every((b) => b.textContent.length > 0)"
    )
    assert browser.run("return document.getElementById('top').getAttribute('aria-live')") == "polite"


CHECKS: tuple[Callable[[Browser], None], ...] = (
    check_a_thousand_images,
    check_drawing,
    check_what_is_seen,
    check_undo,
    check_keys,
    check_names_are_text_and_nothing_else_runs,
    check_controls,
)


def web_page() -> bytes:
    return FORMATS["web"].prepare(MODEL, ExportOptions("page")).files["page.html"]


def plain_page() -> bytes:
    return assemble(MODEL, "JavaScript", as_javascript(MODEL)).encode()


PAGES = {
    "web_assembly": (web_page, CHECKS),
    "javascript": (plain_page, (check_drawing, check_what_is_seen)),
}


@pytest.mark.parametrize("name", BROWSERS)
def test_the_page_answers_as_the_engine_does(name: str, tmp_path: Path) -> None:
    """All checks in one test, because starting a browser takes longer than they do."""
    with BROWSERS[name]() as browser:
        for form, (make, checks) in PAGES.items():
            page = tmp_path / f"{form}.html"
            page.write_bytes(make())
            browser.open(page.as_uri())
            for check in checks:
                browser.run(CLEAR)
                check(browser)
