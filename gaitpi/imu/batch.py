"""What the reader hands on: raw counts with their time base and their health."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int16]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClockLine:
    """One straight piece of the sample clock: ``time = time_s + (index - index0) * period_s``.

    ``index0``: number of the sample the piece starts at (samples delivered since the stream
    began); ``time_s``: its time, CLOCK_MONOTONIC seconds; ``period_s``: true sample spacing.
    Pieces join continuously except across a gap.
    """

    index0: int
    time_s: float
    period_s: float

    def times(self, index: int, n: int) -> Floats:
        """Times (n,) in seconds of the ``n`` samples from number ``index`` on.

        The only place where sample times are made: live, replay and export all call it, so
        they agree to the last bit however the samples were cut into batches.
        """
        at = np.arange(index - self.index0, index - self.index0 + n, dtype=np.float64)
        return self.time_s + at * self.period_s

    def shifted(self, seconds: float) -> "ClockLine":
        """The same piece with its time moved by ``-seconds`` (monotonic to run time)."""
        return ClockLine(self.index0, self.time_s - seconds, self.period_s)


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples of one FIFO read, contiguous in time.

    ``seq`` counts batches from 0; ``index`` is the number of the first sample; ``line`` the
    piece of the sample clock it lies on; ``counts`` (n, 6) int16: ax ay az gx gy gz in the
    sensor frame, chip counts; ``gap_s`` the time lost just before the first sample (0 when
    contiguous); ``clipped`` how many samples have any axis at ≥ 99.9 % of its range;
    ``faults`` bus and chip faults by name since the previous batch; ``temperature_c`` NaN
    where the chip gives none.
    """

    seq: int
    index: int
    line: ClockLine
    counts: Counts
    gap_s: float = 0.0
    clipped: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)
    temperature_c: float = float("nan")

    def times(self) -> Floats:
        """Times (n,) of the samples, CLOCK_MONOTONIC seconds."""
        return self.line.times(self.index, len(self.counts))


@dataclass(frozen=True, slots=True)
class SensorInfo:
    """What is known of the sensor behind a stream; written into the run file's header.

    ``acc_scale`` m/s² per count; ``gyr_scale`` rad/s per count; ``acc_range``/``gyr_range``
    full scale in m/s² and rad/s; ``rate_hz`` the nominal output data rate configured;
    ``identity`` one of "tested" (the maker's own id; no
    part has been tried on hardware yet), "tolerated" (a known clone id), "unknown" (allowed by
    configuration); ``virtual`` True for the virtual chip.
    """

    chip: str
    address: int
    bus: str
    who_am_i: int
    identity: str
    rate_hz: float
    acc_scale: float
    gyr_scale: float
    acc_range: float
    gyr_range: float
    virtual: bool = False

    def si(self, counts: Counts) -> tuple[Floats, Floats]:
        """Acceleration (n, 3) m/s² and angular rate (n, 3) rad/s of ``counts`` (n, 6).

        The only place where counts become SI, so live and replay agree to the last bit.
        """
        values = counts.astype(np.float64)
        return values[:, :3] * self.acc_scale, values[:, 3:] * self.gyr_scale
