"""Do tasks on a Dask cluster.

A task that a worker was doing when it was killed is done again by another one. Its runs count when the whole
task is done, so each result comes exactly once.
"""

from __future__ import annotations

import logging
import pickle
import queue
import uuid
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

from engine.data.dataset import Dataset
from engine.errors import FileError, TinyMLError
from engine.extras import require
from engine.files import is_file
from engine.sweep.cluster.versions import check_versions, first_line, own_versions
from engine.sweep.outcome import Event, Failed
from engine.sweep.tasks import Task
from engine.words import short

__all__ = ["Cluster", "Tls"]

PATIENCE = 10.0  # seconds to wait for the scheduler, and for a first worker
GLANCE = 1.0  # seconds between two looks whether the scheduler is there


@dataclass(frozen=True)
class Tls:
    """The files with which Dask's client, scheduler and workers know each other."""

    ca: str
    cert: str
    key: str


class _GoneError(Exception):
    """The scheduler does not answer."""


class Cluster:
    """A connection to a scheduler.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://192.168.1.10:8786``.
    tls : Tls or None

    Raises
    ------
    TinyMLError
        When there is no scheduler or no worker, or a worker has another version of this program or of NumPy.
    MissingToolError
        When Dask is not installed.
    """

    def __init__(self, address: str, tls: Tls | None = None) -> None:
        self._dask, self._address = _require_distributed(), address
        self._client = self._connected(tls)
        try:
            with self._faults():
                self._check_workers()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; the cluster goes on."""
        self._client.close(timeout=GLANCE)

    @property
    def threads(self) -> int:
        """How many tasks its workers can do at the same time now."""
        with self._faults():
            return sum(self._client.nthreads().values())

    def wait_for(self, workers: int) -> None:
        """Wait until there are so many workers; raise `TimeoutError` if they do not come."""
        self._client.wait_for_workers(workers, timeout=PATIENCE)

    def _connected(self, tls: Tls | None) -> Any:
        security = _security(self._dask, tls)
        try:
            return self._dask.Client(self._address, timeout=PATIENCE, set_as_default=False, security=security)
        except (OSError, ValueError, TypeError) as error:
            raise TinyMLError(
                f"There is no Dask scheduler at {short(self._address, 80)} ({first_line(error)}); start one "
                "with `dask scheduler`, and give the address that it tells."
            ) from error

    def _check_workers(self) -> None:
        try:
            self.wait_for(1)
        except TimeoutError as error:
            raise TinyMLError(
                f"The scheduler at {self._address} has no worker; start some, each with `dask worker "
                f"{self._address} --nthreads 1`."
            ) from error
        for worker, found in sorted(self._client.run(own_versions, on_error="return").items()):
            check_versions(worker, found, own_versions())

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (OSError, _GoneError, self._dask.client.FutureCancelledError) as error:
            raise TinyMLError(
                f"The scheduler at {self._address} went away; start it again, and give the same command "
                "with --resume: what was finished is kept."
            ) from error

    def carried_out(
        self, tasks: Iterable[Task], data: Dataset, test: Dataset | None, unwanted: Collection[int] = ()
    ) -> Generator[Event, None, None]:
        """Do `tasks`; see `engine.sweep.processes.carried_out`."""
        with self._faults():
            course = _Course(self._dask, self._client, data, test)
            try:
                yield from course.events(iter(tasks), unwanted)
            finally:
                course.close()


class _Course:
    """Tasks under way."""

    def __init__(self, dask: Any, client: Any, data: Dataset, test: Dataset | None) -> None:
        from engine.sweep.cluster import on_worker

        self._dask, self._client, self._on_worker = dask, client, on_worker
        self._topic = f"tinyml-{uuid.uuid4().hex}"
        self._news: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._pending: dict[Any, Task] = {}  # by their futures
        self._ended: set[int] = set()
        client.register_plugin(on_worker.Images(self._topic, data, test))
        client.subscribe_topic(self._topic, lambda message: self._news.put(message[1]))

    def close(self) -> None:
        """Give up what is under way."""
        if self._client.status == "running":
            with suppress(OSError):
                self._client.cancel(list(self._pending), force=True)
                self._client.unsubscribe_topic(self._topic)
                self._client.unregister_worker_plugin(self._topic)

    def events(self, tasks: Iterator[Task], unwanted: Collection[int]) -> Iterator[Event]:
        """Yield what happens, until no task is left."""
        is_more = True
        while is_more or self._pending:
            while is_more and len(self._pending) < max(sum(self._client.nthreads().values()), 1):
                task = next(tasks, None)
                is_more = task is not None
                if task is not None:
                    self._submit(task)
            if self._pending:
                yield from self._next_news()
            self._end(unwanted)

    def _submit(self, task: Task) -> None:
        future = self._client.submit(
            self._on_worker.done_there, task, self._topic, own_versions(), pure=False
        )
        self._pending[future] = task
        future.add_done_callback(self._news.put)

    def _next_news(self) -> Iterator[Event]:
        try:
            news = self._news.get(timeout=GLANCE)
        except queue.Empty:
            if self._client.status != "running":
                raise _GoneError from None
            return
        if isinstance(news, bytes):
            yield pickle.loads(news)  # Dask sends pickles as well: whoever may send one may run code anyway
        elif news in self._pending:
            yield from self._results(news, self._pending.pop(news))

    def _results(self, future: Any, task: Task) -> Iterator[Event]:
        if future.status == "finished":
            yield from future.result()
            return
        if future.status != "error":  # a task is cancelled only if the scheduler forgets it
            raise _GoneError
        error = future.exception()
        if isinstance(error, TinyMLError):
            raise error
        yield from (Failed(run, self._sentence(error)) for run in task.runs)

    def _sentence(self, error: BaseException) -> str:
        if isinstance(error, self._dask.scheduler.KilledWorker):
            return "each worker that tried it ended unexpectedly; memory may have run out."
        return f"internal error ({type(error).__name__}: {first_line(error)})."

    def _end(self, unwanted: Collection[int]) -> None:
        """Tell workers which runs nobody wants any more."""
        for number in set(unwanted) - self._ended:
            self._ended.add(number)
            self._dask.Event(self._on_worker.flag(self._topic, number), client=self._client).set()


def _security(dask: Any, tls: Tls | None) -> Any:
    if tls is None:
        return None
    for path in (tls.ca, tls.cert, tls.key):
        if not is_file(path):
            raise FileError(path, "there is no such file; TLS needs --tls-ca, --tls-cert and --tls-key.")
    return dask.Security(
        tls_ca_file=tls.ca, tls_client_cert=tls.cert, tls_client_key=tls.key, require_encryption=True
    )


def _require_distributed() -> Any:
    """Return the module distributed; raise `MissingToolError` if it is not installed."""
    distributed = require("distributed", "cluster", "Sweeps on several machines")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    return distributed
