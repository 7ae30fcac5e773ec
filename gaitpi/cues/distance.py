"""How far two sounds are apart by rhythm alone: no pitch, no loudness.

The spike-train metric of Victor and Purpura (J Neurophysiol 1996; 76:1310): the cheapest way to
turn one train into the other, where adding or taking away an event costs 1 and moving one costs
``|dt| / SHIFT_S``, so never more than 2. Beginnings and ends of the notes are two trains of their
own, which makes lengths count as much as beginnings. Divided by the events of both, 0 is the
same rhythm and 1 has nothing in common.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Final

from gaitpi.cues.vocabulary import PATTERNS, Pattern, Tone, render

SHIFT_S: Final = 0.1
"""A beginning or an end moved by this much costs as much as one added, s. Seated
listeners notice 6 ms in intervals below 240 ms and 2.5 % in longer ones (Friberg and Sundberg,
J Acoust Soc Am 1995; 98:2524), so this leaves a runner ten times as much."""
LEAST: Final = 0.28
"""No two sounds of the vocabulary may be nearer than this: about one note in four added, left
out, or moved by a fifth of a second. A judgement; ``gaitpi sounds test`` checks it on ears."""
BLUR_S: Final = 0.1
"""A vibration motor spins on through shorter gaps than this, s (a judgement: of the order of the
motors' stated times to start and stop)."""
BEATS_S: Final = (60.0 / 240.0, 60.0 / 172.0, 60.0 / 120.0)
"""Step intervals at which the rhythmic sounds are compared, s."""
GLIDES: Final = (math.nan, 1.05, 1.1)
"""What they glide from, of the step interval they end on; NaN: no glide."""

ROUNDING_S: Final = 1e-9

Notes = list[tuple[float, float]]


def notes(tones: Iterable[Tone], blur_s: float = 0.0) -> Notes:
    """(beginning, end) of every note, s; gaps shorter than ``blur_s`` run together."""
    found: Notes = []
    t = 0.0
    for tone in tones:
        if tone.level > 0:
            gap_s = t - found[-1][1] if found else blur_s
            if found and (gap_s < ROUNDING_S or gap_s < blur_s - ROUNDING_S):
                found[-1] = (found[-1][0], t + tone.duration_s)
            else:
                found.append((t, t + tone.duration_s))
        t += tone.duration_s
    return found


def edits(a: Sequence[float], b: Sequence[float], shift_s: float = SHIFT_S) -> float:
    """Victor and Purpura's distance of two trains of event times (s, ascending)."""
    row = [float(j) for j in range(len(b) + 1)]
    for i, x in enumerate(a, start=1):
        before, row = row, [float(i)]
        for j, y in enumerate(b, start=1):
            moved = before[j - 1] + abs(x - y) / shift_s
            row.append(min(before[j] + 1.0, row[j - 1] + 1.0, moved))
    return row[-1]


def distance(a: Notes, b: Notes) -> float:
    """Between two rhythms: 0 the same, 1 nothing in common. Raises ValueError without notes."""
    if not a or not b:
        raise ValueError("a rhythm has at least one note")
    starts = edits([start for start, _ in a], [start for start, _ in b])
    ends = edits([end for _, end in a], [end for _, end in b])
    return (starts + ends) / (2 * (len(a) + len(b)))


def between(a: Pattern, b: Pattern, *, blur_s: float = 0.0) -> float:
    """The least distance of two sounds over the step intervals ``BEATS_S`` and ``GLIDES``."""
    glides = GLIDES if a.ticks or b.ticks else GLIDES[:1]
    return min(
        distance(
            notes(render(a, beat, glide * beat), blur_s),
            notes(render(b, beat, glide * beat), blur_s),
        )
        for beat in BEATS_S
        for glide in glides
    )


def nearest(
    sounds: Iterable[Pattern] = tuple(PATTERNS.values()), *, blur_s: float = 0.0
) -> list[tuple[float, str, str]]:
    """(distance, name, name) of every pair, the nearest first."""
    pairs = combinations(sounds, 2)
    return sorted((between(a, b, blur_s=blur_s), a.name, b.name) for a, b in pairs)
