"""Where the runner's next initial contact will fall, and how ticks lead from there. Pure.

Prediction: least squares over the last ``CONTACTS`` initial contacts, t = a + b·k + c·(-1)^k: a
phase, a step interval, and half the difference of left and right. A step that was long is not made
up for by a short one: contacts wander off the line (a random walk), and its residuals say little
of what comes. So the standard deviation is that of the prediction, a weighted sum of contacts,
under such a walk, whose noise is that of the step intervals about the mean of either foot. What
both are worth is measured by ``python -m calibration.rhythm``.

Ticks start on a contact and glide to the target in equal ratios. A metronome that goes on is then
a phase oscillator drawn to the contacts (Kuramoto's sine coupling; cf. adaptive timers in
Repp & Keller 2008, Psychol Res 72:79): its interval stays within ``PULL`` of the target's, so no
two intervals differ by more than 2 %. Listeners notice 2.5 % at these intervals (Friberg and
Sundberg 1995, J Acoust Soc Am 98:2524), and runners follow changes of 1 to 3 % unnoticed
(van Dyck 2015, Sports Med Open 1:15).
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from gaitpi.coach.types import StepTaken

CONTACTS: Final = 8
"""Four strides: long enough to average both feet, short enough to follow a change of pace."""
CONTACTS_MIN: Final = 5
"""One more than the three numbers need, and one to judge them by."""
STEP_MIN_S: Final = 0.2
STEP_MAX_S: Final = 0.6
"""Intervals between contacts that follow each other, s (300 to 100 steps a minute)."""
SAME_S: Final = 0.001
"""Contacts nearer than this are one and the same, s."""
WILD_S: Final = 0.025
"""A contact this far off the line is not where the foot came down: five times the noise of a step
(1.5 %), s."""
SURE: Final = 0.125
"""With a standard deviation above this share of a step the phase is not known."""
LEAD_S: Final = 0.15
"""From a decision to the first tick it asks for, at least: the daemon reads the sensor every 50 ms,
and what a tick needs must be there before it, s."""

PULL: Final = 0.01
"""Most by which the interval of the metronome differs from the target's, as a share of it."""
GLIDE_TICKS: Final = 6
"""Intervals in which the metronome glides from the runner's step interval to the target's."""
BLOCK_TICKS: Final = 4
"""Ticks (two strides) of one interval; then the contacts are looked at again."""
AHEAD_S: Final = 0.3
"""A block is decided this long before its first tick, s."""
TRAIN_MAX_S: Final = 30.0
"""The longest the adaptive metronome ticks on end, s: the time of an answer."""


class Prediction(NamedTuple):
    """The next contact: run time ``first_s`` and its standard deviation; mean step interval, s."""

    first_s: float
    sd_s: float
    step_s: float

    @property
    def sure(self) -> bool:
        """Whether the phase is known well enough to tick on it."""
        return self.sd_s <= SURE * self.step_s


def hear(contacts: list[float], step: StepTaken) -> None:
    """Add the contact that ended ``step`` to ``contacts`` (run time, s), which keeps the last ones.

    Starts anew, with both contacts of the step, where it does not follow the one before; with none
    where it is no running step.
    """
    if not (step.running and STEP_MIN_S <= step.step_s <= STEP_MAX_S):
        contacts.clear()
        return
    if not (contacts and abs(step.ic_s - contacts[-1]) < SAME_S):
        contacts[:] = [step.ic_s]
    contacts.append(step.ic_s + step.step_s)
    del contacts[:-CONTACTS]


def predict(contacts: Sequence[float], after_s: float) -> Prediction | None:
    """The first contact at or after run time ``after_s``; None with too few of them."""
    points = list(enumerate(contacts))
    if len(points) < CONTACTS_MIN:
        return None
    fit = _Fit(points)
    wild = max(points, key=lambda point: abs(fit.residual(*point)))
    if abs(fit.residual(*wild)) > WILD_S and len(points) > CONTACTS_MIN:
        points.remove(wild)
        fit = _Fit(points)
    k = len(contacts)
    if not STEP_MIN_S <= fit.step_s <= STEP_MAX_S:
        return None
    k = max(k, math.ceil((after_s - fit.at(0)) / fit.step_s) - 1)
    while fit.at(k) < after_s:
        k += 1
    return Prediction(fit.at(k), fit.sd(k), fit.step_s)


class _Fit:
    """Least squares of t = a + b·k + c·(-1)^k through (k, t) points; k counts contacts."""

    def __init__(self, points: Sequence[tuple[int, float]]) -> None:
        # times from the first point on: run times are large, and their squares larger
        self._origin = points[0][1]
        rows = [self._row(k) for k, _ in points]
        times = [t - self._origin for _, t in points]
        normal = [[sum(r[i] * r[j] for r in rows) for j in range(3)] for i in range(3)]
        right = [sum(r[i] * t for r, t in zip(rows, times, strict=True)) for i in range(3)]
        self._inverse = _inverse(normal)
        self._a = [sum(self._inverse[i][j] * right[j] for j in range(3)) for i in range(3)]
        self._rows, self._points = rows, list(points)

    @property
    def step_s(self) -> float:
        """Mean step interval, s."""
        return self._a[1]

    def at(self, k: int) -> float:
        """Time of contact ``k``, s."""
        return self._origin + sum(a * x for a, x in zip(self._a, self._row(k), strict=True))

    def residual(self, k: int, t: float) -> float:
        """How much later than the line contact ``k`` came, s."""
        return t - self.at(k)

    def sd(self, k: int) -> float:
        """Standard deviation of contact ``k``, later than all, about its prediction, s."""
        row = self._row(k)
        half = [sum(row[i] * self._inverse[i][j] for i in range(3)) for j in range(3)]
        weights = [sum(h * x for h, x in zip(half, r, strict=True)) for r in self._rows]
        # a step too long moves all contacts after it; the prediction, by their weights only
        walk, unmoved = float(k - self._points[-1][0]), 0.0
        for (before, _), (now, _), weight in zip(
            self._points, self._points[1:], weights, strict=False
        ):
            unmoved += weight
            walk += (now - before) * unmoved * unmoved
        return math.sqrt(walk * self._step_variance())

    def _step_variance(self) -> float:
        """Of the step intervals about the mean of either foot, s²."""
        feet: tuple[list[float], list[float]] = ([], [])
        for (k, t), (later, u) in zip(self._points, self._points[1:], strict=False):
            if later == k + 1:
                feet[k % 2].append(u - t)
        squares = [(d - sum(foot) / len(foot)) ** 2 for foot in feet for d in foot]
        return sum(squares) / max(1, len(squares) - 2)

    @staticmethod
    def _row(k: int) -> tuple[float, float, float]:
        return 1.0, float(k), -1.0 if k % 2 else 1.0


def _inverse(m: Sequence[Sequence[float]]) -> list[list[float]]:
    """Inverse of a symmetric (3, 3) matrix that has one, by cofactors."""
    (a, b, c), (_, e, f), (_, _, i) = m
    co = [
        [e * i - f * f, c * f - b * i, b * f - c * e],
        [c * f - b * i, a * i - c * c, b * c - a * f],
        [b * f - c * e, b * c - a * f, a * e - b * b],
    ]
    det = a * co[0][0] + b * co[0][1] + c * co[0][2]
    return [[value / det for value in row] for row in co]


def glide(from_s: float, beat_s: float, n: int) -> list[float]:
    """``n`` intervals (s) in equal ratios from ``from_s`` on, the last one ``beat_s``.

    All of them are ``beat_s`` when ``from_s`` is NaN: there is nothing to glide from.
    """
    if math.isnan(from_s):
        return [beat_s] * n
    return [from_s * (beat_s / from_s) ** ((k + 1) / n) for k in range(n)]


def pulled(target_s: float, due_s: float, contact: Prediction | None) -> float:
    """Interval (s) of the block of ticks that begins at ``due_s``: the target's, drawn to the feet.

    A tick after its contact makes the interval shorter, one before it longer, by the sine of the
    phase between them: gently, and not at all half a step off, where either way is as far.
    """
    if contact is None or not contact.sure:
        return target_s
    phase = (due_s - contact.first_s) / contact.step_s
    return target_s * (1.0 - PULL * math.sin(2.0 * math.pi * phase))
