from __future__ import annotations

import threading
import weakref
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from engine.errors import TinyMLError
from tinyml_gui.background.worker import Job, JobOutcome, Worker

Steps = Generator[Any, None, Any]


@pytest.fixture
def worker(qtbot: QtBot) -> Iterator[Worker]:
    parent = QObject()
    made = Worker("test", parent)
    yield made
    made.shut_down()


def counting(limit: int | None = None) -> Any:
    def make(stopping: threading.Event) -> Steps:
        count = 0
        while not stopping.is_set() and count != limit:
            count += 1
            yield count
        return count

    return make


def test_all_items_come_in_order_and_the_result_last(worker: Worker, qtbot: QtBot) -> None:
    items: list[int] = []
    ended: list[tuple[int, JobOutcome]] = []
    worker.submit(Job(counting(5000), lambda o: ended.append((len(items), o)), items.extend))
    qtbot.waitUntil(lambda: bool(ended))
    assert items == list(range(1, 5001))
    assert ended[0][0] == 5000
    assert ended[0][1].result == 5000
    assert not worker.busy


def test_callbacks_run_on_the_windows_thread_and_work_elsewhere(worker: Worker, qtbot: QtBot) -> None:
    here: set[int] = set()
    there: set[int] = set()

    def make(stopping: threading.Event) -> Steps:
        there.add(threading.get_ident())
        yield 1

    done: list[JobOutcome] = []

    def ended(outcome: JobOutcome) -> None:
        here.add(threading.get_ident())
        done.append(outcome)

    worker.submit(Job(make, ended, lambda items: here.add(threading.get_ident())))
    qtbot.waitUntil(lambda: bool(done))
    assert here == {threading.get_ident()}
    assert there.isdisjoint(here)


def test_pausing_stops_the_pull_and_resuming_goes_on(worker: Worker, qtbot: QtBot) -> None:
    pulled = threading.Semaphore(0)
    allowed = threading.Semaphore(0)

    def make(stopping: threading.Event) -> Steps:
        for n in range(3):
            pulled.release()
            allowed.acquire()
            yield n
        return "all"

    ended: list[JobOutcome] = []
    job = Job(make, ended.append)
    job.pause()
    worker.submit(job)
    assert not pulled.acquire(timeout=0.05)
    job.resume()
    assert pulled.acquire(timeout=5)
    allowed.release(3)
    qtbot.waitUntil(lambda: bool(ended))
    assert ended[0].result == "all"


def test_stop_gives_the_result_so_far_even_when_paused(worker: Worker, qtbot: QtBot) -> None:
    items: list[int] = []
    ended: list[JobOutcome] = []
    job = worker.submit(Job(counting(), ended.append, items.extend))
    qtbot.waitUntil(lambda: bool(items))
    job.pause()
    job.stop()
    qtbot.waitUntil(lambda: bool(ended))
    assert ended[0].result == items[-1]


def test_cancel_closes_the_generator_and_gives_no_result(worker: Worker, qtbot: QtBot) -> None:
    closed = threading.Event()

    def make(stopping: threading.Event) -> Steps:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    ended: list[JobOutcome] = []
    items: list[int] = []
    job = worker.submit(Job(make, ended.append, items.extend))
    qtbot.waitUntil(lambda: bool(items))
    job.cancel()
    qtbot.waitUntil(lambda: bool(ended))
    assert ended[0] == JobOutcome(cancelled=True)
    assert closed.is_set()


def failing(error: Exception) -> Any:
    def make(stopping: threading.Event) -> Steps:
        yield 1
        raise error

    return make


def test_a_fault_of_the_user_is_an_outcome(worker: Worker, qtbot: QtBot) -> None:
    ended: list[JobOutcome] = []
    worker.submit(Job(failing(TinyMLError("No such file.")), ended.append))
    qtbot.waitUntil(lambda: bool(ended))
    assert str(ended[0].error) == "No such file."


def test_too_little_memory_is_told_in_one_sentence(worker: Worker, qtbot: QtBot) -> None:
    def hungry(stopping: threading.Event) -> Steps:
        yield
        raise MemoryError

    outcomes: list[JobOutcome] = []
    worker.submit(Job(hungry, outcomes.append))
    qtbot.waitUntil(lambda: bool(outcomes))
    assert "not enough memory" in str(outcomes[0].error)


def test_a_bug_is_raised_in_the_windows_thread_and_the_worker_lives_on(worker: Worker, qtbot: QtBot) -> None:
    ended: list[JobOutcome] = []
    with qtbot.captureExceptions() as caught:
        worker.submit(Job(failing(ZeroDivisionError("bug")), ended.append))
        qtbot.waitUntil(lambda: bool(caught))
    assert [kind for kind, *_ in caught] == [ZeroDivisionError]
    assert ended[0].cancelled
    worker.submit(Job(counting(3), ended.append))
    qtbot.waitUntil(lambda: len(ended) == 2)
    assert ended[1].result == 3


def test_what_an_ended_job_worked_on_goes_without_a_collection(worker: Worker, qtbot: QtBot) -> None:
    class Data:
        pass

    def submit() -> weakref.ref[Data]:
        data = Data()

        def make(stopping: threading.Event) -> Steps:
            yield data is not None

        worker.submit(Job(make, ended.append))
        return weakref.ref(data)

    ended: list[JobOutcome] = []
    kept = submit()
    qtbot.waitUntil(lambda: bool(ended))
    qtbot.waitUntil(lambda: kept() is None)


def test_shutting_down_ends_what_runs_and_reports_nothing(qtbot: QtBot) -> None:
    parent = QObject()
    worker = Worker("test", parent)
    items: list[int] = []
    ended: list[JobOutcome] = []
    job = worker.submit(Job(counting(), ended.append, items.extend))
    qtbot.waitUntil(lambda: bool(items))
    job.pause()
    worker.shut_down()
    assert worker.isFinished()
    assert not ended
