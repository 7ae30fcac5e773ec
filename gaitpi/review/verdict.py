"""One run in six lines, from the tables its file holds: no estimator, no numpy.

What is not known is said so. Nothing here judges the runner, compares with others or draws
a medical conclusion.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Any, Final

import msgspec

from gaitpi.coach.programme import label
from gaitpi.config import CoachConfig
from gaitpi.review.ledger import entries, response
from gaitpi.runs.reader import RunReader, clock
from gaitpi.runs.rows import RUNNING, EventRow, SecondRow

WIDTH: Final = 80

LISTEN_S = 300.0
"""Running that shows a runner's own cadence, s."""
LEAN_MIN_S: Final = 60
"""Running seconds with known lean below which a mean lean is not given."""

GIVEN_MOUNT, OWN_STANDING, OWN_MEAN = 1, 2, 3
"""``lean_from``: what the lean angle of a second was measured from."""


BELT_BAD: Final = {2: "loose", 3: "moved"}
"""``belt`` of a second in which lean is not to be believed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The numbers of a run; NaN (or None) where not known.

    ``in_band`` is the share of ``cueable_s`` in which the metric of the session's ``focus`` was
    inside its band; cueable are running seconds after warm-up and gate with whole data.
    ``lean_change_deg`` is against ``lean_against`` ("usual", "standing"; None = nothing to
    compare with), seconds of a loose or moved belt left out. ``belt`` is "steady", "loose" or
    "moved" (what it was first, at ``belt_from_s``, for ``belt_bad_s`` in all), None where not
    known. ``cues`` are the corrections given, ``judged`` those after which the runner could
    be followed, ``response`` the share of ``judged`` that was answered; ``answer_s`` the median
    time to the answer of the answered ones, ``recovery_s`` the median time back into the band,
    late returns too.
    """

    run_id: str
    started: datetime
    segment: str
    recording: str
    virtual: bool
    finished: bool
    duration_s: float
    running_s: float
    steps: int
    running_steps: int
    cadence_spm: float
    target_spm: float
    focus: str
    in_band: float
    cueable_s: float
    cues: int
    answered: int
    judged: int
    response: float
    answer_s: float
    recovery_s: float
    lean_deg: float
    lean_change_deg: float
    lean_against: str | None
    lean_band_deg: float
    gaps: int
    gap_s: float
    clipped: int
    samples: int
    faults: int
    dropout_s: float
    belt: str | None
    belt_from_s: float
    belt_bad_s: float
    programme: str = ""

    def as_json(self) -> dict[str, Any]:
        """One object for ``show --json``: ISO 8601 start, None where not known."""
        values = {name: getattr(self, name) for name in self.__slots__}
        values["id"] = values.pop("run_id")
        values["programme"] = self.programme or None
        values["start"] = values.pop("started").isoformat(timespec="seconds")
        return {name: _known(value) for name, value in values.items()}


def judge(run: RunReader) -> Verdict:
    """The verdict on ``run``. Raises RunFileError when its tables are damaged."""
    totals, seconds, events = run.totals(), run.seconds(), run.events()
    coach = _section(run.config, "coach")
    focus = "lean" if coach.get("focus") == "lean" else "cadence"
    cueable = _cueable(seconds, coach)
    if focus == "lean":
        cueable = [s for s in cueable if s.belt not in BELT_BAD]
    inside = _band(coach, focus)
    known = [inside(second) for second in cueable] if inside else []
    answers = response(entries(run.cues(), run.withheld(), seconds, totals.duration_s))
    lean, change, against = _lean(seconds, _number(coach, "usual_lean_deg"))
    gaps = [s.gap_s for s in seconds if s.gap_s > 0]
    return Verdict(
        run_id=run.run_id,
        started=run.started,
        segment=run.segment,
        recording=run.recording,
        virtual=run.virtual,
        finished=run.finished,
        **totals._asdict(),
        target_spm=_number(coach, "target_spm"),
        focus=focus,
        in_band=fmean(known) if known else math.nan,
        cueable_s=float(len(cueable)),
        cues=answers.cues,
        answered=answers.answered,
        judged=answers.judged,
        response=answers.share,
        answer_s=answers.answer_s,
        recovery_s=answers.recovery_s,
        lean_deg=lean,
        lean_change_deg=change,
        lean_against=against,
        lean_band_deg=_number(coach, "lean_band_deg"),
        gaps=len(gaps),
        gap_s=sum(gaps),
        clipped=sum(s.clipped for s in seconds),
        samples=sum(s.samples for s in seconds),
        faults=sum(event.kind == "fault" for event in events),
        dropout_s=_dropout_s(events),
        **_belt(seconds),
        programme=_programme(coach),
    )


def _programme(coach: Mapping[str, Any]) -> str:
    """Which session of a programme it was, in words; empty outside of one."""
    try:
        return label(msgspec.convert(dict(coach), CoachConfig))
    except msgspec.MsgspecError:
        return ""


def _known(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of the stored configuration; empty when the file has none."""
    section = config.get(name)
    return section if isinstance(section, Mapping) else {}


def _number(section: Mapping[str, Any], name: str) -> float:
    """A setting, NaN when it is absent or none."""
    value = section.get(name)
    return float(value) if isinstance(value, int | float) else math.nan


def _cueable(seconds: Iterable[SecondRow], coach: Mapping[str, Any]) -> list[SecondRow]:
    """Running seconds in which a cue could have come: warm-up and gate over, data whole."""
    warmup_s, gate_s = _number(coach, "warmup_s"), _number(coach, "gate_s")
    gate_spm = _number(coach, "gate_spm")
    first_s = since_s = math.nan
    cueable = []
    for second in seconds:
        if second.activity != RUNNING:
            since_s = math.nan
            continue
        if math.isnan(since_s):
            since_s = second.time_s
        if math.isnan(first_s):
            first_s = second.time_s
        ready = second.time_s - first_s >= warmup_s and second.time_s - since_s >= gate_s
        if ready and second.cadence_spm >= gate_spm and second.gap_s == 0 and not second.clipped:
            cueable.append(second)
    return cueable


def _band(coach: Mapping[str, Any], focus: str) -> Callable[[SecondRow], bool] | None:
    """Whether a second is inside the band of the session's focus; None without a band."""
    if focus == "cadence":
        least = _number(coach, "target_spm") * (1.0 - _number(coach, "band_low"))
        return None if math.isnan(least) else lambda s: s.cadence_spm >= least
    usual, width = _number(coach, "usual_lean_deg"), _number(coach, "lean_band_deg")
    return None if math.isnan(usual + width) else lambda s: abs(s.lean_deg - usual) <= width


def _lean(seconds: Iterable[SecondRow], usual: float) -> tuple[float, float, str | None]:
    """Mean lean in running, its change, and what the change is against."""
    known = [
        s
        for s in seconds
        if s.activity == RUNNING and math.isfinite(s.lean_deg) and s.belt not in BELT_BAD
    ]
    if len(known) < LEAN_MIN_S:
        return math.nan, math.nan, None
    mean = fmean(s.lean_deg for s in known)
    origins = {s.lean_from for s in known}
    if OWN_MEAN in origins:
        return mean, math.nan, None  # measured from the mean of this very run
    if math.isfinite(usual):
        return mean, mean - usual, "usual"
    return mean, *((mean, "standing") if origins == {OWN_STANDING} else (math.nan, None))


def _belt(seconds: Iterable[SecondRow]) -> dict[str, Any]:
    """How the belt sat in running."""
    known = [s for s in seconds if s.belt > 0]
    bad = [s for s in known if s.belt in BELT_BAD]
    kind = BELT_BAD[bad[0].belt] if bad else "steady"
    return {
        "belt": kind if known else None,
        "belt_from_s": bad[0].time_s if bad else math.nan,
        "belt_bad_s": float(len(bad)),
    }


def _dropout_s(events: Iterable[EventRow]) -> float:
    """Seconds that reached the recorder but not the card."""
    total = 0.0
    for event in events:
        if event.kind == "dropout":
            try:
                detail = json.loads(event.detail)
            except ValueError:
                continue
            total += max(0.0, _number(detail, "seconds")) if isinstance(detail, dict) else 0.0
    return total


def lines(v: Verdict) -> list[str]:
    """The verdict as six lines of at most 80 columns; seven in a programme."""
    rows = [
        _head(v),
        f"cadence    {_cadence(v)}",
        f"in band    {_in_band(v)}",
        f"lean       {_lean_words(v)}",
        f"quality    {_quality(v)}",
        *([f"programme  {v.programme}"] if v.programme else []),
        f"next       {_next(v)}",
    ]
    return [row if len(row) <= WIDTH else row[: WIDTH - 1] + "…" for row in rows]


def _head(v: Verdict) -> str:
    ending = "" if v.finished else "   still running or cut short"
    what = f" [{v.recording or 'virtual'}]" if v.virtual else ""
    walked = f" ({v.steps - v.running_steps:,} walking)" if v.steps > v.running_steps else ""
    when = f"{v.started:%a %d %b %H:%M}"
    return f"{when}  {clock(v.running_s)} running, {v.steps:,} steps{walked}{what}{ending}"


def _cadence(v: Verdict) -> str:
    if math.isnan(v.cadence_spm):
        return "not known (no running steps)"
    if math.isnan(v.target_spm):
        return f"{v.cadence_spm:.1f} spm   (no target set: this run only listened)"
    return f"{v.cadence_spm:.1f} spm  {v.cadence_spm - v.target_spm:+.1f} vs your target " + (
        f"{v.target_spm:.1f}"
    )


def _in_band(v: Verdict) -> str:
    if not math.isnan(v.in_band):
        share = f"{v.in_band:.0%} of {clock(v.cueable_s)} cueable ({v.focus})"
    elif v.cueable_s == 0:
        share = "not known (no running after warm-up)"
    else:
        share = f"not known (no {v.focus} band yet)"
    if v.cues == 0:
        return f"{share}   no cues"
    after = f", median {v.answer_s:.0f} s" if v.answer_s >= 0 else ""
    heard = f"{share}   {v.cues} cue{'s' * (v.cues != 1)}, "
    whole = f"{heard}{v.answered} of {v.judged} answered{after}"
    return whole if len(whole) <= WIDTH - 11 else f"{heard}{v.answered} answered{after}"


def _lean_words(v: Verdict) -> str:
    if math.isnan(v.lean_deg):
        return "not known (too little running with a lean to trust)"
    if v.lean_against is None or math.isnan(v.lean_change_deg):
        return "not known (no stand, no usual yet)"
    words = f"{v.lean_change_deg:+.1f} deg "
    if v.lean_against == "standing":
        return f"{words}from your own standing ({v.segment}; no usual yet)"
    words += f"vs your usual ({v.segment}"
    if math.isnan(v.lean_band_deg):
        return words + ")"
    within = "within" if abs(v.lean_change_deg) <= v.lean_band_deg else "outside"
    return f"{words}; {within} your band of ±{v.lean_band_deg:.0f})"


def _quality(v: Verdict) -> str:
    found = []
    if v.belt_bad_s > 0:
        found.append(f"belt {v.belt} from {clock(v.belt_from_s)} ({v.belt_bad_s:.0f} s in all)")
    if v.gap_s > 0:
        found.append(f"{v.gap_s:.1f} s lost in {v.gaps} gap{'s' * (v.gaps != 1)}")
    if v.clipped:
        found.append(f"{v.clipped:,} clipped")
    if v.faults:
        found.append(f"{v.faults} fault{'s' * (v.faults != 1)}")
    if v.dropout_s > 0:
        found.append(f"{v.dropout_s:.1f} s not recorded")
    if v.samples == 0:
        return "not known (no samples recorded)"
    if not found and v.belt == "steady":
        return "good: belt steady, no gaps, nothing clipped, no faults"
    if not found:
        return "good: no gaps, nothing clipped, no faults"
    return "; ".join(found)


def _next(v: Verdict) -> str:
    if v.dropout_s > 0:
        return "try another card: this one was too slow to take every sample"
    if v.gap_s > 1.0 or v.faults:
        return "check the sensor's wires and plug before the next run"
    if v.belt_bad_s > 0:
        return "tighten the belt, so that two fingers just fit under the strap"
    if math.isnan(v.cadence_spm):
        return "run a few minutes with the pack at the lower back"
    if math.isnan(v.target_spm) and v.focus == "cadence":
        if v.running_s < LISTEN_S:
            return "run easily for five minutes, so that your own cadence is known"
        return "see what target your runs would give:  gaitpi target propose"
    return f"all its numbers:  gaitpi show {v.run_id} --json"
