"""Whether a model fits a board: meters for flash, RAM and time, and a sentence that says what to do.

`measure` computes and belongs on a worker thread; everything else puts the result into words.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from engine.boards.boards import BOARDS, Board
from engine.boards.targets import TARGETS
from engine.cost.choose_variant import fitted
from engine.cost.estimate import Cost, StageCost, cost_on, estimate
from engine.cost.figures import Figure, How, counted
from engine.errors import TinyMLError
from engine.export import FORMATS, ExportOptions, Format, PreparedExport
from engine.knobs import knobs_to_json
from engine.nn.model import Model
from engine.verify.certificate import Certificate, Figures
from tinyml_gui.viewmodels.accuracy import UNTRAINED_WORDS
from tinyml_gui.viewmodels.certificate import milliseconds
from tinyml_gui.viewmodels.quantities import bytes_words, count_words, how_tip, time_words

__all__ = [
    "Fit",
    "FitOrder",
    "Meter",
    "Verdict",
    "budget",
    "measure",
    "meters",
    "obstacle",
    "proved",
    "suited",
    "vector_count",
    "verdict",
]

_TIGHT: Final = 0.9  # of a memory: the rest of the program needs some too
_FEWEST_VECTORS: Final = 10
_MOST_VECTORS: Final = 100
_PATIENCE: Final = 2e8  # instructions that are emulated in some ten seconds
_UNKNOWN: Final = "–"
_LEARNING: Final = "Training"


@dataclass(frozen=True)
class FitOrder:
    """What is to run where."""

    model: Model
    format: str
    board: Board
    options: ExportOptions


@dataclass(frozen=True)
class Fit:
    """What a model takes on a board.

    Attributes
    ----------
    order : FitOrder
    cost : Cost or None
        None where the format cannot express the model, or has no figures.
    fault : str
        Why the model cannot be expressed; one sentence.
    format, board : str
        Where it does not fit: the title of a format that would fit this board, and of the smallest board that
        this format would fit; empty where there is none.
    fingerprint : str
        Of the model.
    training : Figure or None
        RAM in bytes for learning on the device; None where the network cannot.
    options : ExportOptions or None
        Those of the order, with the variant that was chosen for the board.
    """

    order: FitOrder
    cost: Cost | None = None
    fault: str = ""
    format: str = ""
    board: str = ""
    fingerprint: str = ""
    training: Figure | None = None
    options: ExportOptions | None = None

    def is_about(self, certificate: Certificate) -> bool:
        """Tell whether `certificate` is about the same code."""
        chosen = knobs_to_json(self.options or self.order.options)
        same_options = all(chosen.get(name) == value for name, value in certificate.options.items())
        same_model = certificate.model_hash == self.fingerprint
        return same_model and same_options and certificate.format == self.order.format


def measure(order: FitOrder) -> Fit:
    """Return what the order's model takes; costs milliseconds."""
    if not FORMATS[order.format].has_facts:
        return Fit(order, fingerprint=order.model.fingerprint, training=_training(order))
    try:
        options, cost = _suited(order)
    except TinyMLError as error:
        return Fit(order, fault=str(error), training=_training(order))
    fit = Fit(order, cost, "", "", "", order.model.fingerprint, _training(order), options)
    return fit if cost.fits else replace(fit, format=_other_format(order), board=_other_board(order))


def suited(order: FitOrder) -> ExportOptions:
    """Return the options with the variant that suits the board; unchanged where none fits."""
    with suppress(TinyMLError):
        return _suited(order)[0]
    return order.options


def _suited(order: FitOrder) -> tuple[ExportOptions, Cost]:
    """Return those options and what the code needs with them, which may be too much."""
    with suppress(TinyMLError):
        found = fitted(order.model, order.format, order.board, order.options)
        return found.prepared.options, found.cost
    return order.options, estimate(order.model, order.format, order.board, order.options)


def proved(fit: Fit, certificate: Certificate) -> Fit:
    """Return `fit` with what a verification has measured on the board's core, where it ran there."""
    board = fit.order.board
    found = next((r.network for r in certificate.results if r.target == board.target and r.network), None)
    if found is None or fit.cost is None:
        return fit
    cost = replace(
        fit.cost,
        flash=Figure(found.flash_bytes, How.COMPILED),
        ram=Figure(found.ram_bytes, How.EMULATED),
        instructions=Figure(found.mean, How.EMULATED),
        milliseconds=milliseconds(found, board),
        stages=_measured_stages(found) or _scaled(fit.cost, found.mean),
    )
    return replace(fit, cost=cost)


def _measured_stages(found: Figures) -> tuple[StageCost, ...]:
    none = Figure(0, How.COUNTED)
    return tuple(StageCost(s.layers, none, Figure(s.count, How.EMULATED)) for s in found.layers)


def _scaled(cost: Cost, total: float) -> tuple[StageCost, ...]:
    """Return the estimated stages with the sum `total`, for emulators that cannot tell layers apart."""
    factor = total / max(1.0, cost.instructions.value)
    return tuple(
        replace(s, instructions=Figure(s.instructions.value * factor, How.ESTIMATED)) for s in cost.stages
    )


def _training(order: FitOrder) -> Figure | None:
    """Return the RAM that learning on the device takes, in this format if it can; None where none can."""
    options = replace(order.options, training=True)
    own_first = sorted(FORMATS.values(), key=lambda form: form.name != order.format)
    for form in (form for form in own_first if form.learns):
        with suppress(TinyMLError):
            facts = form.prepare(order.model, options).facts
            return None if facts is None else counted(facts.arena_bytes)
    return None


def _other_format(order: FitOrder) -> str:
    others = (form for form in FORMATS.values() if form.has_facts and form.name != order.format)
    return next((form.title for form in others if _fitting_boards(order, form, (order.board,))), "")


def _other_board(order: FitOrder) -> str:
    smallest_first = sorted(BOARDS.values(), key=lambda board: (board.ram_bytes, board.flash_bytes))
    fitting = _fitting_boards(order, FORMATS[order.format], smallest_first)
    return fitting[0].title if fitting else ""


def _fitting_boards(order: FitOrder, form: Format, boards: Sequence[Board]) -> list[Board]:
    """Return those of `boards` that the model fits when exported as `form`, which is planned once."""
    try:
        prepared = form.prepare(order.model, order.options)
    except TinyMLError:
        return []
    return [board for board in boards if _fits(prepared, board)]


def _fits(prepared: PreparedExport, board: Board) -> bool:
    try:
        return cost_on(prepared, board).fits
    except TinyMLError:
        return False


@dataclass(frozen=True)
class Meter:
    """One bar with its figures.

    Attributes
    ----------
    title, used, limit, how : str
        ``Flash``, ``113 KB``, ``of 960 KB``, ``estimated``.
    share : float
        0 … 1 of the bar, more where it is too much.
    state : str
        ``""``, ``"warning"`` or ``"error"``.
    tip : str
        Exact figures and how they were obtained.
    parts : tuple of float
        What the bar is made of, as shares; empty where it is one piece.
    """

    title: str
    used: str = _UNKNOWN
    limit: str = ""
    how: str = ""
    share: float = 0.0
    state: str = ""
    tip: str = ""
    parts: tuple[float, ...] = ()

    @property
    def spoken(self) -> str:
        """The meter in one line, for screen readers."""
        return " ".join(part for part in (self.title, self.used, self.limit, self.how) if part)


def meters(fit: Fit | None) -> tuple[Meter, ...]:
    """Return the meters for flash, RAM and time; without figures where `fit` has none."""
    if fit is None or fit.cost is None:
        return Meter("Flash"), Meter("RAM"), Meter("Time")
    cost = fit.cost
    return (
        memory_meter("Flash", cost.flash, cost.board.flash_bytes),
        memory_meter("RAM", cost.ram, cost.board.ram_bytes),
        _time_meter(fit, cost),
    )


def budget(fit: Fit | None) -> tuple[Meter, ...]:
    """Return the meters of the memories: for answering, and for learning on the device."""
    flash, ram, _ = meters(fit)
    return flash, ram, _training_meter(fit)


def _training_meter(fit: Fit | None) -> Meter:
    if fit is None:
        return Meter(_LEARNING)
    if fit.training is None:
        return Meter(_LEARNING, tip="This network cannot learn on a device.")
    meter = memory_meter(_LEARNING, fit.training, fit.order.board.ram_bytes)
    state = "warning" if meter.share > 1 else ""  # it is no fault: hardly anyone trains on the device
    return replace(meter, state=state, tip=f"RAM for learning on the device: {meter.tip}")


def memory_meter(title: str, used: Figure, limit: int) -> Meter:
    """Return the meter of a memory with `limit` bytes."""
    share = used.value / limit if limit else math.inf
    how = used.how.word
    return Meter(
        title,
        bytes_words(used.value),
        f"of {bytes_words(limit)}",
        how,
        share,
        "error" if share > 1 else "warning" if share > _TIGHT else "",
        f"{used.value:,.0f} of {limit:,} bytes{_range(used)}. {how_tip(how)}.",
    )


def _time_meter(fit: Fit, cost: Cost) -> Meter:
    milliseconds, how = cost.milliseconds.value, cost.milliseconds.how.word
    parts = tuple(_part(stage, cost) for stage in cost.stages)
    spent = ", ".join(f"{_title(stage, fit)} {100 * _part(stage, cost):.0f} %" for stage in cost.stages)
    return Meter(
        "Time",
        time_words(milliseconds),
        "an image",
        how,
        sum(parts),
        tip=(
            f"{count_words(round(cost.instructions.value))} {_unit(cost.board)} "
            f"({cost.instructions.how.word}) at {cost.board.clock_hz / 1e6:g} MHz"
            f"{_range(cost.milliseconds, ' ms')}. {how_tip(how)}.\nWhere it goes: {spent}."
        ),
        parts=parts,
    )


def _range(figure: Figure, unit: str = "") -> str:
    return f", perhaps {figure.range_words}{unit}" if figure.range_words else ""


def _unit(board: Board) -> str:
    return TARGETS[board.core.rates].unit


def _part(stage: StageCost, cost: Cost) -> float:
    return stage.instructions.value / max(1.0, cost.instructions.value)


def _title(stage: StageCost, fit: Fit) -> str:
    layers = fit.order.model.spec.layers
    return " and ".join(layers[index].title for index in stage.layers) or "Moving numbers"


def obstacle(fit: Fit | None) -> str:
    """Say why the model cannot be put on the board; empty where it can, or where that is not known yet."""
    if fit is None:
        return ""
    if fit.cost is None:
        return fit.fault
    return "" if fit.cost.fits else verdict(fit).sentence


@dataclass(frozen=True)
class Verdict:
    """One sentence and the role of its label: ``good``, ``warning``, ``error`` or ``muted``."""

    sentence: str
    role: str


def verdict(fit: Fit | None) -> Verdict:
    """Say whether it fits, and what to do where it does not."""
    if fit is None:
        return Verdict("", "muted")
    if fit.cost is None and not fit.fault:
        return Verdict("What this format takes on a board is not known.", "muted")
    if fit.cost is None:
        return Verdict(fit.fault, "error")
    lacking = ", ".join(_lacking(fit.cost))
    title = fit.order.board.title
    if lacking:
        return Verdict(f"Too large for {title}: {lacking}. {_advice(fit)}", "error")
    tight = " and ".join(_tight(fit.cost))
    if tight:
        return Verdict(f"Fits {title}, but leaves only {tight} for the rest of the program.", "warning")
    if not fit.order.model.trained:
        return Verdict(f"Fits {title}. {UNTRAINED_WORDS}", "warning")
    return Verdict(f"Fits {title}.", "good")


def _memories(cost: Cost) -> Iterator[tuple[str, float, int]]:
    yield "flash", cost.flash.value, cost.board.flash_bytes
    yield "RAM", cost.ram.value, cost.board.ram_bytes


def _lacking(cost: Cost) -> Iterator[str]:
    for name, used, limit in _memories(cost):
        if used > limit:
            yield f"{bytes_words(used - limit)} of {name} are missing"


def _tight(cost: Cost) -> Iterator[str]:
    for name, used, limit in _memories(cost):
        if used > _TIGHT * limit:
            yield f"{bytes_words(limit - used)} of {name}"


def _advice(fit: Fit) -> str:
    ways = [f'the format "{fit.format}"'] if fit.format else []
    ways += [f"a larger board such as {fit.board}"] if fit.board else []
    ways.append("a smaller network")
    *first, last = ways
    return f"Choose {', '.join(first)} or {last}." if first else f"Choose {last}."


def vector_count(fit: Fit | None) -> int:
    """Return how many inputs to verify with: fewer where a slow core would take minutes to emulate."""
    if fit is None or fit.cost is None:
        return _MOST_VECTORS
    return max(_FEWEST_VECTORS, min(_MOST_VECTORS, round(_PATIENCE / max(1.0, fit.cost.instructions.value))))
