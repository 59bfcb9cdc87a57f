"""The preprocessing contract: its own rules, and digits as a person would draw them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageDraw, ImageFilter

from engine.data.preprocess import INK_SIDE, MAX_CANVAS_SIDE, SIDE, preprocess


def draw(side: int, points, width: int) -> np.ndarray:
    """Draw a line through `points` (shares of `side`) with an antialiased round brush."""
    big = Image.new("L", (side * 2, side * 2))
    pen = ImageDraw.Draw(big)
    corners = [(x * side * 2, y * side * 2) for x, y in points]
    pen.line(corners, fill=255, width=width * 2, joint="curve")
    for x, y in corners:
        pen.ellipse((x - width, y - width, x + width, y + width), fill=255)
    return np.asarray(big.resize((side, side), Image.Resampling.BOX))


SEVEN = ((0.2, 0.2), (0.8, 0.2), (0.4, 0.85))


def span(image: np.ndarray) -> tuple[int, int]:
    rows, columns = np.nonzero(image)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def centre(image: np.ndarray) -> tuple[float, float]:
    mass = image.astype(np.float64)
    at = np.arange(SIDE)
    return (mass.sum(1) @ at) / mass.sum(), (mass.sum(0) @ at) / mass.sum()


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return how much ink differs, as a share of the ink of `one`."""
    return float(np.abs(one.astype(int) - other.astype(int)).sum() / one.sum(dtype=np.int64))


@pytest.mark.parametrize("canvas", [np.zeros((280, 280)), np.full((9, 9), 20), np.zeros((0, 5))])
def test_nothing_drawn(canvas: np.ndarray) -> None:
    assert preprocess(canvas.astype(np.uint8)) is None


def test_specks_of_dust_far_apart_are_nothing() -> None:
    sheet = np.zeros((1600, 1600), np.uint8)
    sheet[10, 10] = sheet[1590, 1500] = 255
    assert preprocess(sheet) is None
    sheet[400:1200, 780:820] = 255
    assert preprocess(sheet) is not None


def test_other_arrays_are_refused() -> None:
    for bad in (
        np.zeros((9, 9)),
        np.zeros((9, 9, 1), np.uint8),
        np.zeros((1, MAX_CANVAS_SIDE + 1), np.uint8),
    ):
        with pytest.raises(ValueError, match="a canvas is uint8"):
            preprocess(bad)


@pytest.mark.parametrize("width", [2, 6, 12, 20, 30, 60])
def test_size_and_centre_as_in_mnist(width: int) -> None:
    image = preprocess(draw(280, SEVEN, width))
    assert max(span(image)) == INK_SIDE
    assert centre(image) == pytest.approx((14, 14), abs=0.51)
    assert image.max() > 200


def test_place_on_the_canvas_does_not_matter() -> None:
    canvas = draw(280, ((0.1, 0.1), (0.5, 0.1), (0.3, 0.6)), 14)
    first = preprocess(canvas)
    for shift in ((0, 0), (90, 0), (0, 110), (61, 47)):
        np.testing.assert_array_equal(preprocess(np.roll(canvas, shift, (0, 1))), first)


def test_canvas_size_does_not_matter() -> None:
    """Areas are scaled exactly: each pixel doubled or tripled changes no byte."""
    canvas = draw(200, SEVEN, 12)
    first = preprocess(canvas)
    for times in (2, 3):
        larger = np.kron(canvas, np.ones((times, times), np.uint8))
        np.testing.assert_array_equal(preprocess(larger), first)


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_thin_strokes_come_out_like_ordinary_ones(width: int) -> None:
    assert difference(preprocess(draw(280, SEVEN, 24)), preprocess(draw(280, SEVEN, width))) < 0.35


def test_thick_strokes_come_out_thinner() -> None:
    ordinary, thick = (preprocess(draw(280, SEVEN, width)) for width in (30, 70))
    assert thick.sum(dtype=np.int64) < 1.6 * ordinary.sum(dtype=np.int64)


def test_light_pressure_is_made_bright() -> None:
    canvas = draw(280, SEVEN, 16)
    light = (canvas // 4).astype(np.uint8)
    assert difference(preprocess(canvas), preprocess(light)) < 0.1


def test_a_faint_smudge_beside_the_ink_is_ignored() -> None:
    canvas = draw(280, SEVEN, 16)
    smudged = canvas.copy()
    smudged[270:275, 5:10] = 40
    np.testing.assert_array_equal(preprocess(smudged), preprocess(canvas))


@given(
    arrays.arrays(
        np.uint8,
        st.tuples(st.integers(1, 60), st.integers(1, 60)),
        elements=st.sampled_from([0, 0, 0, 31, 32, 90, 255]),
    )
)
def test_any_canvas_gives_an_image_or_nothing(canvas: np.ndarray) -> None:
    image = preprocess(canvas)
    assert (image is None) == (canvas.max() < 32)
    if image is not None:
        assert image.shape == (SIDE, SIDE)
        assert image.any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 2), (2000, 10)])
def test_extreme_shapes(shape) -> None:
    image = preprocess(np.full(shape, 255, np.uint8))
    assert max(span(image)) == INK_SIDE


def naive_scale(ink: np.ndarray, longer: int) -> np.ndarray:
    """Area means written down as the module's text says, one pixel at a time, in Python integers."""
    height, width = ink.shape
    size = max(height, width)
    rows, columns = (max(1, (2 * n * longer + size) // (2 * size)) for n in ink.shape)
    result = np.zeros((rows, columns), np.uint8)
    for r in range(rows):
        for c in range(columns):
            total = 0
            for y in range(height):
                down = min((r + 1) * height, (y + 1) * rows) - max(r * height, y * rows)
                for x in range(width):
                    across = min((c + 1) * width, (x + 1) * columns) - max(c * width, x * columns)
                    total += max(down, 0) * max(across, 0) * int(ink[y, x])
            result[r, c] = (total + height * width // 2) // (height * width)
    return result


@pytest.mark.parametrize("shape", [(7, 5), (33, 47), (1, 9), (20, 20), (50, 3)])
def test_scaling_is_exact_integer_arithmetic(shape) -> None:
    """C is to give the same bytes, so the fast form must equal the plain one."""
    from engine.data.preprocess import _scale

    ink = np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)
    np.testing.assert_array_equal(_scale(ink, 13), naive_scale(ink, 13))


def test_sums_stay_exact_on_the_largest_canvas() -> None:
    from engine.data.preprocess import _scale

    bright = np.full((MAX_CANVAS_SIDE, 3), 255, np.uint8)
    assert np.all(_scale(bright, INK_SIDE) == 255)


def redraw(image: np.ndarray, rng: np.random.Generator, change: int) -> np.ndarray:
    """Draw an MNIST image on a canvas: any place, 30 to 100 % of its size, strokes thicker or thinner.

    `change` is in 140ths of the image's side, so 5 is one MNIST pixel in width.
    """
    big = Image.fromarray(image).resize((140, 140), Image.Resampling.BICUBIC)
    big = big.point(lambda value: 255 if value > 110 else 0)
    if change:
        kind = ImageFilter.MaxFilter if change > 0 else ImageFilter.MinFilter
        big = big.filter(kind(abs(change)))
    side = int(rng.integers(280, 401))
    size = int(side * rng.uniform(0.3, 1.0))
    small = np.asarray(big.resize((size, size), Image.Resampling.BILINEAR))
    canvas = np.zeros((side, side), np.uint8)
    top, left = rng.integers(0, side - size + 1, 2)
    canvas[top : top + size, left : left + size] = small
    return canvas


@pytest.fixture(scope="module")
def digits(data_dir):
    """Return a predictor of the shipped digit model and 1,000 MNIST test images with labels."""
    import resources
    from engine.data import Catalogue
    from engine.nn.predictor import Predictor
    from engine.storage.model_file import from_bytes

    name = "models/digits.tinyml"
    if not resources.exists(name):
        pytest.skip(f"needs the shipped model resources/{name}")
    model = from_bytes(resources.read_bytes(name), name)
    test = Catalogue([data_dir]).load("mnist", "test")
    chosen = np.random.default_rng(11).permutation(len(test))[:1000]
    return Predictor(model, batch=100), test.images[chosen, ..., 0], test.labels[chosen]


@pytest.mark.parametrize("change", [0, 7, -5], ids=lambda change: f"width {change / 5:+.1f} MNIST pixels")
def test_redrawn_digits_are_recognised_like_the_originals(digits, change: int) -> None:
    """Shrunk, shifted, thickened and thinned drawings lose at most one percentage point."""
    predictor, images, labels = digits
    rng = np.random.default_rng(change + 100)
    drawn = [preprocess(redraw(image, rng, change)) for image in images]
    assert all(image is not None for image in drawn)
    original, redrawn = (
        float(np.mean(predictor.logits(np.asarray(batch)).argmax(axis=1) == labels))
        for batch in (images, drawn)
    )
    assert redrawn >= original - 0.01
