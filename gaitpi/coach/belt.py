"""What a loose or moved belt means to the coach: lean is quiet, and one sound says so.

Judged moment by moment from what :class:`~gaitpi.coach.types.Moment` tells; the belt itself is
judged by :mod:`gaitpi.device.belt`.
"""

import math
from dataclasses import dataclass, field
from typing import Final

UNKNOWN, STEADY, LOOSE, MOVED = 0, 1, 2, 3
"""``Moment.belt``."""

BELT_SETTLE_S: Final = 20.0
"""Lean stays quiet so long after the belt sits again, s: lean of the time before has then left the
mean that is cued on."""
BELT_APART_S: Final = 600.0
"""Least time between two belt sounds, s: a belt is set right at a stop, not at once."""

TOLD_KEPT: Final = 8

_KIND: Final = {LOOSE: "loose", MOVED: "moved"}


@dataclass(slots=True)
class Belt:
    """Whether the belt is to be trusted.

    ``kind`` as told last of a bad belt (0: none, or over), ``since_s`` and ``last_s`` run time of
    its first and last moment, ``steady_s`` since when it has been steady again; ``value`` the
    evidence (loose: ringing; moved: deg), None while unknown; ``told`` run times of the last belt
    sounds, an hour's at least.
    """

    kind: int = UNKNOWN
    since_s: float = 0.0
    last_s: float = 0.0
    steady_s: float | None = None
    value: float | None = None
    told: list[float] = field(default_factory=list)

    @property
    def bad(self) -> bool:
        """Whether it is loose or moved now."""
        return self.kind != UNKNOWN and self.steady_s is None

    def observe(self, t: float, belt: int, value: float) -> bool:
        """Take in the belt of a moment; True when a bad one is over and has settled.

        Unknown (after a stop) changes nothing: a belt does not tighten itself.
        """
        if belt in _KIND:
            if self.kind == UNKNOWN:
                self.since_s = t
            self.kind, self.last_s, self.steady_s = belt, t, None
            self.value = value if math.isfinite(value) else None
        elif belt == STEADY and self.kind != UNKNOWN:
            if self.steady_s is None:
                self.steady_s = t
            if t - self.steady_s >= BELT_SETTLE_S:
                self.kind, self.steady_s, self.value = UNKNOWN, None, None
                return True
        return False

    def words(self, t: float) -> str:
        """Why lean is quiet, empty where it is not."""
        if self.kind == UNKNOWN:
            return ""
        if self.steady_s is not None:
            return f"the belt was {_KIND[self.kind]}; steady for {t - self.steady_s:.0f} s only"
        if self.kind == LOOSE:
            return f"the belt has been loose since {_clock(self.since_s)}{self._evidence()}"
        return (
            f"the belt moved at {_clock(self.since_s)}{self._evidence()}; it sits otherwise since"
        )

    def due(self, t: float) -> bool:
        """Whether a bad belt is still to be told."""
        return self.bad and (not self.told or t - self.told[-1] >= BELT_APART_S)

    def tell(self, t: float) -> None:
        """Book a belt sound."""
        self.told = [*self.told[1 - TOLD_KEPT :], t]

    def rule(self) -> str:
        """``belt.loose`` or ``belt.moved``."""
        return f"belt.{_KIND.get(self.kind, 'steady')}"

    def _evidence(self) -> str:
        if self.value is None:
            return ""
        if self.kind == MOVED:
            return f" (by {self.value:.0f} deg)"
        return f" (ringing {self.value:.2f})"


def _clock(t: float) -> str:
    return f"{int(t) // 60:02d}:{int(t) % 60:02d}"
