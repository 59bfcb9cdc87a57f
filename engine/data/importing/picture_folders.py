"""Folders of pictures: a folder a class, or the class in the names of the files.

A picture of the networks' size is taken as it is, bright on black; any other goes through the same steps as a
drawing. Pictures that cannot be read, or show nothing, are left out and listed; the others are wanted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from engine.data.importing.found import MAX_IMAGES_BYTES, Found, Images, Part, Progress
from engine.data.importing.labels import read_labels
from engine.data.importing.options import AUTO, ImportOptions
from engine.data.picture_files import read_grey
from engine.data.pictures import MAX_SIDE, ink_from_image
from engine.data.preprocess import SIDE, preprocess
from engine.errors import DataError
from engine.files import is_folder
from engine.workers import CONTEXT, leave_signals, safe_start

__all__ = ["SUFFIXES", "holds_pictures", "pictures_below", "read_pictures"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm", ".pbm")
_PARTS = {
    **dict.fromkeys(("train", "training", "train_images"), "train"),
    **dict.fromkeys(("test", "testing", "val", "valid", "validation", "test_images"), "test"),
}
_MOST_PICTURES = MAX_IMAGES_BYTES // (SIDE * SIDE)
_MOST_LISTED = 5
_MANY = 4000  # pictures that take longer than to start a process for each core
_AT_ONCE = 128  # pictures that a process takes at a time
_LABEL_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r".*(?:label|class|digit|char)[ _=-]*([^ _.-]+).*",
        r"([^ _.-]+)[ _-].*",
        r".*[ _-]([^ _.-]+)",
    )
)


@dataclass
class _Pile:
    """The pictures of one part, as they come."""

    images: list[Images] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


def holds_pictures(path: Path) -> bool:
    """Return whether `path` is a folder with pictures in it, at whatever depth."""
    return is_folder(path) and next(pictures_below(path), None) is not None


def read_pictures(path: Path, options: ImportOptions, progress: Progress) -> Found:
    """Read the pictures below `path`; each is of the class that its folder, or its name, says."""
    files = sorted(pictures_below(path))
    if len(files) > _MOST_PICTURES:
        raise DataError(path, f"there are {len(files):,} pictures; at most {_MOST_PICTURES:,} are read.")
    piles: dict[str, _Pile] = {}
    unread = []
    labelled = list(_labelled(path, files))
    taken = _taken([file for file, _, _ in labelled], options)
    for number, ((_, part, label), image) in enumerate(zip(labelled, taken, strict=True)):
        if isinstance(image, str):
            unread.append(image)
        else:
            pile = piles.setdefault(part, _Pile())
            pile.images.append(image)
            pile.labels.append(label)
        progress(number + 1, len(files))
    parts = {name: _part(pile, path) for name, pile in piles.items()}
    if "train" not in parts:
        raise DataError(path, f"none of its {len(files):,} pictures could be used. {_listed(unread)}")
    return Found(parts, (f"{len(unread):,} pictures were left out. {_listed(unread)}",) if unread else ())


def _listed(sentences: Sequence[str]) -> str:
    more = len(sentences) - _MOST_LISTED
    return " ".join(sentences[:_MOST_LISTED]) + (f" … and {more:,} more." if more > 0 else "")


def pictures_below(folder: Path) -> Iterator[Path]:
    """Yield the pictures in a folder and those in it, without hidden ones."""
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        yield from (
            Path(root, name) for name in names if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        )


def _labelled(root: Path, files: Sequence[Path]) -> Iterator[tuple[Path, str, str]]:
    """Yield each file with its part and its label."""
    flat: dict[str, list[Path]] = {}
    for file in files:
        *folders, _ = file.relative_to(root).parts
        part = _PARTS.get(folders[0].lower(), "") if folders else ""
        inner = folders[1:] if part else folders
        if inner:
            yield file, part or "train", inner[-1]
        else:
            flat.setdefault(part or "train", []).append(file)
    for part, loose in flat.items():
        labels = _labels_in_names([file.stem for file in loose], root)
        yield from ((file, part, label) for file, label in zip(loose, labels, strict=True))


def _labels_in_names(stems: Sequence[str], root: Path) -> list[str]:
    """Return the label in each name: by the pattern that gives each class several pictures."""
    for pattern in _LABEL_PATTERNS:
        found = [pattern.fullmatch(stem) for stem in stems]
        labels = [match[1] for match in found if match]
        if len(labels) == len(stems) and 2 <= len(set(labels)) <= max(2, len(labels) // 2):
            return labels
    if len(set(stems)) == len(stems) and all(len(stem) == 1 for stem in stems):
        return list(stems)
    raise DataError(
        root,
        f"the names of its pictures, such as {stems[0]}, do not say what they show; put those of each "
        "class into a folder of its own, or begin the names with the class: 7_001.png.",
    )


def _taken(files: Sequence[Path], options: ImportOptions) -> Iterator[Images | str]:
    """Yield each picture as the networks see it, or why it cannot be used; all cores share many of them."""
    take = partial(_image_or_fault, options)
    if len(files) < _MANY:
        yield from map(take, files)
        return
    with safe_start():
        pool = CONTEXT.Pool(os.cpu_count(), leave_signals)
    with pool:
        yield from pool.imap(take, files, _AT_ONCE)


def _image_or_fault(options: ImportOptions, file: Path) -> Images | str:
    try:
        return _read(file, options)
    except DataError as error:
        return str(error)


def _read(file: Path, options: ImportOptions) -> Images:
    """Return the picture in `file` as the networks see it, shape (28, 28)."""
    picture = read_grey(file, MAX_SIDE)
    if options.fit == "keep" or (options.fit == AUTO and picture.size == (SIDE, SIDE)):
        if picture.size != (SIDE, SIDE):
            raise DataError(file, f"it has {picture.width}×{picture.height} pixels and is not {SIDE}×{SIDE}.")
        return _bright(np.asarray(picture.convert("L")), options)
    image = preprocess(ink_from_image(picture))
    if image is None:
        raise DataError(file, "nothing is drawn in it.")
    return image


def _bright(grey: Images, options: ImportOptions) -> Images:
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    is_dark = options.ink == "dark" if options.ink != AUTO else bool(np.median(border) > 127)
    return ~grey if is_dark else grey


def _part(pile: _Pile, path: Path) -> Part:
    images = np.stack(pile.images)[..., np.newaxis]
    pile.images.clear()
    return Part(images, read_labels(np.array(pile.labels), path), fitted=True)
