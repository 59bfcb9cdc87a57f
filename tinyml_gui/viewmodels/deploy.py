"""What the Deploy page says of the files: their names and sizes, and the code that calls the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ExportError
from engine.export import check_name
from engine.nn.model import Model
from tinyml_gui.viewmodels.quantities import bytes_words

__all__ = ["FileRow", "file_rows", "name_error", "overwrite_question", "snippet"]


@dataclass(frozen=True)
class FileRow:
    """A file that was written."""

    name: str
    size: str


def file_rows(paths: Iterable[Path]) -> tuple[FileRow, ...]:
    """Return the rows of the result list."""
    return tuple(FileRow(path.name, bytes_words(path.stat().st_size)) for path in paths)


def name_error(name: str) -> str:
    """Return why `name` cannot be the name in C; empty where it can."""
    try:
        check_name(name)
    except ExportError as error:
        return str(error)
    return ""


def overwrite_question(paths: Iterable[Path]) -> str:
    """Return what to ask before `paths` are replaced."""
    names = [path.name for path in paths]
    shown = ", ".join(names[:4]) + (" and others" if len(names) > 4 else "")
    verb = "exist" if len(names) > 1 else "exists"
    return f"{shown} {verb} already. Replace?"


def snippet(name: str, model: Model) -> str:
    """Return C that calls the exported model `name`."""
    upper, pixels = name.upper(), " × ".join(str(n) for n in model.spec.input_shape)
    return (
        f"#define {upper}_IMPLEMENTATION /* in exactly one C or C++ file */\n"
        f'#include "{name}.h"\n\n'
        f"uint8_t image[{upper}_INPUT_SIZE]; /* {pixels}, ink bright */\n"
        f"float scores[{upper}_CLASS_COUNT];\n\n"
        f"int best = {name}_predict(image, scores);\n"
        f"const char *answer = {name}_class_names[best];\n"
    )
