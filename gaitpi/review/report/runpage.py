"""The page of one run, for the runner."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from gaitpi import __version__, importfile
from gaitpi.coach.programme import whole
from gaitpi.faults import told
from gaitpi.review import quality
from gaitpi.review.change import against_usual, usual
from gaitpi.review.drift import DRIFTS, drifts
from gaitpi.review.form import Form, exposure
from gaitpi.review.ledger import (
    CORRECTIONS,
    Entry,
    band_words,
    quiet_rules,
    response,
    ticked_words,
)
from gaitpi.review.metrics import METRICS
from gaitpi.review.outside import SOURCES, pace
from gaitpi.review.report.changes import SYMMETRY, change_table, drift_part, symmetry_doubt
from gaitpi.review.report.chart import Chart, Line, Mark, MarkKind, Zone, draw
from gaitpi.review.report.data import BIN_S, Minute, Pain, Run, pains
from gaitpi.review.report.html import Content, Html, el
from gaitpi.review.report.page import (
    Page,
    Section,
    bullets,
    document,
    facts,
    folded,
    paragraphs,
    table,
)
from gaitpi.review.report.words import CARE, NOT_KNOWN, OUTCOMES, value_words
from gaitpi.review.verdict import Verdict, target_words
from gaitpi.runs.reader import clock

ROWS: Final = 90
"""Most rows of a table below a chart."""
CUES: Final = 250
"""Most cues listed or marked: some twelve hours of what the coach's ceiling allows."""
NOTED: Final = {"pain": "“felt it here” (triple press)", "mark": "mark"}
"""Events of the runner's own that are shown on the chart."""

_OUTCOME_MARKS: Final[dict[str, MarkKind]] = {
    "answered": "answered",
    "not answered": "unanswered",
    "not judged": "unjudged",
}


def run_page(run: Run, history: Sequence[Form] = ()) -> str:
    """The page of ``run``; ``history`` are the forms of the runner's runs, its own may be there."""
    v = run.verdict
    sections = [
        Section("summary", "In short", facts(_facts(run))),
        Section("charts", "The run", _charts(run)),
        Section("change", "What changed", _changes(run, history)),
        Section("cues", "Cues", _cues(run)),
        *_felt(run),
        Section("quality", "Quality of the data", paragraphs(quality_words(run))),
        Section("basis", "What this rests on", _basis(run)),
    ]
    lead = (
        f"{clock(v.running_s)} running of {clock(v.duration_s)}, {v.steps:,} steps; pack on the"
        f" {v.segment}; run {run.name}"
    )
    return document(Page("run", f"Run of {when(run)}", lead, list(notes(run)), sections))


def when(run: Run) -> str:
    """Day and time of its start, in words."""
    return f"{run.verdict.started:%A} {run.verdict.started.day} {run.verdict.started:%B %Y, %H:%M}"


def notes(run: Run) -> Iterator[str]:
    """What has to be said before anything else."""
    v = run.verdict
    if v.virtual:
        what = f" ({v.recording})" if v.recording else ""
        yield f"A simulated run{what}: nobody ran it."
    if run.going_on:
        yield (
            "This run has no end yet: it was still being recorded when this page was made, or it"
            " was cut off since the machine was switched on."
        )
    elif not v.finished:
        yield "This run was cut short: it has no end. All that is in its file is shown."
    if v.running_steps == 0:
        yield "There is no running step in this run, so there is little to show."
    if v.started.year < 2020:
        yield "The clock of the pack had not been set: the date is not known."
    if run.edited is not None and run.edited.trimmed:
        kept = f"{clock(run.edited.start_s)} to {clock(run.edited.end_s)}"
        whole = f"of a recording of {clock(run.edited.duration_s)}"
        part = f"part {run.edited.part}, " if run.edited.part else ""
        yield f"Shown is {part}{kept} {whole}; times are those of the recording."
    yield from run.problems


def _facts(run: Run) -> Iterator[tuple[str, str, str]]:
    """The six lines of the verdict, as facts."""
    v = run.verdict
    if math.isnan(v.target_spm):
        against = "no target was set: this run listened"
    else:
        against = f"target {target_words(v)}, so {v.cadence_spm - v.target_spm:+z.1f}"
        if math.isfinite(v.target_low_spm):
            against += " against its mean: it followed the speed"
    known = math.isfinite(v.cadence_spm)
    yield "Cadence", value_words(v.cadence_spm, "spm", 1), against if known else ""
    if math.isnan(v.in_band):
        why = "no running after the warm-up" if v.cueable_s == 0 else f"no {v.focus} band yet"
        yield "In band", NOT_KNOWN, why
    else:
        yield "In band", whole(v.in_band), f"of {clock(v.cueable_s)} that could be cued"
    if v.cues:
        answers = f"{v.answered} of {v.judged} answered within 30 s" if v.judged else "none judged"
        after = f", median {v.answer_s:.0f} s" if v.answer_s >= 0 else ""
        yield "Cues", str(v.cues), answers + after
    else:
        yield "Cues", "none", "the coach had nothing to say, or no target to hold to"
    if v.lean_against is None or math.isnan(v.lean_change_deg):
        yield "Belt lean", NOT_KNOWN, "no stand and no usual to compare with, or too little running"
    else:
        band = f"; band ±{v.lean_band_deg:.0f}" if v.lean_against == "usual" else ""
        yield "Belt lean", f"{v.lean_change_deg:+z.1f} deg", f"against {run.lean_origin}{band}"
    yield from _outside_facts(run)
    yield "Steps", f"{v.steps:,}", _step_words(run)
    yield "Data", *_data_words(run)
    if v.programme:
        yield "Programme", v.programme, ""
    if run.imports.files:
        yield "Imported", importfile.words(run.imports), "from a watch, not measured by gaitpi"
    if run.tags:
        yield "Tags", ", ".join(run.tags), ""
    for note in run.edited.notes if run.edited is not None else ():
        yield "Note", note, ""


def _outside_facts(run: Run) -> Iterator[tuple[str, str, str]]:
    """Distance, speed and heart rate, where any is known."""
    found = run.course.form.facts
    if math.isfinite(found.distance_m):
        least = "at least " if found.at_least else ""
        lacks = f"; {clock(found.unknown_s)} of moving are missing" if found.at_least else ""
        more = f"{SOURCES[found.distance_from]}{lacks}"
        yield "Distance", f"{least}{found.distance_m / 1000.0:.2f} km", more
    if words := pace(found.speed_ms):
        step = value_words(found.step_m, "m a step", 2)
        known = "" if found.speed_share > 0.995 else f"; known for {whole(found.speed_share)}"
        yield "Pace", words, f"of running, {3.6 * found.speed_ms:.1f} km/h, {step}{known}"
    if math.isfinite(found.heart_rate_bpm):
        share = f"known for {whole(found.heart_share)} of the run"
        more = f"highest {found.heart_rate_max_bpm:.0f}; {found.heart_from}, {share}"
        yield "Heart rate", f"{found.heart_rate_bpm:.0f} bpm", more


def _step_words(run: Run) -> str:
    """How many of them were running, and for each kilometre where the distance is known."""
    v = run.verdict
    words = f"{v.running_steps:,} of running"
    exposed = exposure(run.course.form).words()
    return f"{words}; {exposed}" if exposed else words


def _data_words(run: Run) -> tuple[str, str]:
    """The quality of the data in a word, and the line of it."""
    words = quality.line(run.verdict, 200)
    grade, _, rest = words.partition(": ")
    return (grade, rest) if rest else (NOT_KNOWN, "no samples were recorded")


# Charts.


def _charts(run: Run) -> Content:
    """All charts of a run."""
    if _nothing(run):
        return paragraphs(["There is nothing to draw: no running was recorded."])
    minutes = run.minutes(ROWS)
    zones = run.zones()
    words = [
        "All charts share the time of the run, and are zoomed together. Grey: not running."
        " Nothing is drawn where nothing is known."
    ]
    if run.running and not run.slopes_known:
        words.append("Slopes are not known in this run.")
    made = [
        draw(_cadence_chart(run, zones), _cadence_table(minutes)),
        draw(_lean_chart(run, zones), _lean_table(minutes, run)),
        el(
            "div",
            *(draw(chart, _step_table(minutes, chart)) for chart in _step_charts(run, zones)),
            class_="two",
        ),
    ]
    beside = [chart for chart in _outside_charts(run, zones) if not chart.empty]
    if beside:
        drawn = (draw(chart, _outside_table(minutes, chart)) for chart in beside)
        made.append(el("div", *drawn, class_="two"))
    return [paragraphs(words), *made]


def _nothing(run: Run) -> bool:
    """Whether there is nothing to draw."""
    return not run.running and not run.running_steps


def _cadence_chart(run: Run, zones: Sequence[Zone]) -> Chart:
    v, target = run.verdict, run.verdict.target_spm
    if math.isfinite(v.target_low_spm):
        target = math.nan  # it followed the speed: no line
    low = target * (1.0 - run.coach.band_low) if run.coach else math.nan
    banded = math.isfinite(low) and v.focus == "cadence"
    says = [
        f"Steps a minute of both feet, running only; mean {value_words(v.cadence_spm, 'spm', 1)}."
    ]
    if banded:
        says.append(f"A cue may come below {low:.1f} spm.")
    if math.isfinite(v.target_low_spm):
        says.append(f"The target followed the speed: {target_words(v)}.")
    marks = list(_marks(run, "cadence"))
    said = sum(mark.kind in _OUTCOME_MARKS.values() for mark in marks)
    if said:
        says.append(f"{said} cue{'s' * (said != 1)} marked where the coach's mean lay.")
    return Chart(
        "cadence",
        "Cadence",
        "steps/min",
        " ".join(says),
        Line("cadence, second by second", run.cadence),
        run.end_s,
        run.start_s,
        band=(low, math.inf) if banded else (math.nan, math.nan),
        band_name="in band",
        level=target,
        level_name=f"target {target:.1f}",
        zones=zones,
        marks=marks,
        spread=10.0,
    )


def _lean_chart(run: Run, zones: Sequence[Zone]) -> Chart:
    v = run.verdict
    usual = v.lean_against == "usual" and math.isfinite(v.lean_band_deg)
    says = (
        f"Forward lean of the belt ({v.segment}) as a change from {run.lean_origin}; forward is"
        " positive. It is not the posture of the spine."
    )
    return Chart(
        "lean",
        "Belt lean",
        "deg, change",
        says,
        Line("lean, second by second", run.lean),
        run.end_s,
        run.start_s,
        band=(-v.lean_band_deg, v.lean_band_deg) if usual else (math.nan, math.nan),
        band_name=f"your band, ±{v.lean_band_deg:.0f} deg",
        level=0.0 if math.isfinite(run.lean_zero_deg) else math.nan,
        level_name=run.lean_origin,
        zones=[*zones, *run.belt_zones()],
        marks=list(_marks(run, "lean")),
        spread=6.0,
    )


def _step_charts(run: Run, zones: Sequence[Zone]) -> tuple[Chart, Chart]:
    """Contact time and bounce: what single steps measure, as means."""
    means = f"means of {BIN_S:.0f} s"

    def chart(key: str, title: str, unit: str, says: str, spread: float) -> Chart:
        points = [
            (t, 1000.0 * v)
            for t, v in run.binned(
                lambda step: step.contact_s if key == "contact" else step.bounce_m
            )
        ]
        line = Line(f"{title.lower()}, {means}", points, BIN_S)
        shown = run.end_s, run.start_s
        return Chart(key, title, unit, says, line, *shown, zones=zones, spread=spread)

    return (
        chart(
            "contact",
            "Contact time",
            "ms",
            f"Time a foot is on the ground: {means}. A change of less than 32 ms between two"
            " occasions is within what one sensor at the belt can be wrong by.",
            40.0,
        ),
        chart(
            "bounce",
            "Bounce",
            "mm",
            f"How far the belt goes up and down in a step: {means}. Good to about 7 mm within one"
            " person.",
            15.0,
        ),
    )


def _outside_charts(run: Run, zones: Sequence[Zone]) -> Iterator[Chart]:
    """Heart rate of all of the run, speed of its running; a hole in them is a hole."""
    found, around = run.course.form.facts, run.around
    still = [zone for zone in zones if zone.kind == "still"]
    yield Chart(
        "heart",
        "Heart rate",
        "beats/min",
        f"By the {SOURCES[around.heart.source] or 'strap'}: mean"
        f" {value_words(found.heart_rate_bpm, 'bpm', 0)}, highest"
        f" {value_words(found.heart_rate_max_bpm, 'bpm', 0)}. Nothing is drawn where none was"
        " received, or where the strap felt no skin.",
        Line("heart rate, second by second", run.heart),
        run.end_s,
        run.start_s,
        zones=still,
        spread=30.0,
    )
    yield Chart(
        "speed",
        "Speed",
        "km/h",
        f"Running only, by the {SOURCES[around.speed.source] or 'pod'}: mean"
        f" {value_words(3.6 * found.speed_ms, 'km/h', 1)}. Nothing is drawn where none was"
        " received.",
        Line("speed, second by second", run.speed),
        run.end_s,
        run.start_s,
        zones=still,
        spread=3.0,
    )


def _outside_table(minutes: Sequence[Minute], chart: Chart) -> Html:
    rows: list[tuple[str, ...]]
    if chart.key == "heart":
        rows = [
            (clock(m.start_s), f"{m.heart_s:.0f}", value_words(m.heart_bpm, "", 0)) for m in minutes
        ]
        heads: tuple[str, ...] = "from", "known, s", "mean, bpm"
    else:
        rows = [
            (
                clock(m.start_s),
                f"{m.speed_s:.0f}",
                value_words(m.speed_kmh, "", 1),
                value_words(m.step_length_m, "", 2),
            )
            for m in minutes
        ]
        heads = "from", "known, s", "mean, km/h", "step length, m"
    # the chart of speed shows running alone, its mean of a minute is of all that is known of it
    what = f"{chart.title}, walking too" if chart.key == "speed" else chart.title
    caption = f"{what}, {_pieces(minutes)}"
    made = table(caption, heads, rows, key=f"{chart.key}-table", numbers=range(1, len(heads)))
    return folded(f"{chart.title} as a table", made)


def _marks(run: Run, metric: str) -> Iterator[Mark]:
    """Cues of a metric and what came of them; what the runner marked, on every chart."""
    kind: MarkKind
    ours = [e for e in run.entries if e.metric == metric and e.cue in CORRECTIONS]
    for entry in ours[:CUES]:
        if entry.withheld:
            words = f"{clock(entry.time_s)} {entry.cue} kept back: {entry.rule}"
            yield Mark(entry.time_s, math.nan, "withheld", words)
        else:
            kind = _OUTCOME_MARKS.get(entry.after.outcome, "unjudged")
            words = f"{clock(entry.time_s)} {entry.cue}: {after_words(entry)}"
            yield Mark(entry.time_s, entry.value, kind, words)
    noted = [event for event in run.events if event.kind in NOTED]
    for event in noted[:CUES]:
        kind = "pain" if event.kind == "pain" else "noted"
        yield Mark(event.time_s, math.nan, kind, f"{clock(event.time_s)} {NOTED[event.kind]}")


def _pieces(minutes: Sequence[Minute]) -> str:
    """How long the rows of a table are, in words."""
    length = minutes[0].length_s / 60.0 if minutes else 1.0
    return "minute by minute" if length == 1.0 else f"in pieces of {length:.0f} minutes"


def _cadence_table(minutes: Sequence[Minute]) -> Html:
    rows = [
        (
            clock(m.start_s),
            f"{m.running_s:.0f}",
            value_words(m.cadence_spm, "", 1),
            value_words(m.cadence_low_spm, "", 1),
            value_words(m.cadence_high_spm, "", 1),
            f"{m.cues}" if m.cues else "",
            f"{m.answered}" if m.cues else "",
        )
        for m in minutes
    ]
    heads = "from", "running, s", "mean, spm", "lowest", "highest", "cues", "answered"
    caption = f"Cadence of running, {_pieces(minutes)}"
    made = table(caption, heads, rows, key="cadence-table", numbers=range(1, 7))
    return folded("Cadence as a table", made)


def _lean_table(minutes: Sequence[Minute], run: Run) -> Html:
    rows = [
        (
            clock(m.start_s),
            f"{m.running_s:.0f}",
            value_words(m.lean_change_deg, "", 1, sign=True),
            value_words(m.lean_low_deg, "", 1, sign=True),
            value_words(m.lean_high_deg, "", 1, sign=True),
            f"{m.belt_bad_s:.0f}",
        )
        for m in minutes
    ]
    heads = "from", "running, s", "mean, deg", "lowest", "highest", "belt bad, s"
    caption = f"Lean as a change from {run.lean_origin}, {_pieces(minutes)}"
    made = table(caption, heads, rows, key="lean-table", numbers=range(1, 6))
    return folded("Lean as a table", made)


def _step_table(minutes: Sequence[Minute], chart: Chart) -> Html:
    contact = chart.key == "contact"
    rows = [
        (
            clock(m.start_s),
            str(m.steps),
            value_words(m.contact_ms if contact else m.bounce_mm, "", 0),
        )
        for m in minutes
    ]
    heads = "from", "running steps", f"mean, {chart.unit}"
    caption = f"{chart.title}, {_pieces(minutes)}"
    made = table(caption, heads, rows, key=f"{chart.key}-table", numbers=(1, 2))
    return folded(f"{chart.title} as a table", made)


# Cues.


def after_words(entry: Entry) -> str:
    """What the runner did after a cue."""
    after = entry.after
    if after.outcome == "answered":
        return f"answered after {after.seconds:.0f} s"
    if after.outcome == "not answered":
        late = "" if math.isnan(after.seconds) else f"; back after {after.seconds:.0f} s"
        return f"not answered within 30 s{late}"
    if after.outcome == "not judged":
        return f"could not be judged: {after.why}"
    return OUTCOMES.get(entry.cue, "")


def _cues(run: Run) -> Content:
    """All that was heard, and what was kept back."""
    heard = [e for e in run.entries if not e.withheld]
    answers = response(run.entries)
    lines = []
    if answers.judged:
        lines.append(
            f"{answers.answered} of {answers.judged} corrections that could be judged were"
            f" answered within 30 s ({whole(answers.share)})."
        )
    rules = quiet_rules(run.entries)
    if rules:
        kept = ", ".join(f"{rule} {n}" for rule, n in rules.most_common(12))
        lines.append(f"{sum(rules.values())} kept back by a rule of quiet: {kept}.")
    if not heard:
        lines.append("Nothing was heard in this run.")
        return paragraphs(lines)
    if len(heard) > CUES:
        lines.append(f"The first {CUES} of {len(heard)} are listed.")
    rows = [
        (
            clock(e.time_s),
            e.cue,
            e.metric,
            value_words(e.value, "", 1),
            band_words(e.low, e.high),
            "; ".join(filter(None, (e.reason, ticked_words(e)))),
            after_words(e) if e.cue in CORRECTIONS else OUTCOMES.get(e.cue, ""),
        )
        for e in heard[:CUES]
    ]
    heads = "time", "sound", "metric", "value", "band", "because", "then"
    made = table(
        "What was heard, and what came of it",
        heads,
        rows,
        key="cue-table",
        numbers=(3,),
        whole=(1, 2, 4),
        wide=True,
    )
    return [paragraphs(lines), made]


# Change.


def _changes(run: Run, history: Sequence[Form]) -> Content:
    """Against the own usual, and within the run."""
    form = run.course.form
    changes = against_usual(form, history)
    doubt = symmetry_doubt(run)
    told = [c for key, c in changes.items() if not (doubt and key in SYMMETRY)]
    own = {key: usual(form, history, METRICS[key]).own for key in DRIFTS}
    words = [
        "A difference is called a change only where it is larger than the smallest real"
        " difference. Below that no change can be told, which is not the same as none. Only steady"
        f" running on level ground counts: {clock(form.steady_s)} of this run."
    ]
    said = []
    if doubt:
        said.append(f"Nothing is said of left and right in this run: {doubt}.")
    return [
        paragraphs(words),
        el("h3", "Against your own usual"),
        change_table(
            told,
            heads=("your usual", "this run"),
            caption="This run against the median of your earlier runs of the same kind",
            key="change-table",
        ),
        paragraphs(said),
        el("h3", "Within this run"),
        drift_part(drifts(run.course, own)),
    ]


# What the runner felt.


def _felt(run: Run) -> Iterator[Section]:
    """What was marked as "felt it here"; nothing where nothing was."""
    marked = pains(run)
    if marked:
        rows = [pain_row(pain, clock(pain.time_s), run.verdict) for pain in marked[:CUES]]
        yield Section("felt", "“Felt it here”", [pain_table(rows), CARE])


def pain_row(pain: Pain, when: str, v: Verdict) -> tuple[str, ...]:
    """A moment that was marked, as a row of a table."""
    return (
        when,
        value_words(pain.cadence_spm, "", 1),
        value_words(pain.cadence_spm - v.cadence_spm, "", 1, sign=True),
        value_words(pain.lean_change_deg, "", 1, sign=True),
        f"{pain.running_s:.0f}",
    )


def pain_table(rows: Iterable[Sequence[str]]) -> Html:
    """The table of such rows."""
    heads = "when", "cadence, spm", "against the run's mean", "lean change, deg", "running, s"
    caption = "Marked with the button; the numbers are of the minute before"
    return table(caption, heads, rows, key="pain-table", numbers=range(1, 5))


# Quality, and what it rests on.


def quality_words(run: Run) -> Iterator[str]:
    """What is right and wrong with the data, in sentences."""
    v = run.verdict
    for doubt in run.course.form.facts.doubts:
        yield f"Two sources disagree: {doubt}."
    if v.samples == 0:
        yield "No samples were recorded, so nothing is known of how well it was measured."
        return
    if v.belt is None:
        yield "How the belt sat is not known."
    elif v.belt_bad_s:
        yield f"The belt was {v.belt} from {clock(v.belt_from_s)}: {v.belt_bad_s:.0f} s in all."
    else:
        yield "The belt sat steadily."
    if v.gaps:
        yield f"{v.gap_s:.1f} s of samples are missing, in {v.gaps} gap{'s' * (v.gaps != 1)}."
    else:
        yield "No samples are missing."
    if v.clipped:
        share = v.clipped / v.samples
        yield f"{v.clipped:,} of {v.samples:,} samples ({share:.2%}) reached the end of the range."
    else:
        yield "No sample reached the end of the sensor's range."
    if v.dropout_s > 0:
        yield f"{v.dropout_s:.1f} s of samples did not reach the card."
    if v.faults:
        words = told(v.counters)
        yield f"Faults: {'; '.join(words[:8]) if words else v.faults}."
    else:
        yield "No faults were counted."


def _basis(run: Run) -> Content:
    v = run.verdict
    rests = [
        f"Run file {run.path.name} (format {run.format}), recorded by gaitpi {run.software} with"
        f" a sensor {run.sensor}; this page made by gaitpi {__version__}.",
        f"{len(run.seconds):,} seconds and {len(run.steps):,} steps of it, as the pack measured"
        " them while it was worn; the raw samples were not looked at again.",
        f"The pack sat on the {v.segment}: it measures that segment and no other, not the curve"
        " of the spine. Lean is a change and no posture.",
        "Cadence is steps a minute of both feet.",
    ]
    unknown = list(_unknown(run))
    return [
        bullets(rests),
        *([paragraphs(["Not known in this run:"]), bullets(unknown)] if unknown else []),
    ]


def _unknown(run: Run) -> Iterator[str]:
    """What this run does not tell."""
    v = run.verdict
    around = run.around
    if not around.way.source:
        yield "distance and speed: the pack has no GPS, no pod was connected, nothing was imported"
    elif run.course.form.facts.at_least:
        lacks_s = run.course.form.facts.unknown_s
        yield f"distance of {clock(lacks_s)} in which the runner moved, or may have"
    if around.speed.source == "pod":
        yield "how well the pod was calibrated: distance and speed are as it says"
    if not around.heart.source:
        yield "heart rate"
    if not run.slopes_known:
        yield "slopes of the ground"
    if v.lean_against is None:
        yield "a lean that can be compared with another run"
    if math.isnan(v.target_spm):
        yield "a band of cadence: no target was set"
    if not any(step.side for step in run.steps):
        yield "left and right"
    yield "the ground, the weather, and how it felt"
