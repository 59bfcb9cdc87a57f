"""The protocol: what a service of a model is asked, and what it answers, whatever carries the bytes.

``POST /predict`` takes the 28 × 28 bytes that a network reads, ink bright, or a PNG of a drawing, which is
prepared as in the window. ``GET /health`` says which model answers, ``GET /metrics`` how much it has
answered, in the text format of Prometheus, ``GET /openapi.json`` describes all of it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.data.pictures import ink_from_image
from engine.data.preprocess import SIDE, preprocess
from engine.errors import DataError
from engine.export.page.openapi import BYTES, PNG
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.quantize.network import IntegerPredictor

__all__ = ["MOST_BYTES", "Metrics", "Service"]

MOST_BYTES: Final = 1 << 20
"""Largest body of a request."""
_MOST_PIXELS: Final = 1 << 22
_BODY: Final = "the body"  # what errors call it, as others call a file by its path


@dataclass(frozen=True, eq=False)
class Service:
    """A model that answers requests, in floats or in int8.

    Parameters
    ----------
    model : Model
        Its network reads images of 28 × 28.
    int8 : bool
        Whether to answer as exported int8 code does.

    Raises
    ------
    QuantizationError
        If int8 is asked of a model without calibration ranges.
    """

    model: Model
    int8: bool = False
    predictor: Predictor | IntegerPredictor = field(init=False)

    def __post_init__(self) -> None:
        made = IntegerPredictor(self.model) if self.int8 else Predictor(self.model)
        object.__setattr__(self, "predictor", made)

    @property
    def numbers(self) -> str:
        """What it computes with: ``int8`` or ``float32``."""
        return "int8" if self.int8 else "float32"

    def health(self) -> Mapping[str, Any]:
        """Return which model answers."""
        return {"status": "ok", "name": self.model.name, **self._identity()}

    def predict(self, body: bytes, kind: str) -> Mapping[str, Any]:
        """Return the answer to a request.

        Parameters
        ----------
        body : bytes
        kind : str
            Its media type: `BYTES` or `PNG`.

        Raises
        ------
        DataError
            When the body is not what its type says, or the type is another one.
        """
        image = _image_of(body, kind)
        scores = [] if image is None else self.predictor.probabilities(image[None])[0].tolist()
        best = None if image is None else int(np.argmax(scores))
        return {
            "class": None if best is None else self.model.classes[best],
            "classes": list(self.model.classes),
            "probabilities": scores,
            **self._identity(),
        }

    def _identity(self) -> Mapping[str, str]:
        return {"model": self.model.fingerprint, "numbers": self.numbers}


@dataclass
class Metrics:
    """What a service has done since it began.

    Attributes
    ----------
    answered, refused : int
        Requests to ``/predict``.
    seconds : float
        Spent on answers, network and preparation of the drawing.
    """

    answered: int = 0
    refused: int = 0
    seconds: float = 0.0

    def text(self, service: Service) -> str:
        """Return them in Prometheus's text format, with the model as labels."""
        labels = f'{{model="{service.model.fingerprint}",numbers="{service.numbers}"}}'
        values = {
            "tinyml_answered_total": self.answered,
            "tinyml_refused_total": self.refused,
            "tinyml_seconds_total": f"{self.seconds:.6f}",
        }
        return "".join(f"# TYPE {name} counter\n{name}{labels} {value}\n" for name, value in values.items())


def _image_of(body: bytes, kind: str) -> NDArray[np.uint8] | None:
    """Return the image that the network reads; None when nothing is drawn."""
    if kind == PNG:
        return preprocess(ink_from_image(_drawing_of(body)))
    if kind != BYTES:
        raise DataError(_BODY, f"it is {kind[:80] or 'of no type'}; send {BYTES} or {PNG}.")
    if len(body) != SIDE * SIDE:
        raise DataError(_BODY, f"it has {len(body):,} bytes; send the {SIDE * SIDE} of an image, row by row.")
    return np.frombuffer(body, np.uint8).reshape(SIDE, SIDE)


def _drawing_of(body: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(body), formats=("PNG",)) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise DataError(
                    _BODY, f"the picture has more than {_MOST_PIXELS:,} pixels; send a smaller one."
                )
            image.load()
            return image
    except DataError:
        raise
    except Exception as error:  # decoders raise almost anything on damaged files
        raise DataError(_BODY, f"it is no PNG that can be read ({type(error).__name__}).") from error
