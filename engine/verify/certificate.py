"""Certificates: what exported code was compared with, where it ran, and its figures there.

A certificate is written once, after a verification, and read by people, by the Deploy page and by exports
that put its figures into the header's head comment. Every figure says how it was obtained: sizes are
*compiled*, stack and counts are *emulated*.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from engine.errors import ExportError, FileError
from engine.export import ExportOptions, c_text
from engine.files import read_limited, write_bytes
from engine.knobs import knobs_to_json
from engine.nn.model import Model
from engine.verify.certificate_json import MAX_BYTES, from_plain
from engine.words import short

__all__ = ["Certificate", "Figures", "LayerCount", "Result", "Skipped", "certified", "code_options"]

_SAME_CODE = (
    "name",
    "test_vectors",
    "preprocess",
    "ram_limit",
)  # options that do not change the network's code


@dataclass(frozen=True)
class LayerCount:
    """The instructions or cycles of one stage of the network.

    Attributes
    ----------
    title : str
        The layers that it computes, in words.
    layers : tuple of int
        Their indices; empty for the rest, which belongs to no layer.
    count : float
        Mean over inferences, in the unit of the figures.
    """

    title: str
    layers: tuple[int, ...]
    count: float


@dataclass(frozen=True)
class Figures:
    """The figures of one function of the exported code.

    Attributes
    ----------
    function : str
        ``run_int8``, ``run_float`` or ``predict``, without the model's prefix.
    code_bytes, constant_bytes : int
        Flash, compiled: instructions, those of the compiler's library included; weights and tables.
    static_bytes : int
        RAM, compiled: the arena and all other variables; the caller's input and output are extra.
    stack_bytes : int
        RAM, emulated: the most that any input needed.
    unit : str
        ``instructions`` or ``cycles``.
    counted : int
        Number of inputs that were counted.
    least, mean, most : float
        For one inference, emulated.
    layers : tuple of LayerCount
        The mean of each stage; empty where the emulator cannot tell.
    clock_hz : int
        The clock of the chip, where cycles are counted on it; 0 otherwise.
    """

    function: str
    code_bytes: int
    constant_bytes: int
    static_bytes: int
    stack_bytes: int
    unit: str
    counted: int
    least: float
    mean: float
    most: float
    layers: tuple[LayerCount, ...] = ()
    clock_hz: int = 0

    @property
    def milliseconds(self) -> float | None:
        """The time of one inference, emulated; None where only instructions are known."""
        return 1000 * self.mean / self.clock_hz if self.counted and self.clock_hz else None

    @property
    def time_words(self) -> str:
        """That time, ``165 ms at 16 MHz``; empty where it is not known."""
        known = self.milliseconds
        if known is None:
            return ""
        return f"{known:{',.0f' if known >= 100 else '.3g'}} ms at {self.clock_hz / 1e6:g} MHz"

    @property
    def flash_bytes(self) -> int:
        """Bytes of flash in all."""
        return self.code_bytes + self.constant_bytes

    @property
    def ram_bytes(self) -> int:
        """Bytes of RAM in all, without the caller's input and output."""
        return self.static_bytes + self.stack_bytes

    def sentences(self) -> Iterator[str]:
        """Yield the figures in words."""
        yield (
            f"{self.function}: {self.flash_bytes:,} bytes of flash (code {self.code_bytes:,}, constants "
            f"{self.constant_bytes:,}; compiled)"
        )
        yield (
            f"{self.function}: {self.ram_bytes:,} bytes of RAM (static {self.static_bytes:,}, compiled; "
            f"stack {self.stack_bytes:,}, emulated)"
        )
        if self.counted:
            spread = "" if self.least == self.most else f", {self.least:,.0f} to {self.most:,.0f}"
            time = f", {self.time_words}" if self.time_words else ""
            yield f"{self.function}: {self.mean:,.0f} {self.unit} an inference{spread}{time} (emulated)"


@dataclass(frozen=True)
class Result:
    """The result on one target.

    Attributes
    ----------
    target, title : str
        The target's name, and its title for people.
    compiler, flags : str
        The compiler and its options.
    emulator : str
        The program that ran the code.
    vectors : int
        Number of inputs that ran.
    mismatches, class_mismatches : int
        Number of inputs whose outputs differ, and of those whose class differs.
    worst_error : float
        Largest difference; relative for floats, in steps for int8.
    fault : str
        One sentence about the first input that differs, and the first layer; empty when nothing differs.
    figures : tuple of Figures
        The bare network first, then ``predict``; empty on this computer, where nothing is counted.
    """

    target: str
    title: str
    compiler: str
    flags: str
    emulator: str
    vectors: int
    mismatches: int
    class_mismatches: int
    worst_error: float
    fault: str = ""
    figures: tuple[Figures, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the exported code agrees on every input."""
        return not (self.fault or self.mismatches or self.class_mismatches)

    @property
    def sentence(self) -> str:
        """What differs; empty when nothing does."""
        inputs = max(self.mismatches, self.class_mismatches)
        return self.fault or (f"The exported C differs on {inputs:,} inputs." if inputs else "")

    @property
    def network(self) -> Figures | None:
        """The figures of the bare network, where there are any."""
        return self.figures[0] if self.figures else None

    def lines(self) -> Iterator[str]:
        """Yield the result in words."""
        verdict = "agrees" if self.passed else "DIFFERS"
        yield f"{self.title}: {verdict}; compiled by {self.compiler} {self.flags}; run by {self.emulator}"
        if not self.passed:
            yield f"  {self.sentence}"
        for figures in self.figures:
            yield from (f"  {sentence}" for sentence in figures.sentences())


@dataclass(frozen=True)
class Skipped:
    """A target that was asked for but could not be tried, and the reason in one sentence."""

    target: str
    reason: str


@dataclass(frozen=True)
class Certificate:
    """A verification.

    Attributes
    ----------
    model_name, model_hash : str
        The model; the hash is the one in the header.
    format : str
        The format of the export.
    options : mapping
        The export's options that change the code.
    vectors : int
        Number of inputs.
    origin : str
        Where the inputs are from.
    rule : str
        When outputs agree, in words.
    accuracy : str
        The accuracy of the model and how it was measured.
    date : str
        ISO 8601, UTC.
    program : str
        Name and version of this program.
    results : tuple of Result
        One for each target.
    skipped : tuple of Skipped
    """

    model_name: str
    model_hash: str
    format: str
    vectors: int
    origin: str
    rule: str
    accuracy: str
    date: str
    program: str
    results: tuple[Result, ...]
    skipped: tuple[Skipped, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether at least one target ran, and all that ran agree."""
        return bool(self.results) and all(result.passed for result in self.results)

    @property
    def fault(self) -> str:
        """The first target's sentence about what differs; empty when nothing does."""
        return next((result.sentence for result in self.results if not result.passed), "")

    def summary(self) -> str:
        """Return the result as one sentence."""
        if self.fault:
            return self.fault
        if not self.results:
            reasons = " ".join(skipped.reason for skipped in self.skipped)
            return f"Nothing was verified. {reasons}".strip()
        where = ", ".join(result.title for result in self.results)
        inputs = f"{self.vectors:,} inputs ({self.origin})"
        return f"The exported C agrees with the engine on all {inputs} on: {where}."

    def lines(self) -> Iterator[str]:
        """Yield the certificate in words, for a header's head comment or a page."""
        inputs = f"{self.vectors:,} inputs ({self.origin})"
        yield f"Verified {self.date} by {self.program}, as {self.format}, on {inputs}"
        yield f"Compared with the engine's outputs: {self.rule}"
        for result in self.results:
            yield from result.lines()
        for skipped in self.skipped:
            yield f"{skipped.target}: not tried. {skipped.reason}"

    def check_for(self, model: Model, format_name: str, options: ExportOptions | None = None) -> None:
        """Raise `ExportError` unless the certificate is about this export of `model` and has passed."""
        if self.model_hash != model.fingerprint:
            raise ExportError(
                f"The certificate is about another model (hash {short(self.model_hash)}, this one is "
                f"{model.fingerprint}); verify this model and use the new certificate."
            )
        if self.format != format_name:
            raise ExportError(
                f"The certificate is about {short(self.format)}, not {format_name}; verify with that format."
            )
        if options is not None and dict(self.options) != code_options(options):
            raise ExportError(
                f"The certificate is about an export with other options ({_words(self.options)}); verify "
                "with those of this export."
            )
        if not self.passed:
            raise ExportError("The certificate says that the code differs; it cannot vouch for an export.")

    def to_json(self) -> dict[str, Any]:
        """Return the certificate as a JSON object."""
        return {"passed": self.passed, **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read what `to_json` gives; raise ValueError for anything else, naming the field."""
        plain = {k: v for k, v in value.items() if k != "passed"} if isinstance(value, dict) else value
        return from_plain(cls, plain)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the certificate as JSON, whole or not at all."""
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
        write_bytes(path, (text + "\n").encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a certificate; raise `FileError` if the file holds none."""
        try:
            return cls.from_json(json.loads(read_limited(path, MAX_BYTES)))
        except (ValueError, RecursionError) as error:
            raise FileError(path, f"this is no certificate: {str(error).rstrip('.')}.") from error


def code_options(options: ExportOptions) -> dict[str, Any]:
    """Return the options that change a network's code, by name."""
    return {k: v for k, v in knobs_to_json(options).items() if k not in _SAME_CODE}


def _words(options: Mapping[str, Any]) -> str:
    return short(", ".join(f"{name} {value}" for name, value in options.items() if value not in ("", False)))


def certified(
    files: Mapping[str, bytes],
    certificate: Certificate,
    model: Model,
    format_name: str,
    options: ExportOptions | None = None,
) -> dict[str, bytes]:
    """Return exported `files` with the certificate in the head comment of each header.

    Parameters
    ----------
    files : mapping of str to bytes
        The files of an `engine.export.PreparedExport`; the mapping is not changed.
    certificate : Certificate
    model : Model
    format_name : str
    options : ExportOptions or None
        Those of the export; None assumes that they are those of the verification.

    Raises
    ------
    ExportError
        When the certificate is about something else.
    """
    certificate.check_for(model, format_name, options)
    lines = ("", *certificate.lines())
    return {name: _with_lines(name, content, lines) for name, content in files.items()}


def _with_lines(name: str, content: bytes, lines: tuple[str, ...]) -> bytes:
    is_model = Path(name).suffix == ".h" and b"_MODEL_HASH " in content
    return c_text.extended_comment(content.decode(), lines).encode() if is_model else content
