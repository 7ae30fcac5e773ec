"""What the logic analyser's edges say: which sounds, when, how true to their shape.

Nothing here knows what the daemon believes it has played. A sound is told by its rhythm alone, as
a runner with a vibration motor would.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Final

from gaitpi.cues.vocabulary import BEAT_RANGE_S, PATTERNS, TICK_S, Pattern, render
from tests.hil.gpiochip import Edge

APART_S: Final = 0.7
"""A pause longer than any within a sound, s."""
TOLERANCE_S: Final = 0.045
"""How far one on or off may be from its shape: the guest is a process among others, s."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound on a pin: ``spans`` on, off, on, … in s; ``name`` "" when it is none of ours.

    ``beat_s`` is the mean interval of a rhythmic sound, NaN for the others.
    """

    start_s: float
    spans: tuple[float, ...]
    name: str
    beat_s: float = math.nan

    @property
    def end_s(self) -> float:
        """When it ended."""
        return self.start_s + sum(self.spans)


def sounds(edges: list[Edge], line: int) -> list[Heard]:
    """The sounds on ``line`` that have ended."""
    ours = [edge for edge in edges if edge.line == line]
    if ours and ours[0].level == 0:
        ours = ours[1:]
    out: list[Heard] = []
    spans: list[float] = []
    start_s = math.nan
    for first, second in itertools.pairwise(ours):
        lasted = second.time_s - first.time_s
        if not spans:
            start_s = first.time_s
        if first.level or lasted <= APART_S:
            spans.append(lasted)
        else:
            out += _split(start_s, spans)
            spans = []
    if len(spans) % 2 == 0:
        spans = spans[:-1]  # one more has begun
    return out + _split(start_s, spans)


def _split(start_s: float, spans: list[float]) -> list[Heard]:
    """The sounds in a stretch without a long pause: one may follow another closely."""
    out: list[Heard] = []
    while spans:
        found = _first(start_s, spans)
        out.append(found)
        taken = len(found.spans) + 1
        start_s += sum(spans[:taken])
        spans = spans[taken:]
    return out


def _first(start_s: float, spans: list[float]) -> Heard:
    """The sound that a stretch begins with; all of it when that is none of ours."""
    n = _regular(spans)
    for name in ("beat", "step-up"):
        if n == PATTERNS[name].ticks:
            ticks = tuple(spans[: 2 * n - 1])
            return Heard(start_s, ticks, name, (sum(ticks) - ticks[-1]) / (n - 1))
    for pattern in sorted(PATTERNS.values(), key=lambda p: -len(p.tones)):
        if not pattern.ticks and _fits(pattern, spans):
            return Heard(start_s, tuple(spans[: len(shape(pattern))]), pattern.name)
    return Heard(start_s, tuple(spans), "")


def _regular(spans: list[float]) -> int:
    """How many ticks follow each other evenly from the start."""
    n = 0
    beat_s = math.nan
    for k in range(0, len(spans), 2):
        if abs(spans[k] - TICK_S) > TOLERANCE_S:
            break
        n += 1
        if k + 1 == len(spans):
            break
        interval_s = spans[k] + spans[k + 1]
        beat_s = interval_s if n == 1 else beat_s
        low, high = BEAT_RANGE_S
        if abs(interval_s - beat_s) > TOLERANCE_S or not low <= interval_s <= high:
            break
    return n


def shape(pattern: Pattern, beat_s: float = math.nan) -> tuple[float, ...]:
    """On, off, on, … of a sound as the vocabulary has it, s."""
    out: list[float] = []
    for tone in render(pattern, beat_s):
        lit = tone.level > 0
        if len(out) % 2 == (1 if lit else 0):
            out[-1] += tone.duration_s
        else:
            out.append(tone.duration_s)
    return tuple(out)


def _fits(pattern: Pattern, spans: list[float]) -> bool:
    """Whether the stretch begins with this sound."""
    wanted = shape(pattern)
    return len(wanted) <= len(spans) and all(
        abs(a - b) <= TOLERANCE_S for a, b in zip(wanted, spans, strict=False)
    )
