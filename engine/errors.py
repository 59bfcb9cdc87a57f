"""Every fault that a user can cause, as one tree.

``str(error)`` is the sentence to show: it names the file or field, what is wrong and what to do.
The command line prints it and exits with 2; the application shows it next to its cause. Anything
that is not a `TinyMLError` is a bug and is reported as one.
"""

from __future__ import annotations

import os

__all__ = [
    "DataError",
    "ExportError",
    "FieldError",
    "FileError",
    "FitError",
    "MissingToolError",
    "ProjectError",
    "QuantizationError",
    "SpecError",
    "TinyMLError",
    "TrainingError",
    "VerifyError",
]


class TinyMLError(Exception):
    """Base of all faults that a user can cause."""


class FieldError(TinyMLError):
    """A value that a field (of a layer, a training configuration …) does not allow.

    Parameters
    ----------
    field : str
        The field's name as in the dataclass that declares it.
    message : str
        The whole sentence.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class SpecError(TinyMLError):
    """A network description that cannot be built.

    Parameters
    ----------
    message : str
        The sentence, without the position of the layer.
    layer : int or None
        Index of the layer that causes it; None for the network as a whole.
    field : str or None
        The field of that layer that causes it; None if no single field does.
    """

    def __init__(self, message: str, layer: int | None = None, field: str | None = None) -> None:
        super().__init__(message if layer is None else f"Layer {layer + 1}: {message}")
        self.reason = message
        self.layer = layer
        self.field = field


class QuantizationError(TinyMLError):
    """A model that cannot be quantized, or one that must be quantized first."""


class TrainingError(TinyMLError):
    """A run that cannot start with the data and configuration given."""


class FileError(TinyMLError):
    """A file that cannot be read or written; the sentence starts with its path."""

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(f"{os.fspath(path)}: {reason}")
        self.path = os.fspath(path)
        self.reason = reason


class DataError(FileError):
    """A data set or image that cannot be used."""


class ProjectError(FileError):
    """A ``.tinyml`` file that cannot be used."""


class ExportError(TinyMLError):
    """A model that a format cannot express, or a name or target that export refuses."""


class VerifyError(TinyMLError):
    """Exported code that failed to compile or run, or gave another answer than the engine."""


class FitError(VerifyError):
    """Exported code that is larger than the memory of the chip."""


class MissingToolError(TinyMLError):
    """A compiler or optional extra that is not installed; the sentence says how to get it."""
