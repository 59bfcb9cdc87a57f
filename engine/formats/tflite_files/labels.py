"""The class names of a TensorFlow Lite file, by TensorFlow's convention for metadata.

A buffer of the model, which its table ``metadata`` names ``TFLITE_METADATA``, is a flatbuffer itself: it
describes the input and the output and names the file with the labels. That file follows the model as an entry
of a zip.

Source: tensorflow/tflite-support (Apache License 2.0), ``metadata_schema.fbs``.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

from engine.words import is_text

__all__ = ["METADATA", "described", "labels_in", "with_labels"]

METADATA = "TFLITE_METADATA"
LABELS = "labels.txt"
TENSOR_AXIS_LABELS = 2
MOST_BYTES = 1 << 20
MOST_DIRECTORY = 1 << 16
END_BYTES, LOCATOR_BYTES = 22, 20  # of a zip's last records
_DATE = (1980, 1, 1, 0, 0, 0)
_ZIP_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    OSError,
    EOFError,
    RuntimeError,
    KeyError,
    IndexError,
)


def labels_in(data: bytes) -> tuple[str, ...] | None:
    """Return the lines of the label file in the zip behind a model, or None if there is none."""
    if not _has_small_directory(data):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            texts = [entry for entry in archive.infolist() if entry.filename.endswith(".txt")]
            if not texts or texts[0].file_size > MOST_BYTES:
                return None
            with archive.open(texts[0]) as stream:
                lines = stream.read(MOST_BYTES).decode().splitlines()
    except _ZIP_FAULTS:
        return None
    return tuple(lines) if all(map(is_text, lines)) else None


def _has_small_directory(data: bytes) -> bool:
    """Tell whether a zip ends `data` whose directory is small; `zipfile` reads it without limit."""
    end = data[-END_BYTES:]
    is_zip64 = data[:-END_BYTES][-LOCATOR_BYTES:].startswith(b"PK\6\7")
    size = int.from_bytes(end[12:16], "little")
    return end.startswith(b"PK\5\6") and size <= MOST_DIRECTORY and not is_zip64


def with_labels(model: bytes, classes: Sequence[str]) -> bytes:
    """Return the file of a model, followed by the zip with its label file; equal models give equal bytes."""
    stream = io.BytesIO(model)
    with zipfile.ZipFile(stream, "a") as archive:
        info = zipfile.ZipInfo(LABELS, _DATE)
        info.create_system = 3
        archive.writestr(info, "".join(f"{' '.join(name.split())}\n" for name in classes))
    return stream.getvalue()


def described(name: str, description: str) -> bytes:
    """Return the flatbuffer that says what goes in and comes out, and which file names the classes."""
    import flatbuffers

    builder = flatbuffers.Builder(512)
    labels = _table(
        builder, [builder.CreateString(LABELS), builder.CreateString("the classes")], TENSOR_AXIS_LABELS
    )
    files = _vector(builder, [labels])
    image = _table(builder, [builder.CreateString("image"), builder.CreateString("brightness, 0 to 1")])
    scores = _slots(builder, {0: builder.CreateString("scores"), 6: files})
    graph = _slots(builder, {2: _vector(builder, [image]), 3: _vector(builder, [scores])})
    texts = {0: builder.CreateString(name), 1: builder.CreateString(description)}
    root = _slots(builder, {**texts, 3: _vector(builder, [graph]), 7: builder.CreateString("1.0.0")})
    builder.Finish(root, b"M001")
    return bytes(builder.Output())


def _table(builder: Any, strings: Sequence[int], kind: int = 0) -> int:
    """Return a table of strings and a kind, as an associated file has; those that are absent are left out."""
    builder.StartObject(3)
    for slot, string in enumerate(strings):
        builder.PrependUOffsetTRelativeSlot(slot, string, 0)
    builder.PrependInt8Slot(2, kind, 0)
    return int(builder.EndObject())


def _slots(builder: Any, offsets: dict[int, int]) -> int:
    builder.StartObject(max(offsets) + 1)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    return int(builder.EndObject())


def _vector(builder: Any, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())
