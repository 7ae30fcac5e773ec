"""One run in six lines, from the tables its file holds: no estimator, no numpy.

What is not known is said so. Nothing here judges the runner, compares with others or draws
a medical conclusion.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from gaitpi import faults
from gaitpi.coach.usual import comparable
from gaitpi.plaintext import plain
from gaitpi.review.averages import fmean
from gaitpi.review.ledger import ledger, response
from gaitpi.review.quality import BELT_BAD, OWN_MEAN, OWN_STANDING, Grade, assess, line
from gaitpi.runs.reader import RunReader, clock
from gaitpi.runs.rows import RUNNING, SecondRow

WIDTH: Final = 80

LISTEN_S = 300.0
"""Running that shows a runner's own cadence, s."""
MOVED_SPM: Final = 0.5
"""A target that moved by less within a run stood still, steps/min."""
LEAN_MIN_S: Final = 60
"""Running seconds with known lean below which a mean lean is not given."""


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
    late returns too. ``target_spm`` is the mean of a target that followed the speed, between
    ``target_low_spm`` and ``target_high_spm``, which are NaN for one that stood still. How good the
    data are: as in :class:`gaitpi.review.quality.Quality`.
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
    counters: Mapping[str, int]
    dropout_s: float
    belt: str | None
    belt_from_s: float
    belt_bad_s: float
    missing: float = math.nan
    quality: Grade | None = None
    programme: str = ""
    target_low_spm: float = math.nan
    target_high_spm: float = math.nan

    def as_json(self) -> dict[str, Any]:
        """One object for ``show --json``: ISO 8601 start, None where not known."""
        values = {name: getattr(self, name) for name in self.__slots__}
        values["id"] = values.pop("run_id")
        values["programme"] = self.programme or None
        values["start"] = values.pop("started").isoformat(timespec="seconds")
        return {name: _known(value) for name, value in values.items()}


def judge(run: RunReader, recorded: Sequence[SecondRow] | None = None) -> Verdict:
    """The verdict on ``run``; ``recorded`` the seconds of ``run.whole`` where they were read.

    Raises RunFileError when its tables are damaged.
    """
    totals, events = run.totals(), run.events()
    if recorded is None:
        recorded = run.whole.seconds()
    seconds = [second for second in recorded if run.keeps(second.time_s)]
    coach = _section(run.config, "coach")
    focus = "lean" if coach.get("focus") == "lean" else "cadence"
    cueable = [s for s in _cueable(recorded, coach) if run.keeps(s.time_s)]
    if focus == "lean":
        cueable = [s for s in cueable if s.belt not in BELT_BAD and _judged(s, coach)]
    inside = _band(run.config, focus)
    known = [inside(second) for second in cueable] if inside else []
    answers = response(ledger(run, recorded))
    lean, change, against = _lean(seconds, coach)
    low, mean, high = followed(seconds)
    return Verdict(
        run_id=run.run_id,
        started=run.began,
        segment=run.segment,
        recording=run.recording,
        virtual=run.virtual,
        finished=run.finished,
        **totals._asdict(),
        target_spm=_number(coach, "target_spm") if math.isnan(mean) else mean,
        target_low_spm=low,
        target_high_spm=high,
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
        **asdict(assess(seconds, events, totals.duration_s)),
        programme=_programme(coach),
    )


def _programme(coach: Mapping[str, Any]) -> str:
    """Which session of a programme it was, in words; empty outside of one."""
    if not coach.get("programme_part"):
        return ""
    import msgspec  # most runs are in no programme, and this takes long to load

    from gaitpi.coach.programme import label
    from gaitpi.config import CoachConfig

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
    try:
        return float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:  # JSON has whole numbers of any length
        return math.nan


def _judged(second: SecondRow, coach: Mapping[str, Any]) -> bool:
    """Whether lean is known, and from where the usual one was measured."""
    return math.isfinite(second.lean_deg) and _comparable(second.lean_from, coach)


def _comparable(lean_from: int, coach: Mapping[str, Any]) -> bool:
    """Whether the usual lean was measured from there, by a configuration of any version.

    0: it ceased to be known at the end of that second; then the seconds beside it tell.
    """
    usual_from = _number(coach, "usual_lean_from")
    return lean_from == 0 or comparable(
        lean_from, int(usual_from) if usual_from in (1, 2, 3) else 0
    )


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


def followed(seconds: Iterable[SecondRow]) -> tuple[float, float, float]:
    """Lowest, mean and highest target of running, of one that followed the speed; else NaN."""
    found = [s.target_spm for s in seconds if s.activity == RUNNING and 0 < s.target_spm < 400]
    if not found or max(found) - min(found) < MOVED_SPM:
        return math.nan, math.nan, math.nan
    return min(found), fmean(found), max(found)


def band_edges(config: Mapping[str, Any], metric: str) -> tuple[float, float]:
    """Lowest and highest value in the band of "cadence" (spm) or "lean" (deg); ∓inf where open."""
    coach = _section(config, "coach")
    if metric == "cadence":
        least = _number(coach, "target_spm") * (1.0 - _number(coach, "band_low"))
        return (least if math.isfinite(least) else -math.inf), math.inf
    usual, width = _number(coach, "usual_lean_deg"), _number(coach, "lean_band_deg")
    if math.isfinite(usual + width):
        return usual - width, usual + width
    return -math.inf, math.inf


def _band(config: Mapping[str, Any], focus: str) -> Callable[[SecondRow], bool] | None:
    """Whether a second is inside the band of the session's focus; None without a band."""
    low, high = band_edges(config, focus)
    if focus == "cadence":
        share = 1.0 - _number(_section(config, "coach"), "band_low")
        if math.isinf(low):
            return None
        return lambda s: s.cadence_spm >= (s.target_spm * share if s.target_spm > 0.0 else low)
    return None if math.isinf(low) else lambda s: low <= s.lean_deg <= high


def _lean(
    seconds: Iterable[SecondRow], coach: Mapping[str, Any]
) -> tuple[float, float, str | None]:
    """Mean lean in running, its change, and what the change is against."""
    known = [
        s
        for s in seconds
        if s.activity == RUNNING and abs(s.lean_deg) <= 180.0 and s.belt not in BELT_BAD
    ]
    if len(known) < LEAN_MIN_S:
        return math.nan, math.nan, None
    mean = fmean(s.lean_deg for s in known)
    origins = {s.lean_from for s in known}
    if OWN_MEAN in origins:
        return mean, math.nan, None  # measured from the mean of this very run
    usual = _number(coach, "usual_lean_deg")
    if math.isfinite(usual) and all(_comparable(origin, coach) for origin in origins):
        return mean, mean - usual, "usual"
    return mean, *((mean, "standing") if origins == {OWN_STANDING} else (math.nan, None))


def lines(
    v: Verdict,
    *,
    cadence: str = "",
    lean: str = "",
    beside: Sequence[str] = (),
    then: str | None = None,
    ending: str = "",
) -> list[str]:
    """The verdict as six lines of at most 80 columns; seven in a programme.

    ``cadence``, ``lean`` and ``then`` (what to do next, "" = no such line) are said instead of what
    the run alone has to say; ``beside`` are more lines; ``ending`` what a run without an end is.
    """
    todo = advice(v) or f"all its numbers:  gaitpi show {v.run_id} --json"
    rows = [
        _head(v, ending or "still running or cut short"),
        f"cadence    {cadence or _cadence(v)}",
        f"in band    {_in_band(v)}",
        f"lean       {lean or _lean_words(v)}",
        *beside,
        f"quality    {line(v, WIDTH - 11)}",
        *([f"programme  {v.programme}"] if v.programme else []),
        *([f"next       {todo if then is None else then}"] if then != "" else []),
    ]
    return [fitted(row) for row in rows]


def fitted(row: str) -> str:
    """A line that is fit for a terminal of 80 columns."""
    row = plain(row)
    return row if len(row) <= WIDTH else row[: WIDTH - 1] + "…"


def _head(v: Verdict, ending: str) -> str:
    ending = "" if v.finished else f"   {ending}"
    what = f" [{v.recording or 'virtual'}]" if v.virtual else ""
    walked = f" ({v.steps - v.running_steps:,} walking)" if v.steps > v.running_steps else ""
    when = f"{v.started:%a %d %b %H:%M}"
    return f"{when}  {clock(v.running_s)} running, {v.steps:,} steps{walked}{what}{ending}"


def _cadence(v: Verdict) -> str:
    if math.isnan(v.cadence_spm):
        return "not known (no running steps)"
    if math.isnan(v.target_spm):
        return f"{v.cadence_spm:.1f} spm   (no target set: this run only listened)"
    return f"{v.cadence_spm:.1f} spm  {v.cadence_spm - v.target_spm:+z.1f} vs your target " + (
        f"{v.target_spm:.1f}" if math.isnan(v.target_low_spm) else f"{target_words(v)} (by speed)"
    )


def target_words(v: Verdict) -> str:
    """The target: 170.0, or 168.4 to 174.9 where it followed the speed."""
    if math.isnan(v.target_low_spm):
        return f"{v.target_spm:.1f}"
    return f"{v.target_low_spm:.1f} to {v.target_high_spm:.1f}"


def _in_band(v: Verdict) -> str:
    if not math.isnan(v.in_band):
        share = f"{v.in_band:.0%} of {clock(v.cueable_s)} cueable ({v.focus})"
    elif v.cueable_s == 0:
        what = "running" if v.focus == "cadence" else "lean to judge"
        share = f"not known (no {what} after warm-up)"
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
    words = f"{v.lean_change_deg:+z.1f} deg "
    if v.lean_against == "standing":
        return f"{words}from your own standing ({v.segment}; no usual yet)"
    words += f"vs your usual ({v.segment}"
    if math.isnan(v.lean_band_deg):
        return words + ")"
    within = "within" if abs(v.lean_change_deg) <= v.lean_band_deg else "outside"
    return f"{words}; {within} your band of ±{v.lean_band_deg:.0f})"


def advice(v: Verdict) -> str:
    """What the run asks to be done, the most urgent first; "" when nothing."""
    if v.dropout_s > 0:
        return "try another card: this one was too slow to take every sample"
    counted = {name for name, n in v.counters.items() if n > 0}
    if counted and counted <= faults.NOT_THE_SENSORS:
        return f"{faults.told(v.counters)[0]}: {faults.todo(v.counters)}"
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
    return ""
