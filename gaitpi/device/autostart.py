"""When a run begins and ends by itself, and the samples kept from before it began.

Nothing here opens a file or makes a sound: the daemon feeds it and does what it says. The rules
count samples and steps, never the host's clock, so they do not depend on how the samples were cut
(but for the batch in which a run begins or ends).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaitpi.config import RunsConfig
from gaitpi.device.correction import Correction, corrected
from gaitpi.gait import RUNNING, GaitEstimator, Start, Trace
from gaitpi.imu.batch import Batch, Floats
from gaitpi.units import S_PER_MIN

PREROLL_S: Final = 30.0
"""Samples kept from before a run begins, s."""
STEP_LOST_S: Final = 1.0
"""Between two running steps in a row there is never more than this, s: the longest step counted
as running takes 0.46 s, and one may be missed."""


class RunningFor:
    """Whether running has lasted: at least ``start_s`` at ``start_spm`` in the mean.

    Its time is that between the initial contacts of running steps in a row; besides, the activity
    must say running, which it does after more steps than a flight of stairs has.
    """

    def __init__(self, start_s: float, start_spm: float) -> None:
        self._start_s = start_s
        self._start_spm = start_spm
        self._contacts: deque[float] = deque()

    def add(self, trace: Trace) -> bool:
        """Take a block in; True when running has lasted long enough at one of its steps."""
        began = False
        for step in trace.steps:
            self._step(step)
            known = int(np.searchsorted(trace.time_s, step["known_s"]))
            sure = trace.activity[min(known, len(trace) - 1)] == RUNNING
            began = began or (bool(sure) and self._lasted())
        return began

    def _step(self, step: Any) -> None:
        at = float(step["ic_s"])
        contacts = self._contacts
        if contacts and not 0.0 < at - contacts[-1] <= STEP_LOST_S:
            contacts.clear()
        if step["activity"] != RUNNING:
            contacts.clear()
            return
        contacts.append(at)
        while len(contacts) > 2 and at - contacts[1] >= self._start_s:
            contacts.popleft()

    def _lasted(self) -> bool:
        contacts = self._contacts
        if len(contacts) < 2:
            return False
        span = contacts[-1] - contacts[0]
        return span >= self._start_s and S_PER_MIN * (len(contacts) - 1) / span >= self._start_spm


@dataclass(frozen=True, slots=True)
class Now:
    """What the runner does while a run is waited for. Unknown numbers are NaN."""

    activity: int
    cadence_spm: float


class Waiting:
    """Samples without a run: judged, the last ``PREROLL_S`` of them kept.

    ``rate_hz`` as from ``design_rate``; ``start`` what is known of the sensor; ``correction`` of
    its accelerometer. With ``held`` no
    run begins before the runner has stopped running for ``start_s``: he ended one by the button.
    """

    def __init__(
        self,
        runs: RunsConfig,
        rate_hz: float,
        *,
        has_gyro: bool,
        start: Start | None = None,
        correction: Correction | None = None,
        held: bool = False,
    ) -> None:
        self._correction = correction
        self._has_gyro = has_gyro
        self._estimator = GaitEstimator(rate_hz, start=start)
        self._running = RunningFor(runs.start_s, runs.start_spm)
        self._kept: deque[Batch] = deque()
        self._held = held
        self._pause_n = round(runs.start_s * rate_hz)
        self._pause = Pause()
        self.now = Now(0, np.nan)

    def add(self, batch: Batch, acc: Floats, gyr: Floats) -> bool:
        """Take a batch (n > 0) and its values (n, 3) in m/s² and rad/s; True: a run begins."""
        times = batch.times()
        acc = corrected(acc, self._correction)
        trace = self._estimator.update(acc, gyr if self._has_gyro else None, times)
        self._keep(batch, float(times[-1]))
        self.now = Now(int(trace.activity[-1]), float(trace.cadence_spm[-1]))
        began = self._running.add(trace)
        self._pause.add(trace.activity)
        self._held = self._held and self._pause.samples < self._pause_n
        return began and not self._held

    def _keep(self, batch: Batch, now_s: float) -> None:
        """Whole batches: those that end within the time kept."""
        self._kept.append(batch)
        while self._end_s(self._kept[0]) < now_s - PREROLL_S:
            self._kept.popleft()

    @staticmethod
    def _end_s(batch: Batch) -> float:
        return float(batch.line.times(batch.index + len(batch.counts) - 1, 1)[0])

    def take(self) -> list[Batch]:
        """The samples before the run, oldest first; they are kept no longer."""
        kept = list(self._kept)
        self._kept.clear()
        return kept

    @property
    def known(self) -> Start:
        """What was learned of the sensor and the standing runner, on the clock of the batches."""
        return self._estimator.known


class Pause:
    """How many samples ago the runner last ran, by his activity."""

    def __init__(self) -> None:
        self.samples = 0
        self.ran = False
        """Whether he ran at all."""

    def add(self, activity: NDArray[np.uint8]) -> None:
        """Take the activities (n,) of a block in."""
        running = np.flatnonzero(activity == RUNNING)
        if len(running):
            self.ran = True
            self.samples = len(activity) - 1 - int(running[-1])
        else:
            self.samples += len(activity)


def joined(batches: Sequence[Batch]) -> tuple[Floats, NDArray[np.int16]]:
    """Times (n,) and counts (n, 6) of batches one after the other."""
    if len(batches) == 1:
        return batches[0].times(), batches[0].counts
    times = np.concatenate([batch.times() for batch in batches])
    return times, np.concatenate([batch.counts for batch in batches])
