"""The quiet and safety rules, said a second time: from what the coach was told, not from its code.

:func:`judge` feeds a stream to a coach and raises AssertionError at the first thing said that a
rule forbids. Streams and configurations to feed it with are hypothesis strategies.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from gaitpi.coach.policy import ANSWER_S, Coach
from gaitpi.coach.types import Beats, Cue, Moment, StepTaken, Withheld
from gaitpi.config import CoachConfig

TICK_S = 0.5
CORRECTIONS = {"step-up", "beat", "metronome", "tall", "sink", "let-go"}
TRAIN_MAX_S = 30.0
SETTLE_S = 10.0
NOON_S = 43_200.0
OUT = list[Cue | Withheld]


@dataclass(frozen=True)
class Stretch:
    """Some time of one thing; ``mute_s`` > 0: the runner mutes for so long at its beginning."""

    activity: int
    spm: float
    lean: float
    yaw: float
    ticks: int
    gap_s: float
    clipped: int
    lean_sd: float = math.nan
    mute_s: float = 0.0
    belt: int = 0
    grade: float = math.nan
    grade_sd: float = math.nan
    speed_ms: float = math.nan


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


# Built without the configuration's own checks: the ceilings are in the code, not in the file.
configs = st.builds(
    CoachConfig,
    enabled=st.sampled_from([True, True, True, False]),
    focus=st.sampled_from(["cadence", "lean"]),
    target_spm=st.sampled_from([None, 172.0, 172.0, 172.0, 185.0]),
    band_low=numbers(0.0, 0.04),
    band_return=numbers(0.0, 0.05),
    window_steps=st.integers(0, 80),
    hold_s=numbers(0.0, 10.0),
    floor_s=numbers(0.0, 90.0),
    backoff=numbers(0.0, 2.0),
    unanswered_max=st.integers(0, 5),
    rest_s=numbers(0.0, 200.0),
    warmup_s=numbers(0.0, 60.0),
    gate_s=numbers(0.0, 40.0),
    gate_spm=numbers(0.0, 150.0),
    usual_lean_deg=st.sampled_from([None, 5.0, 8.0, 8.0]),
    lean_band_deg=numbers(0.0, 5.0),
    lean_hold_s=numbers(0.0, 10.0),
    lean_floor_s=numbers(0.0, 90.0),
    max_per_hour=st.sampled_from([-1, 0, 1, 2, 20, 1000, 1000]),
    quiet_hours=st.sampled_from(["", "", "12:00-12:10"]),
    programme_part=st.sampled_from(["", "", "session", "session", "test", "rest"]),
    programme_minutes=st.sampled_from([1.0, 3.0, 30.0]),
    programme_share=st.sampled_from([1.0, 1.0, 0.75, 0.5, 0.1]),
    metronome=st.sampled_from(["off", "adaptive", "adaptive", "plain"]),
    ceiling_sound=st.booleans(),
    ceiling_steps=st.sampled_from([None, 100.0, 500.0]),
    ceiling_s=st.sampled_from([None, 60.0, 400.0]),
    follow_speed=st.sampled_from([True, True, False]),
    follow_slope=st.sampled_from([None, 0.0, 12.0, 12.0, 12.0, 40.0, 1000.0]),
    follow_at_ms=st.just(2.8),
    follow_low_ms=st.sampled_from([2.0, 2.8]),
    follow_high_ms=st.sampled_from([2.8, 3.5, 8.0]),
    follow_own_spm=st.sampled_from([164.0, 160.0, 120.0]),
    follow_most_spm=st.sampled_from([100.0, 172.0, 180.0, 264.0]),
)
# Mostly running and out of band, so that cues do come; with interruptions of every kind.
stretches = st.builds(
    Stretch,
    activity=st.sampled_from([3, 3, 3, 3, 3, 2, 1, 0]),
    spm=st.sampled_from([162.0, 164.0, 164.0, 172.0, 172.0, 130.0, math.nan]),
    lean=st.sampled_from([20.0, 15.0, 8.0, 8.0, -2.0, math.nan]),
    yaw=st.sampled_from([0.0, 0.0, 0.0, 35.0, -60.0, math.nan]),
    ticks=st.integers(1, 300),
    gap_s=st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.25, 3.0]),
    clipped=st.sampled_from([0, 0, 0, 1, 30]),
    lean_sd=st.sampled_from([math.nan, 0.3, 0.3, 9.0]),
    mute_s=st.sampled_from([0.0, 0.0, 0.0, 45.0]),
    belt=st.sampled_from([0, 1, 1, 1, 2, 3]),
    grade=st.sampled_from([0.0, 0.0, 0.0, 0.1, -0.1, math.nan]),
    grade_sd=st.sampled_from([0.02, 0.02, 0.02, math.inf]),
    speed_ms=st.sampled_from([math.nan, 2.0, 2.4, 2.8, 3.2, 3.5, 3.5, 6.0]),
)
streams = st.lists(stretches, min_size=1, max_size=16)
day_seconds = st.sampled_from([None, 0.0, NOON_S - 60.0])


@dataclass(frozen=True)
class Mute:
    """The runner asks for quiet from ``time_s`` to ``until_s``."""

    time_s: float
    until_s: float


Event = StepTaken | Moment | Mute


def unroll(stream: list[Stretch]) -> list[Event]:
    """What the coach is told in the course of a stream."""
    events: list[Event] = []
    t, due = 0.0, 0.0
    for part in stream:
        gap = part.gap_s
        if part.mute_s:
            events.append(Mute(t, t + part.mute_s))
        for k in range(part.ticks):
            t += TICK_S + gap
            stepping = part.activity == 3 and math.isfinite(part.spm)
            due = max(due, t - TICK_S)
            while stepping and due < t:
                events.append(StepTaken(t, due, 60.0 / part.spm, True))
                due += 60.0 / part.spm
            events.append(_moment(part, t, gap, part.clipped if k == 0 else 0))
            gap = 0.0
    return events


def _moment(part: Stretch, t: float, gap_s: float, clipped: int) -> Moment:
    return Moment(
        t,
        part.activity,
        part.spm if part.activity in (2, 3) else math.nan,
        part.lean,
        part.yaw,
        gap_s,
        clipped,
        part.lean_sd,
        grade=part.grade,
        grade_sd=part.grade_sd,
        belt=part.belt,
        speed_ms=part.speed_ms,
    )


def fits(m: Moment) -> bool:
    """There is a speed, and by the belt's count no step is longer than two metres."""
    return m.speed_ms >= 0.0 and not m.speed_ms * 60.0 > 2.0 * m.cadence_spm


def tell(coach: Coach, event: Event) -> OUT:
    """Tell the coach, and what it says, but for the metronome."""
    if isinstance(event, Moment):
        return coach.moment(event)
    if isinstance(event, StepTaken):
        coach.step(event)
    else:
        coach.mute(event.time_s, event.until_s)
    return []


def feed(coach: Coach, events: list[Event]) -> list[Any]:
    """Tell the coach everything, and all that it says."""
    said: list[Any] = []
    for event in events:
        said += tell(coach, event)
        said += coach.beats if isinstance(event, Moment) else []
    return said


@dataclass
class Watch:
    """What a listener with a stop watch remembers."""

    config: CoachConfig
    day_second: float | None
    first_run_s: float = math.inf
    run_since: float = math.inf
    disturbed: float = -math.inf
    turned: float = -math.inf
    muted_until: float = -math.inf
    rest_until: float = -math.inf
    last_any: float = -math.inf
    last_s: float = 0.0
    coached_s: float = 0.0
    cued_minutes: set[int] = field(default_factory=set)
    back_allowed: bool = False
    slack: bool = False
    tight_since: float = math.inf
    belt_told: float = -math.inf
    ticking_since: float = math.inf
    ceiling_told: bool = False
    steps: int = 0
    ran_s: float = 0.0
    lacking: float = 0.0
    speed_lost: float = -math.inf
    risen: float = -math.inf
    answer_by: float = -math.inf
    spoken: list[float] = field(default_factory=list)
    yaws: deque[tuple[float, float]] = field(default_factory=deque)

    def see(self, m: Moment) -> None:
        """Look at the moment."""
        t = m.time_s
        if m.activity != 3 or not m.cadence_spm >= self.config.gate_spm:
            self.run_since = math.inf
        elif self.run_since == math.inf or m.gap_s >= 2.0:
            self.run_since = t
        if not fits(m):
            self.lacking += t - self.last_s
        if m.activity == 3 and m.gap_s < 0.25:
            self.ran_s += t - self.last_s
        if m.activity == 3:
            self.first_run_s = min(self.first_run_s, t)
            if m.gap_s < 0.25 and t >= self.first_run_s + self.config.warmup_s:
                self.coached_s += t - self.last_s
        self.last_s = t
        if m.gap_s >= 0.25 or m.clipped >= 5:
            self.disturbed = t
        if m.activity == 3:
            self._see_belt(m)
        self.yaws.append((t, m.yaw_rate_dps if m.activity == 3 and m.gap_s < 0.25 else math.nan))
        while self.yaws[0][0] < t - 4.0:
            self.yaws.popleft()
        # surely a turn, however the mean over a few seconds is taken
        if len(self.yaws) >= 8 and abs(sum(y > 30 for _, y in self.yaws)) == len(self.yaws):
            self.turned = t
        if len(self.yaws) >= 8 and all(y < -30 for _, y in self.yaws):
            self.turned = t

    def see_target(self, before: float, after: float, m: Moment) -> None:
        """The target followed the speed, or not: by how much, when, and how far it may."""
        c, accepted = self.config, self.config.target_spm
        if accepted is None or math.isnan(before):
            assert math.isnan(after) == (accepted is None), "a target out of nowhere"
            return
        low = m.activity == 3 and m.cadence_spm < 0.95 * before and m.gap_s == 0.0
        if not low:
            self.answer_by = -math.inf  # answered, or not to be judged
        follows = c.follow_speed and c.follow_slope is not None and c.focus == "cadence"
        if not follows or c.metronome == "plain":
            assert after == accepted, "follows unasked"
            return
        most = max(accepted, min(c.follow_most_spm or 0.0, 1.08 * accepted))
        assert 0.92 * accepted - 1e-9 <= after <= most + 1e-9, "beyond its bounds"
        if m.activity == 3 and not fits(m):
            assert after == accepted, "a stale or absurd speed is used"
        if after == before:
            return
        assert m.activity == 3, "moves while nobody runs"
        if not fits(m):
            self.speed_lost = m.time_s
        else:
            assert abs(after - before) >= 2.0, "wanders"
            assert self.ticking_since == math.inf, "moves under a metronome"
            assert not m.time_s <= self.answer_by, "moves while a cue is answered"
        self.back_allowed = False
        self.risen = m.time_s if after > before else self.risen

    def _see_belt(self, m: Moment) -> None:
        """Slack from the first word of it until it has been tight for 20 s."""
        if m.belt in (2, 3):
            self.slack, self.tight_since = True, math.inf
        elif m.belt == 1:
            self.tight_since = min(self.tight_since, m.time_s)
            if m.time_s - self.tight_since >= 20.0:
                self.slack, self.tight_since = False, math.inf

    def _belt(self, cue: Cue, t: float) -> None:
        assert cue.cue == "belt", "not the focus"
        assert t - self.last_any >= 2.0, "two sounds at once"
        assert self.slack, "belt sits"
        assert self.tight_since == math.inf, "belt sits again"
        assert t - self.belt_told >= 600.0, "told lately"
        assert not self.spoken or t - self.spoken[-1] >= 60.0, "too soon"
        self.spoken.append(t)
        budget = min(20, self.config.max_per_hour)
        assert sum(t - at <= 3600.0 for at in self.spoken) <= budget, "budget spent"
        self.last_any = self.belt_told = t

    def _ceiling(self, cue: Cue, t: float) -> None:
        assert self.config.ceiling_sound, "nobody asked for it"
        assert not self.ceiling_told, "told already"
        far = self.steps >= (self.config.ceiling_steps or math.inf)
        assert self.config.ceiling_m is None or self.lacking > 0.0, "by steps beside a distance"
        assert far or self.ran_s >= (self.config.ceiling_s or math.inf), "not reached"
        assert t >= self.rest_until, "while resting"
        assert t - self.turned >= SETTLE_S, "in a turn"
        assert self.ticking_since == math.inf or self.config.metronome == "plain", "into ticks"
        assert t - self.last_any >= 2.0, "two sounds at once"
        assert not self.spoken or t - self.spoken[-1] >= 60.0, "too soon"
        self.spoken.append(t)
        budget = min(20, self.config.max_per_hour)
        assert sum(t - at <= 3600.0 for at in self.spoken) <= budget, "budget spent"
        self.last_any, self.ceiling_told = t, True

    def hear(self, cue: Cue, m: Moment) -> None:
        """Judge what was said."""
        self._free_to_speak(m)
        if cue.metric == "system":
            (self._ceiling if cue.cue == "ceiling" else self._belt)(cue, m.time_s)
            return
        assert cue.metric == self.config.focus, "not the focus"
        assert self._target() is not None, "without a target"
        assert m.time_s - self.last_any >= 2.0, "two sounds at once"
        assert m.time_s - self.speed_lost >= SETTLE_S, "speed lost"
        assert cue.rule, "no rule"
        assert cue.reason, "no reason"
        self.last_any = m.time_s
        if cue.metric == "lean":
            assert math.isfinite(m.lean_deg), "lean unknown"
            assert m.time_s - self.turned >= SETTLE_S, "in a turn"
            assert not self.slack, "belt loose or moved"
        if cue.cue == "back":
            assert self.back_allowed, "back without a correction"
            self.back_allowed = False
        else:
            self._correction(cue, m)

    def hear_beats(self, beats: list[Beats], said: OUT, m: Moment) -> None:
        """Judge the metronome: what was said to it, and whether it may tick at this moment."""
        for word in beats:
            assert word.time_s == m.time_s, "said of another time"
            assert word.reason, "no reason"
            if word.ends:
                assert self.ticking_since < math.inf, "ended what was not ticking"
                self.ticking_since = math.inf
                continue
            assert word.first_s > m.time_s, "a tick in the past"
            assert word.beat_s > 0.0, "no interval"
            if word.rule == "metronome.plain":
                assert self.ticking_since == math.inf, "begun twice"
                self.ticking_since = m.time_s
        for cue in said:
            if isinstance(cue, Cue) and cue.cue == "metronome":
                assert self.ticking_since == math.inf, "begun twice"
                assert cue.first_s > m.time_s, "a tick in the past"
                self.ticking_since = m.time_s
        if self.ticking_since < math.inf:
            self._may_tick(m)

    def _may_tick(self, m: Moment) -> None:
        if self.config.metronome == "adaptive":
            self._free_to_speak(m)
            assert m.time_s - self.ticking_since <= TRAIN_MAX_S, "no end"
            return
        assert self.config.metronome == "plain", "not asked for"
        assert self.config.programme_part in ("", "session"), "in a silent run"
        assert self.config.enabled, "switched off"
        assert m.activity == 3, "not running"
        assert m.time_s >= self.muted_until + SETTLE_S, "muted"
        assert m.gap_s < 0.25, "data missing"
        self._not_in_quiet_hours(m.time_s)

    def _target(self) -> float | None:
        c = self.config
        return c.target_spm if c.focus == "cadence" else c.usual_lean_deg

    def _free_to_speak(self, m: Moment) -> None:
        t, c = m.time_s, self.config
        assert c.enabled, "switched off"
        assert m.activity == 3, "not running"
        assert t - self.first_run_s >= c.warmup_s, "in the warm-up"
        assert t - self.run_since >= max(30.0, c.gate_s), "not long enough running"
        assert t - self.disturbed >= SETTLE_S, "data missing or a knock"
        assert t >= self.muted_until + SETTLE_S, "muted"
        self._not_in_quiet_hours(t)

    def _not_in_quiet_hours(self, t: float) -> None:
        if self.config.quiet_hours:
            assert self.day_second is not None, "time of day unknown"
            assert not NOON_S <= self.day_second + t < NOON_S + 600.0, "quiet hours"

    def _correction(self, cue: Cue, m: Moment) -> None:
        t, c = m.time_s, self.config
        assert cue.cue in CORRECTIONS, "unknown cue"
        asked_for = c.metronome == "plain" and c.focus == "cadence"
        assert not asked_for, "beside a plain metronome"
        self.back_allowed = cue.cue != "let-go"
        if cue.metric == "cadence" and cue.cue != "let-go":
            assert t - self.risen >= 2.0, "by evidence from before the target rose"
        if cue.cue != "let-go":
            self.answer_by = t + ANSWER_S
        assert t >= self.rest_until, "while resting"
        assert not (abs(m.grade) >= 0.1 and m.grade_sd <= 0.02), "on a slope"
        floor = c.floor_s if c.focus == "cadence" else c.lean_floor_s
        least = 60.0 if cue.cue == "let-go" else max(60.0, floor)
        assert not self.spoken or t - self.spoken[-1] >= least, "too soon"
        self.spoken.append(t)
        assert c.programme_part in ("", "session"), "in a silent run"
        minute = int(self.coached_s // 60.0)
        self.cued_minutes.add(minute)
        most = c.programme_share * (minute + 1)
        assert len(self.cued_minutes) <= most + 1e-6, "more minutes with cues than the share"
        if c.programme_part == "session":
            assert self.coached_s < 60.0 * c.programme_minutes, "after the session"
        budget = min(20, c.max_per_hour)
        assert sum(t - at <= 3600.0 for at in self.spoken) <= budget, "budget spent"
        if cue.metric == "lean" and cue.cue != "let-go" and math.isfinite(m.lean_sd_deg):
            assert abs(cue.value - (self._target() or 0.0)) >= 2.0 * m.lean_sd_deg, "not sure"
        if cue.cue == "let-go":
            self.rest_until = t + c.rest_s


def judge(coach: Coach, config: CoachConfig, stream: list[Stretch], day_s: float | None) -> None:
    """Feed the stream to the coach; AssertionError where it says what it must not."""
    watch = Watch(config, day_s)
    for event in unroll(stream):
        if isinstance(event, Mute):
            watch.muted_until = event.until_s
        if isinstance(event, Moment):
            watch.see(event)
        if isinstance(event, StepTaken):
            watch.steps += event.running
        before = coach.target_spm
        said = tell(coach, event)
        if isinstance(event, Moment):
            watch.see_target(before, coach.target_spm, event)
        assert len(said) <= 1
        for cue in said:
            if isinstance(cue, Cue):
                assert isinstance(event, Moment)
                watch.hear(cue, event)
        if isinstance(event, Moment):
            watch.hear_beats(coach.beats, said, event)


def made(coach: Any, config: CoachConfig, day_second: float | None) -> Coach:
    """A coach of that class."""
    out: Coach = coach(config, day_second=day_second)
    return out
