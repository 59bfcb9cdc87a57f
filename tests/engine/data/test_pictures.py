"""Image files become ink whatever their polarity, paper, transparency or depth; bad ones are one sentence."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data.pictures import MAX_SIDE, ink_from_array, load_ink
from engine.errors import DataError


def stroke(height: int = 40, width: int = 60) -> np.ndarray:
    """A bright bar, brighter than half in a third of the picture, away from the border."""
    ink = np.zeros((height, width), np.uint8)
    ink[10:30, 12:20] = 255
    return ink


def box(ink: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(ink > 127)
    return rows.min(), rows.max(), columns.min(), columns.max()


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "jpg", "webp", "tiff", "pgm"])
@pytest.mark.parametrize("dark_on_light", [True, False])
def test_every_format_in_both_polarities(tmp_path: Path, suffix: str, dark_on_light: bool) -> None:
    path = tmp_path / f"drawing.{suffix}"
    picture = 255 - stroke() if dark_on_light else stroke()
    Image.fromarray(picture).save(path)
    ink = load_ink(path)
    assert ink.dtype == np.uint8
    assert box(ink) == (10, 29, 12, 19)
    assert np.median(ink) == 0


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "I", "F"])
def test_every_pixel_kind(tmp_path: Path, mode: str) -> None:
    grey = Image.fromarray(255 - stroke())
    if mode in ("I;16", "I", "F"):
        deep = np.asarray(grey).astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]) * 200
        picture = Image.fromarray(deep)
    else:
        picture = grey.convert(mode)
    path = tmp_path / "drawing.tiff"
    picture.save(path)
    assert box(load_ink(path)) == (10, 29, 12, 19)


@pytest.mark.parametrize("pen", [0, 255])
def test_transparent_drawings_are_put_on_paper(tmp_path: Path, pen: int) -> None:
    rgba = np.full((40, 60, 4), pen, np.uint8)
    rgba[..., 3] = stroke()
    Image.fromarray(rgba).save(tmp_path / "sticker.png")
    assert box(load_ink(tmp_path / "sticker.png")) == (10, 29, 12, 19)


def test_a_camera_rotation_is_applied(tmp_path: Path) -> None:
    picture = Image.fromarray(255 - stroke())
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    picture.save(tmp_path / "photo.jpg", exif=exif)
    assert load_ink(tmp_path / "photo.jpg").shape == (60, 40)


def test_noise_of_the_paper_is_removed() -> None:
    rng = np.random.default_rng(0)
    photo = np.where(stroke() > 0, 60.0, 190.0) + rng.normal(0, 6, (40, 60))
    ink = ink_from_array(photo.clip(0, 255).astype(np.uint8))
    assert np.mean(ink[stroke() == 0] == 0) > 0.95
    assert ink[stroke() > 0].min() > 150


def test_grey_edges_on_even_paper_are_kept() -> None:
    ink = stroke()
    ink[10:30, 20] = 90
    np.testing.assert_array_equal(ink_from_array(ink), ink)
    np.testing.assert_array_equal(ink_from_array(255 - ink), ink)


@pytest.mark.parametrize("tone", [0, 128, 255])
def test_blank_paper_has_no_ink(tone: int) -> None:
    page = np.full((30, 30), tone, np.uint8)
    page[3, 3] = min(255, tone + 9)
    assert not ink_from_array(page).any()


def test_a_large_photo_is_reduced(tmp_path: Path) -> None:
    Image.fromarray(np.kron(255 - stroke(), np.ones((100, 100), np.uint8))).save(tmp_path / "big.png")
    assert max(load_ink(tmp_path / "big.png").shape) == MAX_SIDE


def test_lightness_of_lab_is_read(tmp_path: Path) -> None:
    lightness = Image.fromarray(255 - stroke())
    colour = Image.new("L", lightness.size, 128)
    Image.merge("LAB", [lightness, colour, colour]).save(tmp_path / "page.tiff")
    assert box(load_ink(tmp_path / "page.tiff")) == (10, 29, 12, 19)


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("noise", ["even", "uniform", "normal", "gradient", "dark"])
def test_a_deep_page_without_ink_stays_blank(tmp_path: Path, kind: type, noise: str) -> None:
    rng = np.random.default_rng(0)
    page = {
        "even": np.full((120, 90), 30000.0),
        "uniform": rng.uniform(29960, 30040, (120, 90)),
        "normal": rng.normal(30000, 40, (120, 90)),
        "gradient": np.tile(np.linspace(29960, 30040, 90), (120, 1)),
        "dark": rng.uniform(0, 40, (120, 90)),
    }[noise]
    page[50, 20] = 65535  # a broken pixel is no ink
    save_deep(page.astype(kind), tmp_path / "page.tiff")
    assert not load_ink(tmp_path / "page.tiff").any()


@pytest.mark.parametrize("dark_on_light", [True, False])
@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_broken_pixels_do_not_set_the_scale_of_a_deep_picture(
    tmp_path: Path, kind: type, dark_on_light: bool
) -> None:
    ink = np.kron(stroke(), np.ones((4, 4))) * (4095 / 255)
    picture = (4095 - ink if dark_on_light else ink).astype(kind)
    save_deep(picture, tmp_path / "whole.tiff")
    rows, columns = np.random.default_rng(1).integers(0, 160, (2, 20))
    picture[rows, columns] = 65535
    picture[100:102, 200:202] = 65535  # some stand together
    save_deep(picture, tmp_path / "broken.tiff")
    assert np.count_nonzero((load_ink(tmp_path / "broken.tiff") > 127) != (ink > 0)) <= 4
    np.testing.assert_array_equal(load_ink(tmp_path / "whole.tiff") > 127, ink > 0)


def test_a_line_of_one_pixel_is_not_taken_for_broken_pixels(tmp_path: Path) -> None:
    picture = np.zeros((30, 30), np.uint16)
    picture[5:25, 14] = picture[14, 5:25] = 900
    save_deep(picture, tmp_path / "thin.png")
    np.testing.assert_array_equal(load_ink(tmp_path / "thin.png"), picture // 900 * 255)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2)])
def test_the_smallest_deep_pictures(tmp_path: Path, shape: tuple[int, int]) -> None:
    save_deep(np.arange(np.prod(shape)).reshape(shape).astype(np.uint16), tmp_path / "tiny.png")
    assert load_ink(tmp_path / "tiny.png").shape == shape


def test_numbers_that_are_none_are_paper(tmp_path: Path) -> None:
    picture = stroke().astype(np.float32)
    picture[0, :3] = np.nan, np.inf, -np.inf
    save_deep(picture, tmp_path / "floats.tiff")
    assert box(load_ink(tmp_path / "floats.tiff")) == (10, 29, 12, 19)


def save_deep(picture: np.ndarray, path: Path) -> None:
    Image.fromarray(picture).save(path)


def test_ink_from_array_takes_grey_only() -> None:
    with pytest.raises(ValueError, match="2 dimensions"):
        ink_from_array(np.zeros((3, 3, 3), np.uint8))
    assert ink_from_array(np.zeros((0, 5), np.uint8)).shape == (0, 5)


def png_with_declared_size(side: int) -> bytes:
    """A PNG whose header promises side × side pixels and whose data packs that many zeros well."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


def good_png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50)).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


BAD = {
    "empty": b"",
    "text": b"this is no picture",
    "cut": good_png()[:900],
    "flipped": good_png()[:60] + b"\0\0\0\0" + good_png()[64:],
    "bomb": png_with_declared_size(10_000),
    "absurd": png_with_declared_size(60_000),
    "jpeg head": b"\xff\xd8\xff\xe0" + b"\0" * 30,
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_image_is_one_sentence(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(BAD[fault])
    with pytest.raises(DataError) as caught:
        load_ink(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load_ink(tmp_path / "absent.png")
    with pytest.raises(DataError, match="folder"):
        load_ink(tmp_path)
