"""A run that was cut off goes on: found, thought through once more, and taken up again.

The file holds every sample, and the same samples give the same estimator and coach to the last bit.
So nothing of their state is kept: what was recorded is replayed (an hour takes about a second on a
PC), and the run goes on with a gap. Only within one boot: beyond it nobody knows how long it was.
"""

import contextlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gaitpi import __version__
from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Cue
from gaitpi.config import Config
from gaitpi.device.autostart import Pause
from gaitpi.device.controls import JOURNAL, Controls
from gaitpi.device.pipeline import Output, Pipeline
from gaitpi.device.replay import open_recording, pipeline_for
from gaitpi.errors import GaitpiError, RunFileError
from gaitpi.faults import RESUMED
from gaitpi.imu.batch import Batch, ClockLine, SensorInfo
from gaitpi.runs.header import RunHeader, boot_id
from gaitpi.runs.muted import mutes
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import EventRow
from gaitpi.runs.schema import SUFFIX
from gaitpi.runs.writer import RunWriter

WITHIN_S: Final = 120.0
"""A run that was cut off longer ago is over, s."""
AGAIN_MAX: Final = 5
"""Taken up so often without getting on, it is left alone: perhaps it is what stops us."""
NOWHERE_S: Final = 1.0
"""Less of a run than this is not getting on, s."""
CHUNK: Final = 512
"""Samples thought through between two looks at the sensor, whose memory is short."""

ENDED: Final = "ended"
"""Kind of event of a run that is over, though its end may not be on the card yet."""
KIND: Final = RESUMED
"""Kind of event in the run file where it goes on."""


class LastCue:
    """When the last cue was decided, in a file in memory that outlives the daemon, not the boot.

    Written before the sound: a crash can keep a cue from the run file that was heard all the same.
    ``path`` None = nothing is remembered.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def note(self, mono_s: float) -> None:
        """A cue, at CLOCK_MONOTONIC ``mono_s``. No error where it cannot be noted."""
        if self._path is None:
            return
        scratch = self._path.with_name(f".{self._path.name}")
        with contextlib.suppress(OSError):
            scratch.write_text(json.dumps([boot_id(), mono_s]))
            scratch.replace(self._path)

    def last_s(self) -> float | None:
        """That time; None when there was none in this boot."""
        if self._path is None:
            return None
        try:
            boot, mono_s = json.loads(self._path.read_text())
            return float(mono_s) if boot == boot_id() else None
        except (OSError, ValueError, TypeError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run of this boot without an end."""

    path: Path
    header: RunHeader
    events: list[EventRow]
    end_s: float
    """Run time of what is in it, samples or seconds."""


class Resumed:
    """A run as it was when it was cut off: its estimator, its coach, its file to go on with.

    ``steps`` and ``cues`` counted so far; ``end_s`` run time one sample after the last stored, s.
    """

    def __init__(self, found: Unfinished, writer: RunWriter, config: Config, pipeline: Pipeline):
        self.header = found.header
        self.path = found.path
        self.writer = writer
        self.config = config
        self.pipeline = pipeline
        self.controls = _controls(found.events)
        muted = mutes(found.events)
        self.muted_until_s = muted[-1][1] if muted else 0.0
        """Run time until which it was muted when it was cut off, by whatever; past when not."""
        self.worn = next((e.text for e in found.events if e.kind == "worn"), "")
        self.times = 1 + sum(e.kind == KIND for e in found.events)
        """How often it was taken up, this time included."""
        self.pause = Pause()
        self.steps = 0
        self.cues = 0
        self.last_cue_s = -math.inf
        """Run time of the last cue that is in the file or comes of the samples in it."""
        self.end_s = writer.end_s
        self._first_index = writer.next_index
        self._stored = writer.counts()
        self._seen = dict.fromkeys(self._stored, 0)

    def take(self, out: Output) -> None:
        """What a block led to: counted, and stored where the cut came before it was."""
        self.steps += len(out.trace.steps)
        self.cues += sum(isinstance(decision, Cue) for decision in out.decisions)
        self.pause.add(out.trace.activity)
        if new := self._new("step", len(out.trace.steps)):
            self.writer.steps(out.trace.steps[-new:])
        if new := self._new("second", len(out.seconds)):
            self.writer.seconds([row._asdict() for row in out.seconds[-new:]])
        for decision in out.decisions:
            if isinstance(decision, Cue):
                self.last_cue_s = decision.time_s
                if self._new("cue", 1):
                    self.writer.cue(decision)
            elif self._new("withheld", 1):
                self.writer.withheld(decision)

    def _new(self, table: str, n: int) -> int:
        """How many of the next ``n`` rows of a table are not in the file yet: the last ones."""
        self._seen[table] += n
        return min(n, max(0, self._seen[table] - self._stored[table]))

    def placed(self, batch: Batch) -> Batch:
        """A batch of the new stream as one of the run's: numbered on, and after a gap at first."""
        line = batch.line
        first = self._first_index
        gap_s = batch.gap_s
        if batch.index == 0:
            gap_s = self.gap_s(batch)
        return replace(
            batch,
            index=batch.index + first,
            line=ClockLine(line.index0 + first, line.time_s, line.period_s),
            gap_s=gap_s,
        )

    def gap_s(self, batch: Batch) -> float:
        """Time between the last sample stored and the first of ``batch``, s."""
        began = float(batch.line.times(batch.index, 1)[0]) - self.header.anchor.mono_s
        return max(0.0, began - self.end_s)


def find(
    directory: Path, sensor: SensorInfo, now_s: float, *, has_gyro: bool = True
) -> Unfinished | None:
    """The run that was being recorded in ``directory`` until just now; None when there is none.

    ``now_s`` CLOCK_MONOTONIC seconds. It was recorded in this boot, by this version, from this
    sensor, and cut off at most ``WITHIN_S`` ago.
    """
    found: Unfinished | None = None
    for path in directory.glob(f"*-{boot_id()[:4]}-*{SUFFIX}"):
        try:
            run = _unfinished(path, sensor, now_s, has_gyro)
        except GaitpiError:
            continue  # its reader says why, when asked for it
        if run is not None and (found is None or _began_s(run) > _began_s(found)):
            found = run
    return found


def _began_s(run: Unfinished) -> float:
    return run.header.anchor.mono_s


def _unfinished(path: Path, sensor: SensorInfo, now_s: float, has_gyro: bool) -> Unfinished | None:
    with RunReader(path) as run:
        if run.finished:
            return None
        header = run.header
        end_s = run.totals().duration_s
        ours = (
            header.boot_id == boot_id()
            and header.gaitpi == __version__
            and not header.virtual
            and header.sensor == sensor
            and header.has_gyro == has_gyro
        )
        if not ours or not 0.0 <= now_s - header.anchor.mono_s - end_s <= WITHIN_S:
            return None
        events = run.events()
    in_vain = [e for e in events if e.kind == KIND and e.time_s >= end_s - NOWHERE_S]
    over = any(e.kind == ENDED for e in events)  # the card has not taken its end yet
    if over or len(in_vain) >= AGAIN_MAX:
        return None
    return Unfinished(path, header, events, end_s)


def take_up(found: Unfinished, between: Callable[[], None], coach: type[Coach] = Coach) -> Resumed:
    """Think a run through once more and open its file to go on.

    ``between`` is called every so often. Raises GaitpiError when it cannot be: its samples are
    damaged, or the card refuses.
    """
    recording = open_recording(found.path, joined=CHUNK)
    if recording.config is None:
        raise RunFileError(f"The configuration in {found.path.name} cannot be read.")
    pipeline = pipeline_for(recording, recording.config, coach)
    writer = RunWriter.resume(found.path)
    run = Resumed(found, writer, recording.config, pipeline)
    try:
        # on the card before anything is thought: if that is what stops us, it is known how often
        text = "gaitpi had stopped, and went on by itself"
        writer.event(max(run.end_s, found.end_s), KIND, text)
        writer.commit()
        for time_s, acc, gyr in recording.blocks:
            for i in range(0, len(time_s), CHUNK):
                cut = slice(i, i + CHUNK)
                run.take(pipeline.update(acc[cut], gyr[cut], time_s[cut]))
                between()
    except BaseException:
        run.writer.abandon()
        raise
    return run


def _controls(events: list[EventRow]) -> Controls:
    """The button's memory of the run; what heat has muted is none of the runner's."""
    own = ("mute", "pain", JOURNAL)
    muted = [until_s for _, until_s in mutes(e for e in events if e.kind in own)]
    pains = sum(event.kind == "pain" for event in events)
    resting = next((event.text for event in events if event.kind == JOURNAL), "")
    return Controls(muted[-1] if muted else 0.0, pains, resting)
