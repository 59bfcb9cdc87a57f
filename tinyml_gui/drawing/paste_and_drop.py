"""What the clipboard and drops bring in: images, which become ink, and model files as paths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QImage

from engine.errors import TinyMLError
from engine.storage.model_file import SUFFIX
from tinyml_gui.drawing.strokes import SIDE

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ink_of", "model_of", "picture_of"]

_SIDE: Final = 2 * SIDE  # the longer side of a picture's ink: more the canvas hardly shows


def model_of(data: QMimeData) -> Path | None:
    """Return the model file that `data` stands for, this program's or another's; None for anything else."""
    from engine.formats.imports import usual_suffixes

    known = {SUFFIX, *usual_suffixes()}
    return next((path for path in _files(data) if path.suffix.lower() in known), None)


def picture_of(data: QMimeData) -> Path | QImage | None:
    """Return the image in `data`, as a file that is not read yet or as it is; None where there is none.

    Raises
    ------
    TinyMLError
        When it was announced but is not delivered.
    """
    files = _files(data)
    if files:
        return files[0]
    return _image_of(data) if data.hasImage() else None


def ink_of(
    picture: Path | QImage, rough: Callable[[NDArray[np.uint8]], None] | None = None
) -> NDArray[np.uint8]:
    """Return a picture as ink, (height, width) uint8, as large as the canvas shows it.

    This may take seconds, so it is called beside the window's thread. `rough` gets a first view.

    Raises
    ------
    TinyMLError
        When the picture cannot be used.
    """
    from engine.data import pictures

    if isinstance(picture, Path):
        return pictures.load_ink(picture, _SIDE, rough)
    if max(picture.width(), picture.height()) > _SIDE:
        smooth = Qt.TransformationMode.SmoothTransformation
        picture = picture.scaled(_SIDE, _SIDE, Qt.AspectRatioMode.KeepAspectRatio, smooth)
    return pictures.ink_from_image(_to_pillow(picture))


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
