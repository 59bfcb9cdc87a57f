"""The exported page draws strokes as the window does: other loops, the same classes.

The page covers a pixel by the distance of its centre from the line, Qt by area, and the window paints a long
stroke in pieces, whose edges darken where they meet. So the two differ at edges, in 0.3 % of the pixels by
more than 8 of 255 levels. What the network sees mostly differs by less than 10 levels; at times the centre
of mass is rounded to another pixel. Then a network that is not sure may answer otherwise.
"""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path

import numpy as np
import pytest

from engine.data.preprocess import preprocess
from engine.export.page.assemble import part
from engine.quantize.network import IntegerPredictor
from engine.storage.shipped import load_shipped
from resources.look import PEN
from tests.engine.export.page.browsers import needed
from tinyml_gui.drawing.rendering import Sheet
from tinyml_gui.drawing.strokes import PenPoint, Stroke

RUN = """
const ink = new Ink(), fs = require("node:fs");
console.log(JSON.stringify(JSON.parse(fs.readFileSync(0, "utf8")).map((strokes) => {
  ink.show(strokes);
  return Array.from(ink.opacity);
})));
"""

Drawing = list[Stroke]


def stroke(rng: np.random.Generator, turns: int, erases: bool = False) -> Stroke:
    """Return a smooth stroke like one of a hand; the pen's width changes in every second."""
    corners = rng.uniform(40, 240, (turns, 2))
    at = np.linspace(0, turns - 1, 20 * turns)
    x, y = (np.interp(at, np.arange(turns), corners[:, i]) for i in range(2))
    widths = PEN.brush * (0.8 + 0.3 * np.sin(at * math.tau)) if turns % 2 else np.full(len(at), PEN.brush)
    return Stroke(tuple(map(PenPoint, x.tolist(), y.tolist(), widths.tolist())), erases)


def drawings() -> list[Drawing]:
    rng = np.random.default_rng(3)
    some = [[stroke(rng, 2 + n % 3) for _ in range(1 + n % 2)] for n in range(40)]
    return [*some, [*some[0], stroke(rng, 2, erases=True)], [Stroke((PenPoint(140, 140, PEN.brush),))]]


def of_window(drawing: Drawing) -> np.ndarray:
    sheet = Sheet("#000000")
    for one in drawing:
        sheet.drawing.add(one)
    sheet.show()
    return sheet.model.ink()


def of_page(asked: list[Drawing], folder: Path) -> np.ndarray:
    program = folder / "strokes.js"
    program.write_text(f"const PEN = {json.dumps(vars(PEN))};\n{part('strokes.js')}{RUN}", encoding="utf-8")
    plain = [[{"points": [vars(p) for p in one.points], "erases": one.erases} for one in d] for d in asked]
    done = subprocess.run(
        [needed("node"), program], input=json.dumps(plain), capture_output=True, text=True, check=True
    )
    return np.array(json.loads(done.stdout), np.uint8).reshape(-1, PEN.side, PEN.side)


@pytest.mark.usefixtures("qapp")
def test_page_and_window_differ_at_edges_alone_and_agree_on_classes(tmp_path: Path) -> None:
    asked = drawings()
    window, page = np.stack([of_window(d) for d in asked]), of_page(asked, tmp_path)
    apart = np.abs(window.astype(int) - page)
    assert (apart > 8).mean() < 0.005
    seen = [np.stack([preprocess(ink) for ink in inks]) for inks in (window, page)]
    assert np.median(np.abs(seen[0].astype(int) - seen[1]).max(axis=(1, 2))) <= 10
    predictor = IntegerPredictor(load_shipped("digits"))
    first, second = (predictor.probabilities(images) for images in seen)
    sure = first.max(axis=1) > 0.6
    assert sure.sum() >= 20
    assert (first.argmax(axis=1) == second.argmax(axis=1))[sure].all()
