"""What every benchmark prints: the machine, the versions, and a table of figures, bars and verdicts."""

from __future__ import annotations

import importlib
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from threadpoolctl import threadpool_info

QUIET = 0.5  # load of a machine that is left alone


@dataclass(frozen=True)
class Figure:
    """One measured value; a `bar` of None means that it is only told."""

    name: str
    value: float
    unit: str
    bar: float | None = None

    @property
    def verdict(self) -> str:
        if self.bar is None:
            return ""
        return "met" if self.value <= self.bar else "MISSED"


def percentiles(name: str, milliseconds: Sequence[float], bar: float) -> list[Figure]:
    """Return median, 99th percentile (judged by `bar`) and maximum."""
    low, high = statistics.median(milliseconds), statistics.quantiles(milliseconds, n=100)[98]
    return [
        Figure(f"{name}, p50", low, "ms"),
        Figure(f"{name}, p99", high, "ms", bar),
        Figure(f"{name}, max", max(milliseconds), "ms"),
    ]


def show(title: str, figures: Sequence[Figure]) -> int:
    """Print the table; return 1 when a bar was missed."""
    width = max(len(figure.name) for figure in figures)
    print(f"{title}\n{machine()}\n{versions('numpy', 'PySide6-Essentials', 'pyqtgraph')}\n")
    print(f"{'':{width}}  {'measured':>12}  {'at most':>12}")
    for figure in figures:
        bar = "" if figure.bar is None else f"{figure.bar:,.1f} {figure.unit}"
        print(f"{figure.name:{width}}  {figure.value:>9,.1f} {figure.unit}  {bar:>12}  {figure.verdict}")
    return int(any(figure.verdict == "MISSED" for figure in figures))


def warn_if_busy() -> None:
    """Say so if other programs are running: what is measured against them means little."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > QUIET:
        print(f"Other programs are running (load {load:.1f}): wait until they are done.", file=sys.stderr)


def machine() -> str:
    """Return processor, cores, load, system, and the processor that NumPy's matrix products are made for."""
    load = " ".join(f"{v:.1f}" for v in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    return f"{_processor()}, {os.cpu_count()} cores, load {load}, {platform.platform()}, {_products()}"


def _products() -> str:
    importlib.import_module("engine.nn.ops")  # and with it NumPy, set up as it is used
    kinds = {found.get("architecture", "?") for found in threadpool_info() if found["user_api"] == "blas"}
    return f"matrix products for {'/'.join(sorted(kinds)) or 'an unknown processor'}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def versions(*names: str) -> str:
    """Return the versions of Python and of packages."""
    return ", ".join([f"Python {platform.python_version()}", *(f"{n} {_version(n)}" for n in names)])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"
