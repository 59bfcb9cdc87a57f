"""Memory: aligned, and given to one user at a time."""

from __future__ import annotations

import numpy as np

from engine.nn.memory import Memory, Scratch, long_loops


def test_arrays_begin_on_boundaries() -> None:
    memory = Memory()
    for size in range(1, 200, 13):
        array = memory.take((size, 3), np.float32)
        assert array.ctypes.data % 64 == 0
        assert array.shape == (size, 3)


def test_arrays_share_nothing_and_are_zero_also_where_a_slab_ends() -> None:
    memory = Memory()
    arrays = [memory.take((rows, 1000), np.float32) for rows in (1000, 1500, 2000, 3, 9000, 0, 1)]
    for number, array in enumerate(arrays):
        assert not array.any()
        array[...] = number + 1
    for number, array in enumerate(arrays):
        assert (array == number + 1).all()


def test_one_user_gets_memory_once_and_the_next_gets_it_again() -> None:
    scratch = Scratch(Memory())
    first, second = scratch.take((10, 10), np.float32), scratch.take((3,), np.float64)
    assert not np.shares_memory(first, second)
    scratch.restart()
    small, large = scratch.take((2,), np.float64), scratch.take((100,), np.float32)
    assert np.shares_memory(small, second)
    assert np.shares_memory(large, first)
    assert not np.shares_memory(scratch.take((1,), np.bool_), large)


def test_long_loops_end_where_they_began() -> None:
    before = np.getbufsize()
    with long_loops():
        assert np.getbufsize() < before
    assert np.getbufsize() == before
