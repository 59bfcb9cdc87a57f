"""No plan lets buffers overlap that are in use together, and a chain needs no more than its widest step."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.export.arena_plan import Buffer, Link, Plan, find_overlap, plan
from engine.int8.arithmetic import Affine
from engine.int8.calls import IntegerMaxPool, Window
from engine.int8.calls.leads import pixel_lead, row_lead
from engine.nn.call_chain import build_network
from engine.nn.presets import PRESETS
from engine.shapes import size
from tests.engine.export.programs import random_model

BUFFERS = st.lists(
    st.builds(
        lambda size, first, length: Buffer(size, first, first + length),
        st.integers(1, 100),
        st.integers(0, 10),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=12,
)


@given(BUFFERS)
def test_a_plan_never_overlaps(buffers: list[Buffer]) -> None:
    planned = plan(buffers)
    for i, a in enumerate(buffers):
        assert 0 <= planned.offsets[i] <= planned.size - a.size
        for j, b in enumerate(buffers[:i]):
            apart = (
                planned.offsets[i] + a.size <= planned.offsets[j]
                or planned.offsets[j] + b.size <= planned.offsets[i]
            )
            assert apart or a.last < b.first or b.last < a.first


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=30))
def test_a_chain_needs_its_widest_pair(sizes: list[int]) -> None:
    buffers = [Buffer(n, time, time + 1) for time, n in enumerate(sizes)]
    assert plan(buffers).size == max(a + b for a, b in pairwise(sizes))


@pytest.mark.parametrize(
    ("offsets", "size", "fault"),
    [((0, 3), 8, (0, 1)), ((0, 4), 7, (1, 1)), ((-1, 4), 8, (0, 0)), ((0, 4), 8, None)],
)
def test_the_check_finds_what_is_wrong(offsets: tuple[int, ...], size: int, fault: object) -> None:
    buffers = [Buffer(4, 0, 1), Buffer(4, 1, 2)]
    assert find_overlap(buffers, Plan(offsets, size)) == fault


def test_buffers_apart_in_time_share_their_place() -> None:
    assert plan([Buffer(4, 0, 1), Buffer(4, 2, 3)]).size == 4


def test_lenet_needs_its_second_map_with_input_or_output() -> None:
    network = build_network(random_model(PRESETS["lenet"].build(10)))
    assert network.sizes == (784, 14 * 14 * 6, 7 * 7 * 16, 120, 84, 10)
    buffers = [Buffer(n, *life) for n, life in zip(network.sizes, network.lifetimes(), strict=True)]
    assert plan(buffers).size == 14 * 14 * 6 + 784


@given(st.lists(st.tuples(st.integers(1, 50), st.none() | st.integers(0, 20)), min_size=2, max_size=12))
def test_linked_buffers_overlap_as_far_as_allowed(chain: list[tuple[int, int | None]]) -> None:
    buffers = [Buffer(n, time, time + 1) for time, (n, _) in enumerate(chain)]
    links = [Link(i, i + 1, lead) for i, (_, lead) in enumerate(chain[:-1]) if lead is not None]
    planned = plan(buffers, links)
    assert planned.size <= plan(buffers).size
    linked = {link.target: link for link in links}
    for i, (a, b) in enumerate(pairwise(buffers)):
        first, second = planned.offsets[i : i + 2]
        apart = first + a.size <= second or second + b.size <= first
        assert apart or second + linked[i + 1].lead <= first


def test_an_output_that_runs_behind_its_input_takes_its_place() -> None:
    buffers = [Buffer(100, 0, 1), Buffer(60, 1, 2)]
    assert plan(buffers, [Link(0, 1, 0)]).size == 100
    assert plan(buffers, [Link(0, 1, 20)]).size == 120
    assert plan(buffers, [Link(0, 1, 80)]).size == 160  # apart is as good


def test_the_check_finds_a_link_that_is_not_kept() -> None:
    buffers = [Buffer(4, 0, 1), Buffer(4, 1, 2)]
    assert find_overlap(buffers, Plan((2, 0), 6), [Link(0, 1, 2)]) is None
    assert find_overlap(buffers, Plan((1, 0), 6), [Link(0, 1, 2)]) == (0, 1)


@given(
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(0, 5),
    st.integers(1, 4),
    st.integers(1, 9),
    st.integers(1, 40),
    st.integers(1, 5),
    st.integers(1, 16),
)
def test_nothing_is_written_over_that_is_still_to_be_read(
    kernel: int, stride: int, top: int, pool: int, line_in: int, line_out: int, rows: int, height: int
) -> None:
    top = min(top, kernel - 1)
    affine = Affine(1.0, 0)
    call = IntegerMaxPool((height, 1, line_in), (rows, 1, line_out), affine, affine, 1)
    lead = row_lead(call, Window(kernel, stride, top, 0), pool)
    memory = ["free"] * lead + [f"row {r}" for r in range(height) for _ in range(line_in)] + ["free"] * 400
    copied = 0
    for i, part in np.ndindex(rows, pool):  # a pool takes the windows of its rows one after the other
        wanted = min(height, (i * pool + part) * stride - top + kernel)
        for r in range(copied, wanted):
            assert set(memory[lead + r * line_in : lead + (r + 1) * line_in]) == {f"row {r}"}
        copied = max(copied, wanted)
        memory[i * line_out : (i + 1) * line_out] = ["written"] * line_out


@given(
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 4),
    st.integers(1, 2),
    st.integers(1, 3),
    st.integers(1, 9),
)
def test_no_pixel_is_written_over_that_a_window_still_sees(
    kernel: int, stride: int, padding: int, pool: int, channels: int, filters: int
) -> None:
    padding, rows, columns, height, width = min(padding, kernel - 1), 3, 4, 6, 7
    affine = Affine(1.0, 0)
    call = IntegerMaxPool((height, width, channels), (rows, columns, filters), affine, affine, 1)
    lead = pixel_lead(call, Window(kernel, stride, padding, padding), pool)
    memory = np.zeros(lead + size(call.in_shape) + size(call.out_shape), bool)  # what has been written over
    image = memory[lead : lead + size(call.in_shape)].reshape(call.in_shape)
    reach, step = kernel + (pool - 1) * stride, pool * stride
    for n, (i, j) in enumerate(np.ndindex(rows, columns)):
        memory[n * filters : (n + 1) * filters] = True
        top, left = (max(0, k * step - padding) for k in (i, j))
        assert not image[top : i * step - padding + reach, left : j * step - padding + reach].any()
