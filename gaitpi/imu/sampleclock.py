"""When each sample was taken: the chip's sample count regressed on the host's clock.

A sensor's nominal rate is off by up to ±8 % and drifts, and reads come late and in bursts.
What is sure is that at host time t the chip had made n samples. A straight line through
many such pairs, older ones fading, gives the rate and the phase.

The newest sample is between zero and one period old when it is counted, half a period on
average; without that half, all times would be late by it. Where poll and sample periods are
locked together the age is the same at each poll, and up to half a period of offset stays.
"""

import math
from collections import deque
from typing import Final

from gaitpi.imu.batch import ClockLine

FADE_S: Final = 20.0
"""Time constant of the fading: long against the jitter of a poll, short against a warming-up."""

SETTLE_S: Final = 1.0
SETTLE_POLLS: Final = 5
GUESS_S: Final = 0.25
"""Below this length of observation the nominal rate is the better guess."""

PIECE_S: Final = 1.0
CATCH_UP_S: Final = 3.0
"""A piece aims at the regression this far ahead, so what it is off shrinks by a third a second."""

YOUNG: Final = 0.25
"""In the first seconds both are at most this share of the time observed (but a quarter and
three quarters of a second at least): the first rate can be off by 0.6 % when the poll is locked
to the samples, and must not be followed for long."""

SLEW: Final = 0.02
"""A piece's period is within 2 % of the learnt one: the estimator never sees a jump in rate."""

OFF_NOMINAL: Final = 0.10
SLOW_FACTOR: Final = 2.0
SLOW_FLOOR_S: Final = 0.0005
RECENT: Final = 64


class SampleClock:
    """Turns sample numbers into CLOCK_MONOTONIC seconds.

    ``nominal_rate_hz`` serves only until the true rate is known, and to say how far off it is.
    """

    def __init__(self, nominal_rate_hz: float) -> None:
        self._nominal_s = 1.0 / nominal_rate_hz
        # Slope: pooled over all segments. Mean point: of the segment since the last gap.
        self._sxx = self._sxy = 0.0
        self._weight = self._x = self._y = 0.0
        self._first_s = self._last_s = math.nan
        self._observed_s = 0.0  # in the segments that have ended
        self._polls = 0
        self._took: deque[float] = deque(maxlen=RECENT)
        self._line: ClockLine | None = None

    def observe(self, count: int, time_s: float, took_s: float = 0.0) -> None:
        """At ``time_s`` ``count`` samples of the stream existed (those lost in gaps left out).

        ``took_s``: length of the query that found out. A query more than twice as long as the
        best of late counts less, by the square: somewhere in it the host was elsewhere.
        """
        if count < 1:
            return
        self._took.append(took_s)
        usual = SLOW_FACTOR * min(self._took) + SLOW_FLOOR_S
        weight = 1.0 if took_s <= usual else (usual / took_s) ** 2
        if self._weight == 0.0:
            self._first_s = self._last_s = time_s
            self._x, self._y = float(count - 1), time_s
        fade = math.exp(-(time_s - self._last_s) / FADE_S)
        self._last_s = time_s
        self._polls += 1
        self._weight = fade * self._weight + weight
        dx, dy = count - 1 - self._x, time_s - self._y
        self._x += weight / self._weight * dx
        self._y += weight / self._weight * dy
        self._sxx = fade * self._sxx + weight * dx * (count - 1 - self._x)
        self._sxy = fade * self._sxy + weight * dx * (time_s - self._y)

    def gap(self) -> None:
        """Samples were lost, nobody knows how many: keep the rate, find the phase anew."""
        self._observed_s += self._span_s
        self._weight = 0.0
        self._first_s = self._last_s = math.nan

    @property
    def located(self) -> bool:
        """There is an observation since the last gap, so :meth:`line` can place samples."""
        return self._weight > 0.0

    @property
    def settled(self) -> bool:
        """The rate is known well enough (0.2 %) for the first times to be good."""
        return self._length_s >= SETTLE_S and self._polls >= SETTLE_POLLS

    @property
    def period_s(self) -> float:
        """Time between samples, s."""
        if self._length_s < GUESS_S or self._sxx <= 0.0 or self._sxy <= 0.0:
            return self._nominal_s
        return self._sxy / self._sxx

    @property
    def rate_hz(self) -> float:
        """The true sample rate, as far as it is known."""
        return 1.0 / self.period_s

    @property
    def off_nominal(self) -> bool:
        """The rate is settled and more than 10 % off: no sound part does that."""
        return self.settled and abs(self._nominal_s / self.period_s - 1.0) > OFF_NOMINAL

    def start(self, index: int) -> ClockLine:
        """A new line after a gap (or at the very start), from sample ``index`` on.

        Never earlier than one period after the sample before ``index``.
        """
        time_s = self._time(index)
        if self._line is not None:
            time_s = max(time_s, self._on_line(self._line, index))
        self._line = ClockLine(index, time_s, self.period_s)
        return self._line

    def line(self, index: int) -> ClockLine:
        """The piece on which samples from ``index`` on lie; continuous with the one before.

        At most once a second (oftener in the first four) a new piece begins. It joins the
        old one and is a little steeper or flatter, so as to meet the regression ahead.
        """
        line = self._line
        if line is None:
            return self.start(index)
        young_s = YOUNG * self._length_s
        if (index - line.index0) * line.period_s < min(max(young_s, 0.25), PIECE_S):
            return line
        now = self._on_line(line, index)
        period = self.period_s
        ahead = min(max(young_s, 0.75), CATCH_UP_S) / period
        aimed = (self._time(index + ahead) - now) / ahead
        aimed = min(max(aimed, period * (1.0 - SLEW)), period * (1.0 + SLEW))
        self._line = ClockLine(index, now, aimed)
        return self._line

    def _time(self, index: float) -> float:
        """The regression's time of a sample."""
        return self._y + (index - self._x - 0.5) * self.period_s

    @staticmethod
    def _on_line(line: ClockLine, index: int) -> float:
        return line.time_s + (index - line.index0) * line.period_s

    @property
    def _span_s(self) -> float:
        return self._last_s - self._first_s if self._weight > 0.0 else 0.0

    @property
    def _length_s(self) -> float:
        return self._observed_s + self._span_s
