"""A damaged or hostile file gives one sentence: nothing crashes, hangs or takes much memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from engine.errors import FileError
from engine.formats.reader import ReadOptions
from engine.formats.tflite_files.read import READER
from tests.engine.formats.tflite_files.converter import random_network

ELSEWHERE = Path(__file__).with_name("made_elsewhere")
MOST_BYTES = 128 << 20
WORDS = (
    0,
    1,
    4,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    0xFFFFFFF0,
    1 << 20,
)  # 2 GB, -1, a circle, a large count


def changed(data: bytes, rng: np.random.Generator) -> bytes:
    """Return `data` cut off, or with a few words or bytes that are others."""
    found = bytearray(data)
    if rng.random() < 0.2:
        return bytes(found[: int(rng.integers(8, len(found)))])
    for _ in range(int(rng.integers(1, 6))):
        place = int(rng.integers(8, len(found) - 4))
        if rng.random() < 0.5:
            found[place] = int(rng.integers(256))
        else:
            word = int(rng.choice(WORDS)) if rng.random() < 0.7 else int(rng.integers(1 << 32))
            place -= place % 4
            found[place : place + 4] = word.to_bytes(4, "little")
    return bytes(found)


def fault_of(data: bytes, path: Path) -> str:
    """Return the sentence about the file, empty if it can be read."""
    path.write_bytes(data)
    try:
        READER.read(path, ReadOptions())
    except FileError as error:
        return error.reason
    return ""


def check(data: bytes, path: Path) -> None:
    reason = fault_of(data, path)
    assert not reason or (reason.endswith(".") and "\n" not in reason and len(reason) < 500)


def run(seeds: range, folder: Path) -> None:
    files = [random_network(seed).file() for seed in (0, 9)]
    files += [(ELSEWHERE / f"hello_world_{kind}.tflite").read_bytes() for kind in ("int8", "float")]
    tracemalloc.start()
    for seed in seeds:
        rng = np.random.default_rng(seed)
        check(changed(files[seed % len(files)], rng), folder / "net.tflite")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST_BYTES


def test_changed_files_give_one_sentence(tmp_path: Path) -> None:
    run(range(200), tmp_path)


@pytest.mark.campaign
@pytest.mark.parametrize("part", range(20))
def test_many_changed_files_give_one_sentence(part: int, tmp_path: Path) -> None:
    run(range(part * 5000, (part + 1) * 5000), tmp_path)


@pytest.mark.parametrize("data", [b"", b"TFL3", bytes(4) + b"TFL3", bytes(4) + b"TFL3" + bytes(100)])
def test_hardly_anything_gives_one_sentence(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    with pytest.raises(FileError, match=r"net\.tflite: .*\."):
        READER.read(path, ReadOptions())


def test_every_offset_may_lead_nowhere(tmp_path: Path) -> None:
    data = (ELSEWHERE / "hello_world_int8.tflite").read_bytes()
    for place in range(8, len(data) - 4, 8):
        check(data[:place] + b"\xf0\xff\xff\x7f" + data[place + 4 :], tmp_path / "net.tflite")


def test_offsets_that_lead_back_end(tmp_path: Path) -> None:
    data = bytearray(random_network(0).file())
    for place in range(8, len(data) - 4, 4):
        data[place : place + 4] = (4).to_bytes(4, "little")
    assert fault_of(bytes(data), tmp_path / "net.tflite").endswith(".")
