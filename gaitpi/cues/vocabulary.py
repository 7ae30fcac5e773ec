"""The sounds and lights as data.

Rhythm carries the meaning, pitch only the direction: the same rhythm must be readable from a
vibration motor or an LED (``cues.distance`` measures it). Tones lie between 2 and 4 kHz, where
small piezos are loud. A sound lasts less than 1.2 s, except ``beat``; ``step-up`` takes three
step intervals and a tick, so it is longer than that for targets below 158 steps a minute.
``metronome`` is ``beat`` going on; it lasts as long as the coach says.
Lights differ in shape first and in colour second, for a single LED and for colour-blind eyes.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from gaitpi.coach.rhythm import GLIDE_TICKS, glide
from gaitpi.errors import UsageError

TICK_S: Final = 0.06
BEAT_RANGE_S: Final = (0.2, 0.6)
"""Step intervals a rhythmic sound may have, s (300 to 100 steps a minute)."""


@dataclass(frozen=True, slots=True)
class Tone:
    """A tone gliding from ``start_hz`` to ``end_hz`` in ``duration_s``; level 0 is a pause.

    ``level`` 0 to 1 is the share of the configured volume.
    """

    start_hz: float
    end_hz: float
    duration_s: float
    level: float


@dataclass(frozen=True, slots=True)
class Pattern:
    """A sound. ``priority``: a higher one interrupts a lower one, never the reverse.

    With ``ticks`` > 0 the tones are repeated that many times, one step interval apart.
    """

    name: str
    meaning: str
    priority: int
    tones: tuple[Tone, ...]
    ticks: int = 0


Colour = Literal["white", "red", "green", "blue", "amber", "cyan"]


@dataclass(frozen=True, slots=True)
class Light:
    """A shape of the LED, repeated: (lit, seconds) one after the other.

    ``colour`` shows on an RGB LED only. With ``once`` the shape is shown a single time.
    """

    name: str
    meaning: str
    shape: tuple[tuple[bool, float], ...]
    colour: Colour = "white"
    once: bool = False

    @property
    def period_s(self) -> float:
        """Length of one round, s."""
        return sum(duration for _, duration in self.shape)

    def at(self, elapsed_s: float) -> tuple[bool, float]:
        """Whether it is lit ``elapsed_s`` after it began, and the seconds to the next change."""
        left = elapsed_s % self.period_s
        for lit, duration in self.shape:
            if left < duration:
                return lit, duration - left
            left -= duration
        return self.shape[0][0], self.shape[0][1]  # rounding at the very end of a round


LOW, MID, HIGH = 2000.0, 2700.0, 3600.0


def _on(hz: float, duration_s: float, level: float = 1.0, to_hz: float | None = None) -> Tone:
    return Tone(hz, hz if to_hz is None else to_hz, duration_s, level)


def _off(duration_s: float) -> Tone:
    return Tone(0.0, 0.0, duration_s, 0.0)


_TICK: Final = (_on(MID, TICK_S),)

_PATTERNS: Final = (
    # While running.
    Pattern("step-up", "cadence low: run on this rhythm", 3, _TICK, ticks=4),
    Pattern("beat", "cadence still low: run on this rhythm", 3, (_on(MID, TICK_S, 0.6),), 12),
    Pattern(
        "back",
        "in band again",
        2,
        (_on(HIGH, TICK_S), _off(0.06), _on(HIGH, TICK_S)),
    ),
    # The two leans differ in rhythm too, for the vibration motor: short-long up, long-short down.
    Pattern(
        "tall",
        "too far forward: run tall",
        3,
        (_on(LOW, 0.12), _off(0.1), _on(LOW, 0.75, to_hz=HIGH)),
    ),
    Pattern(
        "sink",
        "too far back: lean from the ankles",
        3,
        (_on(HIGH, 0.75, to_hz=LOW), _off(0.1), _on(LOW, 0.12)),
    ),
    Pattern(
        "let-go",
        "cues rest for some minutes: run easy",
        2,
        (_on(LOW, 0.25, 0.5), _off(0.3), _on(LOW, 0.25, 0.5)),
    ),
    Pattern(
        "belt",
        "the belt has moved: lean is muted",
        4,
        (_on(LOW, 0.1), _off(0.5), _on(LOW, 0.1), _off(0.12), _on(LOW, 0.1)),
    ),
    Pattern(
        "ceiling",
        "the run is as long as its ceiling",
        2,
        (
            *(_on(MID, TICK_S), _off(0.12), _on(HIGH, 0.4, to_hz=MID), _off(0.25)),
            *(_on(LOW, 0.12), _off(0.12), _on(LOW, TICK_S)),
        ),
    ),
    Pattern(
        "trouble",
        "sensor, storage or power: see the LED",
        5,
        (_on(MID, 0.25), _off(0.15), _on(MID, 0.25), _off(0.15), _on(MID, 0.25)),
    ),
    # Of the system itself, most of them not while cueing.
    Pattern(
        "hello",
        "starting",
        1,
        (_on(LOW, 0.12), _off(0.12), _on(MID, 0.12), _off(0.12), _on(HIGH, 0.4)),
    ),
    Pattern("record", "recording", 1, (_on(MID, 0.9),)),
    Pattern("stopped", "recording ended", 1, (_on(MID, 0.5), _off(0.15), _on(MID, 0.5))),
    Pattern("measuring", "measuring: stand still", 1, (*_TICK, _off(0.3), *_TICK)),
    Pattern("set", "set", 1, (_on(MID, 0.1), _off(0.1), _on(HIGH, 0.4))),
    Pattern("not-still", "not still: try again", 1, (_on(MID, 0.35), _off(0.2), _on(LOW, 0.1))),
    Pattern(
        "battery",
        "battery low",
        1,
        (_on(HIGH, 0.4), _off(0.12), _on(MID, 0.12), _off(0.12), _on(LOW, 0.4)),
    ),
    Pattern(
        "reminder",
        "take the belt off before the wash",
        1,
        (_on(HIGH, 0.3), _off(0.1), *(_on(LOW, TICK_S), _off(0.1)) * 3, _on(LOW, TICK_S)),
    ),
    # Answers to the button.
    Pattern("mark", "marked", 1, _TICK),
    Pattern(
        "mute",
        "cues muted",
        1,
        (_on(HIGH, 0.4), _off(0.1), _on(MID, 0.4), _off(0.1), _on(LOW, 0.1)),
    ),
    Pattern(
        "unmute",
        "cues on again",
        1,
        (_on(LOW, 0.2), _off(0.1), _on(MID, 0.2), _off(0.2), _on(HIGH, 0.2)),
    ),
    Pattern(
        "pain",
        "noted: felt it here",
        1,
        (*(_on(MID, TICK_S), _off(0.1)) * 3, _on(MID, 0.5)),
    ),
    Pattern("no", "not possible now", 1, (_on(LOW, 0.2), _off(0.4), _on(LOW, 0.4))),
    Pattern("hold", "held: let go to start or stop", 1, (_on(MID, 0.3),)),
    Pattern(
        "hold-long", "held: let go to calibrate", 1, (_on(MID, 0.3), _off(0.1), _on(HIGH, 0.3))
    ),
    Pattern(
        "shutdown",
        "switching off",
        1,
        tuple(
            tone
            for k, hz in enumerate((HIGH, 3200.0, 2800.0, 2400.0, LOW))
            for tone in (_on(hz, 0.3 if k == 4 else 0.1), _off(0.1))
        )[:-1],
    ),
)
PATTERNS: Final = {p.name: p for p in _PATTERNS}
METRONOME: Final = Pattern(
    "metronome", "run on this rhythm until it ends", 3, PATTERNS["beat"].tones, 12
)
"""As many ticks as are wanted (``dataclasses.replace``). Not in ``PATTERNS``: it is meant to sound
like ``beat``, of which it is the longer form."""
RUNNING: Final = tuple(p.name for p in _PATTERNS[:9])
"""The sounds a runner may hear on the way; a session uses three of them at most besides belt,
ceiling and trouble."""

_LIGHTS: Final = (
    Light("boot", "starting", ((True, 1.0), (False, 1.0))),
    Light("healthy", "ready", ((True, 0.1), (False, 0.15), (True, 0.1), (False, 1.65)), "green"),
    Light("recording", "recording", ((True, 0.02), (False, 9.98)), "green"),
    Light("calibrating", "measuring: stand still", ((True, 0.5), (False, 0.5)), "blue"),
    Light("moving", "too much movement to measure", ((True, 0.1), (False, 0.1)), "blue"),
    Light("battery", "battery below 20 %", ((True, 0.1), (False, 2.9)), "amber"),
    Light("night", "to be seen from behind", ((True, 0.02), (False, 0.98)), "red"),
    Light("link-gained", "radio link gained", ((True, 0.1), (False, 0.4)), "cyan", once=True),
    Light(
        "link-lost",
        "radio link lost",
        ((True, 0.1), (False, 0.15), (True, 0.1), (False, 0.4)),
        "cyan",
        once=True,
    ),
    Light("off", "off", ((False, 3600.0),)),
)
LIGHTS: Final = {light.name: light for light in _LIGHTS}

FAULTS: Final = ("IMU", "storage", "clock", "power", "buzzer", "program file")
"""What one, two, three … blinks stand for."""


def fault(blinks: int) -> Light:
    """The light of fault number ``blinks`` (1 to 6, see ``FAULTS``): so many blinks, a pause."""
    if not 1 <= blinks <= len(FAULTS):
        raise ValueError(f"no fault has {blinks} blinks")
    # each four times as long as those of "healthy": told apart without the colour
    shape = (*((True, 0.4), (False, 0.3)) * (blinks - 1), (True, 0.4), (False, 1.8))
    return Light(f"fault-{blinks}", f"fault: {FAULTS[blinks - 1]}", shape, "red")


def pattern(name: str) -> Pattern:
    """The sound of that name. Raises UsageError with the names there are."""
    try:
        return METRONOME if name == METRONOME.name else PATTERNS[name]
    except KeyError:
        names = ", ".join([*PATTERNS, METRONOME.name])
        raise UsageError(f'There is no sound called "{name}".', f"Known: {names}.") from None


def render(sound: Pattern, beat_s: float = math.nan, from_s: float = math.nan) -> list[Tone]:
    """The tones and pauses of a sound, in order.

    ``beat_s`` is the step interval of the rhythmic sounds (ignored by the others), and ``from_s``
    the one they glide from: over half their ticks or ``GLIDE_TICKS`` intervals, whichever is less,
    in equal ratios, so that the last ones are at ``beat_s``; NaN = no glide. Raises ValueError when
    a rhythmic sound is given an interval outside ``BEAT_RANGE_S``, or none.
    """
    if not sound.ticks:
        return list(sound.tones)
    for interval_s in (beat_s, beat_s if math.isnan(from_s) else from_s):
        if not BEAT_RANGE_S[0] <= interval_s <= BEAT_RANGE_S[1]:
            raise ValueError(
                f"{sound.name} needs a step interval of {BEAT_RANGE_S} s, not {interval_s}"
            )
    gliding = glide(from_s, beat_s, min(sound.ticks // 2, GLIDE_TICKS))
    intervals = [*gliding, *(beat_s,) * sound.ticks][: sound.ticks - 1]
    length_s = sum(tone.duration_s for tone in sound.tones)
    ticks = [tone for s in intervals for tone in (*sound.tones, _off(s - length_s))]
    return [*ticks, *sound.tones]


def frames(tones: list[Tone], glide_step_s: float = 0.02) -> Iterator[tuple[float, float, float]]:
    """(frequency Hz, level, duration s) pieces of constant frequency; glides go in small steps."""
    for tone in tones:
        if tone.start_hz == tone.end_hz:
            yield tone.start_hz, tone.level, tone.duration_s
            continue
        n = max(2, round(tone.duration_s / glide_step_s))
        for k in range(n):
            hz = tone.start_hz + (tone.end_hz - tone.start_hz) * k / (n - 1)
            yield hz, tone.level, tone.duration_s / n
