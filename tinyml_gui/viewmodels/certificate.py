"""A certificate as it is shown: the verdict, a row per target, what each layer takes on the board's core."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from engine.boards.boards import Board
from engine.boards.targets import TARGETS
from engine.cost.figures import Figure, How, estimated
from engine.verify.certificate import Certificate, Figures, Result
from tinyml_gui.viewmodels.quantities import bytes_words, time_words

__all__ = [
    "CertificateView",
    "Fact",
    "LayerBar",
    "TargetRow",
    "certificate_view",
    "file_name",
    "milliseconds",
    "share_words",
]

_NONE: Final = "–"
_HERE: Final = "this computer"
_CYCLES: Final = "cycles"  # counted instead of instructions where the emulator knows them


@dataclass(frozen=True)
class TargetRow:
    """The results on one target; dashes where nothing was measured."""

    title: str
    inputs: str
    differ: str
    flash: str
    ram: str
    count: str
    passed: bool
    tip: str


@dataclass(frozen=True)
class Fact:
    """One line: its name, what it says, how that was obtained."""

    name: str
    value: str
    how: str = ""


@dataclass(frozen=True)
class LayerBar:
    """What one stage takes, with its share of the whole."""

    title: str
    count: str
    share: float


@dataclass(frozen=True)
class CertificateView:
    """The whole page.

    Attributes
    ----------
    sentence, role : str
        The verdict and the role of its label.
    targets : tuple of TargetRow
    facts : tuple of Fact
    layers : tuple of LayerBar
        Of the board's core; empty where nothing was counted.
    unit : str
        What the work is counted in.
    notes : tuple of str
        What was not tried and why, one sentence each.
    """

    sentence: str
    role: str
    targets: tuple[TargetRow, ...]
    facts: tuple[Fact, ...]
    layers: tuple[LayerBar, ...]
    unit: str
    notes: tuple[str, ...]


def certificate_view(certificate: Certificate, board: Board) -> CertificateView:
    """Return the page of a certificate about code for `board`."""
    measured = next((r for r in certificate.results if r.target == board.target and r.network), None)
    return CertificateView(
        *_verdict(certificate),
        tuple(map(_row, certificate.results)),
        tuple(_facts(certificate, measured, board)),
        _layers(measured),
        _capital(measured.network.unit) if measured and measured.network else "Instructions",
        tuple(_notes(certificate, board)),
    )


def file_name(certificate: Certificate) -> str:
    """Return what a certificate's file is called."""
    return f"{certificate.model_hash}-{certificate.format}-certificate.json"


def _verdict(certificate: Certificate) -> tuple[str, str]:
    if certificate.fault:
        return certificate.fault, "error"
    if not certificate.results:
        return "Nothing could be verified.", "warning"
    places = " and on ".join(_place(result) for result in certificate.results)
    return f"All {certificate.vectors:,} answers are the same as in this window, on {places}.", "good"


def _place(result: Result) -> str:
    return f"an emulated {result.title}" if result.figures else _named(result)


def _named(result: Result) -> str:
    return result.title if result.figures else _HERE


def _row(result: Result) -> TargetRow:
    figures = result.network
    return TargetRow(
        result.title,
        f"{result.vectors:,}",
        f"{result.mismatches:,}",
        bytes_words(figures.flash_bytes) if figures else _NONE,
        bytes_words(figures.ram_bytes) if figures else _NONE,
        f"{figures.mean:,.0f}" if figures and figures.counted else _NONE,
        result.passed,
        f"{result.compiler} {result.flags}; run by {result.emulator}",
    )


def _facts(certificate: Certificate, measured: Result | None, board: Board) -> Iterator[Fact]:
    if measured is not None and measured.network is not None:
        yield from _measured_facts(measured.network, board)
    for result in certificate.results:
        yield Fact(f"Compiler for {_named(result)}", f"{result.compiler}  {result.flags}")
    yield Fact("Inputs", f"{certificate.vectors:,}, {certificate.origin}")
    yield Fact("Compared", certificate.rule)
    yield Fact("Accuracy", certificate.accuracy)
    yield Fact("Model", f"{certificate.model_name}, hash {certificate.model_hash}, as {certificate.format}")
    yield Fact("Made", f"{certificate.date} by {certificate.program}")


def _measured_facts(figures: Figures, board: Board) -> Iterator[Fact]:
    yield Fact(
        "Flash",
        f"{figures.code_bytes:,} bytes of code + {figures.constant_bytes:,} bytes of weights",
        "compiled",
    )
    yield Fact(
        "RAM", f"{figures.static_bytes:,} bytes of arena + {figures.stack_bytes:,} bytes of stack", "emulated"
    )
    if figures.counted:
        yield Fact("Work", f"{figures.mean:,.0f} {figures.unit} an image{_spread(figures)}", "emulated")
        time = milliseconds(figures, board)
        yield Fact("Time", f"{time_words(time.value)} an image on {board.title}", time.how.word)


def milliseconds(figures: Figures, board: Board) -> Figure:
    """Return how long one image takes on `board`: emulated where cycles were counted, estimated otherwise."""
    if figures.unit == _CYCLES:
        return Figure(1000 * figures.mean / board.clock_hz, How.EMULATED)
    return estimated(1000 * figures.mean * board.core.cycles / board.clock_hz)


def _names(targets: Iterable[str]) -> str:
    # a file may name others
    known = {t.name: t.title if t.toolchains else _HERE for t in TARGETS.values()}
    return " and ".join(known.get(name, name) for name in targets)


def _spread(figures: Figures) -> str:
    return "" if figures.least == figures.most else f" ({figures.least:,.0f} to {figures.most:,.0f})"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def share_words(share: float) -> str:
    """Return a share in whole percent; a small one is not rounded to nothing."""
    return "< 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def _layers(measured: Result | None) -> tuple[LayerBar, ...]:
    if measured is None or measured.network is None:
        return ()
    total = max(1.0, sum(layer.count for layer in measured.network.layers))
    return tuple(
        LayerBar(_capital(layer.title), f"{layer.count:,.0f}", layer.count / total)
        for layer in measured.network.layers
    )


def _notes(certificate: Certificate, board: Board) -> Iterator[str]:
    if board.target is None:
        yield f"There is no emulator for {board.core.title}; the code was run on this computer only."
    for reason in dict.fromkeys(skipped.reason for skipped in certificate.skipped):
        yield f"Not tried on {_names(s.target for s in certificate.skipped if s.reason == reason)}: {reason}"
