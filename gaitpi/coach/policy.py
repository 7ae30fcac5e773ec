"""The policy: which cue, when, and the reason in words.

Numbers in (:class:`StepTaken`, :class:`Moment`), cues out. No clock, no files, no threads,
so a replay of the same estimates gives the same cues. Memory and work per call are bounded.

Decisions that the configuration cannot undo (it may only be stricter):

* At most one cue in ``CEILING_S`` and ``CEILING_PER_HOUR`` in any hour, over corrections and
  ``let-go`` alike. So the stronger ``beat`` cannot follow ``step-up`` within 20 s: it is the
  form the next correction takes after one that went unanswered, once the floor has passed.
* ``back`` is a confirmation the runner has earned, not a correction: it is outside the ceiling,
  comes at most once per correction, only after one, and at least ``APART_S`` from it.
* ``let-go`` takes the place of the correction that would come after ``unanswered_max``
  unanswered ones, and needs the ceiling only, not the grown floor.
* Whether the metric is out of its band is decided by :mod:`gaitpi.coach.detect`, stride by
  stride; whether it is back, by the mean of ``window_steps`` (cadence) or of ``LEAN_MEAN_S``. In
  between it is neither. After a cue, and after ``back``, the evidence starts from nothing.
* ``ceiling`` says once, where it was asked for, that the run is as long as the runner's own longest
  allow (:mod:`gaitpi.coach.ceiling`): within the ceilings of cues and every quiet rule but the
  minutes of a programme.
* ``metronome`` (``coach.metronome = "adaptive"``) is one correction however long it ticks: at most
  ``rhythm.TRAIN_MAX_S``, not after the runner is back in band, not into anything that mutes.
  ``"plain"`` is no correction but what the runner asked for: outside the ceiling, within the mute,
  the quiet hours, running, sound data, and the minutes of a programme; no cadence correction comes
  beside it.
* A target that follows the speed of a foot pod (:mod:`gaitpi.coach.pace`) stands still while a cue
  is answered, evidence from before it rose is none, and without a fresh speed it is the accepted
  one.
* What cannot be seen is not judged: when the runner stops, or data are lost, before the answer
  time is over, the cue counts neither as answered nor as unanswered.

Numbers and their evidence: Heiderscheit 2011 (MSSE 43:296) and Huber 2024 for step rate,
ECCE 2021 (feedback modalities) for one cue in one to two minutes.
"""

import copy
import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, NamedTuple

from gaitpi.coach import detect, pace, programme, rhythm
from gaitpi.coach.answer import ANSWER_S as ANSWER_S
from gaitpi.coach.answer import GAP_S as GAP_S
from gaitpi.coach.belt import Belt
from gaitpi.coach.ceiling import RULE, Reach
from gaitpi.coach.ground import Bucket, Ground, Turning, collect, mean
from gaitpi.coach.types import Beats, Cue, Metric, Moment, StepTaken, Withheld
from gaitpi.config import CoachConfig
from gaitpi.units import cadence_spm, step_time_s

CEILING_S: Final = 60.0
"""Least time between two cues, s, whatever the configuration says."""
CEILING_PER_HOUR: Final = 20
GATE_MIN_S: Final = 30.0
HOLD_MIN_S: Final = 2.0
APART_S: Final = 2.0
"""``back`` never comes nearer than this to another cue, s."""
LOST_S: Final = 2.0
"""A longer loss: the runner may have stopped meanwhile, so the running gate starts again, s."""
CLIP_BURST: Final = 5
"""Clipped samples in one moment (a quarter of a tenth of a second): a knock or a fall."""
SETTLE_S: Final = 10.0
"""Quiet after a gap, a clip burst, a turn or the end of a mute, s."""
MUTE_MAX_S: Final = 86_400.0

STEP_MIN_S: Final = 0.2
STEP_MAX_S: Final = 0.6
"""Running step times kept, s (100 to 300 spm): a missed contact gives one of double length."""
STEPS_MAX: Final = 64
STEPS_STALE_S: Final = 1.5
"""Without a step for this long the mean says nothing about now, s."""
LEAN_MEAN_S: Final = 10
LEAN_RETURN: Final = 0.5
"""Lean is back in band within this share of the band."""
LEAN_SURE: Final = 2.0
"""A deviation of lean smaller than this many of its standard uncertainties is not cued."""

BELT_HEARD: Final = ("quiet.belt", "quiet.turn", "quiet.hill", "quiet.speed")
"""Quiet rules of form, in which the belt sound is heard all the same."""

ASKED_QUIET: Final = frozenset({"quiet.off", "quiet.mute", "quiet.hours", "quiet.activity"})
"""What silences a plain metronome too; these rules are asked first of all."""

STILL, WALKING, RUNNING = 1, 2, 3
_ACTIVITY: Final = {STILL: "standing", WALKING: "walking"}
_UNIT: Final = {"cadence": "spm", "lean": "deg"}


@dataclass(frozen=True, slots=True)
class Status:
    """What the coach thinks now, for a live line.

    ``rule`` is "listening" (no target), "ready" (a cue may come), or the ``quiet.*`` rule that
    mutes it, said in words by ``reason``; ``value`` is the mean that is compared with ``band``
    (NaN while unknown); ``time_s`` run time of the last moment (NaN before the first).
    """

    time_s: float
    metric: Metric
    value: float
    band: tuple[float, float]
    rule: str
    reason: str


class _Reading(NamedTuple):
    """The focus metric now: its mean, and whether that is well in band."""

    value: float
    returned: bool


class _Low(NamedTuple):
    """The focus metric is out of band for sure: ``side`` -1 below, 1 above.

    ``value``: its mean over the last ``seconds``; ``off``: how far that is from the centre.
    """

    side: int
    value: float
    seconds: float
    off: float


_Stride = list[float]
"""The metric in one stride (cadence: its time, s; lean: deg), outliers clipped; its time, s; the
runner's noise as known then (cadence: relative; lean: deg)."""


@dataclass(slots=True)
class _State:
    """Everything the coach remembers; plain numbers, texts and lists of them. Times: run time."""

    day_second: float | None = None
    time_s: float | None = None
    activity: int = 0
    first_run_s: float | None = None
    fast_since_s: float | None = None
    coached_s: float = 0.0
    focus: str = ""
    steps: list[float] = field(default_factory=list)
    half_s: float | None = None
    due: list[float] = field(default_factory=list)
    strides: list[_Stride] = field(default_factory=list)
    onset_s: float | None = None
    noise: float | None = None
    step_known_s: float | None = None
    lean: list[Bucket] = field(default_factory=list)
    lean_known: bool = False
    lean_sd: float | None = None
    turning: Turning = field(default_factory=Turning)
    ground: Ground = field(default_factory=Ground)
    belt: Belt = field(default_factory=Belt)
    reach: Reach = field(default_factory=Reach)
    sound_s: float | None = None
    gap_s: float | None = None
    clip_s: float | None = None
    mute_until_s: float | None = None
    rest_until_s: float | None = None
    side: int = 0
    cued: list[float] = field(default_factory=list)
    answer_by_s: float | None = None
    awaiting_back: bool = False
    unanswered: int = 0
    withheld: str = ""
    target_spm: float | None = None
    """The cadence wanted where it follows the speed; None = the configured one."""
    speed_ms: float | None = None
    speed_lost_s: float | None = None
    contacts: list[float] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    """The metronome while it ticks: its start, the first tick not yet decided; else empty."""

    def forget(self) -> None:
        """Drop what described a stretch of running that has ended or was not seen."""
        self.steps = []
        self.contacts = []
        self.forget_strides()
        self.lean = []
        self.turning.forget()
        self.side = 0
        self.answer_by_s = None
        self.awaiting_back = False
        self.withheld = ""

    def forget_strides(self) -> None:
        """Drop the evidence for a cue; the next begins with a whole stride."""
        self.half_s = None
        self.due = []
        self.strides = []
        self.onset_s = None


def apart(value: float, edge: float) -> tuple[str, str]:
    """Both in words, with as many digits as tell them apart: 164.9 is not below 164.9."""
    for digits in (1, 2, 3):
        found = f"{value:.{digits}f}", f"{edge:.{digits}f}"
        if found[0] != found[1]:
            break
    return found


class Coach:
    """Decides the cues of one run.

    ``day_second``: local seconds of the day at run time 0, for the quiet hours; None = not
    known, and then configured quiet hours keep the coach quiet: it cannot tell.
    """

    def __init__(self, config: CoachConfig, *, day_second: float | None = None) -> None:
        self._config = config
        self._quiet_hours = _parse_hours(config.quiet_hours)
        self._line = _line(config)
        self._s = _State(day_second=day_second, focus=config.focus)
        self._beats: list[Beats] = []

    def state(self) -> dict[str, Any]:
        """All of the coach's memory as JSON-able values."""
        return asdict(self._s)

    @classmethod
    def restore(cls, config: CoachConfig, state: dict[str, Any]) -> "Coach":
        """A coach that goes on from ``state()``; the configuration may have changed."""
        coach = cls(config)
        values = copy.deepcopy(state)
        values["turning"] = Turning(**values["turning"])
        values["ground"] = Ground(**values["ground"])
        values["belt"] = Belt(**values["belt"])
        values["reach"] = Reach(**values["reach"])
        coach._s = _State(**values)
        if coach._s.focus != config.focus:
            coach._s.forget()
            coach._s.focus, coach._s.noise = config.focus, None
        return coach

    def mute(self, time_s: float, until_s: float) -> None:
        """Be quiet from run time ``time_s`` to ``until_s`` (at most a day; not later = unmute).

        The first ``SETTLE_S`` after a mute stay quiet too.
        """
        self._s.mute_until_s = min(max(until_s, time_s), time_s + MUTE_MAX_S)

    def step(self, step: StepTaken) -> None:
        """Take in a step. Walking steps, the first of a bout and impossible ones are left out."""
        s = self._s
        rhythm.hear(s.contacts, step)
        s.reach.steps += step.running
        if not (step.running and STEP_MIN_S <= step.step_s <= STEP_MAX_S):
            s.half_s = None  # two steps with a missed one between them are no stride
            return
        s.step_known_s = step.known_s
        s.steps.append(step.step_s)
        if len(s.steps) > STEPS_MAX:
            del s.steps[0]
        if s.half_s is None:
            s.half_s = step.step_s
            return
        stride_s, s.half_s = s.half_s + step.step_s, None
        if self._config.focus == "cadence":
            if not s.turning.now:  # a bend is taken slower
                self._stride(stride_s, stride_s)
        elif len(s.due) < detect.STRIDES_MAX:
            s.due.append(stride_s)

    def moment(self, m: Moment) -> list[Cue | Withheld]:
        """Take in a moment, later than the one before; at most one cue comes out."""
        self._observe(m)
        said = self._of_form(m) or self._of_belt(m.time_s) or self._of_load(m.time_s)
        if any(isinstance(one, Cue) for one in said):
            self._s.sound_s = m.time_s
        return said

    def _of_form(self, m: Moment) -> list[Cue | Withheld]:
        reading = self._read(m.time_s)
        self._keep_time(m.time_s, reading)
        if self._s.answer_by_s is not None and m.time_s > self._s.answer_by_s:
            self._s.answer_by_s = None
            self._s.unanswered += 1
        if reading is None or self._plain():
            return []
        if reading.returned:
            return self._confirm(m.time_s, reading)
        # while a metronome corrects, nothing is due that could be withheld
        correcting = self._config.metronome == "adaptive" and self._s.train
        return [] if correcting else self._correct(m.time_s)

    @property
    def beats(self) -> list[Beats]:
        """What the last moment says to the metronome; goes before the cues of that moment."""
        return list(self._beats)

    @property
    def target_spm(self) -> float:
        """The cadence wanted now, NaN without a target."""
        return math.nan if self._target is None else self._target

    @property
    def _target(self) -> float | None:
        """The cadence wanted now, None without a target."""
        target = self._s.target_spm
        return self._config.target_spm if target is None else target

    @property
    def onset_s(self) -> float | None:
        """Run time since which the runner likely deviates from the target, None when not."""
        return self._s.onset_s

    def status(self) -> Status:
        """What the coach thinks as of the last moment."""
        s, metric = self._s, self._config.focus
        if s.time_s is None:
            return Status(math.nan, metric, math.nan, self._band(), "quiet.start", "no data yet")
        reading = self._read(s.time_s)
        value = math.nan if reading is None else reading.value
        if not self._has_target():
            rule, reason = "listening", f"no {metric} target: listening only"
        elif self._plain():
            ticking = "metronome", f"plain metronome at {self._config.target_spm:g} spm"
            rule, reason = self._asked_quiet(s.time_s) or ticking
        else:
            unknown = ("quiet.unknown", f"{metric} not known yet") if reading is None else None
            ready = "ready", f"watching {metric}{self._target_words()}"
            quiet = self._muted(s.time_s) or unknown or self._unsure(self._low())
            rule, reason = quiet or self._spaced(s.time_s) or ready
        return Status(s.time_s, metric, value, self._band(), rule, reason)

    # What is going on.

    def _observe(self, m: Moment) -> None:
        """Take in the moment."""
        s, t = self._s, m.time_s
        if m.speed_ms > pace.fastest(m.cadence_spm):
            m = replace(m, speed_ms=math.nan)  # the pod doubles, or sits on something else
        dt = 0.0 if s.time_s is None else t - s.time_s
        lost = max(m.gap_s, dt if dt > LOST_S else 0.0)
        if lost >= GAP_S:
            s.gap_s = t
            s.forget()
        if lost >= LOST_S:
            s.fast_since_s = None
        if m.clipped >= CLIP_BURST:
            s.clip_s = t
        s.time_s, s.activity = t, m.activity
        if m.activity in (WALKING, RUNNING):
            # nobody knows what was run in a gap: it has no distance
            seen = lost < GAP_S
            speed_ms = m.speed_ms if seen else math.nan
            s.reach.moves(dt, speed_ms, running=seen and m.activity == RUNNING)
        if m.activity != RUNNING:
            s.fast_since_s = None
            s.forget()
            return
        if s.first_run_s is None:
            s.first_run_s = t
        if lost < GAP_S and t - s.first_run_s >= self._config.warmup_s:
            s.coached_s += dt
        if not m.cadence_spm >= self._config.gate_spm:  # NaN is not running fast enough either
            s.fast_since_s = None
        elif s.fast_since_s is None:
            s.fast_since_s = t
        self._follow_speed(m)
        s.turning.observe(t, m.yaw_rate_dps)
        if s.belt.observe(t, m.belt, m.belt_value) and self._config.focus == "lean":
            s.forget_strides()
        if self._config.focus == "lean":
            self._observe_lean(m)
        s.ground.observe(m.grade, m.grade_sd, s.onset_s)

    def _follow_speed(self, m: Moment) -> None:
        """Move the target with the speed: not while a cue is answered, and not for little.

        Strides judged by a lower target are no evidence against a higher one, and what the target
        does is not the runner's answer. Without a fresh speed it is the accepted one, at once.
        """
        s, accepted = self._s, self._config.target_spm
        if self._line is None or accepted is None:
            return
        known = math.isfinite(m.speed_ms)
        s.speed_ms = m.speed_ms if known else None
        before = accepted if s.target_spm is None else s.target_spm
        wanted = pace.target_at(self._line, accepted, m.speed_ms)
        answering = s.answer_by_s is not None or bool(s.train)
        if known and (answering or abs(wanted - before) < pace.STEP_SPM):
            return
        if wanted == before:
            return
        if not known:
            s.speed_lost_s, s.answer_by_s = m.time_s, None
        s.target_spm = wanted
        s.awaiting_back = False
        if wanted > before:
            s.forget_strides()
        else:
            self._mark_onset()

    def _observe_lean(self, m: Moment) -> None:
        s, t, turning = self._s, m.time_s, self._s.turning.now
        s.lean_known = math.isfinite(m.lean_deg)
        s.lean_sd = m.lean_sd_deg if math.isfinite(m.lean_sd_deg) else None
        # Leaning into a bend is not the runner's posture: it does not enter the mean.
        collect(s.lean, t, math.nan if turning else m.lean_deg, LEAN_MEAN_S)
        for stride_s in s.due:
            if s.lean_known and not turning:
                self._stride(m.lean_deg, stride_s)
        s.due = []

    def _stride(self, value: float, stride_s: float) -> None:
        """Take in the focus metric in one stride."""
        s = self._s
        noise, usual = self._noise(), self._usual_noise()
        # the noise of the stride time is relative to it
        unit = stride_s if self._config.focus == "cadence" else 1.0
        values = [stride[0] for stride in s.strides[-2 * detect.BLOCK :]]
        values.append(detect.clipped(value, values, noise * unit))
        s.strides.append([values[-1], stride_s, noise])
        self._limit()
        values = [value / unit for value in values[-2 * detect.BLOCK :]]
        s.noise = detect.update_noise(noise, values, usual)
        self._mark_onset()

    def _mark_onset(self) -> None:
        """Note since when the runner deviates; what is older than the strides kept stays noted."""
        s = self._s
        if not self._has_target():
            return
        start = min(detect.onset(off, 0.5 * edge) for off, edge in self._deviations())
        if start == len(s.strides):
            s.onset_s = None
        elif start > 0 or s.onset_s is None:
            s.onset_s = (s.step_known_s or 0.0) - sum(stride[1] for stride in s.strides[start:])

    def _limit(self) -> None:
        """Keep as many strides as the longest window needs."""
        strides = self._s.strides
        lasts = sum(stride[1] for stride in strides)
        while len(strides) > detect.STRIDES_MAX and (lasts - strides[0][1] > 1.5 * self._hold_s()):
            lasts -= strides.pop(0)[1]

    def _read(self, t: float) -> _Reading | None:
        """The focus metric against its band; None while unknown or without a target."""
        if not self._has_target():
            return None
        return self._read_cadence(t) if self._config.focus == "cadence" else self._read_lean()

    def _read_cadence(self, t: float) -> _Reading | None:
        s = self._s
        n = self._window()
        stale = s.step_known_s is None or t - s.step_known_s > STEPS_STALE_S
        if stale or len(s.steps) < n:
            return None
        # Times are averaged, then inverted: the mean of rates would be too high.
        value = cadence_spm(sum(s.steps[-n:]) / n)
        return _Reading(value, value >= self._return_spm())

    def _read_lean(self) -> _Reading | None:
        s = self._s
        if not (s.lean and s.lean_known):
            return None
        value = mean(s.lean)
        low, high = self._band()
        off = abs(value - (low + high) / 2)
        return _Reading(value, off <= LEAN_RETURN * (high - low) / 2)

    def _low(self) -> _Low | None:
        """Whether the focus metric is out of band, for sure and still; None when not."""
        s, c = self._s, self._config
        if not self._has_target():
            return None
        seconds = [stride[1] for stride in s.strides]
        deviations = self._deviations()
        if c.focus == "cadence":
            found = self._beyond(deviations[0][0], seconds, deviations[0][1])
            if found is None:
                return None
            spm = self.target_spm / (1.0 + found.mean)
            return _Low(-1, spm, found.seconds, found.mean)
        usual = c.usual_lean_deg or 0.0
        for side, (off, edge) in zip((-1, 1), deviations, strict=True):
            found = self._beyond(off, seconds, edge)
            if found is not None:
                return _Low(side, usual + side * found.mean, found.seconds, found.mean)
        return None

    def _deviations(self) -> list[tuple[list[float], float]]:
        """Deviations of the strides, positive outwards, and the edge: cadence low; lean low, high.

        There must be a target.
        """
        strides, c = self._s.strides, self._config
        if c.focus == "cadence":
            # stride times average, rates do not: so the deviation is one of time
            usual = 2.0 * step_time_s(self.target_spm)
            slow = [stride[0] / usual - 1.0 for stride in strides]
            return [(slow, 1.0 / (1.0 - c.band_low) - 1.0)]
        lean = c.usual_lean_deg or 0.0
        return [
            ([side * (stride[0] - lean) for stride in strides], c.lean_band_deg) for side in (-1, 1)
        ]

    def _beyond(
        self, deviations: list[float], seconds: list[float], edge: float
    ) -> detect.Evidence | None:
        # lean has two sides on which chance can cue
        sides = 1.0 if self._config.focus == "cadence" else 2.0
        return detect.beyond(
            deviations,
            seconds,
            edge=edge,
            noises=[stride[2] for stride in self._s.strides],
            surety=detect.surety_for(sides * self._config.false_alarm_h, self._hold_s()),
            hold_s=self._hold_s(),
        )

    def _usual_noise(self) -> float:
        return detect.CADENCE_SD if self._config.focus == "cadence" else detect.LEAN_SD_DEG

    def _noise(self) -> float:
        return self._usual_noise() if self._s.noise is None else self._s.noise

    # What to say.

    def _confirm(self, t: float, reading: _Reading) -> list[Cue | Withheld]:
        s, c = self._s, self._config
        s.unanswered, s.answer_by_s = 0, None
        s.withheld = ""
        if not s.awaiting_back or self._silence_s(t) < APART_S:
            return []
        s.awaiting_back = False
        s.forget_strides()
        if c.focus == "cadence":
            value, edge_spm = apart(reading.value, self._return_spm())
            where = f"cadence {value} spm back above {edge_spm}"
        else:
            edge = LEAN_RETURN * c.lean_band_deg
            where = f"lean {reading.value:.1f} deg back within {edge:.1f} of the usual"
        reason = f"{where}, {t - s.cued[-1]:.0f} s after the cue"
        return [
            self._event(t, "back", reading.value, f"{c.focus}.returned", reason, self._muted(t))
        ]

    def _correct(self, t: float) -> list[Cue | Withheld]:
        s, low = self._s, self._low()
        if low is None:
            return []
        if low.side != s.side:
            s.side, s.withheld = low.side, ""
        quiet = self._muted(t) or self._unsure(low) or self._spaced(t)
        if quiet is not None:
            if quiet[0] == s.withheld:
                return []
            s.withheld = quiet[0]
        name, rule, reason = self._choose(low)
        if quiet is None and name != "let-go":
            reason += f", floor {self._floor_s():.0f} s passed" if s.cued else ", first cue"
        event = self._event(t, name, low.value, rule, reason, quiet)
        if quiet is None:
            self._spoken(t, name)
        return [event]

    def _choose(self, low: _Low) -> tuple[str, str, str]:
        """Name, rule and reason of the cue that is due."""
        s, c = self._s, self._config
        if self._giving_up():
            rest = f"resting the cues for {c.rest_s:.0f} s"
            return "let-go", f"{c.focus}.unanswered", f"{s.unanswered} cues unanswered, {rest}"
        edges = self._band()
        value, edge = apart(low.value, edges[0] if low.side < 0 else edges[1])
        out = f"{'below' if low.side < 0 else 'above'} {edge}{self._target_words()}"
        reason = f"{c.focus} {value} {_UNIT[c.focus]} {out} over {low.seconds:.0f} s"
        if c.focus == "lean":
            forward = low.side > 0
            return "tall" if forward else "sink", f"lean.{'high' if forward else 'low'}", reason
        adaptive = c.metronome == "adaptive"
        if s.unanswered == 0:
            return "metronome" if adaptive else "step-up", "cadence.low", reason
        name = "metronome" if adaptive else "beat"
        return name, "cadence.still-low", f"{reason}, though cued"

    def _target_words(self) -> str:
        """What the target is, where it follows the speed; else ""."""
        if self._line is None or self._config.target_spm is None:
            return ""
        if self._s.speed_ms is None:
            return f" (no speed: fixed target {self.target_spm:.1f})"
        return f" (target {self.target_spm:.1f} at {self._s.speed_ms:.1f} m/s)"

    def _event(
        self,
        t: float,
        name: str,
        value: float,
        rule: str,
        reason: str,
        quiet: tuple[str, str] | None,
    ) -> Cue | Withheld:
        metric, band = self._config.focus, self._band()
        if quiet is not None:
            words = f"{quiet[1]}; otherwise {name}: {reason}"
            return Withheld(t, name, metric, value, band, quiet[0], words)
        target = self._target
        if name not in ("step-up", "beat", "metronome") or target is None:
            return Cue(t, name, metric, value, band, rule, reason)
        first_s, from_s = self._first_tick(t)
        return Cue(t, name, metric, value, band, rule, reason, step_time_s(target), first_s, from_s)

    def _first_tick(self, t: float) -> tuple[float, float]:
        """When the first tick of a rhythm is wanted, and the runner's own step interval (NaN)."""
        soon_s = t + rhythm.LEAD_S
        contact = rhythm.predict(self._s.contacts, soon_s)
        if contact is None:
            return soon_s, math.nan
        return contact.first_s if contact.sure else soon_s, contact.step_s

    def _spoken(self, t: float, name: str) -> None:
        """Book a cue that was given."""
        s = self._s
        if name == "metronome" and self._target is not None:
            first_s, from_s = self._first_tick(t)
            beat_s = step_time_s(self._target)
            s.train = [t, first_s + sum(rhythm.glide(from_s, beat_s, rhythm.GLIDE_TICKS))]
        s.cued = [*s.cued[-(CEILING_PER_HOUR - 1) :], t]
        s.forget_strides()
        s.withheld = ""
        if name == "let-go":
            s.rest_until_s = t + self._config.rest_s
            s.unanswered, s.awaiting_back = 0, False
        else:
            s.answer_by_s = t + ANSWER_S
            s.awaiting_back = True

    def _of_belt(self, t: float) -> list[Cue | Withheld]:
        """The belt sound where it is due: one of the cues as far as the ceilings are concerned."""
        s = self._s
        if not s.belt.due(t):
            return []
        quiet = self._muted(t)
        if quiet is not None and quiet[0] not in BELT_HEARD:
            return []
        last_s = max(self._spoken_s(), default=-math.inf)
        if t - last_s < CEILING_S or self._silence_s(t) < APART_S or self._spent(t):
            return []
        s.belt.tell(t)
        value = math.nan if s.belt.value is None else s.belt.value
        nothing = (-math.inf, math.inf)
        reason = f"{s.belt.words(t)}; lean is not cued meanwhile"
        return [Cue(t, "belt", "system", value, nothing, s.belt.rule(), reason)]

    def _of_load(self, t: float) -> list[Cue | Withheld]:
        """The sound of the ceiling of the run, once.

        It keeps every rule of quiet but the programme's, whose minutes are those of form.
        """
        s = self._s
        words = s.reach.words(self._config)
        if not words or self._muted(t, of_form=False):
            return []
        resting = s.rest_until_s is not None and t < s.rest_until_s
        last_s = max(self._spoken_s(), default=-math.inf)
        near = t - last_s < CEILING_S or self._silence_s(t) < APART_S
        if resting or near or self._spent(t):
            return []
        s.reach.told_s = t
        nothing = (-math.inf, math.inf)
        return [Cue(t, "ceiling", "system", float(s.reach.steps), nothing, RULE, words)]

    def _spoken_s(self) -> list[float]:
        """Run times of the cues that count for floor and ceilings."""
        told = () if self._s.reach.told_s is None else (self._s.reach.told_s,)
        return [*self._s.cued, *self._s.belt.told, *told]

    def _silence_s(self, t: float) -> float:
        """Time since the last sound, s."""
        return math.inf if self._s.sound_s is None else t - self._s.sound_s

    # The metronome.

    def _plain(self) -> bool:
        """Whether the runner asked for a metronome instead of cadence cues."""
        return self._config.metronome == "plain" and self._config.focus == "cadence"

    def _keep_time(self, t: float, reading: _Reading | None) -> None:
        """Begin, move or end the metronome."""
        s, c = self._s, self._config
        self._beats = []
        target_s = step_time_s(self.target_spm)
        plain = c.metronome == "plain" and c.target_spm is not None
        end = self._asked_quiet(t) if plain else self._enough(t, reading)
        if s.train and end is not None:
            s.train = []
            self._beats.append(Beats(t, math.nan, math.nan, *end))
        elif s.train and c.metronome == "adaptive":
            self._follow(t, target_s)
        elif plain and end is None and not s.train:
            first_s = t + rhythm.LEAD_S
            s.train = [t, first_s]
            words = f"plain metronome at {c.target_spm:g} spm"
            self._beats.append(Beats(t, first_s, target_s, "metronome.plain", words))

    def _follow(self, t: float, target_s: float) -> None:
        """Decide the next ticks, drawn to the runner's contacts, when it is time to."""
        s = self._s
        due_s = s.train[1]
        if t < due_s - rhythm.AHEAD_S:
            return
        # called too late for it: a later tick of the same grid
        due_s += max(0, math.ceil((t + rhythm.LEAD_S - due_s) / target_s)) * target_s
        beat_s = rhythm.pulled(target_s, due_s, rhythm.predict(s.contacts, due_s))
        s.train[1] = due_s + rhythm.BLOCK_TICKS * beat_s
        self._beats.append(Beats(t, due_s, beat_s, "metronome.follow", "in step with the runner"))

    def _enough(self, t: float, reading: _Reading | None) -> tuple[str, str] | None:
        """Why a correcting metronome ends, None while it goes on."""
        s, c = self._s, self._config
        if not s.train:
            return None
        if c.metronome != "adaptive" or c.target_spm is None:
            return "metronome.off", "the metronome was switched off"
        if quiet := self._muted(t):
            return quiet
        if reading is None:
            return "quiet.unknown", f"{c.focus} not known any more"
        lasted_s = t - s.train[0]
        if reading.returned:
            return "cadence.returned", f"back in band after {lasted_s:.0f} s"
        # the last tick asked for may lie a lead ahead
        if lasted_s > rhythm.TRAIN_MAX_S - rhythm.LEAD_S:
            return "metronome.limit", f"still low after {lasted_s:.0f} s"
        return None

    def _asked_quiet(self, t: float) -> tuple[str, str] | None:
        """Why a metronome the runner asked for is quiet: it needs no warm-up and no gate."""
        quiet = self._muted(t)
        if quiet is not None and quiet[0] in ASKED_QUIET:
            return quiet
        if _recent(self._s.gap_s, t):
            return "quiet.gap", f"sensor data were missing {t - (self._s.gap_s or 0.0):.0f} s ago"
        # ticks at the target are cues to whoever is to do without them
        silent = programme.quiet(self._config, self._s.coached_s)
        return None if silent is None else ("quiet.programme", silent)

    # What keeps it quiet.

    def _muted(self, t: float, *, of_form: bool = True) -> tuple[str, str] | None:
        """Rule and words that forbid any sound now, None when free to speak.

        ``of_form`` False: of a sound that says nothing of form, which no belt can falsify.
        """
        s, c = self._s, self._config
        gate = max(GATE_MIN_S, c.gate_s)
        if not c.enabled:
            return "quiet.off", "cues are switched off"
        if s.mute_until_s is not None and t < s.mute_until_s + SETTLE_S:
            return "quiet.mute", f"muted, {s.mute_until_s + SETTLE_S - t:.0f} s to go"
        hours = self._in_quiet_hours(t)
        if hours:
            return "quiet.hours", hours
        if s.activity != RUNNING or s.first_run_s is None:
            return "quiet.activity", f"not running ({_ACTIVITY.get(s.activity, 'unknown')})"
        if t - s.first_run_s < c.warmup_s:
            return "quiet.warmup", f"warm-up, {s.first_run_s + c.warmup_s - t:.0f} s to go"
        if s.fast_since_s is None:
            return "quiet.slow", f"cadence is not above {c.gate_spm:.0f} spm"
        if t - s.fast_since_s < gate:
            return "quiet.gate", f"running again for less than {gate:.0f} s"
        if _recent(s.gap_s, t):
            return "quiet.gap", f"sensor data were missing {t - (s.gap_s or 0.0):.0f} s ago"
        if _recent(s.clip_s, t):
            return (
                "quiet.clip",
                f"a knock beyond the sensor's range {t - (s.clip_s or 0.0):.0f} s ago",
            )
        if _recent(s.speed_lost_s, t):
            return (
                "quiet.speed",
                f"no speed to go by from the foot pod since {t - (s.speed_lost_s or 0.0):.0f} s",
            )
        belt = s.belt.words(t) if of_form and c.focus == "lean" else ""
        if belt:
            return "quiet.belt", belt
        if _recent(s.turning.last_s, t):
            return "quiet.turn", f"turning {t - (s.turning.last_s or 0.0):.0f} s ago"
        if s.ground.steep:
            return "quiet.hill", s.ground.words()
        return None

    def _unsure(self, low: _Low | None) -> tuple[str, str] | None:
        """Rule and words where lean itself is known too roughly for a deviation as large."""
        sd = self._s.lean_sd
        if self._config.focus != "lean" or low is None or sd is None or low.off >= LEAN_SURE * sd:
            return None
        return "quiet.unsure", f"lean is known to {sd:.1f} deg only (1 sd)"

    def _spaced(self, t: float) -> tuple[str, str] | None:
        """Rule and words that forbid one more correction now, None when the next may come."""
        s = self._s
        silent = programme.quiet(self._config, s.coached_s)
        if silent is not None:
            return "quiet.programme", silent
        if s.rest_until_s is not None and t < s.rest_until_s:
            return "quiet.rest", f"resting the cues, {s.rest_until_s - t:.0f} s to go"
        floor = CEILING_S if self._giving_up() else self._floor_s()
        ago = t - max(self._spoken_s(), default=-math.inf)
        if ago < floor:
            return "quiet.floor", f"last cue {ago:.0f} s ago, floor {floor:.0f} s"
        if self._spent(t):
            return "quiet.budget", f"{self._budget()} cues in the last hour"
        return None

    def _budget(self) -> int:
        return min(CEILING_PER_HOUR, self._config.max_per_hour)

    def _spent(self, t: float) -> bool:
        """Whether the budget of the hour is spent."""
        return sum(t - at <= 3600.0 for at in self._spoken_s()) >= self._budget()

    def _in_quiet_hours(self, t: float) -> str:
        """Words when the quiet hours are on, empty when not."""
        if self._quiet_hours is None:
            return ""
        if self._s.day_second is None:
            return "quiet hours are set and the time of day is not known"
        start, end = self._quiet_hours
        now = (self._s.day_second + t) % 86_400.0
        inside = start <= now < end if start < end else now >= start or now < end
        return f"quiet hours {self._config.quiet_hours}" if inside else ""

    # The configuration, with the ceilings of this module applied.

    def _has_target(self) -> bool:
        c = self._config
        return (c.target_spm if c.focus == "cadence" else c.usual_lean_deg) is not None

    def _band(self) -> tuple[float, float]:
        """The band of the focus metric, open sides infinite."""
        c = self._config
        if c.focus == "cadence" and self._target is not None:
            return self._target * (1.0 - c.band_low), math.inf
        if c.focus == "lean" and c.usual_lean_deg is not None:
            return c.usual_lean_deg - c.lean_band_deg, c.usual_lean_deg + c.lean_band_deg
        return -math.inf, math.inf

    def _return_spm(self) -> float:
        c = self._config
        return (self._target or math.inf) * (1.0 - min(c.band_return, c.band_low))

    def _window(self) -> int:
        """Steps in the mean: even, so that a left-right difference cancels."""
        return max(2, min(self._config.window_steps, STEPS_MAX) // 2 * 2)

    def _hold_s(self) -> float:
        c = self._config
        return max(HOLD_MIN_S, c.hold_s if c.focus == "cadence" else c.lean_hold_s)

    def _floor_s(self) -> float:
        """Least time since the last cue, s: grows with each unanswered one."""
        c = self._config
        floor = c.floor_s if c.focus == "cadence" else c.lean_floor_s
        return max(CEILING_S, floor * max(1.0, c.backoff) ** self._s.unanswered)

    def _giving_up(self) -> bool:
        return self._s.unanswered >= max(1, self._config.unanswered_max)


def _line(config: CoachConfig) -> pace.Line | None:
    """The line along which the target follows the speed; None = it is fixed."""
    known = (
        *(config.follow_slope, config.follow_at_ms, config.follow_low_ms, config.follow_high_ms),
        *(config.follow_own_spm, config.follow_most_spm),
    )
    fixed = not config.follow_speed or config.focus != "cadence" or config.metronome == "plain"
    numbers = [value for value in known if value is not None]
    return None if fixed or len(numbers) < len(known) else pace.Line(*numbers)


def _recent(at: float | None, t: float) -> bool:
    return at is not None and t - at < SETTLE_S


def _parse_hours(text: str) -> tuple[int, int] | None:
    """Seconds of the day of "HH:MM-HH:MM" (equal ends: the whole day); None when empty."""
    if not text:
        return None
    start, end = (int(part[:2]) * 3600 + int(part[3:]) * 60 for part in text.split("-"))
    return start, end
