"""No plan lets buffers overlap that are in use together, and a chain needs no more than its widest step."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.export.plan import Buffer, Plan, find_overlap, plan, plan_network
from engine.network import build_network
from engine.presets import PRESETS
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
    assert plan_network(network).size == 14 * 14 * 6 + 784
