"""The side of the workers: what a cluster sends them, and how they do tasks. It needs Dask to be imported."""

from __future__ import annotations

import pickle
from contextlib import closing

import distributed

from engine.data.dataset import Dataset
from engine.sweep.cluster.versions import Versions, check_versions, own_versions
from engine.sweep.outcome import Advanced, EpochScores, Event, Failed, Finished
from engine.sweep.processes import here
from engine.sweep.tasks import Task

__all__ = ["Images", "done_there", "flag"]

REPORTED = 0.1  # epochs between two messages of a worker


class Images(distributed.WorkerPlugin):  # type: ignore[misc]
    """The images, as a plugin: the scheduler sends it once to each worker, also to those that join late."""

    def __init__(self, name: str, data: Dataset, test: Dataset | None) -> None:
        self.name, self.data, self.test = name, data, test


def done_there(task: Task, topic: str, versions: Versions) -> list[Event]:
    """Do `task` on a worker, send word of it under `topic`, and return its results."""
    worker = distributed.get_worker()
    check_versions(worker.address, own_versions(), versions)
    images = worker.plugins[topic]
    results: list[Event] = []
    epochs = 0.0
    with closing(here([task], images.data, images.test)) as events:
        for event in events:
            match event:
                case Finished() | Failed():
                    results.append(event)
                case Advanced():
                    epochs += event.epochs
                    if epochs >= REPORTED:
                        worker.log_event(topic, pickle.dumps(Advanced(epochs)))
                        epochs = 0.0
                case EpochScores():
                    worker.log_event(topic, pickle.dumps(event))
                    if all(distributed.Event(flag(topic, run.number)).is_set() for run in task.runs):
                        break
    return results


def flag(topic: str, number: int) -> str:
    """Return the name of the event of Dask that ends the run `number`."""
    return f"{topic}-{number}"
