"""What is wrong with labelled images, or looks wrong, before hours are spent on them.

A *fault* leaves nothing to learn, so a training refuses it. A *doubt* may be meant, so it is only told. Both
are sentences for the user. Images are looked at in chunks, which takes some 90 ms for 100,000 of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset
from engine.words import short

__all__ = ["doubts", "fault", "inverted", "is_mix_up", "listed", "shifted_labels"]

Images = NDArray[np.uint8]
Flags = NDArray[np.bool_]

CHUNK = 2048
MANY_INVERTED = 0.1  # a smaller share of bright images may be what the data are
BRIGHT = 160  # mean of the border of an image that is dark on bright
PER_CLASS = 100  # images whose mean stands for a class
FEWEST = 5  # images of a class; the mean of fewer says little
NEARER = 0.5  # the distance to another class, as a share of that to the own one
MOST_LISTED = 6


def fault(data: Dataset) -> str:
    """Return why nothing can be learned from `data`; empty where something can."""
    present = np.flatnonzero(_class_sizes(data))
    if len(present) == 1:
        only = short(data.classes[present[0]], 12)
        return (
            f"All {len(data):,} images of {data.name} belong to the class {only}; "
            "there must be images of two classes at least."
        )
    if all(_blank(chunk).all() for chunk in _chunks(data.images)):
        return f"All {len(data):,} images of {data.name} are blank; there is nothing to learn from."
    return ""


def doubts(data: Dataset) -> list[str]:
    """Return what looks wrong with `data`, one sentence each."""
    found = []
    missing = [data.classes[i] for i in np.flatnonzero(_class_sizes(data) == 0)]
    if missing:
        count = f"{len(missing)} of the {len(data.classes)} classes of {data.name}"
        has, them = ("has", "it") if len(missing) == 1 else ("have", "them")
        found.append(f"{count} {has} no image ({listed(missing)}): the network will not learn {them}.")
    if blank := _count(data.images, _blank):
        found.append(f"{_of(blank, data)} blank, which teaches the network to guess.")
    if (dark := _count(data.images, inverted)) >= MANY_INVERTED * len(data):
        found.append(
            f"{_of(dark, data)} dark on a bright ground: drawings are bright on black, "
            "so the network will misread them; invert the images."
        )
    return found


def shifted_labels(data: Dataset, test: Dataset) -> str:
    """Say so if the training images of most classes look like test images of other classes; else empty.

    The images of a class are compared by their mean. Where the labels of one part were shifted or mixed up,
    the mean is much nearer to that of another class than to that of its own.
    """
    if data.image_shape != test.image_shape or data.classes != test.classes:
        return ""
    ours, theirs = _means(data), _means(test)
    both = [label for label in ours if label in theirs]
    swapped: dict[str, str] = {}
    for label in both:
        distances = {other: float(((ours[label] - theirs[other]) ** 2).sum()) for other in both}
        nearest = min(distances, key=distances.__getitem__)
        if distances[nearest] < NEARER * distances[label]:
            swapped[data.classes[label]] = data.classes[nearest]
    if not is_mix_up(swapped, len(both)):
        return ""
    pairs = [f"{name} look like {other}" for name, other in swapped.items()]
    return (
        f"The labels of {data.name} do not agree: compared with the test images, training images of "
        f"{listed(pairs)}; check which labels belong to which images."
    )


def is_mix_up(swapped: Mapping[str, str], classes: int) -> bool:
    """Return whether most of the `classes` look like others, and not many of them like a single one."""
    return 2 * len(set(swapped.values())) > classes


def listed(names: list[str]) -> str:
    """Return the first few of `names`, separated by commas."""
    few = ", ".join(short(name, 40) for name in names[:MOST_LISTED])
    return few + (" …" if len(names) > MOST_LISTED else "")


def _of(count: int, data: Dataset) -> str:
    verb = "is" if count == 1 else "are"
    return f"{count:,} of the {len(data):,} images of {data.name} {verb}"


def _class_sizes(data: Dataset) -> NDArray[np.intp]:
    return np.bincount(data.labels, minlength=len(data.classes))


def _chunks(images: Images) -> Iterator[Images]:
    yield from (images[start : start + CHUNK] for start in range(0, len(images), CHUNK))


def _count(images: Images, test: Callable[[Images], Flags]) -> int:
    return sum(int(test(chunk).sum()) for chunk in _chunks(images))


def _blank(images: Images) -> Flags:
    """Return which images have one value everywhere."""
    flat = images.reshape(len(images), -1)
    flags: Flags = (flat == flat[:, :1]).all(axis=1)
    return flags


def inverted(images: Images) -> Flags:
    """Return which images have a bright border and are darker inside."""
    edges = (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    border = np.concatenate([edge.reshape(len(images), -1) for edge in edges], axis=1).mean(axis=1)
    flags: Flags = (border >= BRIGHT) & (images.reshape(len(images), -1).mean(axis=1) < border)
    return flags


def _means(data: Dataset) -> dict[int, NDArray[np.float64]]:
    """Return the mean image of each class that has enough of them."""
    places = (np.flatnonzero(data.labels == label)[:PER_CLASS] for label in range(len(data.classes)))
    return {
        label: data.images[found].mean(axis=0) for label, found in enumerate(places) if len(found) >= FEWEST
    }
