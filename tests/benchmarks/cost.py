"""Fit the rates of `engine.cost.instruction_rates` to emulated networks; tell how well they predict others.

    python -m tests.benchmarks.cost [--write] [--networks N] [--targets T ...]

Random networks are exported, compiled by gcc where there is one for the target (zig otherwise) and run for
one image. Every stage gives one equation: its counts times the rates of its kernel and functions are its
instructions. The equations are weighted so that errors relative to stage and network are what is made small;
rates are not negative. A fifth of the networks is kept out of the fit and predicted.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import resources
from engine.boards.targets import TARGETS
from engine.cost import instruction_rates as cost_rates
from engine.cost.estimate import code_bytes, counts, instructions, path, unrolled
from engine.cost.instruction_rates import KernelRates, TargetRates
from engine.errors import SpecError, TinyMLError
from engine.export import ExportOptions, make_vectors
from engine.export.facts import Facts, KernelWorkload
from engine.export.options import AUTO, VARIANTS
from engine.nn.layers import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
)
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.nn.specs import LayerSpec, ModelSpec
from engine.quantize.network import untrained_quantization
from engine.shapes import size
from engine.verify.session import Setup, verify
from tests.engine.export.programs import facts_of

COMPILER = "arm-none-eabi-gcc"
RELATIVE = "cortex-m0plus"  # whose rates are scaled where stages are not counted apart
FORMAT_NAMES = ("c-int8", "c-float32")
MOST_MACS = 3_000_000
AVR_FLASH = 60_000
ENOUGH = 8  # stages that took a path, for rates of its own
Key = Callable[[KernelWorkload], str]


@dataclass(frozen=True)
class Sample:
    """One network on one target.

    Attributes
    ----------
    facts : Facts
    stages : tuple of float
        Instructions of each stage; empty where only the total is known.
    total : float
    code, stack : int
        Bytes.
    """

    facts: Facts
    stages: tuple[float, ...]
    total: float
    code: int
    stack: int

    @property
    def flash(self) -> int:
        """Bytes of code and weights."""
        return self.facts.weight_bytes + self.code


def random_spec(rng: np.random.Generator) -> ModelSpec:
    """Return a network such as people draw: image layers that shrink, then dense ones."""
    layers: list[LayerSpec] = []
    for _ in range(int(rng.integers(0, 4))):
        layers += _image_layers(rng)
    layers.append(GlobalAvgPool2D() if layers and rng.random() < 0.3 else Flatten())
    for _ in range(int(rng.integers(0, 3))):
        layers.append(Dense(int(rng.integers(4, 130)), _activation(rng)))
    return ModelSpec((*layers, Dense(int(rng.integers(2, 48)))), (28, 28, 1))


def _activation(rng: np.random.Generator) -> str:
    return str(rng.choice(["relu", "relu", "relu", "relu6", "tanh", "sigmoid", "leaky_relu", "linear"]))


def _image_layers(rng: np.random.Generator) -> Iterator[LayerSpec]:
    kernel, stride = int(rng.choice([1, 3, 3, 3, 5, 5, 7])), int(rng.choice([1, 1, 1, 2]))
    padding = str(rng.choice(["same", "same", "valid"]))
    if rng.random() < 0.3:
        yield DepthwiseConv2D(max(3, kernel), stride, padding, _activation(rng))
        kernel, stride = 1, 1
    yield Conv2D(int(rng.integers(3, 48)), kernel, stride, padding, _activation(rng))
    if rng.random() < 0.6:
        yield (MaxPool2D if rng.random() < 0.7 else AvgPool2D)(2)
    if rng.random() < 0.15:
        yield from (BatchNorm(), Activation(_activation(rng)))


def models(count: int, seed: int = 0) -> list[Model]:
    """Return the presets and random networks of a size that runs in a moment."""
    rng = np.random.default_rng(seed)
    specs = [preset.build() for preset in PRESETS.values()]
    while len(specs) < count:
        spec = random_spec(rng)
        try:
            fits = spec.macs <= MOST_MACS
        except SpecError:
            continue
        if fits:
            specs.append(spec)
    return [_model(spec, rng) for spec in specs]


def _model(spec: ModelSpec, rng: np.random.Generator) -> Model:
    classes = tuple(str(i) for i in range(spec.classes))
    return Model.new(spec, classes, rng).replace(quantization=untrained_quantization(spec))


def sample(count: int, format_name: str, target: str) -> list[Sample]:
    """Return `count` networks on `target`, each as it is by default and in one of the other variants."""
    others = VARIANTS[1:]
    found = (
        measure(model, format_name, target, ExportOptions(variant=variant))
        for index, model in enumerate(models(count))
        for variant in (AUTO, others[index % len(others)])
    )
    return [s for s in found if s is not None]


def measure(model: Model, format_name: str, target: str, options: ExportOptions) -> Sample | None:
    """Return what `model` takes on `target`, or None where it cannot run there."""
    facts = facts_of(model, format_name, options)
    if target == "avr" and facts.weight_bytes > AVR_FLASH:
        return None
    gnu = any(t.name == COMPILER for t in TARGETS[target].toolchains) and shutil.which(COMPILER)
    setup = Setup(COMPILER if gnu else None, options=options, counted=1)
    try:
        result = verify(model, format_name, (target,), make_vectors(model, 1), setup).results[0]
    except TinyMLError as error:
        print(f"  left out: {error}")
        return None
    figures = result.figures[0]
    counted = {c.layers: c.count for c in figures.layers}
    stages = tuple(counted[workload.layers] for workload in facts.workloads) if len(counted) > 1 else ()
    return Sample(facts, stages, figures.mean, figures.code_bytes, figures.stack_bytes)


def fit(samples: Sequence[Sample]) -> TargetRates:
    """Return the rates that predict `samples` best."""
    often = Counter(path(workload) for sample in samples for workload in sample.facts.workloads)
    coarse = _fit(samples, lambda workload: workload.kernel)
    fine = _fit(
        samples, lambda workload: path(workload) if often[path(workload)] >= ENOUGH else workload.kernel
    )
    return replace(fine, kernels={**fine.kernels, **coarse.kernels})


def _fit(samples: Sequence[Sample], key: Key) -> TargetRates:
    columns = _Columns.of(samples, key)
    solved = columns.solve(samples)
    code = _code(samples, columns)
    made = {name: KernelRates(solved[name], *code[name]) for name in columns.kernels}
    functions = {name: KernelRates(solved[name], *code[name]) for name in columns.functions}
    call = float(np.median([s.total - sum(s.stages) for s in samples]))
    stack = float(np.percentile([s.stack for s in samples], 90))
    return TargetRates(made, functions, _average(made), call, code[""][0], stack)


def scaled(samples: Sequence[Sample], base: TargetRates) -> TargetRates:
    """Return rates for `samples` of which only totals are known: each kernel's of `base` times one number."""
    names = sorted(
        {n for s in samples for workload in s.facts.workloads for n in (workload.kernel, *workload.functions)}
    )
    rows = [[_part(s, base, name) for name in names] for s in samples]
    factors = dict(
        zip(names, _solve(rows, [s.total for s in samples], [1 / s.total for s in samples]), strict=True)
    )
    usual = float(np.median([f for f in factors.values() if f]))
    code = float(np.median([s.code / code_bytes(s.facts, base) for s in samples]))

    def times(name: str, k: KernelRates) -> KernelRates:
        factor = factors.get(name.partition(",")[0], usual) or usual
        return KernelRates(tuple(factor * n for n in k.instructions), code * k.code, code * k.code_for_tap)

    return TargetRates(
        {name: times(name, k) for name, k in base.kernels.items()},
        {name: times(name, k) for name, k in base.functions.items()},
        times("", base.others),
        usual * base.call,
        code * base.code,
        float(np.percentile([s.stack for s in samples], 90)),
    )


def _part(sample: Sample, base: TargetRates, name: str) -> float:
    """Return the instructions that `base` predicts for a kernel, or for a function, of a network."""
    workloads = sample.facts.workloads
    own = sum(instructions(replace(w, functions=()), base) for w in workloads if w.kernel == name)
    applied = [w for w in workloads if name in w.functions]
    return (
        own
        + sum(instructions(replace(w, functions=(name,)), base) for w in applied)
        - sum(instructions(replace(w, functions=()), base) for w in applied)
    )


@dataclass(frozen=True)
class _Columns:
    """The unknowns: some rates for each kernel, then one for each function."""

    kernels: tuple[str, ...]
    functions: tuple[str, ...]
    wide: int
    key: Key

    @classmethod
    def of(cls, samples: Sequence[Sample], key: Key) -> _Columns:
        workloads = [workload for sample in samples for workload in sample.facts.workloads]
        kernels = tuple(sorted({key(workload) for workload in workloads}))
        functions = tuple(sorted({name for workload in workloads for name in workload.functions}))
        return cls(kernels, functions, len(counts(workloads[0])), key)

    def solve(self, samples: Sequence[Sample]) -> Mapping[str, tuple[float, ...]]:
        """Return the rates by name of kernel or function."""
        rows, y, weights = [], [], []
        for sample in samples:
            parts = [self._row(workload) for workload in sample.facts.workloads]
            rows += parts
            y += sample.stages
            weights += [1 / (sample.total * n) ** 0.5 for n in sample.stages]
        solved = _solve(rows, y, weights)
        found = {k: solved[i * self.wide : (i + 1) * self.wide] for i, k in enumerate(self.kernels)}
        return found | {
            f: (n,) for f, n in zip(self.functions, solved[len(found) * self.wide :], strict=True)
        }

    def calls(self, facts: Facts) -> list[float]:
        """Return how often each kernel is called and what is unrolled there; for each function whether."""
        found = {k: [0.0, 0.0] for k in self.kernels}
        for workload in facts.workloads:
            found[self.key(workload)][0] += 1
            found[self.key(workload)][1] += unrolled(workload)
        used = {name for workload in facts.workloads for name in workload.functions}
        return [n for pair in found.values() for n in pair] + [float(f in used) for f in self.functions]

    def _row(self, workload: KernelWorkload) -> NDArray[np.float64]:
        row = np.zeros(len(self.kernels) * self.wide + len(self.functions))
        first = self.kernels.index(self.key(workload)) * self.wide
        row[first : first + self.wide] = counts(workload)
        for name in workload.functions:
            row[len(self.kernels) * self.wide + self.functions.index(name)] += size(workload.out_shape)
        return row


def _code(samples: Sequence[Sample], columns: _Columns) -> Mapping[str, tuple[float, ...]]:
    rows = [[1.0, *columns.calls(sample.facts)] for sample in samples]
    solved = _solve(rows, [s.code for s in samples], [1 / s.flash for s in samples])
    kernels, functions = solved[1 : 1 + 2 * len(columns.kernels)], solved[1 + 2 * len(columns.kernels) :]
    pairs = dict(zip(columns.kernels, zip(kernels[::2], kernels[1::2], strict=True), strict=True))
    return {"": solved[:1]} | pairs | {f: (n,) for f, n in zip(columns.functions, functions, strict=True)}


def _solve(
    rows: Sequence[Sequence[float]], y: Sequence[float], weights: Sequence[float]
) -> tuple[float, ...]:
    from scipy.optimize import nnls  # comes with scikit-learn

    weight = np.asarray(weights)
    a = np.asarray(rows, np.float64) * weight[:, None]
    scale = np.maximum(np.abs(a).max(axis=0), 1e-30)
    solved = nnls(a / scale, np.asarray(y, np.float64) * weight)[0] / scale
    return tuple(float(n) for n in solved)


def _average(made: Mapping[str, KernelRates]) -> KernelRates:
    rates = np.array([k.instructions for k in made.values()])
    return KernelRates(
        tuple(float(n) for n in np.median(rates, axis=0)), float(np.median([k.code for k in made.values()]))
    )


def merged(parts: Sequence[TargetRates]) -> TargetRates:
    """Return the rates of several formats as one: their kernels have different names."""
    kernels = {name: rates for part in parts for name, rates in part.kernels.items()}
    return replace(
        parts[0],
        kernels=kernels,
        functions={name: rate for part in parts for name, rate in part.functions.items()},
        call=max(p.call for p in parts),
        code=float(np.mean([p.code for p in parts])),
        stack=max(p.stack for p in parts),
    )


def tell(name: str, samples: Sequence[Sample], rates: TargetRates) -> None:
    """Print how well `rates` predict `samples`."""
    made = [sum(instructions(w, rates) for w in s.facts.workloads) + rates.call for s in samples]
    error = _relative(made, [s.total for s in samples])
    flash = _relative(
        [s.facts.weight_bytes + code_bytes(s.facts, rates) for s in samples],
        [s.flash for s in samples],
    )
    for what, e in (("instructions", error), ("flash", flash)):
        print(
            f"{name:34} {what:12} {len(e):3} networks, median {np.median(e):6.2%}, "
            f"90 % within {np.percentile(e, 90):6.2%}, worst {e.max():6.2%}"
        )


def _relative(predicted: Sequence[float], measured: Sequence[float]) -> NDArray[np.float64]:
    p, m = np.asarray(predicted, np.float64), np.asarray(measured, np.float64)
    return np.abs(p - m) / m


def main() -> None:
    """Measure, fit, tell, and write where wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="replace resources/cost_rates.json")
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--targets", nargs="*", default=[t for t in TARGETS if t != "host"])
    arguments = parser.parse_args()
    found = dict(cost_rates.RATES)
    for target in arguments.targets:
        parts = []
        for format_name in FORMAT_NAMES:
            samples = sample(arguments.networks, format_name, target)
            parts.append(_told(f"{target} {format_name}", samples, found.get(RELATIVE)))
        found[target] = merged(parts)
    if arguments.write:
        write(found)


def _told(name: str, samples: Sequence[Sample], base: TargetRates | None) -> TargetRates:
    """Return the rates of all samples, after telling how well those of most of them predict the others."""

    def fitted(some: Sequence[Sample]) -> TargetRates:
        return fit(some) if all(s.stages for s in some) or base is None else scaled(some, base)

    tell(f"{name}, predicted", samples[::5], fitted([s for i, s in enumerate(samples) if i % 5]))
    rates = fitted(samples)
    tell(f"{name}, fitted", samples, rates)
    return rates


def write(rates: Mapping[str, TargetRates]) -> None:
    """Replace the table that `engine.cost.instruction_rates` reads."""
    path = Path(resources.__file__).parent / cost_rates.FILE
    lines = [f"  {json.dumps(name)}: {_text(_rounded(asdict(found)))}" for name, found in rates.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"Wrote {path.name}.")


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
    if isinstance(value, (tuple, list)):
        return [_rounded(v) for v in value]
    return float(f"{value:.4g}")


if __name__ == "__main__":
    main()
