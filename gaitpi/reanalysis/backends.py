"""Who does the work: this process, some of its own, or a Dask cluster. The same answers from all.

A backend takes tasks one by one, as it has room for them, and gives each back with its answer as
soon as that is there. What is distributed is done by the standard library and by Dask.
"""

import contextlib
import logging
import multiprocessing
import os
import re
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Final

import msgspec

from gaitpi.errors import GaitpiError, UsageError
from gaitpi.reanalysis.sources import packed
from gaitpi.reanalysis.task import Answer, Task, code_name, is_result
from gaitpi.reanalysis.work import one_thread, work

WORKERS_MAX: Final = 256
CONNECT_S: Final = 10.0
"""A scheduler that does not answer, or has no worker, for this long is not there, s."""
AHEAD: Final = 2
"""Recordings sent to a cluster for each of its threads: one in work, one that waits."""
_DEAD_S: Final = 2.0
"""How long it is waited for word of how a process died, s."""

_LARGE: Final = {"distributed.admin.large-graph-warning-threshold": "1GB"}
"""A recording in a task is meant; ``sources.SEND_MAX`` bounds it."""
_ADDRESS: Final = re.compile(r"(tcp|tls)://[^/\s]+:[0-9]{1,5}")

Done = tuple[Task, Answer]


class ClusterError(GaitpiError, OSError):
    """The cluster cannot be reached or was lost."""

    def __init__(self, found: str, todo: str = "") -> None:
        GaitpiError.__init__(self, found, todo)


def _read(data: bytes) -> Answer:
    """What a worker answered. Raises ValueError where it is no answer."""
    answer = msgspec.json.decode(data, type=Answer)
    if answer.problem is None and not is_result(answer.result):
        raise ValueError("its answer is none")
    return answer


def in_turn(tasks: Iterable[Task]) -> Iterator[Done]:
    """One after the other, in this process."""
    one_thread()
    for task in tasks:
        yield task, _read(work(task))


def _ready() -> None:
    """A worker process begins: it ends with its parent, and Ctrl-C is the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    one_thread()
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, name="gaitpi-parent", daemon=True).start()


class _Remembered(SpawnContext):
    """Starts processes afresh, and keeps them: how one died is asked when it is gone."""

    def __init__(self) -> None:
        self.made: list[SpawnProcess] = []

    def Process(self, *args: Any, **named: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802
        """A process of this kind."""
        self.made.append(SpawnProcess(*args, **named))
        return self.made[-1]


class _Worker:
    """A process that does one task at a time; another takes its place when it died."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._processes: list[SpawnProcess] = []

    def begin(self, task: Task) -> "Future[bytes]":
        """Start on a task."""
        with contextlib.suppress(BrokenProcessPool):
            if self._pool is not None:
                return self._pool.submit(work, task)
        self.end()  # it died while it had nothing to do
        context = _Remembered()
        self._processes = context.made
        self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_ready)
        return self._pool.submit(work, task)

    def why(self) -> str:
        """How the process died."""
        for process in self._processes:
            until_s = time.monotonic() + _DEAD_S
            # the pool's own thread may have asked the system first, and not yet kept the answer
            while process.exitcode is None and time.monotonic() < until_s:
                process.join(0.01)
                time.sleep(0.001)
            if process.exitcode is not None and process.exitcode < 0:
                name = signal.Signals(-process.exitcode).name
                return f"died of {name}" + (
                    ", as it does when memory runs out" if name == "SIGKILL" else ""
                )
        return "died"

    def end(self) -> None:
        """Let it go; what it is at is lost."""
        if self._pool is not None:
            for process in self._processes:
                process.kill()
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def processes(tasks: Iterable[Task], n: int) -> Iterator[Done]:
    """``n`` processes of this machine. One that dies costs the recording it was at."""
    waiting = iter(tasks)
    idle = [_Worker() for _ in range(n)]
    busy: dict[Future[bytes], tuple[_Worker, Task]] = {}
    try:
        while True:
            while idle and (task := next(waiting, None)) is not None:
                worker = idle.pop()
                busy[worker.begin(task)] = worker, task
            if not busy:
                return
            for future in wait(busy, return_when=FIRST_COMPLETED).done:
                worker, task = busy.pop(future)
                idle.append(worker)
                try:
                    answer = _read(future.result())
                except BrokenProcessPool:
                    answer = Answer(problem=_died(task, worker.why()))
                    worker.end()
                yield task, answer
    finally:
        for worker in (*idle, *(w for w, _ in busy.values())):
            worker.end()


def _died(task: Task, how: str) -> str:
    return (
        f"{task.file}: the worker that computed it {how}."
        " Reanalyse it once more, with fewer workers at a time."
    )


def cluster(tasks: Iterable[Task], address: str) -> Iterator[Done]:
    """The workers of a Dask scheduler at ``address``; each task is sent with its recording.

    Raises ClusterError where it cannot be reached, has no worker, or is lost; UsageError where
    ``distributed`` is missing or the address makes no sense.
    """
    client, threads = _connected(address)
    import dask
    from distributed import as_completed

    waiting = iter(tasks)
    busy: dict[str, Task] = {}
    with client, dask.config.set(_LARGE):
        done = as_completed(loop=client.loop)

        def more() -> Iterator[Done]:
            """Send tasks until there are enough under way; those that cannot be sent come back."""
            while len(busy) < AHEAD * threads and (task := next(waiting, None)) is not None:
                try:
                    sent = packed(task)
                except GaitpiError as error:
                    yield task, Answer(problem=str(error))
                    continue
                # each its own key: Dask keeps no answer of another batch
                future = client.submit(work, sent, pure=False)
                busy[future.key] = task
                done.add(future)

        yield from more()
        try:
            while busy:
                future = next(done)
                task = busy.pop(future.key)
                if future.status == "cancelled":
                    raise ClusterError("the connection was lost")
                yield task, _answer(future, task)
                future.release()
                yield from more()
        except (OSError, StopIteration) as error:
            raise _lost(address, error) from error


def _answer(future: Any, task: Task) -> Answer:
    """What came of a task; Dask gives it to another worker some times before it gives up."""
    from distributed import KilledWorker

    try:
        return _read(future.result())
    except KilledWorker:
        return Answer(problem=_died(task, "died"))
    except (OSError, GaitpiError):
        raise
    except Exception as error:
        words = str(GaitpiError(f"{task.file}: the worker failed: {error}."))
        return Answer(problem=words)


def _lost(address: str, error: Exception) -> ClusterError:
    return ClusterError(
        f"The Dask scheduler at {address} was lost: {error}.",
        "With --out what is done is kept: the same command goes on.",
    )


def _connected(address: str) -> tuple[Any, int]:
    """A client, and how many threads its workers have."""
    if not _ADDRESS.fullmatch(address):
        raise UsageError(
            f"{address!r} is no address of a Dask scheduler.",
            "Give the one it names when it starts, e.g. tcp://10.0.0.2:8786",
        )
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            "--scheduler needs Dask, which is not installed.",
            "Install it with: pip install 'gaitpi[cluster]'",
        ) from error
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # we say it, in a sentence
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise ClusterError(
            f"No Dask scheduler answers at {address}.",
            "Start one with 'dask scheduler', and give the address it names.",
        ) from error
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
        _need_same_code(client, address)
        return client, sum(client.nthreads().values())
    except GaitpiError:
        client.close()
        raise
    except (OSError, TimeoutError) as error:
        client.close()
        raise ClusterError(
            f"The Dask scheduler at {address} has no worker.",
            f"Start one with 'dask worker {address}', with the same gaitpi on its machine.",
        ) from error


def _need_same_code(client: Any, address: str) -> None:
    """Raise ClusterError unless the workers have the gaitpi that asks, and the scheduler has one.

    Dask's scheduler loads what it hands on, so one task goes through it. A worker that comes later
    is asked with each task.
    """
    todo = "Install the same gaitpi, Python, numpy and numba for the scheduler and every worker."
    try:
        told = client.run(code_name, on_error="return")
        # a worker that goes away meanwhile is not asked for anything
        found = {who: name for who, name in told.items() if not isinstance(name, OSError)}
        client.submit(code_name, pure=False).result(CONNECT_S)
    except Exception as error:
        raise ClusterError(
            f"The Dask cluster at {address} cannot load this gaitpi: {error}.", todo
        ) from error
    other = sorted(who for who, name in found.items() if name != code_name())
    if other:
        raise ClusterError(f"Another gaitpi is on {', '.join(other[:5])}.", todo)
