"""Work sent to other processes and machines by Dask: the one file that knows it."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from napari_medseg import __version__
from napari_medseg.app import cluster_worker
from napari_medseg.app.cluster_options import Workers
from napari_medseg.errors import InputError, MedsegError, OperationError
from napari_medseg.words import tr

# a worker that dies takes its piece with it: so often a piece is given to another
RETRIES = 3
_SECONDS = "20s"
T = TypeVar("T")
R = TypeVar("R")


class Team:
    """Workers that are there.

    Parameters
    ----------
    client
        Dask's.
    workers : Workers
    """

    def __init__(self, client: Any, workers: Workers) -> None:
        self._client, self._workers = client, workers

    def see(self, folders: Iterable[Path]) -> None:
        """Make sure that each worker sees the same folders and files.

        Raises
        ------
        OperationError
            The message names the worker and what it does not see.
        """
        for path in folders:
            for worker, there in self._client.run(os.path.exists, str(path)).items():
                if not there:
                    raise OperationError(
                        tr(
                            "The worker {worker} does not see {path}; expected a place that all machines share. Copy "
                            "it there, or start the workers where it is.",
                            worker=worker,
                            path=path,
                        )
                    )

    def each(self, work: Callable[..., R], items: Iterable[T], *common: Any) -> Iterator[tuple[T, Callable[[], R]]]:
        """Send out all items, and give each as it is done: the item, and what tells its result or raises its error.

        Parameters
        ----------
        work : callable
            ``work(item, *common)``, of a module that the workers can import.
        """
        from distributed import as_completed
        from distributed.scheduler import KilledWorker

        items = list(items)
        shared = [self._client.scatter(one, broadcast=True) for one in common]
        options: dict[str, Any] = {"retries": RETRIES, "pure": False}
        if self._workers.resources:
            options["resources"] = dict(self._workers.resources)
        futures = {self._client.submit(work, item, *shared, **options): item for item in items}
        done = False
        try:
            for future in as_completed(list(futures), loop=self._client.loop):
                yield futures[future], lambda future=future: _result(future, KilledWorker)  # type: ignore[misc]
            done = True
        finally:
            if not done:
                self._client.cancel(list(futures), force=True)


def _result(future: Any, killed: type[Exception]) -> Any:
    try:
        return future.result()
    except MedsegError:
        raise
    except killed as error:
        raise OperationError(
            tr(
                "Workers ended {n} times over one piece, perhaps for want of memory. What is finished stays. Give them "
                "more memory, or take fewer workers.",
                n=RETRIES + 1,
            )
        ) from error


@contextmanager
def team_of(workers: Workers) -> Iterator[Team]:
    """Workers, started here or found at a scheduler; those that were started end with it.

    Raises
    ------
    OperationError
        If Dask is not installed, the scheduler does not answer, has no worker, or one of another version.
    """
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise OperationError(
            tr(
                "Several workers need the library {name}, which is not installed. Install it: pip install "
                '"napari-medseg[cluster]".',
                name=error.name,
            )
        ) from error
    for name in ("distributed", "distributed.worker", "distributed.nanny", "distributed.scheduler"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    started = None
    if workers.scheduler is None:
        count = workers.count or 1
        threads = max(1, (os.cpu_count() or 1) // count)
        # each reads its own part of the processor
        environment = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        # what they say of being ended is for nobody
        environment["DASK_DISTRIBUTED__LOGGING__DISTRIBUTED"] = "critical"
        with _environment(environment):
            started = distributed.LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                # nobody outside is let in
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address="127.0.0.1:0",
                preload=[cluster_worker.__name__],
            )
    try:
        with _ended_in_order(), _client(distributed, started, workers) as client:
            _check(client, workers)
            yield Team(client, workers)
    finally:
        if started is not None:
            started.close()


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Whoever asks this process to end (SIGTERM) has it end as by Ctrl+C: workers that were started end before it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _client(distributed: Any, started: Any, workers: Workers) -> Iterator[Any]:
    options: dict[str, Any] = {}
    if workers.tls:
        tls = workers.tls
        options["security"] = distributed.Security(
            tls_ca_file=tls.get("ca"),
            tls_client_cert=tls.get("cert"),
            tls_client_key=tls.get("key"),
            require_encryption=True,
        )
    address = started if started is not None else workers.scheduler
    try:
        # what else in this process uses Dask goes on as before
        client = distributed.Client(address, timeout=_SECONDS, set_as_default=False, **options)
    # OSError: nobody answers; ValueError, TypeError, FileNotFoundError: an address or files for TLS that are none
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise OperationError(
            tr(
                "The scheduler {address} does not answer ({why}). Check its address, that it runs, and that it speaks "
                "the same version of Dask.",
                address=workers.scheduler,
                why=type(error).__name__,
            )
        ) from error
    try:
        yield client
    except (distributed.client.FutureCancelledError, distributed.comm.CommClosedError, TimeoutError) as error:
        raise OperationError(tr("The scheduler is gone. What is finished stays; start it again, and go on.")) from error
    finally:
        client.close(timeout=2)


def _version() -> str:
    return __version__


def _check(client: Any, workers: Workers) -> None:
    """Workers of the same version, and those that are asked for."""
    facts = client.scheduler_info(n_workers=-1)["workers"]
    if not facts:
        raise OperationError(
            tr("The scheduler {address} has no worker; expected one at least. Start some.", address=workers.scheduler)
        )
    for name, needed in workers.resources.items():
        if not any(one.get("resources", {}).get(name, 0) >= needed for one in facts.values()):
            raise InputError(
                tr(
                    "No worker has {name}={needed:g}; expected one that was started with it (dask worker --resources "
                    "{name}={needed:g}). Start one, or leave --resource out.",
                    name=name,
                    needed=needed,
                )
            )
    try:
        found = client.run(_version)
    # whatever a worker fails of that cannot import this program
    except Exception as error:
        raise OperationError(
            tr(
                "A worker has no MedSeg ({why}); expected version {own} on each. Install it there.",
                why=type(error).__name__,
                own=__version__,
            )
        ) from error
    for worker, version in found.items():
        if version != __version__:
            raise OperationError(
                tr(
                    "The worker {worker} has MedSeg {other}; expected {own}, as here. Install the same there.",
                    worker=worker,
                    other=version,
                    own=__version__,
                )
            )
