"""``tinyml import`` and ``tinyml compare``: what comes in is said, and where two models differ is shown."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.data.idx import write_idx
from engine.formats import READERS
from engine.nn.layers import Dense, Flatten
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.nn.specs import ModelSpec
from engine.storage import model_file
from tests.engine.conftest import Run
from tests.engine.export.int8_programs import quantized
from tests.engine.formats.samples import exported, random_model

IMAGES = np.random.default_rng(3).integers(0, 256, (60, 4, 4), np.uint8)
LABELS = np.arange(60, dtype=np.uint8) % 10
TEN = ModelSpec((Flatten(), Dense(3, "sigmoid"), Dense(10, "sigmoid")), (4, 4, 1))
NAMES = ",".join("abcdefghij")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a data set, ``spots``, and a network as ``net.ann``."""
    (tmp_path / "spots").mkdir()
    for part in ("train", "t10k"):
        for name, array in (("images-idx3", IMAGES), ("labels-idx1", LABELS)):
            with (tmp_path / "spots" / f"{part}-{name}-ubyte").open("wb") as stream:
                write_idx(stream, array)
    (tmp_path / "net.ann").write_bytes(exported("genann", ".ann", TEN))
    return tmp_path


def test_an_import_says_what_it_took_the_file_for(run: Run, folder: Path) -> None:
    (folder / "net.ann").rename(folder / "net.txt")
    code, out, err = run("import", "net.txt", "--out", "made.tinyml", "--classes", NAMES, "--json")
    result = json.loads(out)
    assert (code, err) == (0, "")
    assert (result["kind"], result["classes"], result["out"]) == ("genann", list("abcdefghij"), "made.tinyml")
    assert result["remarks"] == [
        "The file does not name its activation functions: they were taken as sigmoids (--activation)."
    ]
    model = model_file.load("made.tinyml")
    assert (model.name, model.classes, model.fingerprint) == (
        "made",
        tuple("abcdefghij"),
        result["fingerprint"],
    )


def test_what_no_reader_knows_is_refused_with_what_can_come_in(run: Run, folder: Path) -> None:
    (folder / "letter.ann").write_text("Dear network,")
    code, _, err = run("import", "letter.ann", "--out", "made.tinyml")
    assert code == 2
    assert "letter.ann: this is no kind of file that can come in" in err
    assert all(reader.title in err for reader in READERS.values())
    assert not Path("made.tinyml").exists()


def test_the_help_lists_what_can_come_in(run: Run) -> None:
    code, out, _ = run("import", "--help")
    assert code == 0
    assert all(reader.title in " ".join(out.split()) for reader in READERS.values())


def compared(run: Run, *words: str) -> dict[str, object]:
    code, out, err = run("compare", *words, "--data", "spots", "--json")
    assert (code, err) == (0, "")
    found: dict[str, object] = json.loads(out)
    return found


def test_a_file_and_what_it_was_imported_as_agree(run: Run, folder: Path) -> None:
    assert run("import", "net.ann", "--out", "net.tinyml")[0] == 0
    found = compared(run, "net.ann", "net.tinyml")
    assert (found["agreement"], found["largest_difference"], found["flips"]) == (1, 0, [])
    assert found["images"] == 60


def other_model(folder: Path) -> tuple[Model, Model]:
    """Save two models that differ, and return them."""
    first = random_model(TEN, 1).replace(classes=tuple("0123456789"))
    second = first.replace(params=-first.params)
    model_file.save(first, folder / "a.tinyml")
    model_file.save(second, folder / "b.tinyml")
    return first, second


def test_images_that_get_another_class_are_listed(run: Run, folder: Path) -> None:
    first, second = (Predictor(m).logits(IMAGES) for m in other_model(folder))
    found = compared(run, "a.tinyml", "b.tinyml")
    flips = np.flatnonzero(first.argmax(1) != second.argmax(1))
    assert len(flips)
    assert [flip["image"] for flip in found["flips"]] == flips.tolist()
    assert found["agreement"] == 1 - len(flips) / 60
    differences = np.abs(first - second).max(1)
    assert found["largest_difference"] == pytest.approx(float(differences.max()))
    assert found["largest_at"] == differences.argmax()
    assert sum(pair["images"] for pair in found["flips_by_class"]) == len(flips)
    assert {flip["is"] for flip in found["flips"]} <= set("0123456789")


def test_the_same_for_a_reader(run: Run, folder: Path) -> None:
    other_model(folder)
    code, out, _ = run("compare", "a.tinyml", "b.tinyml", "--data", "spots")
    assert code == 0
    assert "a.tinyml in float32:" in out
    assert "first says  second says  images" in out
    assert "of the images, another one for" in out


def test_a_model_is_compared_with_its_int8_form(run: Run, folder: Path) -> None:
    model = quantized(TEN).replace(classes=tuple("0123456789"))
    model_file.save(model, folder / "q.tinyml")
    found = compared(run, "q.tinyml", "q.tinyml", "--int8", "second")
    assert [side["numbers"] for side in found["models"]] == ["float32", "int8"]
    assert 0 < found["largest_difference"] < 0.1


def test_models_that_do_not_fit_the_data_are_refused(run: Run, folder: Path) -> None:
    code, _, err = run("compare", "net.ann", "digits", "--data", "spots")
    assert code == 2
    assert "digits does not fit the data" in err


def test_a_file_that_is_not_there_is_named(run: Run, folder: Path) -> None:
    code, _, err = run("compare", "net.ann", "gone.ann", "--data", "spots")
    assert (code, "gone.ann: there is no such file" in err) == (2, True)
