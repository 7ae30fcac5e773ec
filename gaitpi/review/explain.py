"""Why a cue came, or why there was silence.

What was recorded is the truth: cues and withheld cues. For the rest the coach thinks once more
over the steps and seconds of the run file, the same code as live but without the samples: so
turns, slopes, and when the runner started and stopped, are known only to the second (turns and
slopes not at all from files of format 2). Where that leads to other decisions than those recorded,
the answer says so. No numba, no numpy.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import msgspec

from gaitpi.coach.pace import Speed
from gaitpi.coach.policy import LEAN_RETURN, Coach
from gaitpi.coach.types import Cue, Moment, StepTaken, Withheld, decided
from gaitpi.coach.usual import comparable
from gaitpi.config import CoachConfig, Config
from gaitpi.errors import UsageError
from gaitpi.hostclock import day_second
from gaitpi.review.ledger import (
    CORRECTIONS,
    Entry,
    band_words,
    known,
    ledger,
    ticked_words,
)
from gaitpi.runs.muted import muting
from gaitpi.runs.reader import RunReader, clock
from gaitpi.runs.rows import RUNNING, PodRow, SecondRow, StepRow

CUE_S: Final = 10.0
"""A cue that came so shortly before the time asked for is what is meant, s."""
AGREE_S: Final = 1.5
"""A decision thought again agrees with the recorded one within this time, s."""
LATELY_S: Final = 60.0
"""Withheld cues must agree in this time before the moment asked for, s."""
MOMENTS_HZ: Final = 10
STRIDE_STALE_S: Final = 1.5

Kind = Literal["cue", "silence", "no data"]


class Thought(NamedTuple):
    """What the coach thought at a second, as in :class:`gaitpi.coach.policy.Status`.

    ``returned``: the value was well in band.
    """

    time_s: float
    rule: str
    reason: str
    value: float
    low: float
    high: float
    returned: bool = False

    @property
    def out(self) -> bool:
        """True when the value is known to be outside its band."""
        return self.value < self.low or self.value > self.high


@dataclass(frozen=True, slots=True)
class Answer:
    """The explanation of one moment.

    ``rule`` in force and since when (``since_s``, NaN when it was so from the start); ``out_s``
    time the metric had been out of its band (0 = in it, NaN = not known); ``cue`` the cue that
    is explained; ``would`` the withheld cue that would have come; ``doubts`` what the file does
    not hold, empty when the answer is sure.
    """

    kind: Kind
    time_s: float
    metric: str
    rule: str
    reason: str
    since_s: float
    value: float
    low: float
    high: float
    out_s: float
    cue: Entry | None
    would: Entry | None
    before: Entry | None
    doubts: tuple[str, ...]

    def as_json(self, run_id: str) -> dict[str, Any]:
        """One object for ``why --json``."""
        return {
            "id": run_id,
            "time_s": self.time_s,
            "kind": self.kind,
            "metric": self.metric,
            "rule": self.rule,
            "reason": self.reason,
            "since_s": known(self.since_s),
            "value": known(self.value),
            "band": [known(self.low), known(self.high)],
            "out_of_band_s": known(self.out_s),
            "cue": self.cue.as_json() if self.cue else None,
            "would_have": self.would.as_json() if self.would else None,
            "cue_before": self.before.as_json() if self.before else None,
            "sure": not self.doubts,
            "doubts": list(self.doubts),
        }


def parse_time(text: str) -> float:
    """Seconds of "mm:ss", "h:mm:ss" or "ss". Raises UsageError."""
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not all(p.isascii() and p.isdigit() for p in parts):
        raise UsageError(f"{text!r} is not a time.", "Write it as mm:ss or h:mm:ss.")
    if any(int(part) > 59 for part in parts[1:]):
        raise UsageError(f"{text!r} is not a time.", "Minutes and seconds go to 59.")
    total = 0
    for part in parts:
        total = total * 60 + int(part[:9])
    return float(total)


def explain(run: RunReader, at_s: float | None) -> Answer:
    """Explain the moment ``at_s`` of ``run`` (None: the last cue, or the last one kept back).

    Raises UsageError beyond the end of the run, RunFileError when its tables are damaged.
    """
    if at_s is None:
        at_s = _most_telling(ledger(run), run.seconds(), run.end_s)
    elif not run.start_s <= at_s <= run.end_s:
        if at_s > run.whole.end_s:
            todo = "Ask for an earlier time."
            raise UsageError(f"The run is only {clock(run.whole.end_s)} long.", todo)
        kept = f"{clock(run.start_s)} to {clock(run.end_s)}"
        todo = "Add --untrimmed to ask all the same."
        raise UsageError(f"{clock(at_s)} is not in what is kept, {kept}.", todo)
    run = run.whole  # what the coach knew
    found = ledger(run)
    seconds = run.seconds()
    cue = _last(e for e in found if not e.withheld and at_s - CUE_S <= e.time_s < at_s + 1.0)
    config = _config(run)
    doubts = [] if config else ["its configuration was written by another version of gaitpi"]
    thoughts: list[Thought] = []
    if config is not None:
        offset = run.anchors()[0]
        day_s = day_second(offset.wall_s, offset.utc_offset_s)
        until_s = (at_s if cue is None else cue.time_s) + 1.0
        mutes = muting(run.events())
        quiet = [(from_s, to_s) for from_s, to_s, _ in mutes]
        thoughts, decisions = think(config, run.steps(), seconds, day_s, until_s, quiet, run.pods())
        thoughts = [_by_whom(thought, mutes) for thought in thoughts]
        doubts += _disagreement(decisions, found, until_s)
    metric = config.coach.focus if config else ""
    if cue is not None:
        return _of_cue(cue, thoughts)
    return _of_silence(at_s, metric, found, thoughts, seconds, doubts)


def _most_telling(found: Sequence[Entry], seconds: Sequence[SecondRow], duration_s: float) -> float:
    """The last correction; without one the last withheld cue; else the last second of running.

    Or of all, where nobody ran.
    """
    heard = [e.time_s for e in found if not e.withheld and e.cue in CORRECTIONS]
    kept = [e.time_s for e in found if e.withheld]
    ran = [s.time_s for s in seconds if s.activity == RUNNING]
    measured = [s.time_s for s in seconds if s.samples > 0]  # the last one is still open
    times = heard or kept or ran or measured
    return float(int(times[-1])) if times else duration_s


def _last(entries: Iterator[Entry]) -> Entry | None:
    found = None
    for found in entries:  # noqa: B007 - the last one is wanted
        pass
    return found


def _config(run: RunReader) -> Config | None:
    """The configuration of the run; None when this version cannot read it."""
    try:
        return msgspec.convert(run.config, Config)
    except msgspec.MsgspecError:
        return None


# Thinking again.


def think(
    config: Config,
    steps: Sequence[StepRow],
    seconds: Sequence[SecondRow],
    day_s: float | None,
    until_s: float,
    mutes: Sequence[tuple[float, float]] = (),
    pods: Sequence[PodRow] = (),
) -> tuple[list[Thought], list[Cue | Withheld]]:
    """What the coach thought each second before ``until_s``, and all it decided until then.

    ``mutes`` from and until when it was muted, in order.
    """
    waiting = list(mutes)
    coach = Coach(config.coach, day_second=day_s)
    thoughts: list[Thought] = []
    decisions: list[Cue | Withheld] = []
    feet = _Feet(steps, config.coach.usual_lean_from)
    coming = deque(sorted(pods, key=lambda pod: pod.known_s))
    speed = Speed()
    for second in seconds:
        if second.time_s >= until_s:
            break
        if second.samples == 0:
            continue
        for tick in range(MOMENTS_HZ):
            t = second.time_s + tick / MOMENTS_HZ
            while waiting and waiting[0][0] < t:
                coach.mute(*waiting.pop(0))
            for step in feet.known_by(t):
                coach.step(step)
            while coming and coming[0].known_s < t:
                pod = coming.popleft()
                speed.add(pod.time_s, pod.speed_ms)
            first = tick == 0
            decisions += coach.moment(
                Moment(
                    time_s=t,
                    activity=second.activity,
                    cadence_spm=second.cadence_spm,
                    lean_deg=feet.lean_deg(t, second.lean_from),
                    yaw_rate_dps=second.yaw_dps,
                    grade=second.grade,
                    grade_sd=second.grade_sd,
                    belt=second.belt,
                    belt_value=second.belt_value,
                    gap_s=second.gap_s if first and second.gap_s > 0 else 0.0,
                    clipped=second.clipped if first else 0,
                    speed_ms=speed.at(t),
                )
            )
        now = coach.status()
        well = _well_in(config.coach, coach.target_spm, now.value)
        thoughts.append(Thought(second.time_s, now.rule, now.reason, now.value, *now.band, well))
    return thoughts, decisions


def _by_whom(thought: Thought, mutes: Sequence[tuple[float, float, str]]) -> Thought:
    """The thought with what muted the coach as its reason, where it was muted."""
    said = [text for from_s, _, text in mutes if from_s < thought.time_s + 1.0]
    if thought.rule != "quiet.mute" or not said:
        return thought
    return thought._replace(reason=said[-1])


def _well_in(coach: CoachConfig, target_spm: float, value: float) -> bool:
    """Whether the mean is where ``back`` would come."""
    if coach.focus == "cadence" and coach.target_spm is not None:
        return value >= target_spm * (1.0 - min(coach.band_return, coach.band_low))
    if coach.focus == "lean" and coach.usual_lean_deg is not None:
        return abs(value - coach.usual_lean_deg) <= LEAN_RETURN * coach.lean_band_deg
    return False


class _Feet:
    """The steps, each given once when it had become known, and lean over the last two."""

    def __init__(self, steps: Sequence[StepRow], lean_from: int) -> None:
        self._steps = sorted(
            (s for s in steps if math.isfinite(s.known_s)), key=lambda s: s.known_s
        )
        self._done = 0
        self._lean_from = lean_from
        self._leans = (math.nan, math.nan)
        self._lean_s = -math.inf

    def known_by(self, t: float) -> Iterator[StepTaken]:
        """The next ones."""
        while self._done < len(self._steps) and self._steps[self._done].known_s <= t:
            step = self._steps[self._done]
            self._done += 1
            if step.known_s - self._lean_s > STRIDE_STALE_S:
                self._leans = (math.nan, math.nan)
            self._leans = (self._leans[1], step.lean_deg)
            self._lean_s = step.known_s
            yield StepTaken(step.known_s, step.ic_s, step.step_s, step.activity == RUNNING)

    def lean_deg(self, t: float, lean_from: int) -> float:
        """Lean over both feet at ``t``, NaN while not known or measured from elsewhere."""
        if comparable(lean_from, self._lean_from) and t - self._lean_s <= STRIDE_STALE_S:
            return 0.5 * (self._leans[0] + self._leans[1])
        return math.nan


def _disagreement(
    decisions: Sequence[Cue | Withheld], found: Sequence[Entry], until_s: float
) -> list[str]:
    """The first decision that was recorded otherwise, if it matters at ``until_s``."""
    again = [(d.time_s, d.cue, d.rule, isinstance(d, Withheld)) for d in decisions]
    once = [(e.time_s, e.cue, e.rule, e.withheld) for e in found if decided(e.cue, e.metric)]
    edge_s = until_s - 1.0 - AGREE_S  # at the edge one of the two may not be there yet
    for some, others, words in (
        (once, again, "was recorded, but does not follow from"),
        (again, once, "was not recorded, but follows from"),
    ):
        for at_s, cue, rule, kept in some:
            if at_s > edge_s or (kept and at_s < until_s - LATELY_S):
                continue
            if not any(
                (c, r, k) == (cue, rule, kept) and abs(at_s - t) <= AGREE_S for t, c, r, k in others
            ):
                what = f"{cue} kept back by {rule}" if kept else f"{cue} ({rule})"
                return [f"{what} at {clock(at_s)} {words} the steps and seconds alone"]
    return []


# Answers.


def _of_cue(cue: Entry, thoughts: Sequence[Thought]) -> Answer:
    """A cue: all of it was recorded."""
    return Answer(
        kind="cue",
        time_s=cue.time_s,
        metric=cue.metric,
        rule=cue.rule,
        reason=cue.reason,
        since_s=cue.time_s,
        value=cue.value,
        low=cue.low,
        high=cue.high,
        out_s=_out_s(thoughts, cue.time_s) if cue.cue in CORRECTIONS else math.nan,
        cue=cue,
        would=None,
        before=None,
        doubts=(),
    )


def _of_silence(
    at_s: float,
    metric: str,
    found: Sequence[Entry],
    thoughts: Sequence[Thought],
    seconds: Sequence[SecondRow],
    doubts: list[str],
) -> Answer:
    """A silence: the rule in force, since when, and what it kept back."""
    until = [th for th in thoughts if th.time_s < at_s + 1.0]
    before = _last(e for e in found if not e.withheld and e.time_s <= at_s)
    here = [s for s in seconds if int(s.time_s) == int(at_s) and s.samples > 0]
    if not here:
        last_s = max((s.time_s + 1.0 for s in seconds if s.time_s < at_s), default=0.0)
        why = f"no samples since {clock(last_s)}: nothing was measured, so nothing was cued"
        return _silence("no data", at_s, metric, None, why, last_s, math.nan, None, before, doubts)
    if not until:
        return _silence("silence", at_s, metric, None, "", math.nan, math.nan, None, before, doubts)
    now = until[-1]
    out_s = _out_s(until, at_s)
    since_s = now.time_s
    for thought in reversed(until):
        if thought.rule != now.rule:
            break
        since_s = thought.time_s
    kept = [e for e in found if e.withheld and e.cue != "back" and e.time_s < at_s + 1.0]
    would = None
    if out_s > 0 and kept and kept[-1].time_s >= min(at_s - out_s, _away_s(until, now)) - 1.0:
        # nothing has been heard since, or it would have been given
        later = before is None or before.cue == "back" or before.time_s < kept[-1].time_s
        would = kept[-1] if later else None
    if would is not None and would.rule != now.rule:
        doubts = [*doubts, f"the file says it was kept back by {would.rule}"]
    unseen = all(math.isnan(s.yaw_dps) for s in seconds)
    if metric == "lean" and now.rule in ("ready", "quiet.turn") and unseen:
        doubts = [*doubts, "whether the runner was turning is not in the file"]
    return _silence("silence", at_s, metric, now, now.reason, since_s, out_s, would, before, doubts)


def _away_s(thoughts: Sequence[Thought], now: Thought) -> float:
    """Since when the rule in force holds back and the value was not well in band, s.

    The coach says once that a rule keeps it quiet, and again only after such a return.
    """
    away_s = now.time_s
    for thought in reversed(thoughts):
        if thought.rule != now.rule or thought.returned:
            break
        away_s = thought.time_s
    return away_s


def _silence(
    kind: Kind,
    at_s: float,
    metric: str,
    now: Thought | None,
    reason: str,
    since_s: float,
    out_s: float,
    would: Entry | None,
    before: Entry | None,
    doubts: list[str],
) -> Answer:
    unknown = "no data" if kind == "no data" else "unknown"
    return Answer(
        kind=kind,
        time_s=at_s,
        metric=metric,
        rule=unknown if now is None else now.rule,
        reason=reason,
        since_s=since_s,
        value=math.nan if now is None else now.value,
        low=-math.inf if now is None else now.low,
        high=math.inf if now is None else now.high,
        out_s=out_s,
        cue=None,
        would=would,
        before=before,
        doubts=tuple(doubts),
    )


def _out_s(thoughts: Sequence[Thought], at_s: float) -> float:
    """How long the value had been outside its band at ``at_s``, s; NaN when it is not known."""
    until = [th for th in thoughts if th.time_s <= at_s]
    if not until or math.isnan(until[-1].value):
        return math.nan
    since_s = at_s
    for thought in reversed(until):
        if not thought.out:
            break
        since_s = thought.time_s
    return max(at_s - since_s, 1.0) if until[-1].out else 0.0


def sentences(answer: Answer) -> list[str]:
    """The answer in sentences, the first one the heart of it."""
    if answer.cue is not None:
        return _cue_sentences(answer, answer.cue)
    said = [_head(answer)]
    if answer.rule not in ("unknown", "no data", "ready", "listening"):
        told = answer.since_s <= 0 or "since" in answer.reason  # a slope says so itself
        since = "" if told else f" (since {clock(answer.since_s)})"
        said.append(f"{answer.rule}: {answer.reason}{since}.")
        said.append(_without(answer))
    elif answer.rule == "listening":
        said.append(f"{answer.reason}. 'gaitpi target propose' makes a target of listening runs.")
    if answer.before is not None:
        said.append(f"The cue before: {answer.before.cue} at {clock(answer.before.time_s)}.")
    return [sentence for sentence in said if sentence]


def _head(a: Answer) -> str:
    if a.kind == "no data":
        return f"no data. There are {a.reason}."
    if a.rule == "unknown":
        return "silence. Why is not in the file."
    name, unit = a.metric.capitalize(), "spm" if a.metric == "cadence" else "deg"
    if math.isnan(a.value):
        return "silence." if a.rule != "ready" else f"silence. {name} was not known."
    band = band_words(a.low, a.high)
    if a.out_s > 0:
        side = "below" if a.value < a.low else "above"
        edge = a.low if a.value < a.low else a.high
        words = f"{name} {a.value:.1f} {unit} had been {side} {edge:.1f} for {a.out_s:.0f} s"
        tail = ": not long enough yet to be sure" if a.rule == "ready" else ""
        return f"silence. {words}{tail}."
    tail = ": nothing to say" if a.rule == "ready" else ""
    return f"silence. {name} {a.value:.1f} {unit} was in the band {band}{tail}."


def _without(a: Answer) -> str:
    """What would have come without the rule."""
    if a.would is not None:
        would = a.would
        return f"Without that {would.cue} would have come at {clock(would.time_s)}."
    if a.out_s == 0:
        return "Nothing would have come without that."
    if a.out_s > 0:
        return "No cue had been due yet."
    return ""


def _cue_sentences(a: Answer, cue: Entry) -> list[str]:
    ticked = ticked_words(cue)
    reason = f"{cue.reason}; {ticked}" if ticked else cue.reason
    said = [f"{cue.cue} (cue {cue.number}). {cue.rule}: {reason}."]
    if a.out_s > 1:
        said.append(
            f"Out of the band {band_words(a.low, a.high)} since {clock(cue.time_s - a.out_s)}."
        )
    if math.isnan(cue.played_s):
        said.append("It was not played: too late, no output, or power was cut.")
    after = cue.after
    if after.outcome == "answered":
        said.append(f"Answered: in the band again after {after.seconds:.0f} s.")
    elif after.outcome == "not answered":
        late = "" if math.isnan(after.seconds) else f"; back after {after.seconds:.0f} s"
        said.append(f"Not answered within 30 s{late}.")
    elif after.outcome == "not judged" and not math.isnan(cue.played_s):
        said.append(f"Whether it was answered cannot be said: {after.why}.")
    return said
