"""Runs become tasks, and tasks results: in this process or in others, whatever happens to those."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from engine.data.dataset import Dataset
from engine.errors import TrainingError
from engine.nn.layers import Conv2D, Dense, Flatten
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.sweep import processes
from engine.sweep.description import Run
from engine.sweep.initial import STARTS
from engine.sweep.outcome import Advanced, EpochScores, Event, Failed, Finished
from engine.sweep.processes import carried_out, here, in_processes
from engine.sweep.tasks import SingleTask, Task, tasks_for
from engine.training.config import TrainConfig
from engine.training.events import Finished as RunFinished
from engine.training.trainer import Trainer
from tests.engine.helpers import blobs

DATA, TEST = blobs(120), blobs(60, seed=1)
PLAIN = TrainConfig(epochs=2, batch_size=12, momentum=0.0, threads=1)


def dense(number: int, width: int, config: TrainConfig = PLAIN) -> Run:
    layers = (Flatten(), Dense(width, "tanh"), Dense(3))
    return Run(number, ModelSpec(layers, DATA.image_shape), config, "isometric")


def convolution(number: int) -> Run:
    layers = (Conv2D(2, 3, activation="relu"), Flatten(), Dense(3))
    return Run(number, ModelSpec(layers, DATA.image_shape), PLAIN, "layers")


MIXED = [dense(0, 4), convolution(1), dense(2, 5), dense(3, 6, replace(PLAIN, seed=1)), dense(4, 7)]


def test_stacks_are_cut_for_processes_and_keep_the_order_of_runs() -> None:
    wide = [dense(number, 15) for number in range(6)]
    assert [len(task.runs) for task in tasks_for(wide, 2)] == [3, 3]
    order = [[run.number for run in task.runs] for task in tasks_for(MIXED, 1)]
    assert order == [[0, 2, 4], [1], [3]]


def test_every_run_gets_its_figures() -> None:
    events = list(here(tasks_for(MIXED, 1), DATA, TEST))
    found = {event.trained.run.number: event for event in events if isinstance(event, Finished)}
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert sum(e.epochs for e in events if isinstance(e, Advanced)) <= 10.001
    for event in found.values():
        trained = event.trained
        assert (trained.test.images, trained.validation.images, trained.epochs) == (60, 12, 2)
        assert trained.test.balanced == pytest.approx(trained.test.accuracy)  # classes are equally frequent
        assert trained.seconds > 0
        assert event.prediction > 0
        for cost in event.costs.values():
            assert min(cost.flash, cost.ram, cost.instructions) > 0
        assert event.costs["int8"].flash < event.costs["float32"].flash


def test_a_run_that_trains_alone_is_that_of_the_trainer() -> None:
    run = convolution(0)
    (event,) = [e for e in here([SingleTask((run,))], DATA, None) if isinstance(e, Finished)]
    *_, last = Trainer(run.model(DATA.classes), DATA, run.config).run()
    assert isinstance(last, RunFinished)
    assert np.array_equal(event.trained.params, last.model.params)
    assert event.trained.validation.accuracy == (last.model.record.history or ())[-1].validation_accuracy
    assert np.isnan(event.trained.test.accuracy)


@dataclass(frozen=True)
class Faulty:
    """A task that ends in another way than it should, if its first run is number 0."""

    runs: tuple[Run, ...]
    fault: str

    def events(self, data: Dataset, test: Dataset | None) -> Iterator[Event]:
        good = SingleTask(self.runs[:1]).events(data, test)
        yield from (event for event in good if isinstance(event, Finished))
        if self.runs[0].number:
            return
        if self.fault == "user":
            raise TrainingError("There is no such thing.")
        if self.fault == "memory":
            raise MemoryError
        if self.fault == "bug":
            raise ZeroDivisionError("x / 0")
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("fault", "words"),
    [("user", "no such thing"), ("memory", "not enough memory"), ("bug", "ZeroDivisionError")],
)
def test_a_fault_fails_the_runs_that_it_cost_and_no_others(fault: str, words: str) -> None:
    tasks: list[Task] = [Faulty((dense(0, 2), dense(1, 2)), fault), Faulty((dense(2, 2),), fault)]
    events = list(here(tasks, DATA, None))
    assert [e.trained.run.number for e in events if isinstance(e, Finished)] == [0, 2]
    (failed,) = [e for e in events if isinstance(e, Failed)]
    assert failed.run.number == 1
    assert words in failed.sentence


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_processes_give_the_same_results_and_one_that_is_killed_is_replaced() -> None:
    killed = Faulty((dense(0, 2), dense(5, 3)), "killed")
    tasks: list[Task] = [killed, *tasks_for(MIXED[1:], 1)]
    events = list(in_processes(tasks, DATA, TEST, 1))
    expected = {
        e.trained.run.number: e.trained.params
        for e in here(tasks_for(MIXED[1:], 1), DATA, TEST)
        if isinstance(e, Finished)
    }
    found = {e.trained.run.number: e.trained.params for e in events if isinstance(e, Finished)}
    assert found.pop(0) is not None  # sent before the process was killed
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[number], expected[number]) for number in expected)
    assert [(e.run.number, "unexpectedly" in e.sentence) for e in events if isinstance(e, Failed)] == [
        (5, True)
    ]


LONG = replace(PLAIN, epochs=10_000)


@pytest.mark.parametrize("workers", [1, 2])
def test_tasks_are_asked_for_when_they_can_begin_and_unwanted_ones_end(workers: int) -> None:
    unwanted: set[int] = set()
    begun: list[int] = []
    finished: list[int] = []

    def asked() -> Iterator[Task]:
        for run in (dense(0, 4, LONG), convolution(1), convolution(2)):
            begun.append(run.number)
            yield SingleTask((run,))
            assert len(begun) - len(finished) - len(unwanted) <= workers

    for event in carried_out(asked(), DATA, None, workers, unwanted):
        if isinstance(event, EpochScores) and 0 in event.accuracies:
            unwanted.add(0)
        if isinstance(event, Finished):
            finished.append(event.trained.run.number)
    assert unwanted == {0}
    assert sorted(finished) == [1, 2]


@dataclass
class Slow:
    """The other side of a connection: it consumes an event whenever it is waited for, then gives up."""

    patience: int
    events: list[Event]
    most_ahead: int = 0

    def send(self, event: Event) -> None:
        self.events.append(event)

    def poll(self) -> bool:
        return False

    def recv(self) -> processes._GoOn | processes._GiveUp:
        consumed = 3 - self.patience
        self.most_ahead = max(self.most_ahead, len(self.events) - consumed)
        self.patience -= 1
        return processes._GiveUp() if self.patience < 0 else processes._GoOn()


def test_a_process_waits_when_its_events_are_not_asked_for() -> None:
    """So a consumer that pauses pauses the work."""
    other_side = Slow(3, [])
    processes._serve_task(cast(Connection, other_side), SingleTask((dense(0, 4, LONG),)), DATA, None)
    assert other_side.most_ahead == processes.AHEAD
    assert len(other_side.events) == processes.AHEAD + 3


@pytest.mark.parametrize("function", ["relu", "leaky_relu", "relu6", "sigmoid", "tanh"])
def test_isometric_starts_keep_lengths_through_any_depth(function: str) -> None:
    """Differences between images are as long behind 19 layers of 8 neurons as behind the first one."""
    hidden = (Dense(8, function) for _ in range(19))
    spec = ModelSpec((Flatten(), *hidden, Dense(10)))
    params = STARTS["isometric"].draw(spec, np.random.default_rng(0)).astype(np.float64)
    layout, rng = ParamLayout(spec), np.random.default_rng(1)
    x = rng.random((784, 50)) * (rng.random((784, 50)) < 0.2)
    spread = []
    for index in range(1, 20):
        arrays = layout.layer(index, params)
        x = arrays["weight"] @ x + arrays["bias"][:, None]
        spec.layers[index].lower((8,))[-1].function.forward(x)  # type: ignore[attr-defined]
        spread.append(x.std(axis=1).mean())
    assert spread[-1] > spread[0] / 8
    own = STARTS["layers"].draw(spec, np.random.default_rng(0))
    assert own.shape == params.shape


@pytest.mark.parametrize("widths", [(1,), (2, 1, 3), (5, 5)])
@pytest.mark.parametrize("function", ["relu", "sigmoid"])
def test_start_values_of_narrow_networks_are_usable(widths: tuple[int, ...], function: str) -> None:
    spec = ModelSpec((Flatten(), *(Dense(width, function) for width in widths), Dense(10)))
    params = STARTS["isometric"].draw(spec, np.random.default_rng(0))
    assert np.isfinite(params).all()
    for index in range(1, len(spec.layers)):
        assert np.abs(ParamLayout(spec).layer(index, params)["weight"]).max() > 0


def test_processes_import_nothing_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files there may have the names of modules that Python itself starts with."""
    for name in ("struct", "random", "selectors"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('from the current folder')")
    monkeypatch.chdir(tmp_path)
    tasks = tasks_for([convolution(0), convolution(1)], 2)
    events = list(in_processes(tasks, DATA, None, 2))
    assert sum(isinstance(event, Finished) for event in events) == 2
