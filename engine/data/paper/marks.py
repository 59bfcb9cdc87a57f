"""The four corner marks: ArUco markers of OpenCV, which say which corner they are and how they are turned.

Sources: S. Garrido-Jurado et al., Automatic generation and detection of highly reliable fiducial markers,
Pattern Recognition 47 (2014).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.extras import require

__all__ = ["COUNT", "bits_of", "find_marks"]

COUNT = 4
_CELLS = 6  # of a mark: 4 × 4 bits and a black frame
_WHAT = "Sheets to write on"


def _opencv() -> Any:
    return require("cv2", "paper", _WHAT)


def _dictionary(cv2: Any) -> Any:
    return cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)


def bits_of(number: int) -> NDArray[np.uint8]:
    """Return the mark as (6, 6) cells, 0 or 255."""
    cv2 = _opencv()
    marker: NDArray[np.uint8] = cv2.aruco.generateImageMarker(_dictionary(cv2), number, _CELLS)
    return marker


def find_marks(grey: NDArray[np.uint8]) -> Mapping[int, NDArray[np.float32]]:
    """Return the corners of the marks that are found in a picture, (4, 2) as x and y, by their numbers.

    The corners begin at the mark's own upper left one and go round clockwise. If some are missing, they are
    looked for once more with the contrast of each part of the picture evened out.
    """
    cv2 = _opencv()
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    detector = cv2.aruco.ArucoDetector(_dictionary(cv2), parameters)
    found: dict[int, NDArray[np.float32]] = {}
    for picture in (grey, cv2.createCLAHE(4.0, (8, 8)).apply(grey)):
        corners, numbers, _ = detector.detectMarkers(picture)
        for place, number in zip(corners, [] if numbers is None else numbers.ravel().tolist(), strict=True):
            if number < COUNT:
                found.setdefault(number, place.reshape(4, 2))
        if len(found) == COUNT:
            break
    return found
