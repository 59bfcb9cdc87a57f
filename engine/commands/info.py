"""``tinyml info``: the layers of a network, their sizes, and whether the network fits a board."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from engine.boards.boards import BOARDS, Board
from engine.boards.targets import TARGETS
from engine.commands.sources import ProjectSource, Source, find_model
from engine.cost.choose_variant import fitted
from engine.cost.estimate import Cost, estimate
from engine.errors import ExportError, QuantizationError
from engine.export import FORMATS, ExportOptions
from engine.int8.ranges import Quantization
from engine.nn.model import Model
from engine.nn.specs import LayerRow, ModelSpec
from engine.record import Metrics
from engine.shapes import describe_shape
from engine.terminal.console import Console, percent, table

__all__ = ["register"]


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=info)
    parser.add_argument(
        "model",
        metavar="F.tinyml|PRESET",
        help="a .tinyml file, preset, shipped model or JSON description",
    )
    parser.add_argument(
        "--board", choices=tuple(BOARDS), metavar="B", help=f"whether it fits: one of {', '.join(BOARDS)}"
    )
    parser.add_argument(
        "--format",
        choices=tuple(FORMATS),
        default=None,
        help="the export's format (default: all whose cost is known)",
    )


def info(arguments: argparse.Namespace, console: Console) -> int:
    """Describe a network."""
    source = find_model(arguments.model)
    spec = source.spec()
    costs = _costs(source, spec, arguments)
    result = _info_json(arguments.model, source, spec)
    if costs:
        result["board"] = {name: _cost_json(arguments.board, cost) for name, cost in costs.items()}
    lines = [*_info_lines(arguments.model, source, spec), *_cost_lines(costs)]
    console.show(result, lines)
    return 0


def _costs(source: Source, spec: ModelSpec, arguments: argparse.Namespace) -> dict[str, Cost | str]:
    """Return the cost on the chosen board in each format, or a sentence why it cannot run there."""
    if arguments.board is None:
        return {}
    known = tuple(form.name for form in FORMATS.values() if form.has_facts)
    names = known if arguments.format is None else (arguments.format,)
    model, board = _model(source, spec), BOARDS[arguments.board]
    return {name: _cost(model, name, board) for name in names}


def _cost(model: Model, name: str, board: Board) -> Cost | str:
    """Return the cost of the variant that fits, or of the default one if none does, or a sentence."""
    options = ExportOptions()
    with suppress(ExportError, QuantizationError):
        return fitted(model, name, board, options).cost
    try:
        return estimate(model, name, board, options)
    except (ExportError, QuantizationError) as error:
        return str(error)


def _model(source: Source, spec: ModelSpec) -> Model:
    """Return the saved model, or an untrained one, whose cost is the same."""
    if isinstance(source, ProjectSource):
        return source.saved
    classes = tuple(str(i) for i in range(spec.classes))
    return Model.new(spec, classes, np.random.default_rng(0))


def _cost_json(board: str, cost: Cost | str) -> dict[str, Any]:
    if isinstance(cost, str):
        return {"name": board, "fits": False, "reason": cost}
    figures = {
        "flash": cost.flash,
        "ram": cost.ram,
        "arena": cost.arena,
        "instructions": cost.instructions,
        "milliseconds": cost.milliseconds,
    }
    return {"name": board, "fits": cost.fits} | {
        name: {"value": figure.value, "how": figure.how.word} for name, figure in figures.items()
    }


def _cost_lines(costs: dict[str, Cost | str]) -> Iterator[str]:
    for name, cost in costs.items():
        yield from (f"{name}: {cost}",) if isinstance(cost, str) else _board_lines(name, cost)


def _board_lines(name: str, cost: Cost) -> Iterator[str]:
    board = cost.board
    yield f"{name} on {board.title} ({board.summary}): {'fits' if cost.fits else 'does not fit'}"
    yield f"  flash {cost.flash} of {board.flash_bytes:,} bytes; RAM {cost.ram} of {board.ram_bytes:,}"
    unit = TARGETS[board.core.rates].unit
    yield f"  {cost.instructions} {unit}, {cost.milliseconds} milliseconds an inference"


def _info_json(name: str, source: Source, spec: ModelSpec) -> dict[str, Any]:
    layers = [
        {
            "kind": row.layer.kind,
            "summary": row.layer.summary(),
            "input_shape": row.in_shape,
            "output_shape": row.out_shape,
            "parameters": row.parameters,
            "macs": row.macs,
        }
        for row in spec.rows()
    ]
    result = {
        "model": name,
        "input_shape": spec.input_shape,
        "layers": layers,
        "parameters": spec.parameters,
        "macs": spec.macs,
        "spec": spec.to_json(),
    }
    if isinstance(source, ProjectSource):
        saved = source.saved
        quantization = saved.quantization
        result["quantization"] = None if quantization is None else quantization.to_json()
        result |= {"classes": saved.classes, "fingerprint": saved.fingerprint}
        result["record"] = saved.record.to_json()
    return result


def _info_lines(name: str, source: Source, spec: ModelSpec) -> Iterator[str]:
    yield f"{name}: {describe_shape(spec.input_shape)} to {spec.classes} classes"
    yield from table(
        [
            ("", "layer", "", "output", "parameters", "MACs"),
            *map(_layer_cells, spec.rows()),
            ("", "all", "", "", f"{spec.parameters:,}", f"{spec.macs:,}"),
        ],
        left=(1, 2),
    )
    if isinstance(source, ProjectSource):
        yield from _history_lines(source.saved)


def _layer_cells(row: LayerRow) -> tuple[object, ...]:
    return (
        row.index + 1,
        row.layer.title,
        row.layer.summary(),
        describe_shape(row.out_shape),
        f"{row.parameters:,}",
        f"{row.macs:,}",
    )


def _history_lines(model: Model) -> Iterator[str]:
    yield f"classes: {' '.join(model.classes)}"
    yield f"model hash: {model.fingerprint}"
    if not model.trained:
        yield "not trained yet"
    metrics = model.record.metrics
    if metrics is not None and metrics.accuracy is not None:
        yield f"test accuracy: {percent(metrics.accuracy)}{_tested_on(metrics)}"
    if model.quantization is not None:
        yield f"int8: {_quantization_line(model.quantization)}"
    if model.record.command is not None:
        yield f"made by: {model.record.command}"


def _tested_on(metrics: Metrics) -> str:
    """Return what the accuracy was measured on, as far as the record tells it."""
    images = "" if metrics.images is None else f" of {metrics.images:,} images"
    return images + ("" if metrics.data is None else f" of {metrics.data}")


def _quantization_line(quantization: Quantization) -> str:
    of_data = f" of {quantization.data}" if quantization.data else ""
    how = f"ranges by {quantization.method} on {quantization.images:,} images{of_data}"
    metrics = quantization.metrics
    if not {"accuracy", "float_accuracy"} <= metrics.keys():
        return how
    return f"{percent(metrics['accuracy'])}, in float {percent(metrics['float_accuracy'])}; {how}"
