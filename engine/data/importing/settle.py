"""What was found becomes a data set: upright, bright on black, of a size that networks read, with classes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.data.check import inverted
from engine.data.dataset import Dataset
from engine.data.folders import PARTS
from engine.data.importing.found import Found, Images, Part, Progress
from engine.data.importing.labels import index_labels
from engine.data.importing.options import AUTO, ImportOptions
from engine.data.pictures import ink_from_array
from engine.data.preprocess import SIDE, preprocess
from engine.errors import DataError
from engine.shapes import describe_shape

__all__ = ["Settled", "settle"]

_MOSTLY = 0.5  # share of images that are dark on light, from which on all are taken to be
_CHUNK = 2048


@dataclass(frozen=True)
class Settled:
    """A data set that is ready to be kept.

    Attributes
    ----------
    parts : mapping of str to Dataset
        "train" and, unless nothing was to be split off, "test".
    notes : tuple of str
        One sentence for each thing that was assumed, changed or left out.
    """

    parts: Mapping[str, Dataset]
    notes: tuple[str, ...]


def settle(
    found: Found,
    options: ImportOptions,
    path: str | os.PathLike[str],
    rng: np.random.Generator,
    progress: Progress = lambda done, total: None,
) -> Settled:
    """Set right what was `found` at `path`.

    Parameters
    ----------
    found : Found
    options : ImportOptions
    path : path-like
        Where it comes from: for messages, and because EMNIST's files, which are transposed, are known by
        their names only.
    rng : numpy.random.Generator
        Draws the images of a test part that is split off.
    progress : callable

    Raises
    ------
    DataError
        When labels or images do not make a data set.
    """
    notes = list(found.remarks)
    parts = {name: _upright(found.parts[name], options, path, notes) for name in PARTS if name in found.parts}
    if _is_dark_on_light(parts["train"], options):
        notes.append("The ink was dark on light; the images were inverted.")
        parts = {name: _inverted(part) for name, part in parts.items()}
    parts = {name: _fitted(part, options, name, progress, notes) for name, part in parts.items()}
    sizes = {part.images.shape[1:] for part in parts.values()}
    if len(sizes) > 1:
        train, test = (describe_shape(part.images.shape[1:]) for part in parts.values())
        raise DataError(path, f"the images to train on are {train}, but those to test on {test}.")
    return Settled(_datasets(parts, found, options, path, rng, notes), tuple(dict.fromkeys(notes)))


def _upright(part: Part, options: ImportOptions, path: str | os.PathLike[str], notes: list[str]) -> Part:
    if part.fitted or options.transposed == "no":
        return part
    if options.transposed == AUTO:
        if "emnist" not in os.fspath(path).lower():
            return part
        notes.append("Rows and columns were swapped, as EMNIST's files are transposed.")
    return replace(part, images=np.ascontiguousarray(part.images.transpose(0, 2, 1, 3)))


def _is_dark_on_light(part: Part, options: ImportOptions) -> bool:
    if part.fitted or part.images.shape[3] != 1:
        return False
    if options.ink != AUTO:
        return options.ink == "dark"
    return float(inverted(part.images).mean()) > _MOSTLY


def _inverted(part: Part) -> Part:
    return part if part.fitted else replace(part, images=~part.images)


def _fitted(part: Part, options: ImportOptions, name: str, progress: Progress, notes: list[str]) -> Part:
    """Bring grey images of another size into the form of drawings."""
    height, width, channels = part.images.shape[1:]
    keeps = channels > 1 or (height, width) == (SIDE, SIDE)
    if part.fitted or options.fit == "keep" or (options.fit == AUTO and keeps):
        return part
    if channels > 1:
        raise DataError(
            f"the {name} part",
            "colour images cannot be preprocessed like drawings; leave out --fit preprocess.",
        )
    images, kept = _drawings(part.images, progress)
    notes.append(f"Images of {height}×{width} were preprocessed to {SIDE}×{SIDE}, like drawings.")
    if lost := len(kept) - int(kept.sum()):
        notes.append(f"{lost:,} images of the {name} part show nothing and were left out.")
    if not kept.any():
        raise DataError(f"the {name} part", "none of its images shows anything.")
    return replace(part, images=images[kept], labels=part.labels[kept])


def _drawings(images: Images, progress: Progress) -> tuple[Images, NDArray[np.bool_]]:
    drawn = np.zeros((len(images), SIDE, SIDE, 1), np.uint8)
    kept = np.zeros(len(images), np.bool_)
    for place, image in enumerate(images):
        small = preprocess(ink_from_array(image[..., 0]))
        if small is not None:
            drawn[place, ..., 0], kept[place] = small, True
        if place % _CHUNK == 0:
            progress(place, len(images))
    return drawn, kept


def _datasets(
    parts: Mapping[str, Part],
    found: Found,
    options: ImportOptions,
    path: str | os.PathLike[str],
    rng: np.random.Generator,
    notes: list[str],
) -> dict[str, Dataset]:
    names = [name.strip() for name in options.class_names.split(",") if name.strip()]
    labels = [part.labels for part in parts.values()]
    classes, indices = index_labels(labels, names, found.names or {}, path)
    whole = {
        name: Dataset(os.fspath(path), part.images, index, classes)
        for (name, part), index in zip(parts.items(), indices, strict=True)
    }
    if "test" in whole or not options.test_share:
        return whole
    rest, held_out = whole["train"].split(options.test_share, rng)
    if not len(held_out):
        return whole
    notes.append(f"There was no test part; {len(held_out):,} images were put aside as one.")
    return {"train": whole["train"].subset(rest), "test": whole["train"].subset(held_out)}
