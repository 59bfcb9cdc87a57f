"""The page without a browser: its model's script in Node.js, in both forms, and what stands in the file."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.boards import compilers
from engine.data.preprocess import preprocess
from engine.errors import ExportError, VerifyError
from engine.export import FORMATS, ExportOptions
from engine.export.page import as_javascript, assemble, script_of
from engine.export.page.try_out import answers_of
from engine.int8.calls import IntegerCall
from engine.nn.layers import Conv2D, Dense, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.quantize.network import IntegerPredictor, integer_network
from engine.storage import model_file
from engine.storage.shipped import load_shipped
from resources.look import DARK, LIGHT
from tests.engine.conftest import Run
from tests.engine.export.int8_programs import quantized
from tests.engine.export.page.browsers import needed
from tests.engine.helpers import CASES, network_around, share

DIGITS = load_shipped("digits")
TINY = quantized(ModelSpec((Conv2D(3, 3), MaxPool2D(4), Flatten(), Dense(3)), (28, 28, 1)))
NEED_ZIG = {"IntegerFixedSoftmax", "IntegerMean"}  # only networks from TensorFlow Lite have these calls
HOSTILE = ("</script><b>", 'a" onload="x', "<!--")
NETWORKS = [network_around(*CASES[n], probe=False) for n in share(0, 8)]


@pytest.fixture
def no_zig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilers, "_zig_program", lambda: None)


def page_of(model: Model) -> bytes:
    return FORMATS["web"].prepare(model, ExportOptions("page")).files["page.html"]


def drawings() -> list[np.ndarray]:
    """Return strokes: shifted, small, huge, thin, thick, faint; and nothing."""
    rows, columns = np.indices((280, 280))
    line = abs(rows - columns) / 1.4
    found = [np.zeros((280, 280), np.uint8)]
    for size, width, value in ((20, 4, 255), (260, 3, 255), (260, 60, 255), (130, 20, 60), (200, 24, 255)):
        inside = (rows < size + 10) & (columns < size + 10) & (rows > 10)
        found.append(np.where(inside, np.clip(width / 2 + 0.5 - line, 0, 1) * value, 0).astype(np.uint8))
        found.append(found[-1][:, ::-1].copy())
    return found


@pytest.mark.parametrize("form", ["WebAssembly", "JavaScript"])
def test_a_thousand_images_are_answered_to_the_bit(form: str, request: pytest.FixtureRequest) -> None:
    node = needed("node")
    if form == "JavaScript":
        request.getfixturevalue("no_zig")
    else:
        pytest.importorskip("ziglang")
    page = page_of(DIGITS)
    assert f"int8 · {form} · " in page.decode()
    assert len(page) <= 250_000
    images = np.random.default_rng(0).integers(0, 256, (1000, 28, 28), np.uint8)
    images[::2] //= 8
    predictor = IntegerPredictor(DIGITS)
    found = answers_of(node, script_of(page), images, np.stack(drawings()))
    np.testing.assert_array_equal(found["outputs"], predictor.run(images))
    np.testing.assert_allclose(found["probabilities"], predictor.probabilities(images), atol=1e-6)
    for drawing, seen in zip(drawings(), found["seen"], strict=True):
        expected = preprocess(drawing)
        assert seen == (None if expected is None else expected.ravel().tolist())


def together(scripts: Sequence[str]) -> str:
    """Return one script with the models of all `scripts`: the first byte of an image says for which it is."""
    loaders = ",\n".join(f"(() => {{{script}; return loadModel;}})()" for script in scripts)
    return f"""
const PEN = {{ side: 1 }}, LOADERS = [{loaders}];
async function loadModel() {{
  const models = await Promise.all(LOADERS.map((load) => load()));
  return {{
    preprocess() {{ return null; }},
    answer(image) {{
      return {{ output: models[image[0]].answer(image.slice(1)).output, probabilities: [] }};
    }},
  }};
}}
"""


def test_every_call_has_the_engines_bits_in_javascript() -> None:
    """A fair share of layers and shapes."""
    rng, node = np.random.default_rng(0), needed("node")
    models = [quantized(spec) for spec in NETWORKS]
    calls = {type(stage.call) for model in models for stage in integer_network(model).stages}
    there_are = {kind for kind in subclasses(IntegerCall) if kind.run is not IntegerCall.run}
    assert {kind.__name__ for kind in there_are - calls} == NEED_ZIG
    assert len(models) < 256
    images = [rng.integers(0, 256, (2, *model.spec.input_shape), np.uint8) for model in models]
    asked = [np.append(np.uint8(n), image) for n, pair in enumerate(images) for image in pair]
    script = together([as_javascript(model) for model in models])
    found = answers_of(node, script, asked, [])["outputs"]
    for n, (model, pair) in enumerate(zip(models, images, strict=True)):
        expected = IntegerPredictor(model).run(pair)
        np.testing.assert_array_equal(found[2 * n : 2 * n + 2], expected, err_msg=repr(model.spec))


def subclasses(kind: type) -> set[type]:
    return {kind}.union(*map(subclasses, kind.__subclasses__()))


def test_a_call_without_javascript_is_refused_where_there_is_no_zig(
    no_zig: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = type("IntegerOther", (IntegerCall,), {})
    stage = type("Stage", (), {"call": unknown((1,), (1,), None, None)})  # type: ignore[call-arg]
    network = type("Network", (), {"stages": (stage,)})
    monkeypatch.setattr(sys.modules[as_javascript.__module__], "integer_network", lambda model: network)
    with pytest.raises(ExportError, match="IntegerOther only as WebAssembly, which Zig compiles; run"):
        page_of(TINY)


def test_names_cannot_leave_their_place_and_the_policy_names_all_that_runs(no_zig: None) -> None:
    text = page_of(TINY.replace(name="<b>&", classes=HOSTILE)).decode()
    assert "<title>&lt;b&gt;&amp;</title>" in text
    assert not any(name in text for name in HOSTILE[::2])
    scripts, styles = (re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL) for tag in ("script", "style"))
    policy = re.search(r'Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    assert (len(scripts), len(styles)) == (2, 1)
    for part in (*scripts, *styles):
        assert base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() in policy[1]
    assert policy[1].startswith("default-src 'none'; ")
    assert "unsafe-inline" not in policy[1]
    assert "unsafe-eval" not in policy[1].replace("wasm-unsafe-eval", "")
    assert not re.search(r"https?://|<[^>]*\b(on\w+|style|src|href)=", text.partition("<script>")[0])


def test_the_page_has_the_colours_of_the_window(no_zig: None) -> None:
    light, dark = page_of(TINY).decode().split("@media (prefers-color-scheme: dark)")[:2]
    assert f"--accent: {LIGHT.accent};" in light
    assert f"--accent: {DARK.accent};" in dark


def test_a_page_that_differs_is_not_kept(no_zig: None, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    needed("node")
    model_file.save(TINY.replace(name="net"), "net.tinyml")
    code, out, _ = run("export", "net.tinyml", "--format", "web", "--out", "right")
    assert code == 0
    assert "Run by Node.js on this computer, the page gives the engine's answers to 100 images." in out
    wrong = as_javascript(TINY).replace("unit) => dot(", "unit) => -dot(")
    monkeypatch.setattr("engine.export.writers.web.as_javascript", lambda model: wrong)
    code, _, err = run("export", "net.tinyml", "--format", "web", "--out", "made")
    assert code == 1
    assert "not kept" in err
    assert not Path("made").exists()


def test_a_page_is_not_tried_out_without_node(no_zig: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    form = FORMATS["web"]
    proof = form.prove(TINY, form.prepare(TINY, ExportOptions("page")))
    assert not proof.passed
    assert "Node.js is needed" in proof.words


def test_a_script_that_breaks_off_is_told() -> None:
    node = needed("node")
    with pytest.raises(VerifyError, match=r"breaks off in Node\.js: ReferenceError: nothing is not defined"):
        answers_of(node, "nothing();", [], [])


def test_another_input_and_an_uncalibrated_network_are_refused() -> None:
    with pytest.raises(ExportError, match="Preprocessing makes images of 28×28×1"):
        FORMATS["web"].prepare(quantized(ModelSpec((Flatten(), Dense(3)), (6, 5, 1))), ExportOptions("page"))


def test_the_javascript_of_a_page_is_that_of_its_parts() -> None:
    script = as_javascript(TINY)
    assert script_of(assemble(TINY, "kind", script).encode()) == script
