"""The starter data set: 5,000 MNIST digits inside the application, so that training needs no download."""

from __future__ import annotations

import numpy as np

import resources
from engine.data.dataset import Dataset
from engine.data.folders import DIGITS
from engine.data.idx import read_idx_stream

__all__ = ["load_starter"]

_PREFIXES = {"train": "train", "test": "t10k"}


def load_starter(part: str, name: str) -> Dataset:
    """Read the `part` "train" (4,000 images) or "test" (1,000) as a data set called `name`.

    The parts were split once, stratified by class, when the resource was built.
    """
    images = _read(f"{_PREFIXES[part]}-images-idx3-ubyte.gz", 3)
    labels = _read(f"{_PREFIXES[part]}-labels-idx1-ubyte.gz", 1)
    return Dataset(name, images[..., np.newaxis], labels, DIGITS)


def _read(file: str, rank: int) -> np.typing.NDArray[np.uint8]:
    with resources.open_binary(f"starter/{file}") as stream:
        return read_idx_stream(stream, file, rank)
