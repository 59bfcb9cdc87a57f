"""What kernels read and write, byte by byte: nothing outside, and no feature map after it was overwritten.

The leads that calls claim (`StageCode.lead`), and the plans that are made with them, are compared with what
the compiled kernels are seen to do (``stages/trace.c``). Whole random networks then run in arenas of exactly
the planned size.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pytest

from engine.export.float_stages import stage_codes
from engine.int8.calls import IntegerCall, Window, conv2d
from engine.nn.kernel_calls import Call
from engine.nn.layers import Dense
from engine.nn.specs import ModelSpec
from engine.shapes import size
from tests.engine.export.int8_kernels import conv2d as random_conv2d
from tests.engine.export.int8_programs import Case, quantized
from tests.engine.export.programs import CAMPAIGN, random_model
from tests.engine.export.stages.geometries import case_of, float_calls, integer_calls, overlapping
from tests.engine.export.stages.programs import Traced, build_runner, build_tracer, run, trace
from tests.engine.export.stages.tables import (
    FLOATS,
    INT8,
    VARIANTS,
    Planned,
    alone,
    planned_floats,
    planned_int8,
    planned_learning,
)
from tests.engine.export.test_c_int8 import OVERLAPPING

BATCH = 300  # networks at a time

Trace = Callable[[Sequence[Planned]], list[list[Traced]]]


@pytest.fixture(scope="module")
def trace_int8(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    folder = tmp_path_factory.mktemp("trace_int8")
    return partial(trace, build_tracer(INT8, folder), folder)


@pytest.fixture(scope="module")
def trace_floats(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    folder = tmp_path_factory.mktemp("trace_floats")
    return partial(trace, build_tracer(FLOATS, folder), folder)


@pytest.fixture(scope="module")
def drawn_seed() -> int:
    return int(np.random.default_rng().integers(1 << 32))


@pytest.fixture
def seed(drawn_seed: int) -> int:
    """Return the seed of this run; pytest shows it when the test fails."""
    print(f"seed {drawn_seed}")  # noqa: T201
    return drawn_seed


def int8_stages(calls: Iterable[IntegerCall]) -> Iterator[Planned]:
    """Yield each call on its own, in every variant; its input is in the arena, or also that of a caller."""
    for number, call in enumerate(calls):
        codes = [call.code(variant) for variant in VARIANTS.values()]
        yield from (alone(call, code, INT8, given=False) for code in codes)
        yield alone(call, codes[number % len(codes)], INT8, given=True)


def float_stages(calls: Iterable[Call]) -> Iterator[Planned]:
    for number, call in enumerate(calls):
        (code,) = stage_codes([call], fast=number % 2 == 0)
        yield alone(call, code, FLOATS, given=False)


TURNS = [1, pytest.param(30, marks=CAMPAIGN)]


@pytest.mark.parametrize("turns", TURNS)
def test_int8_kernels_need_the_lead_that_calls_claim(turns: int, seed: int, trace_int8: Trace) -> None:
    for turn in range(turns):
        stages = list(int8_stages(integer_calls(np.random.default_rng([seed, turn]))))
        assert {code.kernel for one in stages for code in one.codes} == set(INT8.kernels)
        check_leads(stages, trace_int8)


@pytest.mark.parametrize("turns", TURNS)
def test_float_kernels_need_the_lead_that_calls_claim(turns: int, seed: int, trace_floats: Trace) -> None:
    for turn in range(turns):
        stages = list(float_stages(float_calls(np.random.default_rng([seed, turn]))))
        assert {code.kernel for one in stages for code in one.codes} == set(FLOATS.kernels)
        check_leads(stages, trace_floats)


def check_leads(networks: Sequence[Planned], traced: Trace) -> None:
    """Trace stages that are alone; compare their claims with what they did."""
    for one, found in zip(networks, traced(networks), strict=True):
        (code,), (stage,) = one.codes, one.network.stages
        what = f"{code.kernel} {code.sizes}, {stage.call.in_shape} to {stage.call.out_shape}"
        assert not any(f.fault for f in found), f"{what}: {found[0].fault or found[1].fault}"
        needed = max(0, found[0].needed)
        if stage.call.in_place:
            assert needed == 0, what
        if code.lead is not None:
            left_out = max(0, code.sizes.get("stride", 1) - code.sizes.get("kernel", 1))
            row = size(stage.call.in_shape[1:]) * one.numbers.bytes
            assert needed <= code.lead <= needed + (1 + left_out) * row, (
                f"{what}: lead {code.lead}, needs {needed}"
            )


NETWORKS = [BATCH, pytest.param(5000, marks=CAMPAIGN)]


@lru_cache(maxsize=1)
def int8_batch(seed: int, start: int) -> tuple[list[Case], list[Planned]]:
    """Return networks, and their plans in all variants."""
    rng = np.random.default_rng([seed, start])
    cases = [case_of(overlapping(rng), rng) for _ in range(BATCH)]
    return cases, [one for case in cases for one in planned_int8(case.model)]


def batches(count: int) -> range:
    return range(0, count, BATCH)


@pytest.mark.parametrize("count", NETWORKS)
def test_int8_plans_keep_what_will_be_read(count: int, seed: int, trace_int8: Trace) -> None:
    for start in batches(count):
        _, networks = int8_batch(seed, start)
        assert sum(map(shares_memory, networks)) > len(networks) // 3
        check_plans(networks, trace_int8)


@pytest.mark.parametrize("count", NETWORKS)
def test_random_networks_in_arenas_of_the_planned_size(count: int, seed: int, tmp_path: Path) -> None:
    program = build_runner(INT8, tmp_path)
    for start in batches(count):
        cases, networks = int8_batch(seed, start)
        repeated = [case for case in cases for _ in VARIANTS]
        outputs = run(program, networks, [case.images for case in repeated], tmp_path)
        wrong = [c.model.spec for c, y in zip(repeated, outputs, strict=True) if (y != c.outputs).any()]
        assert not wrong, f"{len(wrong)} of {len(repeated)} differ, first {wrong[0]}"


@pytest.mark.parametrize("count", [50, pytest.param(2000, marks=CAMPAIGN)])
def test_float_plans_keep_what_will_be_read(count: int, seed: int, trace_floats: Trace) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(0, count, 50):
        models = [random_model(overlapping(rng)) for _ in range(50)]
        check_plans([one for model in models for one in planned_floats(model)], trace_floats)


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=CAMPAIGN)])
def test_plans_with_a_last_layer_that_learns_keep_what_will_be_read(
    count: int, seed: int, trace_int8: Trace
) -> None:
    rng = np.random.default_rng(seed)
    networks = []
    for _ in range(count):
        spec = overlapping(rng)
        learning = (
            spec
            if isinstance(spec.layers[-1], Dense)
            else ModelSpec((*spec.layers, Dense(3)), spec.input_shape)
        )
        networks.append(planned_learning(case_of(learning, rng).model))
    check_plans(networks, trace_int8)


def shares_memory(one: Planned) -> bool:
    """Whether the output of a stage overlaps its input in the arena, but is not in its place."""
    places, sizes = one.arena.buffers, [n * one.numbers.bytes for n in one.network.sizes]
    return any(
        stage.source != stage.target
        and 0 <= places[stage.source] < places[stage.target] + sizes[stage.target]
        and places[stage.target] < places[stage.source] + sizes[stage.source]
        for stage in one.network.stages
    )


def check_plans(networks: Sequence[Planned], traced: Trace) -> None:
    faults = [fault for pair in zip(networks, traced(networks), strict=True) for fault in told(*pair)]
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(faults[:5])


def told(one: Planned, found: Sequence[Traced]) -> Iterator[str]:
    """Yield the faults of a plan in words."""
    calls = [(code.kernel, stage.call) for stage, code, _ in one.stages()]
    names = [f"{kernel} {call.in_shape} to {call.out_shape}" for kernel, call in calls]
    for name, stage in zip([*names, "the reader of the output"], found, strict=True):
        if stage.fault:
            yield f"{name} {stage.fault}"


def rows_read_so_far(call: IntegerCall, window: Window, pool: int = 1, phases: int = 1) -> int:
    """Return a lead that is too small: it forgets the rows that only the last windows of a pool read."""
    rows, columns, channels = call.out_shape
    height, line = call.in_shape[0], size(call.in_shape[1:])
    read = [min(height, i * pool * window.stride + window.kernel - window.top) for i in range(rows)]
    ahead = ((i + 1) * columns * channels - n * line for i, n in enumerate(read) if n < read[-1])
    return max(0, *ahead, 0)


def test_a_lead_that_is_too_small_is_found(monkeypatch: pytest.MonkeyPatch, trace_int8: Trace) -> None:
    """The fault that 4 % of random networks once had is found in the call and in the plan."""
    monkeypatch.setattr(conv2d, "row_lead", rows_read_so_far)
    call = random_conv2d(np.random.default_rng(1), (4, 4, 2), 9, kernel=1, pool=4)
    with pytest.raises(AssertionError, match="lead 0, needs"):
        check_leads(list(int8_stages([call])), trace_int8)
    with pytest.raises(AssertionError, match=r"conv2d_s8 .* reads byte \d+ after it was overwritten"):
        check_plans([one for spec in OVERLAPPING for one in planned_int8(quantized(spec))], trace_int8)


BROKEN = {  # sizes that are wrong for a kernel, bytes of scratch memory that it lacks, what it is seen to do
    "rows are too long": ({"in_width": 9}, 0, "reads byte 147, outside"),
    "a row too many is written": ({"out_height": 5}, 0, r"writes byte \d+, outside"),
    "a row is missing": ({"out_height": 3}, 0, "does not write byte 36 of its output"),
    "too little scratch memory": ({}, 4, r"byte \d+, outside"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_a_kernel_must_not_do_is_found(fault: str, trace_int8: Trace) -> None:
    changed, less, seen = BROKEN[fault]
    call = random_conv2d(np.random.default_rng(1), (9, 8, 2), 3, kernel=3, pool=2)
    right = call.code()
    wrong = dataclasses.replace(right, sizes={**right.sizes, **changed}, scratch=right.scratch - less)
    with pytest.raises(AssertionError, match=seen):
        check_leads([alone(call, wrong, INT8, given=False)], trace_int8)
