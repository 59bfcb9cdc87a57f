"""Picture files are decoded within the memory that their kind needs, and large ones give a first view."""

from __future__ import annotations

import contextlib
import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.data import picture_files
from engine.data.pictures import load_ink
from engine.errors import DataError

WIDTH, HEIGHT = 600, 400
PIXELS = WIDTH * HEIGHT
ALLOWED = 256_000_000


def page(mode: str = "RGB") -> Image.Image:
    grey = np.full((HEIGHT, WIDTH), 250, np.uint8)
    grey[150:250, 280:310] = 20
    return Image.fromarray(grey).convert(mode)


def saved(path: Path, mode: str = "RGB", **options: Any) -> Path:
    page(mode).save(path, **options)
    return path


def in_two_scans(path: Path) -> Path:
    """Write a JPEG whose first scan has one layer of three."""
    data = saved(path).read_bytes()
    scan = data.index(b"\xff\xda")
    path.write_bytes(data[:scan] + b"\xff\xda\x00\x08\x01" + data[scan + 5 : scan + 7] + data[scan + 11 :])
    return path


SCANS = "jpeg that lacks its further scans"
NEEDS: dict[str, tuple[Callable[[Path], Path], float]] = {  # bytes a pixel
    "grey": (lambda folder: saved(folder / "a.png", "L"), 1),
    "16 bits": (lambda folder: deep(folder / "a.png"), 2),
    "colour": (lambda folder: saved(folder / "a.png"), 4),
    "webp": (lambda folder: saved(folder / "a.webp"), 16),
    "jpeg": (lambda folder: saved(folder / "a.jpg"), 1 / 16),
    "progressive jpeg": (lambda folder: saved(folder / "a.jpg", progressive=True), 3 + 1 / 16),
    "progressive jpeg, all colours": (
        lambda folder: saved(folder / "a.jpg", progressive=True, subsampling=0),
        6 + 1 / 16,
    ),
    SCANS: (lambda folder: in_two_scans(folder / "a.jpg"), 3 + 1 / 16),
    "tiff": (lambda folder: saved(folder / "a.tiff"), 4),
    "packed tiff": (
        lambda folder: saved(folder / "a.tiff", compression="tiff_lzw", tiffinfo={278: HEIGHT // 4}),
        4 + 1,
    ),
    "packed tiff in one strip": (
        lambda folder: saved(folder / "a.tiff", compression="tiff_lzw", tiffinfo={278: HEIGHT}),
        4 + 4,
    ),
    "turned tiff": (lambda folder: saved(folder / "a.tiff", tiffinfo={274: 6}), 4 + 4),
}


def deep(path: Path) -> Path:
    Image.fromarray(np.asarray(page("L")).astype(np.uint16) * 257).save(path)
    return path


@pytest.mark.parametrize(("make", "need"), NEEDS.values(), ids=NEEDS.keys())
def test_each_kind_is_refused_by_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Path], need: float
) -> None:
    path = make(tmp_path)
    monkeypatch.setattr(picture_files, "MAX_BYTES", int(PIXELS * need) - 1)
    with pytest.raises(DataError, match="to decode"):
        load_ink(path, side=150)
    monkeypatch.setattr(picture_files, "MAX_BYTES", int(PIXELS * need))
    whole = contextlib.suppress(DataError) if make is NEEDS[SCANS][0] else contextlib.nullcontext()
    with whole:
        assert max(load_ink(path, side=150).shape) == 150


def test_a_large_webp_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.webp")
    monkeypatch.setattr(picture_files, "_MAX_WEBP_BYTES", path.stat().st_size - 1)
    with pytest.raises(DataError, match="WebP"):
        load_ink(path)
    assert load_ink(saved(tmp_path / "a.png")).any()


def test_a_large_picture_gives_a_rough_view_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.png", "L")
    views: list[np.ndarray] = []
    load_ink(path, rough=views.append)
    assert views == []  # a small one is ready at once
    monkeypatch.setattr(picture_files, "_LARGE", PIXELS - 1)
    monkeypatch.setattr(picture_files, "_MAX_THUMBNAIL", 200)
    ink = load_ink(path, rough=views.append)
    (view,) = views
    assert view.shape == (133, 200)
    np.testing.assert_allclose(
        np.argwhere(view > 127).mean(axis=0) * 3, np.argwhere(ink > 127).mean(axis=0), atol=2
    )


def camera_exif(thumbnail: bytes) -> bytes:
    """Return what a camera writes that was held upright: a rotation, and a small picture."""

    def entry(tag: int, kind: int, value: int) -> bytes:
        return struct.pack("<HHII", tag, kind, 1, value)

    first, second = 8, 8 + 2 + 12 + 4
    after = second + 2 + 24 + 4
    turned = struct.pack("<H", 1) + entry(0x0112, 3, 6) + struct.pack("<I", second)
    stored = struct.pack("<H", 2) + entry(0x0201, 4, after) + entry(0x0202, 4, len(thumbnail))
    return b"Exif\0\0II*\0" + struct.pack("<I", first) + turned + stored + struct.pack("<I", 0) + thumbnail


def test_a_cameras_own_small_picture_is_the_first_view(tmp_path: Path) -> None:
    stream = io.BytesIO()
    page().resize((60, 40)).save(stream, "JPEG")
    views: list[np.ndarray] = []
    ink = load_ink(saved(tmp_path / "a.jpg", exif=camera_exif(stream.getvalue())), rough=views.append)
    (view,) = views
    assert (view.shape, ink.shape) == ((60, 40), (600, 400))
    assert abs(np.argwhere(view > 127).mean(axis=0) - np.argwhere(ink > 127).mean(axis=0) / 10).max() < 1


@pytest.mark.parametrize("stored", [b"", b"no picture", b"\xff\xd8\xff\xda\x00\x08\x01"])
def test_a_damaged_small_picture_costs_nothing(tmp_path: Path, stored: bytes) -> None:
    views: list[np.ndarray] = []
    assert load_ink(saved(tmp_path / "a.jpg", exif=camera_exif(stored)), rough=views.append).any()
    assert views == []


def blank_png(path: Path, side: int, kind: int, channels: int) -> None:
    """Write a PNG of 16 bits that packs well."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    packer = zlib.compressobj(1)
    row = bytes(1 + 2 * channels * side)
    rows = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 16, kind, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


PEAK = """
import sys
from PIL import Image
from engine.data.pictures import load_ink

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

Image.init()
before = peak()
for path in sys.argv[1:]:
    load_ink(path, rough=lambda ink: None)
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is what Linux tells")
def test_pages_of_many_pixels_are_read_in_little_memory(tmp_path: Path) -> None:
    blank_png(tmp_path / "49 megapixels.png", 7000, 0, 1)
    Image.new("I;16", (4961, 7016)).save(tmp_path / "A4 with 600 dpi.tiff")
    assert peak_of(tmp_path) < ALLOWED


@pytest.mark.campaign
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is what Linux tells")
def test_the_largest_pages_that_are_read(tmp_path: Path) -> None:
    blank_png(tmp_path / "colour.png", 7050, 2, 3)
    blank_png(tmp_path / "with opacity.png", 7050, 6, 4)
    Image.new("F", (7050, 7050)).save(tmp_path / "floats.tiff")
    Image.new("RGB", (3500, 3500)).save(tmp_path / "picture.webp", lossless=True)
    Image.new("RGB", (6000, 4000)).save(tmp_path / "photo.jpg", progressive=True, subsampling=0)
    Image.new("RGB", (13_000, 13_000)).save(tmp_path / "photo 2.jpg")
    assert peak_of(tmp_path) < ALLOWED


def peak_of(folder: Path) -> int:
    """Return the memory in bytes that reading each picture in `folder` takes at most."""
    paths = map(str, folder.iterdir())
    child = subprocess.run(
        [sys.executable, "-c", PEAK, *paths], check=True, capture_output=True, text=True, timeout=300
    )
    return int(child.stdout)
