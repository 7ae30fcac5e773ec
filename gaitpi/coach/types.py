"""What goes into the coach and what comes out."""

from dataclasses import dataclass
from typing import Literal

Metric = Literal["cadence", "lean"]


@dataclass(frozen=True, slots=True)
class Moment:
    """The runner at one moment of sample time; the coach is given ten a second.

    ``time_s`` run time; ``activity`` 0 unknown, 1 still, 2 walking, 3 running;
    ``cadence_spm`` steps/min of both feet, NaN when not stepping; ``lean_deg`` forward lean
    averaged over the last stride, NaN while unknown or not to be trusted;
    ``lean_sd_deg`` its standard uncertainty, NaN when not told;
    ``yaw_rate_dps`` turning rate about the vertical averaged over about a second, NaN without
    a gyroscope; ``gap_s`` samples missing since the moment before (0 = none); ``clipped``
    samples at the end of the range since the moment before; ``grade`` slope of the ground, rise
    over run, NaN while unknown, and ``grade_sd`` its standard uncertainty, infinite while unknown,
    NaN where nothing estimates it; ``belt`` 0 unknown, 1 steady, 2 loose, 3 moved, and
    ``belt_value`` the evidence: deg where it has moved, else its ringing; NaN while unknown;
    ``speed_ms`` by a foot pod, NaN without a fresh one.
    """

    time_s: float
    activity: int
    cadence_spm: float
    lean_deg: float
    yaw_rate_dps: float = float("nan")
    gap_s: float = 0.0
    clipped: int = 0
    lean_sd_deg: float = float("nan")
    grade: float = float("nan")
    grade_sd: float = float("nan")
    belt: int = 0
    belt_value: float = float("nan")
    speed_ms: float = float("nan")


@dataclass(frozen=True, slots=True)
class StepTaken:
    """A step, as soon as it is known.

    ``known_s`` run time at which it became known (never earlier than the sample that showed
    it); ``ic_s`` the initial contact it begins with; ``step_s`` its length, until the next initial
    contact, NaN for the last of a bout; ``running`` True where it was a running step.
    """

    known_s: float
    ic_s: float
    step_s: float
    running: bool


@dataclass(frozen=True, slots=True)
class Cue:
    """Something the runner hears or sees, with the reason in words.

    ``cue`` a name of the vocabulary (step-up, beat, metronome, back, tall, sink, let-go, belt,
    ceiling, trouble); ``value`` of the metric when decided; ``band`` (low, high), ±inf where open;
    ``rule`` a short stable key (``cadence.low``); ``beat_s`` step interval for the rhythmic cues,
    else NaN; ``first_s`` run time at which their first tick is wanted, ``from_s`` the step interval
    they glide from, NaN where there is neither.
    """

    time_s: float
    cue: str
    metric: Metric | Literal["system"]
    value: float
    band: tuple[float, float]
    rule: str
    reason: str
    beat_s: float = float("nan")
    first_s: float = float("nan")
    from_s: float = float("nan")


@dataclass(frozen=True, slots=True)
class Withheld:
    """A cue that would have come but for a quiet rule; once when the rule starts to hold it back.

    ``rule`` names what held it back (``quiet.warmup``, ``quiet.floor`` …).
    """

    time_s: float
    cue: str
    metric: Metric
    value: float
    band: tuple[float, float]
    rule: str
    reason: str


def decided(cue: str, metric: str) -> bool:
    """Whether the coach decided it from the samples, so that a replay decides it again.

    The other sounds of the system (trouble, battery) are not its own.
    """
    return metric != "system" or cue in ("belt", "ceiling")


@dataclass(frozen=True, slots=True)
class Beats:
    """What the metronome does from now on.

    A tick at run time ``first_s`` and one every ``beat_s`` from it on; both NaN: it ends at once.
    ``rule`` is "metronome.plain" (one the runner asked for begins), "metronome.follow" (one that
    is ticking moves with the runner), or why it ends (``cadence.returned``, ``metronome.limit``,
    ``quiet.gap`` …), said in words by ``reason``.
    """

    time_s: float
    first_s: float
    beat_s: float
    rule: str
    reason: str

    @property
    def ends(self) -> bool:
        """Whether there are no more ticks."""
        return self.first_s != self.first_s
