"""Schedules: factors between nothing and the whole rate."""

from __future__ import annotations

import pytest

from engine.training.schedules import SCHEDULES, Schedule

PROGRESS = [step / 1000 for step in range(1000)]


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_factors_stay_between_nothing_and_the_whole(schedule: Schedule) -> None:
    factors = [schedule(progress) for progress in PROGRESS]
    assert all(0 <= factor <= 1 for factor in factors)
    assert max(factors) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "progress", "factor"),
    [
        ("constant", 0.99, 1.0),
        ("step", 0.49, 1.0),
        ("step", 0.5, 0.1),
        ("step", 0.75, 0.01),
        ("cosine", 0.0, 1.0),
        ("cosine", 0.5, 0.5),
        ("cosine", 1.0, 0.0),
        ("one_cycle", 0.0, 1 / 25),
        ("one_cycle", 0.3, 1.0),
        ("one_cycle", 1.0, 1 / 25e4),
    ],
)
def test_known_factors(name: str, progress: float, factor: float) -> None:
    assert SCHEDULES[name](progress) == pytest.approx(factor, abs=1e-12)


@pytest.mark.parametrize("name", ["step", "cosine"])
def test_annealing_never_rises(name: str) -> None:
    factors = [SCHEDULES[name](progress) for progress in PROGRESS]
    assert factors == sorted(factors, reverse=True)
