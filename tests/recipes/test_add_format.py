"""The recipe for an export format, applied to a copy of the tree with a format that is no C."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.storage import model_file
from tests.recipes.tree import copy_of_tree, replace_once, run_in, touched

WRITERS = "engine/export/writers"
FILES = {f"{WRITERS}/raw_weights.py", f"{WRITERS}/__init__.py"}
WRITER = '''"""``raw-weights``: all parameters as little-endian float32, and a text that says so."""

from __future__ import annotations

from engine.data.dataset import Dataset
from engine.export.formats import Format, PreparedExport
from engine.export.options import ExportOptions
from engine.nn.model import Model

__all__ = ["FORMAT"]


def _prepare(model: Model, options: ExportOptions, data: Dataset | None) -> PreparedExport:
    def contents() -> dict[str, str | bytes]:
        text = f"{model.name}: {model.params.size} numbers\\n"
        return {f"{options.name}.bin": model.params.astype("<f4").tobytes(), "about/what.txt": text}

    return PreparedExport(options, contents)


FORMAT = Format("raw-weights", "Raw weights", "all parameters as they are", _prepare)
'''


def with_the_format(tmp_path: Path) -> Path:
    """Return a copy of the tree with the two files of the recipe."""
    tree = copy_of_tree(tmp_path)
    (tree / WRITERS / "raw_weights.py").write_text(WRITER, encoding="utf-8")
    registry, last = tree / WRITERS / "__init__.py", "        c_int8.FORMAT,\n"
    replace_once(registry, "\n__all__", "from engine.export.writers import raw_weights\n\n__all__")
    replace_once(registry, last, f"{last}        raw_weights.FORMAT,\n")
    return tree


def recipe() -> str:
    """Return the recipe as it stands in ARCHITECTURE.md."""
    text = (Path(__file__).resolve().parents[2] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    return text.partition("## To add an export format\n")[2].partition("\n## ")[0]


def save_digits(folder: Path) -> Model:
    """Save a model as ``digits.tinyml``."""
    model = Model.new(PRESETS["mlp-32-32"].build(), tuple("0123456789"), np.random.default_rng(0), "digits")
    model_file.save(model, folder / "digits.tinyml")
    return model


def test_two_files_make_a_format(tmp_path: Path) -> None:
    tree = with_the_format(tmp_path)
    assert touched(tree) == FILES
    assert "two files" in recipe()
    assert f"{WRITERS}/x.py" in recipe()
    assert f"{WRITERS}/__init__.py" in recipe()
    tests = "tests/engine/export/test_formats.py"
    done = run_in(tree, "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-k", "raw-weights", tests)
    assert " passed" in done.stdout or "[100%]" in done.stdout
    model = save_digits(tree)
    words = ("--format", "raw-weights", "--out", "out", "--json")
    found = json.loads(run_in(tree, "engine", "export", "digits.tinyml", *words).stdout)
    assert found["files"] == [str(Path("out", "digits.bin")), str(Path("out", "about", "what.txt"))]
    assert not {"ram_bytes", "weight_bytes"} & found.keys()
    assert (tree / "out" / "digits.bin").read_bytes() == model.params.astype("<f4").tobytes()
    done = run_in(tree, "engine", "info", "digits.tinyml", "--board", "nano-33-ble", "--json")
    assert list(json.loads(done.stdout)["board"]) == ["c-float32", "c-int8", "arduino"]
