"""Dask: workers of their own, one killed in the middle and one that joins late, and what users meet."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.errors import FileError, MissingToolError, TinyMLError
from engine.sweep.cluster.connection import Cluster, Tls
from engine.sweep.outcome import EpochScores, Failed, Finished
from engine.sweep.processes import here
from engine.sweep.tasks import SingleTask
from tests.engine.helpers import blobs
from tests.engine.sweep.cluster_helpers import CountedDataset, LocalCluster, Waiting
from tests.engine.sweep.test_tasks import LONG, convolution, dense

pytest.importorskip("distributed")

PATIENCE = "engine.sweep.cluster.connection.PATIENCE"
# Dask leaves sockets that it no longer needs to the collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalCluster]:
    cluster = LocalCluster(tmp_path)
    yield cluster
    cluster.close()


def test_workers_are_checked_come_and_go_and_each_run_is_there_once(
    local: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One worker is killed in the middle, and one joins late; a run that nobody wants ends."""
    plain, folder = blobs(120), str(tmp_path)
    data = CountedDataset(plain.name, plain.images, plain.labels, plain.classes, folder=folder)
    runs, unwanted, events = [convolution(number) for number in range(5)], set(), []
    tasks = [*(Waiting((run,), folder) for run in runs), SingleTask((dense(9, 4, LONG),))]
    address = local.scheduler()
    with monkeypatch.context() as patched:
        patched.setattr(PATIENCE, 0.5)
        with pytest.raises(TinyMLError, match="has no worker; start some"):
            Cluster(address)
    workers = [local.worker(address) for _ in range(2)]
    with monkeypatch.context() as patched:
        patched.setattr(engine, "__version__", "0.0.1")
        with pytest.raises(TinyMLError, match=r"needs tinyml-studio 0\.0\.1"):
            Cluster(address)
    with Cluster(address) as cluster:
        cluster.wait_for(2)
        for event in cluster.carried_out(tasks, data, plain, unwanted):
            events.append(event)
            if isinstance(event, EpochScores) and not local.may_go:
                victim = int(next(tmp_path.glob("begun-*")).name.rpartition("-")[2])
                next(worker for worker in workers if worker.pid == victim).kill()
                local.worker(address)
                local.wait_for("arrived-*", 3)
                local.may_go = True
            if isinstance(event, EpochScores) and 9 in event.accuracies:
                unwanted.add(9)
    ended = [event for event in events if isinstance(event, Finished)]
    assert sorted(event.trained.run.number for event in ended) == [0, 1, 2, 3, 4]
    assert not [event for event in events if isinstance(event, Failed)]
    (alone,) = [e for e in here([SingleTask(tuple(runs[:1]))], plain, None) if isinstance(e, Finished)]
    (first,) = [event for event in ended if event.trained.run.number == 0]
    assert np.array_equal(first.trained.params, alone.trained.params)
    assert len(list(tmp_path.glob("begun-*"))) == 6  # one began twice, on the killed worker and on another
    assert [path.read_text() for path in tmp_path.glob("arrived-*")] == ["arrived\n"] * 3


@pytest.mark.campaign
def test_all_workers_go_and_others_come(local: LocalCluster, tmp_path: Path) -> None:
    address = local.scheduler()
    only, events = local.worker(address), []
    with Cluster(address) as cluster:
        for event in cluster.carried_out([Waiting((convolution(0),), str(tmp_path))], blobs(120), None):
            events.append(event)
            if isinstance(event, EpochScores) and not local.may_go:
                only.kill()
                local.worker(address)
                local.may_go = True
    assert len([event for event in events if isinstance(event, Finished)]) == 1
    assert not [event for event in events if isinstance(event, Failed)]


@pytest.mark.campaign
def test_a_scheduler_that_goes_away_is_told_in_one_sentence(local: LocalCluster, tmp_path: Path) -> None:
    address = local.scheduler()
    local.worker(address)

    def carry_out(cluster: Cluster) -> None:
        for event in cluster.carried_out([Waiting((convolution(0),), str(tmp_path))], blobs(120), None):
            if isinstance(event, EpochScores):
                local.processes[0].kill()

    with (
        Cluster(address) as cluster,
        pytest.raises(TinyMLError, match=r"went away; start it again.*--resume"),
    ):
        carry_out(cluster)


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:9", "127.0.0.1", "what://ever", "tcp://127.0.0.1:99999", ""]
)
def test_a_scheduler_that_is_not_there_is_told_in_one_sentence(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PATIENCE, 0.2)
    with pytest.raises(TinyMLError, match="There is no Dask scheduler at") as error:
        Cluster(address)
    assert "\n" not in str(error.value)


def test_files_for_tls_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"ca\.pem: there is no such file; TLS needs"):
        Cluster("tls://127.0.0.1:9", Tls(str(tmp_path / "ca.pem"), "cert.pem", "key.pem"))


def test_without_dask_the_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingToolError, match=r"tinyml-studio\[cluster\]"):
        Cluster("tcp://127.0.0.1:9")
