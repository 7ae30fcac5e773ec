"""Recording that can never hold up the sampling loop.

One thread of its own writes; the loop only appends to a ring of ``RING_S``, whether the card is
slow (a call that does not return), refuses (an error, tried again each second, the file opened
anew) or is full. When the ring is full its oldest samples go, and the length of what is missing is
recorded as soon as the card takes something again. So a card that comes back has the last
ten minutes. Cues and steps are small, wait beside it, and go on for long.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np

from gaitpi.errors import RunFileError
from gaitpi.faults import told
from gaitpi.imu.batch import Batch
from gaitpi.runs.header import RunHeader
from gaitpi.runs.room import MB, Room
from gaitpi.runs.rows import HeartRow, Named, PodRow
from gaitpi.runs.writer import COMMIT_S, RunWriter

if TYPE_CHECKING:
    from gaitpi.coach.types import Cue, Withheld

RING_S: Final = 600.0
"""Samples that may wait for the card, s: 1.5 MB of counts at 208 Hz."""

MAX_BATCHES: Final = 20_000
"""Most batches that may wait, however short."""

JOIN_FROM: Final = 100
"""From so many waiting batches on those of a second are joined: less to keep, and to collect."""

MAX_ROWS: Final = 30_000
"""Most steps, seconds, cues, readings ... that may wait: more than an hour of running."""

RETRY_S: Final = 1.0
"""Time between attempts while the card refuses, s: a card that is back is noticed at once."""

MAKE_ROOM_S: Final = 10.0
"""Time between attempts to make room, s: each looks through all runs."""

CLOSE_S: Final = 30.0
"""Patience with the card at the end of a run, s."""

COUNTED: Final = ("dropped_batches", "dropped_rows", "bad_rows", "write_errors", "deleted_runs")
"""What a recorder counts: names of :data:`gaitpi.faults.FAULTS`."""

TOLD: Final = ("write_errors", "bad_rows")
"""Of these the run tells as a fault; of the others it says more than a number."""

_log = logging.getLogger(__name__)

Job = Callable[[], None]


class _Entry(NamedTuple):
    """Samples that wait: their place among all that waits, and of how many batches they are."""

    number: int
    batch: Batch
    reads: int


class _Lost(NamedTuple):
    """Samples that had to go: run time of the first, how many, and why."""

    since_s: float
    samples: int
    why: str


class Recorder:
    """The methods of :class:`RunWriter` for a loop that must not wait and must not fail.

    Nothing here raises or blocks on the card. ``room`` looks after the room on it; None takes
    one that deletes nothing. ``synchronous`` writes in the caller's thread instead (virtual time:
    nothing is dropped, the caller waits, room is not looked after); errors stay here all the same.
    """

    def __init__(
        self, writer: RunWriter, *, synchronous: bool = False, room: Room | None = None
    ) -> None:
        self._begin(writer.header, lambda: writer, writer, synchronous=synchronous, room=room)

    @classmethod
    def opening(
        cls, header: RunHeader, create: Callable[[], RunWriter], *, room: Room | None = None
    ) -> Self:
        """A recorder whose own thread makes the file, by ``create()``: that holds up no loop.

        A card that refuses is asked again each second, and is a ``problem``.
        """
        new = cls.__new__(cls)
        new._begin(header, create, None, synchronous=False, room=room)
        return new

    def _begin(
        self,
        header: RunHeader,
        create: Callable[[], RunWriter],
        made: RunWriter | None,
        *,
        synchronous: bool,
        room: Room | None,
    ) -> None:
        self._create = create
        self._made = made
        self._room = room
        self._rate_hz = header.design_rate_hz
        self._batches: deque[_Entry] = deque()
        self._rows: deque[tuple[int, Job]] = deque()
        self._number = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._ring = int(RING_S * self._rate_hz)
        self._queued = 0
        self._lost: _Lost | None = None
        self._lost_rows: tuple[float, int] | None = None
        self._end_s = 0.0
        self._problem: str | None = None
        self._short: str | None = None
        self._tries = 0
        self._room_told = False
        self._made_room_s = -MAKE_ROOM_S
        self._looked_s = -COMMIT_S
        self._summary: Mapping[str, object] = {}
        self._deadline = 0.0
        self._finished = True
        self.counters = dict.fromkeys(COUNTED, 0)
        """How often what went wrong."""
        self._counted = dict(self.counters)
        self._thread: threading.Thread | None = None
        if not synchronous:
            self._thread = threading.Thread(target=self._work, name="gaitpi-recorder", daemon=True)
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
        """Why nothing, or no sample, can be written at the moment, in words; None: all is well."""
        return self._problem or self._short

    @property
    def queued_s(self) -> float:
        """Samples waiting to be written, s."""
        return self._queued / self._rate_hz

    def batch(self, batch: Batch) -> None:
        """Record samples (``batch.line`` in run time). The oldest that wait go for them if need be.

        Never waits for the card.
        """
        n = len(batch.counts)
        self._end_s = float(batch.line.times(batch.index + n, 1)[0])
        if self._thread is None:
            self._attempt(lambda: self._writer.batch(batch))
            return
        with self._changed:
            self._add(batch)
            # what waits is joined and goes as such: not before the rest is a whole ring
            while (
                self._queued - len(self._batches[0].batch.counts) >= self._ring
                or len(self._batches) > MAX_BATCHES
            ):
                self._drop_oldest()
            self._changed.notify()

    def before(self, batches: Iterable[Batch]) -> None:
        """Record samples from before the run began: they wait beside the ``RING_S`` of the others.

        Their number is bounded by who kept them.
        """
        for batch in batches:
            if self._thread is not None:
                self._ring += len(batch.counts)
            self.batch(batch)

    def _add(self, batch: Batch) -> None:
        self._queued += len(batch.counts)
        if len(self._batches) > JOIN_FROM:
            last = self._batches[-1]
            if (joined := _joined(last.batch, batch)) is not None:
                self._batches[-1] = _Entry(last.number, joined, last.reads + 1)
                return
        self._number += 1
        self._batches.append(_Entry(self._number, batch, 1))

    def _drop_oldest(self) -> None:
        """Let the samples go that have waited longest."""
        _, batch, reads = self._batches.popleft()
        n = len(batch.counts)
        self._queued -= n
        self.counters["dropped_batches"] += reads
        if self._lost is None:
            why = "the card refused" if self.problem else "the card was too slow"
            why = "no room on the card" if self._short else why
            self._lost = _Lost(_start_s(batch), 0, why)
        self._lost = self._lost._replace(samples=self._lost.samples + n)

    def steps(self, rows: Iterable[Named]) -> None:
        """Record steps."""
        if own := _own(rows):
            self._row(lambda: self._writer.steps(own))

    def seconds(self, rows: Iterable[Named]) -> None:
        """Record per-second values."""
        if own := _own(rows):
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

    def asked(self, time_s: float, kind: str, text: str, **detail: object) -> None:
        """Record what the runner asked for: on the card at once, or a crash would forget a mute."""

        def job() -> None:
            self._writer.event(time_s, kind, text, **detail)
            if self._thread is not None:
                self._writer.commit()

        self._row(job)

    def reading(self, row: HeartRow | PodRow) -> None:
        """Record a measurement of a strap or a foot pod."""
        self._row(lambda: self._writer.reading(row))

    def anchor(self, mono: float, wall: float) -> None:
        """Compare the clocks."""
        self._row(lambda: self._writer.anchor(mono, wall))

    def close(
        self,
        summary: Mapping[str, object] | None = None,
        *,
        wait_s: float = CLOSE_S,
        finished: bool = True,
    ) -> str | None:
        """Write what waits, finish the run and close it; gives up after ``wait_s``.

        Not ``finished``: it is left without an end, for somebody who goes on with it. Returns None,
        or in words why the end of the run could not be written.
        """
        if self._closing.is_set():
            return self._problem
        self._summary = dict(summary or {})
        self._finished = finished
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

    def _row(self, job: Job) -> None:
        if self._thread is None:
            self._attempt(job)
            return
        with self._changed:
            if len(self._rows) >= MAX_ROWS:
                self.counters["dropped_rows"] += 1
                since_s, n = self._lost_rows or (self._end_s, 0)
                self._lost_rows = (since_s, n + 1)
            else:
                self._number += 1
                self._rows.append((self._number, job))
                self._changed.notify()

    def _attempt(self, job: Job) -> None:
        """Do a job; a refusing card becomes ``problem``, a bad row is counted and left out."""
        try:
            job()
            if self._caught_up():
                self._writer.commit()
            else:
                self._writer.commit_if_due()
            if self._problem is not None and self._writer.pending == 0:
                self._problem = None
        except RunFileError as error:
            self._refused(error)
        except Exception as error:  # recording must go on whatever a caller handed in
            self.counters["bad_rows"] += 1
            _log.error("a row could not be recorded: %r", error)
        self._tell_counts()

    def _tell_counts(self) -> None:
        """Have the run tell of what was counted, once the card takes it."""
        if self._problem is not None:
            return
        grown = {name: self.counters[name] - self._counted[name] for name in TOLD}
        if any(grown.values()):
            self._counted = dict(self.counters)  # first: what tells it may be counted too
            grown = {name: n for name, n in grown.items() if n}
            self._own_event("fault", ", ".join(told(grown)), **grown)

    def _refused(self, error: RunFileError) -> None:
        """Try once more at once: one error is not worth a word. Then it is a problem."""
        self.counters["write_errors"] += 1
        if self._made is not None and self._problem is None:
            try:
                self._made.commit()
            except RunFileError as again:
                self.counters["write_errors"] += 1
                error = again
            else:
                return
        self._problem = str(error)
        self._tries = 0

    def _caught_up(self) -> bool:
        """Whether much was given at once, as at the beginning of a run, and nothing waits.

        Another ``COMMIT_S`` without a commit would then put seconds of samples at risk.
        """
        if self._thread is None or self._waiting():  # virtual time, or more to come
            return False
        return self._writer.uncommitted >= COMMIT_S * self._rate_hz

    def _work(self) -> None:
        """The recorder's thread."""
        self._look_after_room()
        self._attempt(lambda: self._writer.commit_if_due())  # makes the file before any job
        while not (self._closing.is_set() and not self._waiting() and self._problem is None):
            if self._problem is None:
                self._attempt(self._next() or self._writer.commit_if_due)
            elif self._closing.is_set() and time.monotonic() > self._deadline:
                break
            else:
                self._retry()
            self._look_after_room()
        self._finish()

    def _waiting(self) -> bool:
        with self._changed:
            return bool(self._batches or self._rows or self._lost or self._lost_rows)

    def _retry(self) -> None:
        """Wait a little, open the file anew, and try to commit what the writer holds."""
        if self._closing.wait(RETRY_S):
            time.sleep(RETRY_S / 10)
        try:
            if self._made is not None and self._tries > 0:
                self._made.reopen()
            self._writer.commit()
            self._problem = None
        except Exception as error:  # this thread must go on whatever the card makes of the file
            self._tries += 1
            self.counters["write_errors"] += 1
            in_words = isinstance(error, RunFileError)
            self._problem = str(error) if in_words else f"Recording failed: {error!r}."
        self._tell_counts()

    def _next(self) -> Job | None:
        """What has waited longest, or None when nothing came for half a commit interval."""
        with self._changed:
            if not self._jobs_now() and not self._closing.is_set():
                self._changed.wait(COMMIT_S / 2)
            batches, rows = self._batches, self._rows
            samples = bool(batches) and self._takes_samples()
            if self._takes_samples() and self._lost is not None:
                lost, self._lost = self._lost, None
                return self._dropout(lost, _start_s(batches[0].batch) if batches else self._end_s)
            if samples and not (rows and rows[0][0] < batches[0].number):
                batch = batches.popleft().batch
                self._queued -= len(batch.counts)
                return lambda: self._writer.batch(batch)
            if rows:
                return rows.popleft()[1]
            if self._lost_rows is not None:
                (since_s, n), self._lost_rows = self._lost_rows, None
                return self._rows_dropout(since_s, n)
            return None

    def _jobs_now(self) -> bool:
        return bool(self._rows or self._lost_rows or (self._batches and self._takes_samples()))

    def _takes_samples(self) -> bool:
        """Samples are written while there is room, and what waits of them at the end anyway."""
        return self._short is None or self._closing.is_set()

    def _dropout(self, lost: _Lost, until_s: float) -> Job:
        """Record the length of what had to go before ``until_s``."""
        seconds = until_s - lost.since_s
        text = f"{seconds:.2f} s not recorded: {lost.why}"
        return lambda: self._writer.event(
            lost.since_s, "dropout", text, seconds=seconds, samples=lost.samples
        )

    def _rows_dropout(self, since_s: float, n: int) -> Job:
        text = f"{n} steps, seconds or cues not recorded: the card took nothing"
        until_s = self._end_s
        return lambda: self._writer.event(since_s, "dropout", text, rows=n, until_s=until_s)

    def _look_after_room(self) -> None:
        """Delete old runs where that is wanted; stop writing samples before the card is full."""
        now = time.monotonic()
        if now - self._looked_s < COMMIT_S:
            return
        self._looked_s = now
        if self._room is None:
            if self._made is None:
                return
            self._room = Room(self._made.path.parent)
        wanting = self._room.look()
        if wanting and now - self._made_room_s >= MAKE_ROOM_S:
            self._made_room_s = now
            self._make_room(self._room)
        if self._room.problem and not self._room_told:
            _log.warning("%s", self._room.problem)
            self._own_event("room", self._room.problem)
        self._room_told = bool(self._room.problem)
        if self._made is not None:
            self._tell_room(self._room, self._made)

    def _make_room(self, room: Room) -> None:
        try:
            for run_id, size in room.make(self._made.path if self._made else None):
                self.counters["deleted_runs"] += 1
                text = f"deleted run {run_id} ({size / MB:.1f} MB) to make room"
                _log.warning("%s", text)
                self._own_event("room", text, run=run_id, bytes=size)
        except Exception as error:  # recording must go on whatever lies in the folder
            _log.error("no room could be made: %r", error)

    def _tell_room(self, room: Room, writer: RunWriter) -> None:
        """Say that samples are not written for want of room, or that they are again."""
        if room.low:
            todo = room.problem or "Copy old runs away and delete them."
            if self._short is None:
                self._own_event("room", "the card is nearly full: no samples are written")
            self._short = f"No room left to record into {writer.path.name}. {todo}"
        elif self._short is not None:
            self._own_event("room", "room again on the card: samples are written")
            self._short = None

    def _own_event(self, kind: str, text: str, **detail: object) -> None:
        time_s = self._end_s
        self._row(lambda: self._writer.event(time_s, kind, text, **detail))

    def _finish(self) -> None:
        """Close the file; its end is missing when the card refuses to the last."""
        if self._made is None:
            return
        try:
            if self._finished:
                self._made.close(self._summary)
            else:
                self._made.leave()
        except RunFileError as error:
            self.counters["write_errors"] += 1
            self._problem = self._problem or str(error)


def _joined(first: Batch, then: Batch) -> Batch | None:
    """Both as one batch of at most a second; None where they are not of one piece."""
    n = len(first.counts)
    goes_on = then.index == first.index + n and then.line == first.line and then.gap_s == 0
    short = (n + len(then.counts)) * first.line.period_s <= 1.0
    if not (goes_on and short and n) or then.faults or first.clipped or then.clipped:
        return None  # faults and clipped samples keep their time
    return replace(first, counts=np.concatenate((first.counts, then.counts)))


def _start_s(batch: Batch) -> float:
    """Run time of its first sample."""
    return float(batch.line.times(batch.index, 1)[0])


def _own(rows: Iterable[Named]) -> list[Named]:
    """A copy that the caller's next block does not overwrite."""
    return list(rows.copy() if isinstance(rows, np.ndarray) else rows)
