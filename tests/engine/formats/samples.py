"""Small files of every kind that can come in, for the contract tests; each reader has a line in `SAMPLES`."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.export import FORMATS, ExportOptions
from engine.formats.reader import ReadOptions
from engine.nn.layers import BatchNorm, Conv2D, Dense, DepthwiseConv2D, Flatten, MaxPool2D
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

NORMED = ModelSpec((Conv2D(2, 3, activation="linear"), BatchNorm(), Flatten(), Dense(2)), (3, 4, 2))
KERAS_FILES = Path(__file__).with_name("keras_files")
KERAS = ModelSpec(
    (
        Conv2D(3, 3, activation="relu"),
        BatchNorm(),
        DepthwiseConv2D(3, activation="linear"),
        MaxPool2D(2),
        Flatten(),
        Dense(5, "tanh"),
        Dense(5, "relu"),
        Dense(4),
    ),
    (8, 6, 2),
)
"""The network that ``keras_files/make.py`` trains."""


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


def state_dict(spec: ModelSpec) -> dict[str, np.ndarray]:
    """Return the arrays of a network as PyTorch has them."""
    with np.load(io.BytesIO(exported("npz", ".npz", spec))) as arrays:
        return dict(arrays)


def safetensors(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return a safetensors file; written here once more, from its description."""
    header, body = {}, b""
    for name, values in arrays.items():
        end = len(body) + values.nbytes
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(body), end]}
        body += values.tobytes()
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def pt(arrays: Mapping[str, np.ndarray], is_zip: bool) -> bytes:
    """Return a file that PyTorch saves, in its new form or in the one before it."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[bench]'")
    stream = io.BytesIO()
    tensors = {name: torch.tensor(values) for name, values in arrays.items()}
    torch.save(tensors, stream, _use_new_zipfile_serialization=is_zip)
    return stream.getvalue()


TFLITE = ("tflite", "tflite-int8")

Make = Callable[[], Sequence[tuple[bytes, ReadOptions]]]
"""Returns contents of files, each with what its reader must be told."""

SAMPLES: Mapping[str, Make] = {
    "genann": lambda: [(exported("genann", ".ann", DENSE), ReadOptions())],
    "tflite": lambda: [(exported(name, ".tflite", CONVOLUTIONAL), ReadOptions()) for name in TFLITE],
    "sequential": lambda: [(exported("sequential", ".txt", CONVOLUTIONAL), ReadOptions())],
    "safetensors": lambda: [(safetensors(state_dict(NORMED)), ReadOptions(NORMED))],
    "npz": lambda: [(exported("npz", ".npz", NORMED), ReadOptions(NORMED))],
    "pt": lambda: [(pt(state_dict(NORMED), is_zip), ReadOptions(NORMED)) for is_zip in (True, False)],
    "keras-h5": lambda: [
        ((KERAS_FILES / name).read_bytes(), ReadOptions(KERAS)) for name in ("net.h5", "net.weights.h5")
    ],
    "keras": lambda: [((KERAS_FILES / "net.keras").read_bytes(), ReadOptions(KERAS))],
    "onnx": lambda: [
        (exported(name, ".onnx", spec), ReadOptions())
        for name in ("onnx", "onnx-int8")
        for spec in (DENSE, CONVOLUTIONAL, NORMED)
    ],
}


def written(folder: Path, content: bytes, suffix: str) -> Path:
    """Return the path of a file with `content`."""
    path = folder / f"sample{suffix}"
    path.write_bytes(content)
    return path
