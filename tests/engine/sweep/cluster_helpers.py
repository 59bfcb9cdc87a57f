"""A Dask cluster of separate processes, and images that tell where they arrive."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.data.dataset import Dataset
from engine.sweep.description import Run
from engine.sweep.outcome import EpochScores, Event
from engine.sweep.tasks import SingleTask

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class LocalCluster:
    """A scheduler and workers, each a process; `folder` has their files."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, kind: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *words]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "DASK_LOGGING__DISTRIBUTED": "critical"}
        process = subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.processes.append(process)
        return process

    @property
    def may_go(self) -> bool:
        """Whether tasks that wait may begin their training."""
        return (self.folder / "go").exists()

    @may_go.setter
    def may_go(self, value: bool) -> None:
        assert value
        (self.folder / "go").touch()

    def wait_for(self, pattern: str, count: int) -> None:
        """Wait until there are so many files."""
        while len(list(self.folder.glob(pattern))) < count:
            time.sleep(0.02)

    def scheduler(self) -> str:
        """Start the scheduler and return its address."""
        told = self.folder / "scheduler.json"
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(told))
        while not told.exists() or not told.read_text():
            time.sleep(0.02)
        return str(json.loads(told.read_text())["address"])

    def worker(self, address: str) -> subprocess.Popen[bytes]:
        return self.start("worker", address, "--nthreads", "1", "--no-nanny")

    def close(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()


@dataclass(frozen=True)
class CountedDataset(Dataset):
    """Images that leave a mark in `folder` wherever they are unpacked."""

    folder: str = ""

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        with (Path(self.folder) / f"arrived-{os.getpid()}").open("a") as stream:
            stream.write("arrived\n")


@dataclass(frozen=True)
class Waiting(SingleTask):
    """A task that begins its training only when there is a file `go`, and leaves word of each beginning."""

    runs: tuple[Run, ...]
    folder: str = ""

    def events(self, data: Dataset, test: Dataset | None) -> Iterator[Event]:
        folder = Path(self.folder)
        number = self.runs[0].number
        (folder / f"begun-{number}-{os.getpid()}").touch()
        yield EpochScores(0, 1, {number: 0.0})
        while not (folder / "go").exists():
            time.sleep(0.01)
        yield from super().events(data, test)
