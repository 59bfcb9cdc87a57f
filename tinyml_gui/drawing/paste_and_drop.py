"""What the clipboard and drops bring in: images as ink, model files as paths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QMimeData
from PySide6.QtGui import QImage

from engine.errors import TinyMLError
from engine.storage.model_file import SUFFIX

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ink_of", "model_of"]


def model_of(data: QMimeData) -> Path | None:
    """Return the model file that `data` stands for; None where it is something else."""
    return next((path for path in _files(data) if path.suffix.lower() == SUFFIX), None)


def ink_of(data: QMimeData) -> NDArray[np.uint8] | None:
    """Return the image in `data` as ink, (height, width) uint8; None where there is none.

    Raises
    ------
    TinyMLError
        When there is one that cannot be used.
    """
    from engine.data import pictures

    files = _files(data)
    if files:
        return pictures.load_ink(files[0])
    return pictures.ink_from_image(_to_pillow(_image_of(data))) if data.hasImage() else None


def _files(data: QMimeData) -> list[Path]:
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]


def _image_of(data: QMimeData) -> QImage:
    """Return the image; `TinyMLError` where it was announced but is not delivered, its program being gone."""
    image = data.imageData()
    if not isinstance(image, QImage) or image.isNull():
        raise TinyMLError("The image cannot be read; copy or save it again in another program.")
    return image


def _to_pillow(image: QImage) -> Image.Image:
    """Return the image in the form that the engine reads polarity and transparency from."""
    from PIL import Image

    rgba = image.convertToFormat(QImage.Format.Format_RGBA8888)
    return Image.frombytes("RGBA", (rgba.width(), rgba.height()), bytes(rgba.constBits()))
