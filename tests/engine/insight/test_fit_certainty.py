"""A calibration accepts the share that was asked for, and cools or heats outputs as their errors demand."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import TrainingError
from engine.insight import coverage_curve, fit_certainty
from engine.int8.certainty import REJECTED, verdicts

COUNT, CLASSES = 4000, 5


def answers(heat: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return outputs with labels drawn from their softmax, so that a temperature of `heat` is right.

    The classes win with different outputs.
    """
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (COUNT, CLASSES)) + np.linspace(0, 1.5, CLASSES)
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return (heat * logits).astype(np.float32), labels


@pytest.mark.parametrize("accept", [0.8, 0.95, 1.0])
def test_the_wanted_share_is_accepted(accept: float) -> None:
    outputs, labels = answers()
    found = fit_certainty(outputs, labels, accept, "made", softmax=True)
    share = np.mean(verdicts(outputs, found.float_least) != REJECTED)
    assert accept <= share == found.accepted < accept + 2 / COUNT + 1e-3
    assert (found.data, found.images) == ("made", COUNT)


def test_each_class_has_a_least_output_of_its_own() -> None:
    outputs, labels = answers()
    least = fit_certainty(outputs, labels, 0.95, "made", softmax=True).least
    assert len(set(least)) == CLASSES


@pytest.mark.parametrize("heat", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_wrong_scale(heat: float) -> None:
    found = fit_certainty(*answers(heat), 0.95, "made", softmax=True)
    assert found.temperature == pytest.approx(heat, rel=0.05)


def test_probabilities_have_no_temperature() -> None:
    assert fit_certainty(*answers(3.0), 0.95, "made", softmax=False).temperature == 1.0


def test_a_rare_class_is_judged_like_the_others() -> None:
    outputs, labels = answers()
    known = outputs.argmax(axis=1) != 0
    found = fit_certainty(outputs[known], labels[known], 0.95, "made", softmax=True)
    assert min(found.least[1:]) <= found.least[0] <= max(found.least[1:])


def test_surer_images_are_more_often_right() -> None:
    outputs, labels = answers()
    curve = coverage_curve(outputs, labels, fit_certainty(outputs, labels, 0.95, "made", softmax=True))
    assert [point.accepted for point in curve] == pytest.approx(np.linspace(1, 0.5, 11))
    assert curve[0].accuracy == pytest.approx(np.mean(outputs.argmax(axis=1) == labels))
    assert curve[-1].accuracy > curve[0].accuracy


def test_what_cannot_be_calibrated_is_refused() -> None:
    outputs, labels = answers()
    with pytest.raises(TrainingError, match="right on none"):
        fit_certainty(outputs, (outputs.argmax(axis=1) + 1) % CLASSES, 0.95, "made", softmax=True)
    outputs[3, 1] = np.nan
    with pytest.raises(TrainingError, match="not numbers"):
        fit_certainty(outputs, labels, 0.95, "made", softmax=True)
