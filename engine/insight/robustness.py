"""How a network bears what happens to drawings: shifts, turns, other sizes and pens, noise, faint ink."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from engine.data.dataset import Dataset
from engine.insight.assess import assess
from engine.nn.model import Model

__all__ = ["CHANGES", "Change", "RobustnessPoint", "robustness"]

Images = NDArray[np.uint8]
IMAGES = 1000  # that each point is measured on, spread over the set


@dataclass(frozen=True)
class Change:
    """One way to change images.

    Attributes
    ----------
    name, title, unit : str
    amounts : tuple of float
        From nothing to much.
    apply : callable
        ``apply(image, amount, rng)`` returns the changed (height, width) bytes.
    """

    name: str
    title: str
    unit: str
    amounts: tuple[float, ...]
    apply: Callable[[Images, float, np.random.Generator], Images]


@dataclass(frozen=True)
class RobustnessPoint:
    """The accuracy, 0 … 1, with a change of this amount."""

    change: str
    amount: float
    accuracy: float


def _moved(image: Images, matrix: tuple[float, float, float, float], shift: tuple[float, float]) -> Images:
    """Return the image under the inverse of an affine map around its centre."""
    height, width = image.shape
    (a, b, c, d), (x, y) = matrix, ((width - 1) / 2, (height - 1) / 2)
    coefficients = (a, b, x - a * x - b * y - shift[0], c, d, y - c * x - d * y - shift[1])
    moved = Image.fromarray(image).transform(
        (width, height), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
    )
    return np.asarray(moved)


def _shifted(image: Images, amount: float, rng: np.random.Generator) -> Images:
    angle = rng.uniform(0, 2 * np.pi)
    return _moved(image, (1, 0, 0, 1), (amount * float(np.cos(angle)), amount * float(np.sin(angle))))


def _turned(image: Images, amount: float, rng: np.random.Generator) -> Images:
    angle = np.radians(amount) * rng.choice((-1, 1))
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    return _moved(image, (cos, sin, -sin, cos), (0, 0))


def _resized(image: Images, amount: float, rng: np.random.Generator) -> Images:
    return _moved(image, (1 / amount, 0, 0, 1 / amount), (0, 0))


def _thickened(image: Images, amount: float, rng: np.random.Generator) -> Images:
    """Blend with the image after a minimum or maximum over 3 × 3 pixels, a pixel for each whole amount."""
    kind = ImageFilter.MaxFilter if amount > 0 else ImageFilter.MinFilter
    changed = np.asarray(Image.fromarray(image).filter(kind(3)), np.float32)
    return np.asarray(image + abs(amount) * (changed - image), np.uint8)


def _noisy(image: Images, amount: float, rng: np.random.Generator) -> Images:
    return np.clip(image + rng.normal(0, amount, image.shape), 0, 255).astype(np.uint8)


def _faint(image: Images, amount: float, rng: np.random.Generator) -> Images:
    return np.asarray(image * amount, np.uint8)


CHANGES: Mapping[str, Change] = {
    change.name: change
    for change in (
        Change("shift", "Shifted", "pixels", (0, 1, 2, 3, 4, 5), _shifted),
        Change("rotation", "Turned", "degrees", (0, 10, 20, 30, 40), _turned),
        Change("scale", "Resized", "times", (0.6, 0.8, 1, 1.2, 1.4), _resized),
        Change("thickness", "Pen", "pixels thicker", (-0.6, -0.3, 0, 0.5, 1), _thickened),
        Change("noise", "Noise", "of 255", (0, 20, 40, 60, 80), _noisy),
        Change("contrast", "Faint ink", "of full ink", (1, 0.8, 0.6, 0.4, 0.2), _faint),
    )
}
"""Every change by name."""


def robustness(
    model: Model, data: Dataset, rng: np.random.Generator, int8: bool = False, threads: int = 1
) -> Generator[RobustnessPoint, None, None]:
    """Yield the accuracy under every amount of every change, on at most `IMAGES` images.

    Images come to the network as they are changed: they are not centred again, as drawings are.

    Parameters
    ----------
    model : Model
        That reads grey images.
    data : Dataset
    rng : numpy.random.Generator
        Draws directions and noise.
    int8 : bool
    threads : int
    """
    some = data.subset(np.unique(np.linspace(0, len(data) - 1, IMAGES).astype(np.intp)))
    for change in CHANGES.values():
        for amount in change.amounts:
            changed = [change.apply(image[..., 0], amount, rng) for image in some.images]
            images = np.stack(changed)[..., np.newaxis]
            found = assess(model, replace(some, images=images), int8, threads)
            yield RobustnessPoint(change.name, amount, found.accuracy)
