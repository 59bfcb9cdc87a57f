"""A model file gives back the same model, and nothing else than one sentence when it is not one."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import FileError, ProjectError
from engine.int8.ranges import LayerRanges, Quantization, Range
from engine.nn.layers import BatchNorm, Conv2D, Dense, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.nn.specs import ModelSpec
from engine.record import TrainingRecord
from engine.storage import model_file

Entries = dict[str, bytes]

SPEC = ModelSpec((Conv2D(2, 3), BatchNorm(), MaxPool2D(2), Flatten(), Dense(3)), (6, 6, 1))
MODEL = Model.new(SPEC, ("a", "ä", "♥"), np.random.default_rng(1), "tiny").replace(
    record=TrainingRecord.from_json({"data": "mnist", "history": [{"loss": 0.25}]})
)
DATA = model_file.to_bytes(MODEL)
QUANTIZATION = Quantization(
    (LayerRanges(Range(-0.1, 1 / 3), Range(-5.5, 1 / 3)), *[LayerRanges(Range(0.0, 2.5))] * 4),
    "mse",
    500,
    "mnist",
    {"accuracy": 0.99},
)


def entries_of(data: bytes) -> Entries:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(entries: Entries, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return stream.getvalue()


def with_json(**changes: Any) -> bytes:
    entries = entries_of(DATA)
    description = json.loads(entries["model.json"]) | changes
    return zipped(entries | {"model.json": json.dumps(description).encode()})


def with_entry(name: str, data: bytes) -> bytes:
    return zipped(entries_of(DATA) | {name: data})


def npy(array: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_a_loaded_model_is_the_saved_one(preset: Any, tmp_path: Path) -> None:
    model = Model.new(preset.build(10), tuple("0123456789"), np.random.default_rng(3), "näme")
    model_file.save(model, tmp_path / "a.tinyml")
    loaded = model_file.load(tmp_path / "a.tinyml")
    assert (loaded.spec, loaded.classes, loaded.name) == (model.spec, model.classes, model.name)
    assert loaded.params.tobytes() == model.params.tobytes()


def test_the_record_comes_back() -> None:
    assert model_file.from_bytes(DATA, "x").record == MODEL.record


def test_the_quantization_comes_back_to_the_bit() -> None:
    quantized = MODEL.replace(quantization=QUANTIZATION)
    loaded = model_file.from_bytes(model_file.to_bytes(quantized), "x")
    assert loaded.quantization == QUANTIZATION
    assert loaded.fingerprint == quantized.fingerprint


def test_a_file_without_quantization_has_none() -> None:
    assert "quantization" not in json.loads(entries_of(DATA)["model.json"])
    assert model_file.from_bytes(DATA, "x").quantization is None


def test_numbers_that_json_lacks_are_dropped_from_the_record() -> None:
    diverged = MODEL.replace(
        record=TrainingRecord.from_json({"history": ({"loss": float("nan")}, {"loss": 1.0})})
    )
    record = model_file.from_bytes(model_file.to_bytes(diverged), "x").record
    assert record.to_json() == {"history": [{"loss": None}, {"loss": 1.0}]}


def test_what_could_not_be_read_again_is_not_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Indented, a text is longer than the one that was read."""
    monkeypatch.setattr(model_file, "_MAX_JSON", 10_000)
    model = model_file.from_bytes(with_json(record={"x": [[]] * 2000}), "x")
    with pytest.raises(FileError, match=r"model\.json would have .* bytes"):
        model_file.save(model, tmp_path / "a.tinyml")
    assert list(tmp_path.iterdir()) == []


def test_the_same_model_gives_the_same_bytes() -> None:
    assert model_file.to_bytes(model_file.from_bytes(DATA, "x")) == DATA


def test_stored_entries_are_read_too() -> None:
    assert model_file.from_bytes(zipped(entries_of(DATA), zipfile.ZIP_STORED), "x").name == "tiny"


def test_saving_replaces_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.tinyml"
    path.write_bytes(b"old")
    model_file.save(MODEL, path)
    assert path.read_bytes() == DATA
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tinyml"]


def test_a_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tinyml"
    path.write_bytes(DATA)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="disk is full"):
        model_file.save(MODEL.replace(name="other"), path)
    assert path.read_bytes() == DATA
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tinyml"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"absent\.tinyml: there is no such file"):
        model_file.load(tmp_path / "absent.tinyml")


def swap_declared_size(data: bytes, size: int) -> bytes:
    """Lie about the first entry's uncompressed size in both of the zip's headers."""
    central = data.index(b"PK\1\2")
    patched = bytearray(data)
    struct.pack_into("<I", patched, 22, size)
    struct.pack_into("<I", patched, central + 24, size)
    return bytes(patched)


def encrypted(data: bytes) -> bytes:
    patched = bytearray(data)
    patched[data.index(b"PK\1\2") + 8] |= 1
    patched[6] |= 1
    return bytes(patched)


def with_nan() -> bytes:
    array = np.array([0, np.nan, 0], np.float32)
    return with_entry("params/4.bias.npy", npy(array))


def with_ranges(**changes: Any) -> bytes:
    return with_json(quantization=QUANTIZATION.to_json() | changes)


WEIGHT = "params/0.weight.npy"
FAULTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "not a .tinyml file"),
    "text": (lambda: b"PK hello", "not a .tinyml file"),
    "truncated": (lambda: DATA[:-30], "end is missing"),
    "huge directory": (
        lambda: DATA[:-10] + struct.pack("<I", 1 << 28) + DATA[-6:],
        "directory is larger",
    ),
    "zip64": (lambda: DATA[:-22] + b"PK\6\7" + bytes(16) + DATA[-22:], "directory is larger"),
    "encrypted": (lambda: encrypted(DATA), "damaged"),
    "traversal": (lambda: with_entry("../../evil.npy", b"x"), r"\.\./\.\./evil\.npy"),
    "absolute": (lambda: with_entry("/etc/passwd", b"x"), "does not belong"),
    "unknown entry": (lambda: with_entry("params/9.weight.npy", b"x"), "does not belong"),
    "no description": (lambda: zipped({"a": b""}), r"model\.json is missing"),
    "missing array": (
        lambda: zipped({k: v for k, v in entries_of(DATA).items() if k != WEIGHT}),
        r"0\.weight\.npy is missing",
    ),
    "bzip2": (lambda: zipped(entries_of(DATA), zipfile.ZIP_BZIP2), "unknown way"),
    "declared size": (lambda: swap_declared_size(DATA, 0xFFFFFFF0), "larger than"),
    "undeclared size": (lambda: swap_declared_size(DATA, 10), "damaged"),
    "bomb": (lambda: with_entry("model.json", b" " * (1 << 25)), "larger than"),
    "bomb in an array": (lambda: with_entry(WEIGHT, bytes(1 << 22)), "larger than"),
    "bad json": (lambda: with_entry("model.json", b"{"), "not valid JSON"),
    "bad utf-8": (lambda: with_entry("model.json", b"\xff"), "not valid JSON"),
    "deep json": (lambda: with_entry("model.json", b"[" * 200_000), "not valid JSON"),
    "long number": (lambda: with_entry("model.json", b"1" * 100_000), "not valid JSON"),
    "nan in json": (lambda: with_entry("model.json", b'{"format": NaN}'), "not valid JSON"),
    "other json": (lambda: with_entry("model.json", b"[]"), "not a .tinyml file"),
    "newer": (lambda: with_json(version=3), "newer version of this application"),
    "version text": (lambda: with_json(version="1"), "whole number"),
    "version true": (lambda: with_json(version=True), "whole number"),
    "no spec": (lambda: with_json(spec=None), "cannot be built"),
    "unknown layer": (
        lambda: with_json(spec={"layers": [{"kind": "evil"}]}),
        "Layer 1: unknown kind 'evil'",
    ),
    "absurd input": (
        lambda: with_json(spec=SPEC.to_json() | {"input_shape": [1 << 30, 1 << 30, 1]}),
        "cannot be built",
    ),
    "absurd knob": (
        lambda: with_json(spec={"layers": [{"kind": "dropout", "rate": 10**400}]}),
        "cannot be built",
    ),
    "absurd total": (
        lambda: with_json(
            spec={"layers": [{"kind": "flatten"}, *[{"kind": "dense", "units": 4096}] * 5]},
        ),
        "at most",
    ),
    "quantization": (lambda: with_json(quantization=[]), "quantization in it cannot be used"),
    "quantization of another network": (lambda: with_ranges(layers=[]), "5 layers but its quantization 0"),
    "ranges": (lambda: with_ranges(layers=[{"output": [1, 2], "argument": None}] * 5), "calibrate again"),
    "many ranges": (
        lambda: with_ranges(layers=[{"output": [0, 2], "argument": None}] * 5000),
        "must be a list",
    ),
    "absurd range": (
        lambda: with_ranges(layers=[{"output": [0, 10**400], "argument": None}] * 5),
        "finite numbers",
    ),
    "layout": (lambda: with_json(layout=[]), "list of parameters"),
    "classes": (lambda: with_json(classes=["a", "b"]), "2 classes"),
    "class type": (lambda: with_json(classes=["a", 2, "c"]), "list of texts"),
    "long class": (lambda: with_json(classes=["a", "b", "c" * 1000]), "list of texts"),
    "half a character": (lambda: with_json(classes=["a", "b", "\ud800"]), "not valid JSON"),
    "half a character in the record": (lambda: with_json(record={"data": "\ud800"}), "not valid JSON"),
    "half a character as a key": (lambda: with_json(record={"\ud800": 1}), "not valid JSON"),
    "infinite number": (
        lambda: with_entry("model.json", entries_of(DATA)["model.json"].replace(b"0.25", b"1e999")),
        "not valid JSON",
    ),
    "deep record": (
        lambda: with_json(record={"history": json.loads("[" * 200 + "]" * 200)}),
        "not valid JSON",
    ),
    "absurd feature maps": (
        lambda: with_json(
            spec={
                "input_shape": [2048, 2048, 1],
                "layers": [
                    *[{"kind": "conv2d", "filters": 1, "kernel": 1}] * 40,
                    {"kind": "global_avg_pool2d"},
                ],
            },
        ),
        "outputs of all layers",
    ),
    "name": (lambda: with_json(name=3), "name must be a text"),
    "record": (lambda: with_json(record=[]), "must be a JSON object"),
    "nan": (with_nan, r"4\.bias\.npy holds numbers that are not finite"),
    "no npy": (lambda: with_entry(WEIGHT, b"hello"), "not a .npy array"),
    "npy 2.0": (
        lambda: with_entry(WEIGHT, npy(np.zeros((2, 3, 3, 1), np.float32), version=(2, 0))),
        "another version",
    ),
    "pickle": (lambda: with_entry(WEIGHT, npy(np.array([{}], object))), "does not hold"),
    "float64": (lambda: with_entry(WEIGHT, npy(np.zeros((2, 3, 3, 1)))), "does not hold 2×3×3×1 float32"),
    "big endian": (lambda: with_entry(WEIGHT, npy(np.zeros((2, 3, 3, 1), ">f4"))), "does not hold"),
    "fortran": (
        lambda: with_entry(WEIGHT, npy(np.asfortranarray(np.zeros((2, 3, 3, 1), np.float32)))),
        "does not hold",
    ),
    "other shape": (lambda: with_entry(WEIGHT, npy(np.zeros((2, 9), np.float32))), "does not hold"),
    "short array": (
        lambda: with_entry(WEIGHT, npy(np.zeros((2, 3, 3, 1), np.float32))[:-4]),
        "bytes of numbers",
    ),
}


@pytest.mark.parametrize(("make", "sentence"), FAULTS.values(), ids=FAULTS.keys())
def test_a_bad_file_gives_one_sentence(make: Callable[[], bytes], sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.tinyml"
    path.write_bytes(make())
    with pytest.raises(ProjectError, match=sentence) as caught:
        model_file.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.endswith(".")
    assert "\n" not in message
    assert [entry.name for entry in tmp_path.iterdir()] == ["bad.tinyml"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_doubled_entry_is_refused() -> None:
    stream = io.BytesIO(DATA)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("model.json", b"{}")
    with pytest.raises(ProjectError, match="occurs twice"):
        model_file.from_bytes(stream.getvalue(), "x")


def test_content_is_limited_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    content = sum(map(len, entries_of(DATA).values()))
    monkeypatch.setattr(model_file, "_MAX_BYTES", content)
    assert model_file.to_bytes(model_file.from_bytes(DATA, "x")) == DATA
    monkeypatch.setattr(model_file, "_MAX_BYTES", content - 1)
    with pytest.raises(ProjectError, match="content is larger"):
        model_file.from_bytes(DATA, "x")
    with pytest.raises(ProjectError, match="more than"):  # or a file would be saved that never opens again
        model_file.to_bytes(MODEL)


def load_or_refuse(data: bytes) -> None:
    with suppress(ProjectError):
        model_file.from_bytes(data, "x.tinyml")


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_flipped_bytes_never_raise_anything_else(changes: list[tuple[int, int]]) -> None:
    data = bytearray(DATA)
    for place, value in changes:
        data[place] = value
    load_or_refuse(bytes(data))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 127), st.binary(min_size=1, max_size=12))
def test_a_scrambled_array_header_never_raises_anything_else(place: int, noise: bytes) -> None:
    array = bytearray(entries_of(DATA)[WEIGHT])
    array[place : place + len(noise)] = noise
    load_or_refuse(with_entry(WEIGHT, bytes(array)))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2000), st.binary(min_size=1, max_size=6))
def test_a_scrambled_description_never_raises_anything_else(place: int, noise: bytes) -> None:
    text = bytearray(entries_of(DATA)["model.json"])
    text[place : place + len(noise)] = noise
    load_or_refuse(with_entry("model.json", bytes(text)))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(DATA)))
def test_truncation_never_raises_anything_else(length: int) -> None:
    load_or_refuse(DATA[:length])
