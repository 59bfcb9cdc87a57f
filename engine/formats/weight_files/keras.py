"""Read Keras's weights: HDF5 files of Keras 2 and 3, and ``.keras`` archives, which hold one.

An HDF5 file may refer to other files, or to itself in circles. Only what is stored in the file is read, and
groups only so deep as Keras makes them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import FileError
from engine.extras import require
from engine.files import read_limited
from engine.formats.reader import Imported, Reader, ReadOptions
from engine.formats.weight_files.conventions import KERAS
from engine.formats.weight_files.decoding import MAX_BYTES, Budget, decoding, first_entry
from engine.formats.weight_files.matching import WEIGHTS_TAKE, Arrays, filled, natural
from engine.storage.zip_archive import ArchiveFaultError, open_archive, read_entry

__all__ = ["ARCHIVE", "HDF5"]

_MAGIC: Final = b"\x89HDF\r\n\x1a\n"
_MAX_DEPTH: Final = 12
_MAX_CONFIG: Final = 1 << 20
_VARIABLES: Final = "vars"
_WEIGHTS, _CONFIG, _METADATA = "model.weights.h5", "config.json", "metadata.json"


def _is_hdf5(head: bytes) -> bool:
    return head.startswith(_MAGIC)


def _is_archive(head: bytes) -> bool:
    return first_entry(head) in (_CONFIG, _METADATA, _WEIGHTS)


def _read_hdf5(path: Path, options: ReadOptions) -> Imported:
    data = read_limited(path, MAX_BYTES)
    with decoding(path):
        arrays, epsilon = _arrays(path, data)
    return filled(path, arrays, KERAS, options, epsilon)


def _read_archive(path: Path, options: ReadOptions) -> Imported:
    try:
        archive = open_archive(read_limited(path, MAX_BYTES), MAX_BYTES)
        data = read_entry(archive, _WEIGHTS, MAX_BYTES)
        config = read_entry(archive, _CONFIG, _MAX_CONFIG)
    except ArchiveFaultError as fault:
        raise FileError(path, str(fault)) from fault
    with decoding(path):
        arrays, _ = _arrays(path, data)
        epsilon = _epsilon(path, config)
    return filled(path, arrays, KERAS, options, epsilon)


def _arrays(path: Path, data: bytes) -> tuple[Arrays, float | None]:
    """Return the arrays of an HDF5 file, and what its description, if it has one, adds to variances."""
    h5py = require("h5py", "keras", "Files of Keras")
    with h5py.File(io.BytesIO(data), "r") as file:
        walk = _Walk(path, h5py)
        found = dict(walk.arrays(file.get("model_weights", file), "", 0))
        config = file.attrs.get("model_config")
        text = config.encode() if isinstance(config, str) else config
        return _by_layer(found, walk.order), None if text is None else _epsilon(path, text)


class _Walk:
    """Visits the groups of a file, in the order that Keras notes where it does."""

    def __init__(self, path: Path, h5py: Any) -> None:
        self._path, self._h5py, self._budget = path, h5py, Budget(path)
        self.order: dict[str, int] = {}

    def arrays(self, group: Any, place: str, depth: int) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield every array below `group` with its place."""
        if depth > _MAX_DEPTH:
            raise FileError(self._path, "its groups are nested more deeply than Keras nests them.")
        self._budget.take((), 0)
        for name in dict.fromkeys([*_texts(group, "layer_names"), *natural(list(group))]):
            if not isinstance(group.get(name, getlink=True), self._h5py.HardLink):
                raise FileError(
                    self._path, f"{place}/{name} refers to something else; save the weights anew."
                )
            found, below = group[name], f"{place}/{name}"
            if isinstance(found, self._h5py.Group):
                yield from self.arrays(found, below, depth + 1)
            else:
                yield below, self._values(found, below)
        for name in _texts(group, "weight_names"):
            self.order[f"{place}/{name}"] = len(self.order)

    def _values(self, found: Any, place: str) -> NDArray[Any]:
        is_stored_here = not (found.external or found.is_virtual)
        if not is_stored_here or found.dtype.kind not in "fiu":
            raise FileError(self._path, f"{place} holds no numbers of its own; save the weights anew.")
        self._budget.take(found.shape, found.dtype.itemsize)
        if found.chunks is not None:
            self._budget.take(found.chunks, found.dtype.itemsize)
        return np.asarray(found[()])


def _texts(group: Any, name: str) -> list[str]:
    """Return the texts in an attribute of a group; none where it has no such attribute."""
    return [t.decode() if isinstance(t, bytes) else str(t) for t in group.attrs.get(name, ())]


def _by_layer(found: Mapping[str, NDArray[Any]], order: Mapping[str, int]) -> Arrays:
    """Return the arrays by layer and number of the variable.

    Keras 3 has the variables of a layer as ``…/layers/name/vars/0``, Keras 2 as ``name/name/kernel:0`` with a
    list of their names in order.
    """
    named: dict[str, list[NDArray[Any]]] = {}
    for place in sorted(found, key=lambda place: order.get(place, -1)):
        layer, _, _ = place.rpartition("/")
        if "/optimizer/" not in f"/{place.strip('/')}/" and "/seed_generator/" not in place:
            named.setdefault(layer.removesuffix(f"/{_VARIABLES}").strip("/"), []).append(found[place])
    return {f"{name}.{n}": values for name, members in named.items() for n, values in enumerate(members)}


def _epsilon(path: Path, config: bytes) -> float | None:
    """Return the epsilon of all batch norms that a model's description has; None where it has none."""
    found = {float(value) for value in _epsilons(json.loads(config))}
    if len(found) > 1:
        raise FileError(path, "its batch norms have several values of epsilon; train them with one.")
    return found.pop() if found else None


def _epsilons(value: Any) -> Iterator[Any]:
    """Yield each ``epsilon`` of a layer, at any depth of a description."""
    if isinstance(value, Mapping):
        if "moving_variance_initializer" in value and "epsilon" in value:
            yield value["epsilon"]
        for member in value.values():
            yield from _epsilons(member)
    elif isinstance(value, list):
        for member in value:
            yield from _epsilons(member)


HDF5 = Reader(
    "keras-h5",
    "Keras weights in HDF5",
    "the weights of Keras 2 and 3, for a network that is named",
    (".h5", ".hdf5"),
    _is_hdf5,
    _read_hdf5,
    takes=WEIGHTS_TAKE,
    weights_only=True,
)
ARCHIVE = Reader(
    "keras",
    "Keras weights in .keras",
    "the weights of a model of Keras 3, for a network that is named",
    (".keras",),
    _is_archive,
    _read_archive,
    takes=WEIGHTS_TAKE,
    weights_only=True,
)
