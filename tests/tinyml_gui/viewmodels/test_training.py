from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.training.config import TrainConfig
from engine.training.events import BatchDone, Diverged, EpochDone, Finished, Reason
from engine.training.trainer import Trainer
from tests.tinyml_gui.tiny import spot_model, spots
from tinyml_gui.viewmodels.accuracy import Accuracies
from tinyml_gui.viewmodels.training import (
    Phase,
    Run,
    Status,
    bar_text,
    data_facts,
    duration_words,
    ending_words,
    figures,
    headline,
    percent,
)


def batch(step: int, loss: float = 0.5, epoch: int = 1) -> BatchDone:
    return BatchDone(epoch, step, 20, loss, 0.75, 0.05, 25_400.0, 61.0)


def started() -> Run:
    run = Run()
    run.start(TrainConfig(epochs=2))
    return run


def test_events_become_status_and_curves() -> None:
    run = started()
    assert run.status.phase is Phase.STARTING
    run.consume([batch(1), batch(10), EpochDone(1, 2, 0.4, 0.8, 0.3, 0.9, 25_400.0), "something else"])
    assert run.status.phase is Phase.RUNNING
    assert (run.status.epoch, run.status.epochs, run.status.progress) == (1, 2, 0.5)
    assert run.status.validation_accuracy == 0.9
    np.testing.assert_allclose(run.train_loss.line[0], [0.1, 1.0])  # in epochs
    np.testing.assert_allclose(run.validation_loss.values, [[1], [0.3]])


def test_curves_of_a_run_that_goes_on_stay_and_others_are_begun_with_what_is_known() -> None:
    done = EpochDone(1, 2, 0.4, 0.8, 0.3, 0.9, 25_400.0)
    run, elsewhere = started(), started()
    run.consume([batch(1), batch(10), done, batch(11), Finished(Reason.STOPPED, spot_model())])
    interrupted = Trainer(spot_model(), spots(), TrainConfig(epochs=2)).checkpoint()
    interrupted = replace(interrupted, history=(done,))
    for shown, points in ((run, [0.1, 1.0, 1.1]), (elsewhere, [1.0])):
        shown.resumed(interrupted)
        assert shown.status.phase is Phase.STARTING
        assert shown.status.epochs == 2
        np.testing.assert_allclose(shown.train_loss.line[0], points)


@pytest.mark.parametrize("reason", [Reason.COMPLETED, Reason.STOPPED, Reason.EARLY])
def test_every_end_says_what_was_kept(reason: Reason) -> None:
    run = started()
    run.consume([batch(1), Finished(reason, spot_model())])
    assert run.status.phase is Phase.DONE
    assert run.status.sentence
    assert not run.status.phase.failed


def test_divergence_is_a_state_of_its_own_with_advice() -> None:
    run = started()
    run.consume([batch(1), Diverged(1, 2, math.inf), Finished(Reason.DIVERGED, spot_model())])
    assert run.status.phase is Phase.DIVERGED
    assert "learning rate" in run.status.sentence
    assert "kept" in run.status.sentence


def test_pausing_and_stopping_only_mean_something_while_it_runs() -> None:
    run = Run()
    for intent in (run.pause, run.resume, run.stop, run.testing, run.tested):
        intent()
        assert run.status.phase is Phase.IDLE
    run.start(TrainConfig())
    run.consume([batch(1)])
    run.pause()
    assert run.status.phase is Phase.PAUSED
    run.resume()
    assert run.status.phase is Phase.RUNNING
    run.stop()
    run.consume([batch(2)])
    assert run.status.phase is Phase.STOPPING


def test_starting_again_forgets_the_last_curves() -> None:
    run = started()
    run.consume([batch(1)])
    run.start(TrainConfig())
    assert len(run.train_loss) == 0
    assert math.isnan(run.status.loss)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a few seconds"),
        (12, "15 s"),
        (54, "55 s"),
        (58, "1 min"),
        (200, "3 min"),
        (3569, "59 min"),
        (3600, "1 h 0 min"),
        (7260, "2 h 1 min"),
        (math.inf, ""),
        (math.nan, ""),
    ],
)
def test_time_left_in_words(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


def test_the_bar_is_one_line_with_the_figures_that_matter() -> None:
    run = started()
    run.consume([batch(10)])
    assert bar_text(run.status) == "Training… epoch 1 of 2   loss 0.500   25,400 images/s   1 min left"
    run.pause()
    assert bar_text(run.status) == "Paused epoch 1 of 2   loss 0.500"
    assert bar_text(Status(Phase.STARTING)) == "Preparing…"


def test_figures_never_change_their_places() -> None:
    run = started()
    before = [name for name, _ in figures(Run().status)]
    run.consume([batch(10)])
    assert [name for name, _ in figures(run.status)] == before


def test_headline_shows_validation_while_training_and_the_test_after() -> None:
    run = started()
    assert headline(run.status, Accuracies()).figure == ""
    run.consume([batch(1)])
    assert headline(run.status, Accuracies(0.9)).caption == "training accuracy"
    run.consume([EpochDone(1, 2, 0.4, 0.8, 0.3, 0.912, 1.0)])
    assert headline(run.status, Accuracies(0.9)).figure == "91.2 %"
    run.consume([Finished(Reason.COMPLETED, spot_model())])
    assert headline(run.status, Accuracies(0.9, words="on 10 images")).caption == "accuracy on 10 images"
    both = headline(run.status, Accuracies(0.9, 0.85, "on 10 images"))
    assert (both.figure, both.in_int8, both.caption) == ("90.0 %", "85.0 %", "on 10 images")


def test_unknown_figures_are_a_dash() -> None:
    assert percent(math.nan) == "–"
    assert percent(0.98765) == "98.8 %"


def test_the_facts_of_a_data_set_are_told_in_a_few_words() -> None:
    assert data_facts(spots()) == "320 images 4×4×1 · 4 classes"


def test_a_run_that_has_not_begun_can_be_held_too() -> None:
    run = started()
    run.pause()
    run.consume([batch(1)])  # was under way already
    assert run.status.phase is Phase.PAUSED
    run.resume()
    assert run.status.phase is Phase.RUNNING


def test_a_resumed_run_that_only_guesses_gets_a_hint() -> None:
    run = Run()
    run.resumed(Trainer(spot_model(), spots(), TrainConfig(epochs=3)).checkpoint(), classes=4)
    run.consume([batch(1, loss=1.39), EpochDone(1, 3, 1.45, 0.26, 1.4, 0.25, 1.0)])
    assert "another learning rate" in run.status.hint


def test_a_run_that_only_guesses_gets_a_hint_until_it_learns() -> None:
    run = Run()
    run.start(TrainConfig(epochs=3), classes=4)
    run.consume([batch(1, loss=1.39), EpochDone(1, 3, 1.45, 0.26, 1.4, 0.25, 1.0)])
    assert "another learning rate" in run.status.hint
    run.consume([EpochDone(2, 3, 0.9, 0.6, 0.9, 0.6, 1.0)])
    assert run.status.hint == ""


@pytest.mark.parametrize(
    ("reason", "words"),
    [(Reason.COMPLETED, "Training finished"), (Reason.STOPPED, "Stopped in epoch 1 of 2")],
)
def test_the_end_of_a_run_is_told(reason: Reason, words: str) -> None:
    run = started()
    run.consume([batch(1), Finished(reason, spot_model())])
    assert ending_words(run.status) == words
    assert ending_words(run.status, 0.984, 1000) == f"{words}: 98.4 % on 1,000 test images"
