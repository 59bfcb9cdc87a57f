"""IDX files: what a good one gives and what each kind of bad one says."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path

import numpy as np
import pytest

from engine.data.idx import MAX_BYTES, idx_shape, read_idx, set_upright, write_idx
from engine.errors import DataError

IMAGES = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)


def packed(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    write_idx(stream, array)
    return stream.getvalue()


def header(*shape: int, magic: bytes = b"\0\0\x08") -> bytes:
    return magic + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


@pytest.mark.parametrize("name", ["images", "images.gz", "plain.gz"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_reads_plain_and_gzip_whatever_the_name(tmp_path: Path, name: str, pack) -> None:
    path = tmp_path / name
    path.write_bytes(pack(packed(IMAGES)))
    np.testing.assert_array_equal(read_idx(path, 3), IMAGES)
    assert idx_shape(path, 3)[0] == 5
    assert read_idx(path, 3).flags.writeable


def test_reads_labels(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    path.write_bytes(packed(np.array([3, 1, 2], dtype=np.uint8)))
    assert read_idx(path, 1).tolist() == [3, 1, 2]


GOOD = packed(IMAGES)
BAD = {
    "empty": (b"", "not an IDX file"),
    "text": (b"width height\n1 2 3\n", "not an IDX file"),
    "wrong type": (header(5, 4, 3, magic=b"\0\0\x0d") + bytes(60), "not an IDX file"),
    "labels": (packed(np.zeros(4, np.uint8)), "holds labels"),
    "rank 7": (header(1, 1, 1, 1, 1, 1, 1) + bytes(1), "something else"),
    "short header": (GOOD[:9], "inside its header"),
    "no images": (header(0, 28, 28), "empty"),
    "no rows": (header(5, 0, 28), "empty"),
    "absurd count": (header(0xFFFFFFFF, 28, 28) + bytes(10), "are accepted"),
    "absurd side": (header(1, 4096, 4096) + bytes(4096 * 4096), "are accepted"),
    "truncated": (GOOD[:-1], "ends after 59 of the 60"),
    "declares much, holds little": (header(1_000_000, 28, 28) + bytes(100), "ends after 100"),
    "trailing": (GOOD + b"x", "more data"),
    "truncated gzip": (gzip.compress(GOOD)[:-9], "damaged"),
    "gzip of junk": (b"\x1f\x8b" + b"junk" * 20, "damaged"),
    "damaged deflate": (gzip.compress(GOOD)[:10] + b"\xff" * 40, "damaged"),
    "wrong checksum": (gzip.compress(GOOD)[:-8] + bytes(8), "damaged"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_is_one_sentence_with_its_name(tmp_path: Path, fault: str) -> None:
    content, expected = BAD[fault]
    path = tmp_path / "bad-file"
    path.write_bytes(content)
    with pytest.raises(DataError, match=expected) as caught:
        read_idx(path, 3)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb") as stream:
        stream.write(GOOD)
        for _ in range(64):
            stream.write(bytes(1 << 20))
    read = 0
    original = gzip.GzipFile.read

    def counting(self, size=-1):
        nonlocal read
        data = original(self, size)
        read += len(data)
        return data

    monkeypatch.setattr(gzip.GzipFile, "read", counting)
    with pytest.raises(DataError, match="more data"):
        read_idx(path, 3)
    assert read == len(GOOD) + 1


def test_the_largest_declaration_is_refused_before_memory_is_taken(tmp_path, monkeypatch) -> None:
    path = tmp_path / "big"
    path.write_bytes(header(MAX_BYTES + 1))
    monkeypatch.setattr(np, "empty", lambda *a, **k: pytest.fail("memory was taken"))
    with pytest.raises(DataError, match="accepted"):
        read_idx(path, 1)


@pytest.mark.parametrize("name", ["missing", "folder"])
def test_a_path_that_is_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=name):
        read_idx(tmp_path / name, 3)


@pytest.mark.parametrize("count", [1, 1023, 1024, 2100])
def test_set_upright_transposes_in_place(count: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (count, 5, 5)).astype(np.uint8)
    expected = images.transpose(0, 2, 1).copy()
    set_upright(images)
    np.testing.assert_array_equal(images, expected)


def test_write_refuses_what_idx_cannot_hold() -> None:
    with pytest.raises(ValueError, match="uint8"):
        write_idx(io.BytesIO(), np.zeros((2, 2), np.uint8))
