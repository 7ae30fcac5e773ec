"""Whether the belt sits: steady, loose, or moved, judged once a second of run time.

Two different things go wrong, and they are seen in different numbers (docs/algorithms.md,
"Belt"):

* *Loose*: the pack rings against the body after each impact. ``ring`` is the vertical
  acceleration of 20 to 45 Hz over that of 8 to 20 Hz. Both grow with speed and with how hard the
  foot comes down, so their ratio does not; a resonance of the pack lifts only the upper one.
* *Moved*: the pack points elsewhere than in the first half minute of running, by more than a
  posture explains: suddenly, a lot, or sideways; or it has been turned round the waist; or it is
  worn otherwise than the configured mounting says.

No clock, no files; the same seconds give the same states.
"""

import math
from collections import deque
from statistics import median
from typing import Any, Final, NamedTuple

import numpy as np

from gaitpi.coach.belt import LOOSE, MOVED, STEADY, UNKNOWN
from gaitpi.gait.belt import (
    B_BROKEN,
    B_CADENCE,
    B_FROM,
    B_HIGH,
    B_LEAN,
    B_LEANS,
    B_LOW,
    B_N,
    B_PUSH,
    B_RUNNING,
    B_SD,
    B_SECOND,
    B_SIDE,
    B_UP,
    B_YAW,
    RATE_MIN_HZ,
    BeltSense,
)
from gaitpi.gait.types import Floats, Mount, Trace
from gaitpi.units import DEG_PER_RAD

RING_LOOSE: Final = 0.55
"""Ringing from which on a belt is loose: between ordinary belts, whose impact fades with frequency
(at most 0.46 over nine seconds in all recordings with a belt), and a resonance as simulated."""
RING_STEADY: Final = 0.48
"""Ringing below which a loose belt is steady again."""
RING_S: Final = 9
"""Seconds of running whose median counts: a knock or a kerb is one of them."""

REFERENCE_S: Final = 30
"""Seconds of straight running that say how the pack points."""
LEAN_S: Final = 15
"""Seconds of straight running whose median says how it points now."""
PITCH_DEG: Final = 15.0
"""A larger change of forward lean is no posture. Runners who prefer to lean and those who run
upright differ by 7 deg (Teng & Powers 2015: 10.8 and 3.6), and change less within a run."""
SIDE_DEG: Final = 8.0
"""The same to the side: the mean obliquity of a runner on the straight stays within 3 or 4 deg, a
cambered road adds as much."""
JUMP_DEG: Final = 10.0
"""A change of forward lean within some two seconds and at the same cadence that is no posture."""
JUMP_S: Final = 10
JUMP_GAP_S: Final = 2
SAME_CADENCE: Final = 0.05
TURNED_DEG: Final = 30.0
"""A turn round the waist; the front as gait shows it wanders by 13 deg on ordinary belts."""
TURNED_S: Final = 20
FRONT_S: Final = 40
RELEARN_S: Final = 60
"""Seconds of running after which a learned mounting knows the front of a turned pack again."""
OTHERWISE_DEG: Final = 60.0
"""A front, or an upright, farther than this from the configured one: worn otherwise."""
SLACK: Final = 0.5
"""Share of the limits above that counts once the belt has been loose: then a sag is likely."""
SURE: Final = 2.0
"""Standard uncertainties of lean by which a change must exceed its limit."""
STRAIGHT_RAD_S: Final = 10.0 / DEG_PER_RAD
"""A bend of a track is run at 6 deg/s, a street corner at 40."""
SURE_DEG: Final = 2.5
"""Lean less certain than this, 1 sigma, is not compared."""
BREAK_S: Final = 5.0
"""After longer without judged running the windows begin anew."""
WHOLE: Final = 0.8
"""Share of the samples that makes a whole second."""

Row = list[float]


class Belt(NamedTuple):
    """The belt in second ``second``: ``state`` 0 unknown, 1 steady, 2 loose, 3 moved.

    ``ring`` and ``shift_deg`` (how far the pack has turned on the body) are the evidence, NaN
    while not known.
    """

    second: float
    state: int
    ring: float
    shift_deg: float

    @property
    def evidence(self) -> float:
        """The number that says why: deg where the pack has moved, else the ringing."""
        return self.shift_deg if self.state == MOVED else self.ring


NOT_KNOWN: Final = Belt(-math.inf, UNKNOWN, math.nan, math.nan)


class BeltCheck:
    """The belt of one stream, moment by moment: judged of the whole seconds before.

    ``rate_hz`` as given to the estimator; ``mount`` the configured one, None where it is learned.
    What is told does not depend on how the samples are cut into blocks.
    """

    def __init__(self, rate_hz: float, mount: Mount | None = None) -> None:
        self._sense = BeltSense(rate_hz)
        self._watch = BeltWatch(rate_hz, None if mount is None else mount.rotation[0].tolist())
        self._coming: deque[Belt] = deque()
        self._now = NOT_KNOWN
        self._told: deque[tuple[float, Belt]] = deque()

    def update(self, acc: Floats, trace: Trace) -> None:
        """Take in acc (n, 3) m/s² with its trace, before its moments are asked for."""
        rows = self._sense.update(np.ascontiguousarray(acc), trace)
        if len(rows):
            self._coming.extend(self._watch.second(row) for row in rows.tolist())

    def at(self, t: float) -> Belt:
        """The belt as known at run time ``t`` (s); asked for in order."""
        second = float(math.floor(t))
        while self._coming and self._coming[0].second < second:
            self._now = self._coming.popleft()
        belt = self._now if self._now.second >= second - 1.0 else NOT_KNOWN
        if not self._told or self._told[-1][0] != second:
            self._told.append((second, belt))
        return belt

    def of_second(self, second: float) -> Belt:
        """What was told in a second; asked for in order, each once."""
        belt = NOT_KNOWN
        while self._told and self._told[0][0] <= second:
            at_s, told = self._told.popleft()
            belt = told if at_s == second else NOT_KNOWN
        return belt


class _Lean(NamedTuple):
    pitch: float
    side: float
    sd: float
    cadence: float


class BeltWatch:
    """Judges the seconds of one run, as :class:`gaitpi.gait.belt.BeltSense` gives them.

    ``forward`` (3,) where a configured mounting says the front lies in the sensor, None where it
    is learned. Memory is bounded.
    """

    def __init__(self, rate_hz: float, forward: list[float] | None = None) -> None:
        self._rate_hz = rate_hz
        self._forward = forward
        self._last_s = -math.inf
        self._rings: list[float] = []
        self._ring = math.nan
        self._loose: bool | None = None
        self._been_loose = False
        self._leans: list[_Lean] = []
        self._before: list[_Lean] = []
        self._first: list[_Lean] = []
        self._zero: tuple[float, float] | None = None
        self._shift_deg = math.nan
        self._tilted = False
        self._fronts: list[Row] = []
        self._first_fronts: list[Row] = []
        self._front: Row | None = None
        self._turned_deg = 0.0
        self._turned_s = 0

    def second(self, row: Row) -> Belt:
        """Take the next second in and judge it."""
        n = row[B_N]
        if row[B_RUNNING] < n or n == 0:
            return Belt(row[B_SECOND], UNKNOWN, math.nan, math.nan)
        if row[B_BROKEN] == 0 and n >= WHOLE * self._rate_hz:
            if row[B_SECOND] - self._last_s > BREAK_S:
                if len(self._leans) >= JUMP_S:
                    self._before = self._leans[-JUMP_S:]
                self._rings, self._leans, self._fronts = [], [], []
            self._last_s = row[B_SECOND]
            self._judge_ring(row)
            self._judge_lean(row)
            self._judge_front(row)
        shift_deg = self._turned_deg if self._turned_deg else self._shift_deg
        return Belt(row[B_SECOND], self._state(), self._ring, shift_deg)

    def _state(self) -> int:
        if self._tilted or self._turned_deg:
            return MOVED
        if self._loose is None:
            return UNKNOWN
        return LOOSE if self._loose else STEADY

    def _judge_ring(self, row: Row) -> None:
        if self._rate_hz < RATE_MIN_HZ or row[B_LOW] <= 0.0:
            return
        _push(self._rings, math.sqrt(row[B_HIGH] / row[B_LOW]), RING_S)
        if len(self._rings) < RING_S:
            return
        self._ring = median(self._rings)
        self._loose = self._ring >= (RING_STEADY if self._loose else RING_LOOSE)
        self._been_loose = self._been_loose or self._loose

    # Which way it points: forward and sideways.

    def _judge_lean(self, row: Row) -> None:
        n = row[B_N]
        straight = abs(row[B_YAW]) < STRAIGHT_RAD_S * n  # False without a gyroscope
        if row[B_LEANS] < n or not straight or row[B_SD] > SURE_DEG * n:
            return
        lean = _Lean(row[B_LEAN] / n, row[B_SIDE] / n, row[B_SD] / n, row[B_CADENCE] / n)
        _push(self._leans, lean, 2 * JUMP_S + JUMP_GAP_S)
        if self._zero is None:
            self._first.append(lean)
            if len(self._first) == REFERENCE_S:
                self._refer()
            return
        if len(self._leans) < LEAN_S:
            return
        recent = self._leans[-LEAN_S:]
        pitch = median(one.pitch for one in recent) - self._zero[0]
        side = median(one.side for one in recent) - self._zero[1]
        self._shift_deg = math.hypot(pitch, side)
        slack = SLACK if self._been_loose else 1.0
        margin = SURE * median(one.sd for one in recent)
        far = abs(pitch) > slack * PITCH_DEG + margin or abs(side) > slack * SIDE_DEG + margin
        near = abs(pitch) < 0.5 * slack * JUMP_DEG and abs(side) < 0.5 * slack * SIDE_DEG
        # turned round the waist, a lean is partly a side lean: not a second move
        if not self._turned_deg and (far or self._jumped(pitch)):
            self._tilted = True
        elif near:
            self._tilted = False

    def _refer(self) -> None:
        """The reference is complete; a configured mounting must make an upright body of it."""
        pitch = sum(one.pitch for one in self._first) / REFERENCE_S
        side = sum(one.side for one in self._first) / REFERENCE_S
        self._zero = (pitch, side)
        self._first = []
        if self._forward is not None and max(abs(pitch), abs(side)) > OTHERWISE_DEG:
            # compared with an upright body from now on: only a pack put right is near to that
            self._zero, self._shift_deg, self._tilted = (0.0, 0.0), math.hypot(pitch, side), True

    def _jumped(self, pitch: float) -> bool:
        """Whether forward lean has jumped lately, away from the reference, at one cadence.

        Or over the last break: that is where hands come to a belt.
        """
        whole = len(self._leans) == 2 * JUMP_S + JUMP_GAP_S
        before, after = self._leans[:JUMP_S] if whole else self._before, self._leans[-JUMP_S:]
        if not before:
            return False
        spm = [median(one.cadence for one in part) for part in (before, after)]
        if abs(spm[1] - spm[0]) > SAME_CADENCE * spm[0]:
            return False
        jump = median(one.pitch for one in after) - median(one.pitch for one in before)
        need = JUMP_DEG + SURE * median(one.sd for one in [*before, *after])
        return abs(jump) > need and abs(pitch) > JUMP_DEG

    # Which way it points: round the waist.

    def _judge_front(self, row: Row) -> None:
        if not math.isfinite(row[B_YAW]):
            return
        push = row[B_PUSH : B_PUSH + 3]
        size = math.hypot(*push)
        if size == 0.0:
            return
        push = [x / size for x in push]
        if self._front is None:
            self._first_fronts.append(push)
            if len(self._first_fronts) < FRONT_S:
                return
            self._front = _mean(self._first_fronts)
            self._first_fronts = []
            if self._forward is not None:
                angle = _angle_deg(self._forward, self._front, row[B_UP : B_UP + 3])
                if abs(angle) > OTHERWISE_DEG:
                    self._front = self._forward
        _push(self._fronts, push, TURNED_S)
        if len(self._fronts) < TURNED_S:
            return
        angle = abs(_angle_deg(self._front, _mean(self._fronts), row[B_UP : B_UP + 3]))
        if angle > TURNED_DEG:
            self._turned_deg = angle
            self._turned_s += 1
        elif angle < 0.5 * TURNED_DEG:
            self._turned_deg, self._turned_s = 0.0, 0
        if self._turned_s >= RELEARN_S and row[B_FROM] != 1:
            self._front = _mean(self._fronts)
            self._turned_deg, self._turned_s = 0.0, 0


def _push(values: list[Any], value: Any, most: int) -> None:
    """Append, and drop the oldest beyond ``most``."""
    values.append(value)
    if len(values) > most:
        del values[0]


def _mean(rows: list[Row]) -> Row:
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def _angle_deg(a: Row, b: Row, up: Row) -> float:
    """Angle from ``a`` to ``b`` about ``up`` in deg; 0 where one of them has no direction."""
    size = math.hypot(*up)
    u = [x / size for x in up]
    flat = []
    for vector in (a, b):
        along = sum(x * y for x, y in zip(vector, u, strict=True))
        flat.append([x - along * y for x, y in zip(vector, u, strict=True)])
    (ax, ay, az), (bx, by, bz) = flat
    across = u[0] * (ay * bz - az * by) + u[1] * (az * bx - ax * bz) + u[2] * (ax * by - ay * bx)
    return math.atan2(across, ax * bx + ay * by + az * bz) * DEG_PER_RAD
