"""Small files of every kind that can come in, for the contract tests; each reader has a line in `SAMPLES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from engine.export import FORMATS, ExportOptions
from engine.formats.reader import ReadOptions
from engine.nn.layers import Conv2D, Dense, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from tests.engine.export.int8_programs import quantized

DENSE = ModelSpec((Flatten(), Dense(3, "sigmoid"), Dense(3, "sigmoid"), Dense(2, "sigmoid")), (4, 4, 1))

CONVOLUTIONAL = ModelSpec(
    (
        Conv2D(2, 3, activation="sigmoid", bias=False),
        MaxPool2D(2),
        Conv2D(2, 3, activation="linear", bias=False),
        Flatten(),
        Dense(2, "sigmoid"),
    ),
    (6, 6, 1),
)


def random_model(spec: ModelSpec, seed: int = 0) -> Model:
    """Return a model with random parameters, biases and statistics included."""
    rng = np.random.default_rng(seed)
    model = Model.new(spec, tuple(f"c{i}" for i in range(spec.classes)), rng, "net")
    params = model.params + rng.uniform(0.05, 0.3, model.params.shape).astype(np.float32)
    return model.replace(params=params)


def exported(name: str, suffix: str, spec: ModelSpec) -> bytes:
    """Return the file with `suffix` of the export of a network in the format `name`."""
    files = FORMATS[name].prepare(quantized(spec), ExportOptions("net", test_vectors=0)).files
    return next(content for path, content in files.items() if path.endswith(suffix))


Make = Callable[[], Sequence[tuple[bytes, ReadOptions]]]
"""Returns contents of files, each with what its reader must be told."""

SAMPLES: Mapping[str, Make] = {
    "genann": lambda: [(exported("genann", ".ann", DENSE), ReadOptions())],
    "sequential": lambda: [(exported("sequential", ".txt", CONVOLUTIONAL), ReadOptions())],
}


def written(folder: Path, content: bytes, suffix: str) -> Path:
    """Return the path of a file with `content`."""
    path = folder / f"sample{suffix}"
    path.write_bytes(content)
    return path
