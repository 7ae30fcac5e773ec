"""Recording that can never hold up the sampling loop.

One thread of its own writes; the loop only appends to a bounded queue. A slow or failing
card lets the queue grow to ``QUEUE_S``; then batches are left out, and as soon as one fits
again the length of what is missing is recorded. Cues and steps are small and go on for long.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from gaitpi.errors import RunFileError
from gaitpi.imu.batch import Batch
from gaitpi.runs.header import RunHeader
from gaitpi.runs.rows import Named
from gaitpi.runs.writer import COMMIT_S, RunWriter

if TYPE_CHECKING:
    from gaitpi.coach.types import Cue, Withheld

QUEUE_S: Final = 30.0
"""Samples that may wait for the card, s."""

MAX_JOBS: Final = 50_000
"""Most entries of any kind that may wait, so that memory stays bounded."""

RETRY_S: Final = 1.0
"""Time between attempts while the card refuses, s."""

_log = logging.getLogger(__name__)

Job = Callable[[], None]


class Recorder:
    """The methods of :class:`RunWriter` for a loop that must not wait and must not fail.

    Nothing here raises or blocks on the card. ``synchronous`` writes in the caller's thread
    instead (virtual time: nothing is dropped, the caller waits); errors stay here all the same.
    """

    def __init__(self, writer: RunWriter, *, synchronous: bool = False) -> None:
        self._begin(writer.header, lambda: writer, writer, synchronous=synchronous)

    @classmethod
    def opening(cls, header: RunHeader, create: Callable[[], RunWriter]) -> Self:
        """A recorder whose own thread makes the file, by ``create()``: that holds up no loop.

        A card that refuses is asked again each second, and is a ``problem``.
        """
        new = cls.__new__(cls)
        new._begin(header, create, None, synchronous=False)
        return new

    def _begin(
        self,
        header: RunHeader,
        create: Callable[[], RunWriter],
        made: RunWriter | None,
        *,
        synchronous: bool,
    ) -> None:
        self._create = create
        self._made = made
        self._rate_hz = header.design_rate_hz
        self._jobs: deque[tuple[Job, int]] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._room = int(QUEUE_S * self._rate_hz)
        self._queued = 0
        self._lost: tuple[float, int] | None = None
        self._end_s = 0.0
        self._problem: str | None = None
        self._summary: Mapping[str, object] = {}
        self._deadline = 0.0
        self.counters = {"dropped_batches": 0, "dropped_rows": 0, "bad_rows": 0, "write_errors": 0}
        """How often what went wrong."""
        self._thread: threading.Thread | None = None
        if not synchronous:
            self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
            self._thread.start()

    @property
    def _writer(self) -> RunWriter:
        """The file's writer, made when it is first asked for. Raises RunFileError."""
        if self._made is None:
            self._made = self._create()
        return self._made

    @property
    def opened(self) -> bool:
        """Whether there is a file."""
        return self._made is not None

    @property
    def problem(self) -> str | None:
        """Why nothing can be written at the moment, in words; None when all is well."""
        return self._problem

    @property
    def queued_s(self) -> float:
        """Samples waiting to be written, s."""
        return self._queued / self._rate_hz

    def batch(self, batch: Batch) -> None:
        """Record samples (``batch.line`` in run time), or count them as dropped."""
        n = len(batch.counts)
        start_s = float(batch.line.times(batch.index, 1)[0])
        full = self._queued + n > self._room or len(self._jobs) >= MAX_JOBS
        if full and self._thread is not None:
            self.counters["dropped_batches"] += 1
            since, samples = self._lost or (start_s, 0)
            self._lost = (since, samples + n)
        else:
            self._tell_dropout(start_s)
            self._put(lambda: self._writer.batch(batch), n)
        self._end_s = start_s + n * batch.line.period_s

    def before(self, batches: Iterable[Batch]) -> None:
        """Record samples from before the run began: they wait beside the ``QUEUE_S`` of the others.

        Their number is bounded by who kept them.
        """
        for batch in batches:
            self._put(partial(self._write_batch, batch))
            self._end_s = float(batch.line.times(batch.index + len(batch.counts), 1)[0])

    def _write_batch(self, batch: Batch) -> None:
        self._writer.batch(batch)

    def steps(self, rows: Iterable[Named]) -> None:
        """Record steps."""
        own = _own(rows)
        self._row(lambda: self._writer.steps(own))

    def seconds(self, rows: Iterable[Named]) -> None:
        """Record per-second values."""
        own = _own(rows)
        self._row(lambda: self._writer.seconds(own))

    def cue(self, cue: "Cue", played_s: float | None = None) -> None:
        """Record a cue."""
        self._row(lambda: self._writer.cue(cue, played_s))

    def played(self, cue: "Cue", played_s: float, lasted_s: float | None = None) -> None:
        """Note when the sound of a recorded cue began (run time, s), and how long it was."""
        self._row(lambda: self._writer.played(cue, played_s, lasted_s))

    def withheld(self, cue: "Withheld") -> None:
        """Record a cue that was held back."""
        self._row(lambda: self._writer.withheld(cue))

    def event(self, time_s: float, kind: str, text: str, **detail: object) -> None:
        """Record what happened."""
        self._row(lambda: self._writer.event(time_s, kind, text, **detail))

    def anchor(self, mono: float, wall: float) -> None:
        """Compare the clocks."""
        self._row(lambda: self._writer.anchor(mono, wall))

    def close(
        self, summary: Mapping[str, object] | None = None, *, wait_s: float = QUEUE_S
    ) -> str | None:
        """Write what waits, finish the run and close it; gives up after ``wait_s``.

        Returns None, or in words why the end of the run could not be written.
        """
        if self._closing.is_set():
            return self._problem
        self._tell_dropout(self._end_s)
        self._summary = dict(summary or {})
        self._deadline = time.monotonic() + wait_s
        self._closing.set()
        if self._thread is None:
            self._finish()
            return self._problem
        with self._changed:
            self._changed.notify()
        self._thread.join(wait_s + RETRY_S)
        if self._thread.is_alive():
            self._problem = (
                f"The card did not take the end of the run within {wait_s:.0f} s. "
                "What was written before is safe."
            )
        return self._problem

    def _tell_dropout(self, until_s: float) -> None:
        """Record the length of what was dropped before ``until_s``."""
        if self._lost is None:
            return
        (since, samples), self._lost = self._lost, None
        seconds = until_s - since
        text = f"{seconds:.2f} s not recorded: the card was too slow"
        self._put(
            lambda: self._writer.event(since, "dropout", text, seconds=seconds, samples=samples)
        )

    def _row(self, job: Job) -> None:
        if len(self._jobs) >= MAX_JOBS:
            self.counters["dropped_rows"] += 1
        else:
            self._put(job)

    def _put(self, job: Job, samples: int = 0) -> None:
        if self._thread is None:
            self._attempt(job)
            return
        with self._changed:
            self._jobs.append((job, samples))
            self._queued += samples
            self._changed.notify()

    def _attempt(self, job: Job) -> None:
        """Do a job; a refusing card becomes ``problem``, a bad row is counted and left out."""
        try:
            job()
            self._writer.commit_if_due()
            if self._problem is not None and self._writer.pending == 0:
                self._problem = None
        except RunFileError as error:
            self.counters["write_errors"] += 1
            self._problem = str(error)
        except Exception as error:  # recording must go on whatever a caller handed in
            self.counters["bad_rows"] += 1
            _log.error("a row could not be recorded: %r", error)

    def _work(self) -> None:
        """The recorder's thread."""
        self._attempt(lambda: self._writer.commit_if_due())  # makes the file before any job
        while not (self._closing.is_set() and not self._jobs and self._problem is None):
            if self._problem is None:
                self._attempt(self._next() or self._writer.commit_if_due)
            elif self._closing.is_set() and time.monotonic() > self._deadline:
                break
            else:
                self._retry()
        self._finish()

    def _retry(self) -> None:
        """Wait a little and try to commit what the writer holds."""
        if self._closing.wait(RETRY_S):
            time.sleep(RETRY_S / 10)
        try:
            self._writer.commit()
            self._problem = None
        except RunFileError as error:
            self.counters["write_errors"] += 1
            self._problem = str(error)

    def _next(self) -> Job | None:
        """The oldest job, or None when none came for half a commit interval."""
        with self._changed:
            if not self._jobs and not self._closing.is_set():
                self._changed.wait(COMMIT_S / 2)
            if not self._jobs:
                return None
            job, samples = self._jobs.popleft()
            self._queued -= samples
            return job

    def _finish(self) -> None:
        """Close the file; its end is missing when the card refuses to the last."""
        if self._made is None:
            return
        try:
            self._writer.close(self._summary)
        except RunFileError as error:
            self.counters["write_errors"] += 1
            self._problem = str(error)


def _own(rows: Iterable[Named]) -> Iterable[Named]:
    """A copy that the caller's next block does not overwrite."""
    return rows.copy() if isinstance(rows, np.ndarray) else list(rows)
