"""The page for a physiotherapist: what was asked of the runner, what he did, what changed.

It informs; nothing in it is a finding about health.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gaitpi import __version__
from gaitpi.coach.programme import MINUTE_S, WEEKLY, percent, whole
from gaitpi.prescription import Prescription
from gaitpi.programmefile import Done
from gaitpi.review.change import CHANGE, Change
from gaitpi.review.drift import Drift, drifts
from gaitpi.review.form import Form
from gaitpi.review.metrics import METRICS
from gaitpi.review.outside import SOURCES
from gaitpi.review.programme import (
    SURE,
    Standing,
    adherence,
    retention,
    retention_words,
)
from gaitpi.review.report.baseline import GROUP, Groups, groups, then_and_now
from gaitpi.review.report.changes import (
    SYMMETRY,
    change_table,
    plus_minus,
    symmetry_doubt,
    trend_part,
)
from gaitpi.review.report.chart import Days, Dot, draw_days
from gaitpi.review.report.data import Minute, Pain, Run, pains
from gaitpi.review.report.html import Content, Html, el
from gaitpi.review.report.page import (
    Page,
    Section,
    bullets,
    document,
    facts,
    paragraphs,
    table,
)
from gaitpi.review.report.runpage import pain_row, pain_table
from gaitpi.review.report.words import CARE, NOT_KNOWN, value_words
from gaitpi.review.trend import trends
from gaitpi.review.uncertainty import Z95
from gaitpi.review.verdict import Verdict
from gaitpi.runs.reader import clock

DAY_S: Final = 86_400.0
RUNS: Final = 60
"""Most runs of a report; of more, the newest."""
DAYS_SHOWN: Final = 5
"""Dates below a chart."""
TREND_KEYS: Final = ("cadence_spm", "lean_deg", "contact_ms", "bounce_mm", "stride_cv_pct")
MARKS_MANY: Final = 2
"""Pain marks in one run that are said before all else: as many mute the coach."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is kept of a run when its rows are gone again."""

    name: str
    verdict: Verdict
    form: Form
    minutes: Sequence[Minute]
    pains: Sequence[Pain]
    drifts: Mapping[str, Drift]
    doubt: str
    software: str
    sensor: str
    going_on: bool
    problems: Sequence[str] = ()

    @property
    def day(self) -> str:
        """Its date."""
        return f"{self.verdict.started:%d %b %Y}"


def told(run: Run) -> Told:
    """A run in short."""
    return Told(
        name=run.name,
        verdict=run.verdict,
        form=run.course.form,
        minutes=run.minutes(),
        pains=pains(run),
        drifts=drifts(run.course),
        doubt=symmetry_doubt(run),
        software=run.software,
        sensor=run.sensor,
        going_on=run.going_on,
        problems=run.problems,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that the page is made of.

    ``runs`` oldest first, at least one; ``chosen`` how they were, in words; ``history`` the forms
    of the runner's runs, theirs may be among them; ``programme`` the one started last;
    ``prescribed`` what is in force; ``notes`` what has to be said of the choice; ``left_out`` files
    that could not be read, with what is wrong; ``files`` the names of the CSV beside it.
    """

    runs: Sequence[Told]
    chosen: str
    history: Sequence[Form] = ()
    programme: Standing | None = None
    prescribed: Prescription | None = None
    notes: Sequence[str] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, str] | None = None


def physio_page(found: Dossier) -> str:
    """The page."""
    newest = found.runs[-1]
    at = found.programme
    forms = {form.run_id: form for form in (*found.history, *(run.form for run in found.runs))}
    parts = groups(
        list(forms.values()),
        newest.form,
        found.runs[0].verdict.started.timestamp(),
        at.started.wall_s if at else math.nan,
    )
    changes = then_and_now(parts)
    sections = [
        Section("summary", "In short", facts(_facts(found, changes))),
        Section("asked", "What was asked, and what was done", _adherence(found)),
        Section("change", "Baseline and now", _change(found, parts, changes)),
        Section("weeks", "Run by run", _weeks(found, list(forms.values()))),
        Section("within", "Within the runs", _within(found)),
        Section("pain", "Pain", _pain(found)),
        Section("method", "Method and limits", _method(found)),
        Section("data", "Data", _data(found)),
    ]
    whose = f" {found.prescribed.name}" if found.prescribed and found.prescribed.name else ""
    first, last = found.runs[0].verdict.started, newest.verdict.started
    lead = f"{_span(first, last)}; {found.chosen}"
    page = Page(
        "physio", f"Running report{whose and f' of{whose}'}", lead, list(_notes(found)), sections
    )
    return document(page)


def _span(first: datetime, last: datetime) -> str:
    if first.date() == last.date():
        return f"{first.day} {first:%B %Y}"
    return f"{first.day} {first:%B %Y} to {last.day} {last:%B %Y}"


def _notes(found: Dossier) -> Iterator[str]:
    """What has to be said before anything else."""
    virtual = sum(run.verdict.virtual for run in found.runs)
    if virtual:
        which = "These runs are" if virtual == len(found.runs) else f"{virtual} of these runs are"
        yield f"{which} simulated: nobody ran them."
    many = [run for run in found.runs if len(run.pains) >= MARKS_MANY]
    if many:
        when = ", ".join(f"{run.day} ({len(run.pains)} times)" for run in many[:6])
        yield f"“Felt it here” was pressed more than once in a run: {when}. See Pain."
    yield from found.notes
    problems = {problem for run in found.runs for problem in run.problems}
    yield from sorted(problems)[:6]


# In short.


def _facts(found: Dossier, changes: Mapping[str, Change]) -> Iterator[tuple[str, str, str]]:
    runs = found.runs
    running_s = sum(run.verdict.running_s for run in runs)
    steps = sum(run.verdict.steps for run in runs)
    yield "Runs", str(len(runs)), f"{clock(running_s)} of running, {steps:,} steps"
    yield from _distance(runs)
    at = found.programme
    if at is not None:
        kept = adherence(at)
        done = f"{kept.sessions} of {kept.planned}"
        yield "Sessions", done, "" if at.running else "the programme has been ended"
        minutes = f"{kept.cued_min:.0f} of {kept.cued_planned_min:.0f} min"
        yield "With cues", minutes, "run, of those planned"
        answered, judged = kept.answered, kept.judged
    else:
        answered = sum(run.verdict.answered for run in runs)
        judged = sum(run.verdict.judged for run in runs)
        yield "Sessions", "none", "no programme has been started"
        cueable_s = sum(
            run.verdict.cueable_s for run in runs if not math.isnan(run.verdict.in_band)
        )
        yield "Could be cued", f"{cueable_s / MINUTE_S:.0f} min", "of running with a band to hold"
    yield "Cues answered", *_response(answered, judged)
    for key in ("cadence_spm", "lean_deg"):
        change = changes.get(key)
        metric = METRICS[key]
        what = f"{metric.words.capitalize()}, now − baseline"
        if change is None or not math.isfinite(change.difference):
            why = change.why if change else f"fewer than {2 * GROUP} runs that can be compared"
            yield what, NOT_KNOWN, why
        else:
            value = f"{plus_minus(change.difference, change.u, metric.digits)} {metric.unit}"
            yield what, value, "a real change" if change.verdict == CHANGE else change.verdict


def _distance(runs: Sequence[Told]) -> Iterator[tuple[str, str, str]]:
    """The sum of the distances that are known; nothing where none is."""
    known = [run.form.facts for run in runs if math.isfinite(run.form.facts.distance_m)]
    if not known:
        return
    metres = math.fsum(found.distance_m for found in known)
    lacking = len(known) < len(runs) or any(found.at_least for found in known)
    sources = " and ".join(sorted({SOURCES[found.distance_from] for found in known}))
    value = f"{'at least ' * lacking}{metres / 1000.0:.1f} km"
    yield "Distance", value, f"known in {len(known)} of {len(runs)} runs ({sources})"


def _response(answered: int, judged: int) -> tuple[str, str]:
    """Answered of judged, with a 95 % interval."""
    if not judged:
        return NOT_KNOWN, "no cue that could be judged"
    low, high = wilson(answered, judged)
    share = f"{answered} of {judged}"
    within = f"within 30 s: {whole(answered / judged)}"
    return share, f"{within} (95 % interval {whole(low)} to {whole(high)})"


def wilson(k: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927, J Am Stat Assoc 22:209), ``n`` > 0."""
    z2 = Z95 * Z95
    middle = (k + z2 / 2.0) / (n + z2)
    half = Z95 * math.sqrt(k * (n - k) / n + z2 / 4.0) / (n + z2)
    return max(0.0, middle - half), min(1.0, middle + half)


# What was asked, and done.


def _adherence(found: Dossier) -> Content:
    made: list[Content] = [_prescription(found.prescribed)]
    at = found.programme
    if at is None:
        made.append(_without_programme(found))
        return made
    kept = adherence(at)
    plan = at.plan
    whose = "gaitpi's own" if plan.name == "faded" else plan.name
    started = _date(at.started.wall_s)
    target = at.started.target
    if target is None:
        aim = "its target is not known"
    elif plan.focus == "lean":
        aim = f"held to a usual lean of {target:+.1f} deg"
    else:
        own = value_words(_number(at.started.own), "spm", 1)
        aim = f"target {target:.1f} spm; the runner's own cadence before: {own}"
    words = [
        f"Programme: {plan.focus}, {whose}, {len(plan.sessions)} sessions whose cues fade,"
        f" started {started}{'' if at.running else ', ended'}; {aim}."
    ]
    done = f"{kept.sessions} of {kept.planned} sessions count"
    if kept.skipped:
        done += f", {kept.skipped} were left out"
    if math.isfinite(kept.weekly):
        done += f"; {kept.weekly:.1f} a week (in studies {WEEKLY[0]} to {WEEKLY[1]})"
    words.append(
        f"{done}. {kept.cued_min:.0f} of {kept.cued_planned_min:.0f} planned minutes with cues"
        f" were run, of {kept.coached_min:.0f} min of coached running."
    )
    if kept.judged:
        interval = " to ".join(map(whole, wilson(kept.answered, kept.judged)))
        words.append(
            f"{kept.cues} cues; {kept.answered} of {kept.judged} that could be judged were"
            f" answered within 30 s ({whole(kept.response)}, 95 % interval {interval}); median"
            f" time back into the band {value_words(kept.recovery_s, 's', 0)}."
        )
    else:
        words.append(f"{kept.cues} cues, none of which could be judged.")
    shares = ((kept.in_cued, "minutes with cues"), (kept.in_free, "minutes without"))
    inside = [f"{whole(share)} in {where}" for share, where in shares if math.isfinite(share)]
    if inside:
        words.append(f"Time in band: {', '.join(inside)}.")
    for number in range(1, len(plan.tests) + 1):
        test = retention(at, number)
        if test is not None:
            said = retention_words(test).replace("your own", "the runner's own")
            words.append(f"Silent test {number}: {said}.")
    made += [paragraphs(words), _session_table(at)]
    return made


def _prescription(found: Prescription | None) -> Html:
    if found is None:
        return paragraphs(["Nothing is prescribed at present."])
    by = f" by {found.by}" if found.by else ""
    parts = [f"Prescribed{by} on {found.day:%d %b %Y}, good until {found.expires:%d %b %Y}"]
    parts.append(f"focus {found.focus}")
    if found.ceiling_spm is not None:
        parts.append(f"cadence target at most {found.ceiling_spm:.1f} spm")
    elif found.percent is not None:
        parts.append(f"{found.percent:g} % above the own cadence")
    if found.band_low is not None:
        parts.append(f"band no narrower than {100.0 * found.band_low:g} %")
    if found.max_per_hour is not None:
        parts.append(f"at most {found.max_per_hour} cues an hour")
    if found.note:
        parts.append(f"note: {found.note}")
    return paragraphs([f"{'; '.join(parts)}. Checksum (half of SHA-256): {found.checksum}."])


def _without_programme(found: Dossier) -> Html:
    cues = sum(run.verdict.cues for run in found.runs)
    targets = {
        run.verdict.target_spm for run in found.runs if math.isfinite(run.verdict.target_spm)
    }
    words = ["No programme has been started: there are no sessions to keep."]
    if targets:
        low, high = min(targets), max(targets)
        aim = f"{low:.1f}" if high - low < 0.05 else f"{low:.1f} to {high:.1f}"
        words.append(f"Cadence target in these runs: {aim} spm; {cues} cues were given.")
    else:
        words.append("No cadence target was set in these runs.")
    return paragraphs(words)


def _session_table(at: Standing) -> Content:
    ran = {id(run): "" for run in at.done}
    ran |= {id(run): "too short, does not count" for run in at.short}
    ran |= {id(run): "again, does not count" for run in at.again}
    runs = sorted((*at.done, *at.short, *at.again), key=lambda run: (run.wall_s, run.run_id))
    if not runs:
        return None
    rows = [(*_session(run), ran[id(run)]) for run in runs[:RUNS]]
    heads = (
        "part", "date", "cued", "min run / planned", "cues", "answered",
        "in band, cued / not", "cadence ± 95 %, spm", "",
    )  # fmt: skip
    caption = "Sessions and silent tests"
    return table(caption, heads, rows, key="session-table", whole=range(1, 8), wide=True)


def _session(run: Done) -> tuple[str, ...]:
    inside = [
        whole(part / known) if known else "–"
        for part, known in ((run.cued_in, run.cued_known), (run.free_in, run.free_known))
    ]
    cadence = "–"
    if run.cadence_spm is not None:
        wide = run.cadence_sd_spm
        cadence = f"{run.cadence_spm:.1f}" + ("" if wide is None else f" ± {SURE * wide:.1f}")
    return (
        f"{'session' if run.part == 'session' else 'silent test'} {run.number}",
        _date(run.wall_s, "%d %b"),
        percent(run.share),
        f"{run.coached_s / MINUTE_S:.0f} / {run.minutes:.0f}",
        str(run.cues),
        f"{run.answered} of {run.judged}" if run.judged else "–",
        " / ".join(inside),
        cadence,
    )


def _date(wall_s: float, form: str = "%d %b %Y") -> str:
    try:
        return f"{datetime.fromtimestamp(wall_s).astimezone():{form}}"
    except (OverflowError, ValueError, OSError):
        return "an impossible date"


# Then and now.


def _change(found: Dossier, parts: Groups, changes: Mapping[str, Change]) -> Content:
    if not changes:
        return paragraphs(
            [
                f"Not known: {len(parts.all)} runs can be compared with the newest, {2 * GROUP}"
                " are needed (worn on the same segment, of the same kind of session, with enough"
                " steady running on level ground)."
            ]
        )
    names = {form.run_id for form in (*parts.then, *parts.now)}
    doubts = [run.doubt for run in found.runs if run.form.run_id in names and run.doubt]
    shown = [c for key, c in changes.items() if not (doubts and key in SYMMETRY)]
    words = [
        f"Baseline: {parts.words} ({_dates(parts.then)}). Now: the newest {GROUP}"
        f" ({_dates(parts.now)}). Each is the median; the interval comes from how much this"
        " runner's runs differ from one to the next. A difference is called a change only beyond"
        " the smallest real difference. That no change can be told is not the same as no change."
    ]
    after = []
    if doubts:
        after.append(
            f"Left and right: nothing is said, because {doubts[0]} in at least one of them."
        )
    made = change_table(
        shown,
        heads=("baseline", "now"),
        caption="Baseline and now, medians",
        key="change-table",
        whose="this runner's",
    )
    return [paragraphs(words), made, paragraphs(after)]


def _dates(forms: Sequence[Form]) -> str:
    days = list(dict.fromkeys(f"{form.started:%d %b}" for form in forms))
    return ", ".join(days)


# Run by run.


def _weeks(found: Dossier, forms: Sequence[Form]) -> Content:
    newest = found.runs[-1].form
    past = [f for f in forms if f.started.timestamp() <= newest.started.timestamp()]
    over = trends(past)
    made: list[Content] = []
    if len(found.runs) > 1:
        charts = [draw_days(_cadence_days(found)), draw_days(_lean_days(found))]
        made.append(el("div", *charts, class_="pair"))
        made.append(trend_part([over[key] for key in TREND_KEYS if key in over]))
    rows = [_run_row(run) for run in found.runs]
    heads = (
        "date", "running", "distance, km", "speed, km/h", "heart rate, bpm", "steps",
        "cadence, spm", "target", "in band", "cues", "answered", "lean change, deg",
        "contact, ms", "bounce, mm", "pain marks", "data",
    )  # fmt: skip
    shown = [k for k in range(len(heads)) if any(row[k] != "–" for row in rows)]
    kept = [[row[k] for k in shown] for row in rows]
    names, numbers = [heads[k] for k in shown], range(1, len(shown) - 1)
    made.append(table("The runs", names, kept, key="run-table", numbers=numbers, wide=True))
    left = [heads[k].partition(",")[0] for k in range(len(heads)) if k not in shown]
    if left:
        made.append(paragraphs([f"Not known in any of them, or none: {', '.join(left)}."]))
    return made


def _run_row(run: Told) -> tuple[str, ...]:
    v, form = run.verdict, run.form
    km = value_words(form.facts.distance_m / 1000.0, "", 1)
    return (
        f"{v.started:%d %b %H:%M}",
        clock(v.running_s),
        f"≥ {km}" if form.facts.at_least else km,
        value_words(3.6 * form.facts.speed_ms, "", 1),
        value_words(form.facts.heart_rate_bpm, "", 0),
        f"{v.steps:,}",
        value_words(v.cadence_spm, "", 1),
        value_words(v.target_spm, "", 1),
        whole(v.in_band) if math.isfinite(v.in_band) else "–",
        str(v.cues),
        f"{v.answered} of {v.judged}" if v.judged else "–",
        value_words(v.lean_change_deg, "", 1, sign=True),
        value_words(form["contact_ms"].mean, "", 0),
        value_words(form["bounce_mm"].mean, "", 0),
        str(len(run.pains)) if run.pains else "–",
        (v.quality or NOT_KNOWN) + ("" if v.finished else ", not finished"),
    )


def _dots(found: Dossier, key: str) -> list[Dot]:
    made = []
    for run in found.runs:
        measure = run.form[key]
        words = f"{run.day}: {value_words(measure.mean, METRICS[key].unit, METRICS[key].digits)}"
        day = run.verdict.started.timestamp() / DAY_S
        made.append(Dot(day, measure.mean, Z95 * measure.u, words))
    return made


def _day_labels(found: Dossier) -> list[tuple[float, str]]:
    """Some dates at equal distances."""
    days = [run.verdict.started.timestamp() / DAY_S for run in found.runs]
    first, last = min(days), max(days)
    if last - first < 1.0:
        return [(first, f"{found.runs[0].verdict.started:%d %b}")]
    n = min(DAYS_SHOWN, int(last - first) + 1)
    step = (last - first) / (n - 1)
    zone = found.runs[0].verdict.started.tzinfo
    return [
        (day, f"{datetime.fromtimestamp(day * DAY_S, zone):%d %b}")
        for day in (first + k * step for k in range(n))
    ]


def _cadence_days(found: Dossier) -> Days:
    at = found.programme
    target = found.runs[-1].verdict.target_spm
    inside = found.runs[0].verdict.started.timestamp()
    begun = at.started.wall_s if at and at.started.wall_s >= inside else math.nan
    return Days(
        "cadence-days",
        "Cadence",
        "steps/min",
        "Mean cadence of steady running, a dot a run.",
        "a run",
        _dots(found, "cadence_spm"),
        _day_labels(found),
        level=target,
        level_name=f"target {target:.1f}",
        event=begun / DAY_S,
        event_name="programme started",
        spread=8.0,
    )


def _lean_days(found: Dossier) -> Days:
    """Lean of runs that measured it from the same as the newest that knows it."""
    known = [run for run in found.runs if math.isfinite(run.form["lean_deg"].mean)]
    alike = (
        [
            run
            for run in known
            if (run.form.lean_from, run.form.mount, run.form.segment)
            == (known[-1].form.lean_from, known[-1].form.mount, known[-1].form.segment)
        ]
        if known
        else []
    )
    origin = {1: "the given mount", 2: "the runner's own standing"}
    from_ = origin.get(known[-1].form.lean_from, "an unknown origin") if known else ""
    return Days(
        "lean-days",
        "Belt lean",
        "deg",
        f"Mean lean of the belt in steady running, from {from_}; forward is positive. Only its"
        " change"
        " means anything." if known else "Not known.",
        "a run",
        _dots(Dossier(alike, ""), "lean_deg") if alike else [],
        _day_labels(found),
        spread=6.0,
    )  # fmt: skip


# Within the runs.


def _within(found: Dossier) -> Content:
    looked = [r for r in found.runs if any(math.isfinite(d.change) for d in r.drifts.values())]
    rows = [
        (
            run.day,
            drift.metric.words,
            f"{plus_minus(drift.change, drift.u, drift.metric.digits)} {drift.metric.unit}",
            f"minute {drift.from_minute:.0f}" if math.isfinite(drift.from_minute) else "–",
        )
        for run in found.runs
        for drift in run.drifts.values()
        if drift.verdict == CHANGE
    ]
    words = [
        "Drift at comparable cadence (and speed, where it is known), from the level before to the"
        " end of a run, is looked for in"
        f" runs with 12 min of steady level running: {len(looked)} of {len(found.runs)} here."
    ]
    if not rows:
        words.append(
            "In none of them a drift can be told." if looked else "So nothing is known of drift."
        )
        return paragraphs(words)
    heads = "run", "measure", "change to the end ± 95 %", "since"
    return [paragraphs(words), table("Drifts that are changes", heads, rows, key="drift-table")]


# Pain.


def _pain(found: Dossier) -> Content:
    marked = [run for run in found.runs if run.pains]
    words = [
        "The runner can press the button three times to say “felt it here”. Pain before a run and"
        " on the morning after is not recorded in these runs: not known, which is not the same as"
        " none."
    ]
    if not marked:
        return [paragraphs([*words, "Nothing was marked in these runs."]), CARE]
    rows = [
        pain_row(pain, f"{run.day}, {clock(pain.time_s)}", run.verdict)
        for run in marked
        for pain in run.pains[:20]
    ]
    return [paragraphs(words), pain_table(rows), CARE]


# Method, limits, data.


def _method(found: Dossier) -> Content:
    segments = sorted({run.verdict.segment for run in found.runs})
    pelvis = "it is not the trunk lean of papers, which is measured at the thorax"
    what = pelvis if segments == ["pelvis"] else "it is the lean of that segment alone"
    method = [
        f"One inertial sensor in a belt pack on the {' / '.join(segments)}. It measures that"
        f" segment only; {what}, and it says nothing of the curve of the spine.",
        "Cadence: steps a minute of both feet, from initial contacts; 1.1 % at worst in one study"
        " of a trunk sensor.",
        "Belt lean: forward tilt against the runner's own standing or usual. A change, no"
        " posture. Seconds with a loose or moved belt are left out.",
        "Contact and flight time: estimated from the belt's acceleration; only changes of 32 ms"
        " and more between two occasions are real (20 ms RMSE; PMC8838733). Bounce: 7 mm within a"
        " person.",
        "Cues: at most one a minute, when the runner's own band is left for some seconds;"
        " answered means back in the band within 30 s. Cues after which the runner stopped are not"
        " judged.",
        "Compared are means of steady running: not the first three minutes, nor half a minute"
        " after a start, nor what looks like a slope (one sensor tells slopes of 6 % and more,"
        " hardly less).",
        "Contact, flight, bounce and impact change with cadence and speed: runs are compared only"
        " at a like cadence (3 %), and not with runs known to be of another speed (5 %). Shoes,"
        " ground and weather are not known.",
        *_outside_method(found),
    ]
    limits = [
        "No loading rate, no spine load, no posture score, no comparison with other people: one"
        " sensor at the belt does not tell them.",
        "Left and right are told only where the belt sat steadily and the feet are known; a pack"
        " that sits askew can make a difference that is none.",
        "Whether cueing lean helps anybody's back is not known: no trial was found.",
        "Accuracy was measured on recordings of other people; for this runner it is not known.",
    ]
    return [
        el("h3", "Method"),
        bullets(method),
        el("h3", "Limits"),
        bullets(limits),
        *_versions(found),
    ]


def _outside_method(found: Dossier) -> Iterator[str]:
    """What distance, speed and heart rate rest on."""
    facts = [run.form.facts for run in found.runs]
    n, speeds = len(facts), sum(bool(one.speed_from) for one in facts)
    if not speeds:
        yield "Speed and distance are not known: the pack has no GPS. A change may be one of pace."
        return
    yield (
        f"Speed is known in {speeds} of {n} runs, by a foot pod as the runner calibrated it, or by"
        " a file of a watch. A distance with ≥ lacks parts of the way; where speed is not known a"
        " change may be one of pace."
    )


def _versions(found: Dossier) -> Iterator[Html]:
    software = sorted({run.software for run in found.runs})
    sensors = sorted({run.sensor for run in found.runs})
    words = f"Recorded by gaitpi {', '.join(software)} with {', '.join(sensors)}; this page made by"
    yield el("p", f"{words} gaitpi {__version__}.")


def _data(found: Dossier) -> Content:
    words = []
    if found.files:
        words.append(
            f"Beside this page: {found.files[0]} (a row a run) and {found.files[1]} (a row a"
            " minute), as comma-separated text, UTF-8; an empty cell is not known."
        )
    words.append("It rests on these runs, and on no others but for the baseline and trends:")
    made: list[Content] = [paragraphs(words)]
    made.append(el("p", ", ".join(run.name for run in found.runs), class_="ids"))
    if found.left_out:
        made.append(paragraphs([f"Left out, for they cannot be read ({len(found.left_out)}):"]))
        listed = list(found.left_out.items())[:10]
        made.append(bullets(f"{name}: {why}" for name, why in listed))
    return made
