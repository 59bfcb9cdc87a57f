"""Fit the rates of `engine.cost.instruction_rates` to measured stages; tell how well they predict others.

    python -m tests.benchmarks.cost FOLDER [--write] [--targets T ...]

Networks of a designed sample (`tests.benchmarks.cost_networks`) are exported, compiled by gcc where there is
one for the target (zig otherwise) and run for one image; what was measured stays in FOLDER, so a second run
only fits. Every stage gives two equations: how often its parts run, times their rates, is its instructions,
and in the same way its code. Errors are made small relative to the stage, and a little to the network; rates
are not negative; stages that fit badly count less, and a prediction that is too low counts more than one that
is too high. A quarter of the networks is kept out of a first fit and predicted. How well networks are
predicted that people draw is told by `tests.benchmarks.cost_campaign`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import resources
from engine.boards.targets import TARGETS
from engine.cost import instruction_rates
from engine.cost.instruction_rates import TargetRates
from tests.benchmarks.cost_errors import Sample, tell
from tests.benchmarks.cost_fit import fit, scaled
from tests.benchmarks.cost_measure import Network, Store, facts
from tests.benchmarks.cost_networks import designed, wide

DESIGNED = (450, 300_000)  # networks, and their products at most
WIDE = 24  # networks


@dataclass(frozen=True)
class Plan:
    """Which networks are measured: how many, how large, and every how manyth in each variant."""

    networks: int
    most_macs: int
    variants: Mapping[str, int]


ALL = 2_000_000
EACH = {"auto": 1, "compact": 4, "small": 4}
INT8 = {
    "cortex-m4": Plan(460, ALL, EACH),
    "cortex-m0plus": Plan(460, ALL, EACH),
    "rv32imc": Plan(300, ALL, EACH),
    "cortex-m3": Plan(250, ALL, EACH),
    "cortex-m7": Plan(60, ALL, EACH),
    "cortex-m33": Plan(60, ALL, EACH),
    "avr": Plan(250, 150_000, {"small": 1, "auto": 4, "compact": 8}),
}
FLOAT = {
    "cortex-m4": Plan(150, ALL, {"auto": 1, "small": 6}),
    "cortex-m0plus": Plan(90, 60_000, {"auto": 1, "small": 6}),
    "rv32imc": Plan(90, 60_000, {"auto": 1, "small": 6}),
    "cortex-m3": Plan(90, 60_000, {"auto": 1, "small": 6}),
    "cortex-m7": Plan(40, ALL, {"auto": 1, "small": 6}),
    "cortex-m33": Plan(40, ALL, {"auto": 1, "small": 6}),
    "avr": Plan(90, 20_000, {"auto": 1}),
}
PLANS = {"c-int8": INT8, "c-float32": FLOAT}
LIKE = {"cortex-m7": "cortex-m4", "cortex-m33": "cortex-m4"}
"""Targets that run the code of another one, but for the order of instructions: its rates are scaled."""


def samples(target: str, folder: Path, only_kept: bool) -> list[Sample]:
    """Return the networks of the plans with what they take on `target`."""
    store, found = Store(folder, target), []
    for format_name, plans in PLANS.items():
        for network in networks(plans[target], format_name):
            taken = store.measured(network, only_kept)
            if taken is not None:
                found.append(Sample(format_name, facts(network), taken))
    return found


def networks(plan: Plan, format_name: str) -> Iterator[Network]:
    """Yield the networks of a plan."""
    small = (spec for spec in designed(*DESIGNED) if spec.macs <= plan.most_macs)
    for index, spec in enumerate(islice(small, plan.networks)):
        for variant, every in plan.variants.items():
            if index % every == 0:
                yield Network(spec, format_name, variant)
    yield from (Network(spec, format_name, "auto") for spec in wide(WIDE) if spec.macs <= plan.most_macs)


def main() -> None:
    """Measure, fit, tell, and write where wanted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where measurements are kept")
    parser.add_argument("--write", action="store_true", help="replace resources/cost_rates.json")
    parser.add_argument("--only-kept", action="store_true", help="fit to what is there, measure nothing")
    parser.add_argument("--targets", nargs="*", default=[t for t in TARGETS if t not in ("host", "avr-uno")])
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    found = _kept()
    for target in arguments.targets:
        sample = samples(target, arguments.folder, arguments.only_kept)
        way = _way(target, arguments.folder)
        tell(f"{target}, predicted", sample[::4], way([s for i, s in enumerate(sample) if i % 4]))
        rates = way(sample)
        tell(f"{target}, fitted", sample, rates)
        found[target] = _rounded(asdict(rates))
    if arguments.write:
        write(found)


def _way(target: str, folder: Path) -> Callable[[Sequence[Sample]], TargetRates]:
    """Return how the rates of `target` are found from its sample."""
    if target not in LIKE:
        return fit
    base = fit(samples(LIKE[target], folder, only_kept=False))
    return lambda sample: scaled(sample, base)


def _kept() -> dict[str, Any]:
    """Return the rates of all targets as they are in the file."""
    found: dict[str, Any] = json.loads(_path().read_text("utf-8"))
    return found


def _path() -> Path:
    return Path(resources.__file__).parent / instruction_rates.FILE


def write(rates: Mapping[str, Any]) -> None:
    """Replace the table that `engine.cost.instruction_rates` reads."""
    lines = [f"  {json.dumps(name)}: {_text(found)}" for name, found in rates.items()]
    _path().write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"Wrote {_path().name}.")


def _text(target: Mapping[str, Any]) -> str:
    """Return JSON with one kernel a line."""
    parts = []
    for name, value in target.items():
        if name in ("kernels", "functions"):
            rows = ",\n".join(f"      {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(value.items()))
            parts.append(f"    {json.dumps(name)}: {{\n{rows}\n    }}")
        else:
            parts.append(f"    {json.dumps(name)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n  }"


def _rounded(value: Any) -> Any:
    """Return plain values with four digits of each number."""
    if isinstance(value, Mapping):
        return {name: _rounded(v) for name, v in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    return float(f"{value:.4g}")


if __name__ == "__main__":
    main()
