"""A file that unpacks to far more than its kind needs is refused before it is unpacked."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.errors import FileError, ProjectError
from engine.nn.layers import Dense, Flatten
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.record import EpochDone, TrainingRecord
from engine.storage import model_file, zip_archive

SPEC = ModelSpec((Flatten(), Dense(3)), (6, 6, 1))
MODEL = Model.new(SPEC, ("a", "b", "c"), np.random.default_rng(0), "small")
LARGE = ModelSpec((Flatten(), Dense(3000), Dense(3000), Dense(3)), (4, 4, 1))  # 36 MB


def zipped(entries: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return stream.getvalue()


def with_record(history: str) -> bytes:
    """Return a file whose record holds the JSON text `history`."""
    with zipfile.ZipFile(io.BytesIO(model_file.to_bytes(MODEL))) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    text = entries["model.json"].decode()
    changed = text.replace('"record": {}', '"record": {"others": ' + history + "}")
    assert changed != text
    return zipped(entries | {"model.json": changed.encode()})


def of_zeros() -> bytes:
    layout = ParamLayout(LARGE)
    description = {
        "format": "tinyml",
        "version": 1,
        "name": "zeros",
        "classes": ["a", "b", "c"],
        "spec": LARGE.to_json(),
        "layout": [[view.key, list(view.param.shape)] for view in layout.views],
        "record": {},
    }
    arrays = {
        f"params/{view.key}.npy": zip_archive.array_bytes(np.zeros(view.param.shape, np.float32))
        for view in layout.views
    }
    return zipped({"model.json": json.dumps(description).encode(), **arrays})


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "long record": (lambda: with_record("[" + "0," * 8_000_000 + "0]"), "larger than"),
    "record of many values": (lambda: with_record("[" + "{}," * 300_000 + "0]"), "values"),
    "zeros": (of_zeros, "would become"),
}


@pytest.mark.parametrize(("make", "sentence"), HOSTILE.values(), ids=HOSTILE.keys())
def test_what_unpacks_to_far_more_is_refused_unparsed(
    make: Callable[[], bytes], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make()
    assert len(data) < 300_000

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("this takes the memory that is to be spared")

    monkeypatch.setattr(json, "loads", forbidden)
    monkeypatch.setattr(zip_archive, "read_array", forbidden)
    with pytest.raises(ProjectError, match=sentence) as caught:
        model_file.from_bytes(data, "small.tinyml")
    assert str(caught.value).startswith("small.tinyml: ")


def test_what_is_saved_can_be_read_again_however_well_it_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_archive, "_HARMLESS_BYTES", 1000)
    spec = ModelSpec((Flatten(), Dense(300), Dense(3)), (6, 6, 1))
    model = Model(spec, np.zeros(ParamLayout(spec).size, np.float32), ("a", "b", "c"))
    assert not model_file.from_bytes(model_file.to_bytes(model), "x").params.any()


def history(epochs: int) -> tuple[EpochDone, ...]:
    rng = np.random.default_rng(0)
    return tuple(EpochDone(i + 1, epochs, *rng.random(5).tolist()) for i in range(epochs))


def test_the_longest_training_with_the_longest_fine_tuning_is_kept() -> None:
    record = TrainingRecord(history=history(10_000), finetuning=TrainingRecord(history=history(10_000)))
    described = {"record": record.to_json()}
    assert (
        2 * len(zip_archive.json_bytes("model.json", described, model_file._MAX_JSON)) > model_file._MAX_JSON
    )


def test_a_record_that_could_not_be_read_again_is_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zip_archive, "_MAX_VALUES", 500)
    model = MODEL.replace(record=TrainingRecord(history=history(100)))
    with pytest.raises(FileError, match="values"):
        model_file.save(model, tmp_path / "a.tinyml")
