"""What a report is made of: a run, read once, and its minutes. No numpy.

Nothing is judged here; what is not known stays NaN.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Final

from gaitpi import tagfile
from gaitpi.coach.ground import HILL_CLEAR
from gaitpi.coach.slope import log_ratio
from gaitpi.config import CoachConfig
from gaitpi.errors import GaitpiError
from gaitpi.importfile import Imports
from gaitpi.review import form
from gaitpi.review.edited import Edited, of_run
from gaitpi.review.form import Course
from gaitpi.review.ledger import CORRECTIONS, Entry, ledger
from gaitpi.review.outside import (
    NOTHING_OUTSIDE,
    Outside,
    imported,
    mean_step_m,
    outside,
)
from gaitpi.review.programme import coach_of
from gaitpi.review.quality import BELT_BAD
from gaitpi.review.report.chart import Point, Zone, ZoneKind
from gaitpi.review.verdict import Verdict, judge
from gaitpi.runs.rows import RUNNING, EventRow, SecondRow, StepRow
from gaitpi.runs.schema import SUFFIX
from gaitpi.runs.view import opened

MINUTE_S: Final = 60.0
BIN_S: Final = 10.0
"""Steps are told as means over this time, s: single ones scatter more than they change."""
BIN_STEPS: Final = 8
"""Fewer running steps in it say nothing."""
HILL_S: Final = 5.0
"""What looks like a slope for less is not shaded, s."""
JOIN_S: Final = 3.0
"""Shaded times no further apart are one, s."""
ZONES: Final = 500
"""Shaded times of a kind in a chart, at most: nearer ones are one."""
MOST: Final = 1e4
"""Largest value shown, in whatever unit: none of them comes near."""
LONGEST_S: Final = 4 * 86_400.0
"""No report is made of more of a run than this: a file from a stranger may name any time."""


@dataclass(frozen=True, slots=True)
class Minute:
    """A minute of a run, or several (``length_s``); means are of running, NaN where not known.

    ``lean_change_deg`` is against ``lean_origin`` of its run; ``gap_s`` time without samples,
    ``belt_bad_s`` running with a loose or moved belt, whose lean is left out; ``hill_s`` running
    that looks like a slope; ``steps`` running steps; ``contact_ms`` and ``bounce_mm`` their means.
    ``heart_bpm`` and ``speed_kmh`` are of all of the minute that they are known of (``heart_s`` and
    ``speed_s``), ``step_length_m`` of its running.
    """

    start_s: float
    length_s: float
    running_s: float
    cadence_spm: float
    cadence_low_spm: float
    cadence_high_spm: float
    lean_change_deg: float
    lean_low_deg: float
    lean_high_deg: float
    steps: int
    contact_ms: float
    bounce_mm: float
    cues: int
    answered: int
    gap_s: float
    belt_bad_s: float
    hill_s: float
    heart_bpm: float = math.nan
    heart_s: float = 0.0
    speed_kmh: float = math.nan
    speed_s: float = 0.0
    step_length_m: float = math.nan


@dataclass(frozen=True)
class Run:
    """A run as a report needs it, all read at once: the file is closed again.

    ``coach`` is its configuration, None where this version cannot read it; ``around`` what strap,
    pod or an imported file know;
    ``course`` is its form, block by block; ``software`` the version that recorded it; ``sensor``
    the chip; ``problems`` what beside the run could not be read.
    """

    path: Path
    name: str
    verdict: Verdict
    course: Course
    seconds: Sequence[SecondRow]
    steps: Sequence[StepRow]
    events: Sequence[EventRow]
    entries: Sequence[Entry]
    coach: CoachConfig | None
    software: str
    sensor: str
    format: int
    going_on: bool
    tags: Sequence[str] = ()
    imports: Imports = field(default_factory=Imports)
    around: Outside = NOTHING_OUTSIDE
    problems: Sequence[str] = ()
    edited: Edited | None = None

    @property
    def start_s(self) -> float:
        """Run time of its beginning: not 0 where that was trimmed away, or of a later part."""
        return 0.0 if self.edited is None else min(self.edited.start_s, LONGEST_S)

    @property
    def end_s(self) -> float:
        """Run time of its end."""
        end_s = self.verdict.duration_s if self.edited is None else self.edited.end_s
        return min(end_s, LONGEST_S)

    @cached_property
    def lean_zero_deg(self) -> float:
        """The lean that is counted from: the usual, the own standing, else this run's mean."""
        against = self.verdict.lean_against
        if against == "usual":
            return self.verdict.lean_deg - self.verdict.lean_change_deg
        return 0.0 if against == "standing" else self.verdict.lean_deg

    @property
    def lean_origin(self) -> str:
        """What that is, in words."""
        against = self.verdict.lean_against
        words = {"usual": "your usual", "standing": "your own standing"}
        return words.get(against or "", "the mean of this run")

    @cached_property
    def running(self) -> list[SecondRow]:
        """Seconds of running, in order of time."""
        found = (s for s in self.seconds if s.activity == RUNNING and 0 <= s.time_s <= LONGEST_S)
        return sorted(found, key=lambda s: s.time_s)

    @cached_property
    def cadence(self) -> list[Point]:
        """Cadence of running, spm, by the second."""
        return [(s.time_s, _sane(s.cadence_spm)) for s in self.running]

    @cached_property
    def lean(self) -> list[Point]:
        """Change of lean in running, deg, by the second; unknown while the belt sits badly."""
        zero = self.lean_zero_deg
        return [
            (s.time_s, math.nan if s.belt in BELT_BAD else _sane(s.lean_deg - zero))
            for s in self.running
        ]

    @cached_property
    def heart(self) -> list[Point]:
        """Heart rate by the second, running or not, beats/min."""
        begin, end = math.floor(self.around.start_s), math.ceil(min(self.around.end_s, LONGEST_S))
        points = ((float(k), self.around.heart.at(k + 0.5)) for k in range(begin, end))
        return [point for point in points if math.isfinite(point[1])]

    @cached_property
    def speed(self) -> list[Point]:
        """Speed of running by the second, km/h."""
        points = ((s.time_s, 3.6 * self.around.speed.at(s.time_s + 0.5)) for s in self.running)
        return [point for point in points if math.isfinite(point[1])]

    @cached_property
    def running_steps(self) -> list[StepRow]:
        """Steps of running with a known time."""
        return [s for s in self.steps if s.activity == RUNNING and 0.0 <= s.ic_s <= LONGEST_S]

    def binned(self, value: Callable[[StepRow], float]) -> list[Point]:
        """Means of ``value`` over ``BIN_S``, at its middle; NaN with too few steps."""
        found: dict[int, list[float]] = {}
        for step in self.running_steps:
            found.setdefault(int(step.ic_s // BIN_S), []).append(value(step))
        return [((k + 0.5) * BIN_S, _mean(found[k], BIN_STEPS)) for k in sorted(found)]

    @cached_property
    def hills(self) -> frozenset[int]:
        """Numbers of the running seconds that look likelier like a slope than level ground."""
        return frozenset(
            int(s.time_s)
            for s in self.running
            if form.LEVEL <= abs(s.grade) <= form.STEEP
            and math.isfinite(s.grade_sd)
            and log_ratio(s.grade, s.grade_sd) > HILL_CLEAR
        )

    @property
    def slopes_known(self) -> bool:
        """Whether its file tells slopes at all."""
        return any(math.isfinite(s.grade) for s in self.running)

    def minutes(self, most: int = 10**9) -> list[Minute]:
        """Its minutes; of a long run longer pieces, so that there are at most ``most``."""
        whole = max(1, math.ceil(self.end_s / MINUTE_S))
        length_s = MINUTE_S * math.ceil(whole / most)
        seconds: dict[int, list[SecondRow]] = {}
        for row in self.seconds:
            seconds.setdefault(int(row.time_s // length_s), []).append(row)
        steps: dict[int, list[StepRow]] = {}
        for step in self.running_steps:
            steps.setdefault(int(step.ic_s // length_s), []).append(step)
        cues: dict[int, list[Entry]] = {}
        for entry in self.entries:
            if entry.cue in CORRECTIONS and not entry.withheld:
                cues.setdefault(int(entry.time_s // length_s), []).append(entry)
        return [
            self._minute(k * length_s, length_s, seconds.get(k, []), steps.get(k, []), cues.get(k))
            for k in sorted({*seconds, *steps, *cues})
            if 0 <= k * length_s <= LONGEST_S
        ]

    def _minute(
        self,
        start_s: float,
        length_s: float,
        seconds: Sequence[SecondRow],
        steps: Sequence[StepRow],
        cues: Sequence[Entry] | None,
    ) -> Minute:
        running = [s for s in seconds if s.activity == RUNNING]
        cadence = [s.cadence_spm for s in running if math.isfinite(_sane(s.cadence_spm))]
        begin_s = max(start_s, self.around.start_s)
        end_s = min(start_s + length_s, self.around.end_s)
        leans = (s.lean_deg - self.lean_zero_deg for s in running if s.belt not in BELT_BAD)
        lean = [value for value in leans if math.isfinite(_sane(value))]
        return Minute(
            start_s=start_s,
            length_s=length_s,
            running_s=float(len(running)),
            cadence_spm=_mean(cadence),
            cadence_low_spm=min(cadence, default=math.nan),
            cadence_high_spm=max(cadence, default=math.nan),
            lean_change_deg=_mean(lean),
            lean_low_deg=min(lean, default=math.nan),
            lean_high_deg=max(lean, default=math.nan),
            steps=len(steps),
            contact_ms=1000.0 * _mean([s.contact_s for s in steps], BIN_STEPS),
            bounce_mm=1000.0 * _mean([s.bounce_m for s in steps], BIN_STEPS),
            cues=len(cues or ()),
            answered=sum(e.after.outcome == "answered" for e in cues or ()),
            gap_s=sum(s.gap_s for s in seconds if s.gap_s > 0),
            belt_bad_s=float(sum(s.belt in BELT_BAD for s in running)),
            hill_s=float(sum(int(s.time_s) in self.hills for s in running)),
            heart_bpm=self.around.heart.mean(begin_s, end_s),
            heart_s=self.around.heart.known_s(begin_s, end_s),
            speed_kmh=3.6 * self.around.speed.mean(begin_s, end_s),
            speed_s=self.around.speed.known_s(begin_s, end_s),
            step_length_m=mean_step_m(
                (self.around.speed.at(s.time_s + 0.5), s.cadence_spm) for s in running
            ),
        )

    def zones(self) -> list[Zone]:
        """Times in which the runner did not run, samples were missing, or the ground sloped."""
        within = sorted(
            (s for s in self.seconds if 0 <= s.time_s <= LONGEST_S), key=lambda s: s.time_s
        )
        apart_s = max(JOIN_S, self.end_s / ZONES)
        still = (s.time_s for s in within if s.activity != RUNNING)
        found = [*_joined(still, "still", apart_s), *_gaps(within, self.end_s / ZONES)]
        hills = _joined((float(k) for k in sorted(self.hills)), "hill", apart_s)
        return [*found, *(zone for zone in hills if zone.end_s - zone.start_s >= HILL_S)]

    def belt_zones(self) -> list[Zone]:
        """Times of running in which the belt was loose or had moved."""
        apart_s = max(JOIN_S, self.end_s / ZONES)
        return list(
            _joined((s.time_s for s in self.running if s.belt in BELT_BAD), "belt", apart_s)
        )


def read(
    path: Path, tags: tagfile.Tags | None = None, *, part: int = 0, untrimmed: bool = False
) -> Run:
    """Read a run as it was edited and what lies beside it; ``untrimmed`` with nothing left out.

    Raises RunFileError when its tables are damaged. What lies beside it and cannot be read is
    among ``problems``.
    """
    problems: list[str] = []
    with opened(path, part, untrimmed=untrimmed, said=problems.append) as run:
        verdict = judge(run)
        seconds = run.seconds()
        imports = imported(path, problems.append)
        around = outside(run, imports)
        found = Run(
            path=path,
            name=path.name.removesuffix(SUFFIX) + (f".{part}" if part else ""),
            verdict=verdict,
            course=form.read(run, imports),
            seconds=seconds,
            steps=run.steps(),
            events=run.events(),
            entries=ledger(run),
            coach=coach_of(run.config),
            software=run.software,
            sensor=run.chip,
            format=run.version,
            going_on=run.going_on,
            edited=of_run(run),
            imports=imports,
            around=around,
        )
    try:
        tags = tagfile.load(tagfile.path_in(path.parent)) if tags is None else tags
    except GaitpiError as error:
        tags, problems = tagfile.Tags(), [*problems, str(error)]
    return replace(
        found,
        tags=tags.of(path.name.removesuffix(SUFFIX)),
        problems=tuple(problems),
    )


@dataclass(frozen=True, slots=True)
class Pain:
    """A moment the runner marked as "felt it here", and the minute before; NaN where not known.

    ``cadence_spm`` and ``lean_change_deg`` are means of the running of that minute.
    """

    time_s: float
    running_s: float
    cadence_spm: float
    lean_change_deg: float


def pains(run: Run) -> list[Pain]:
    """The moments of ``run`` that were marked so."""
    found = []
    for event in run.events:
        if event.kind != "pain":
            continue
        before = [s for s in run.running if event.time_s - MINUTE_S <= s.time_s < event.time_s]
        leans = (s.lean_deg - run.lean_zero_deg for s in before if s.belt not in BELT_BAD)
        cadence = _mean(s.cadence_spm for s in before)
        found.append(Pain(event.time_s, float(len(before)), cadence, _mean(leans)))
    return found


def _sane(value: float) -> float:
    """NaN for what no body and no sensor gives: a file from a stranger may say anything."""
    return value if abs(value) <= MOST else math.nan


def _mean(values: Iterable[float], least: int = 1) -> float:
    known = [value for value in values if abs(value) <= MOST]
    return fmean(known) if len(known) >= least else math.nan


def _joined(times: Iterable[float], kind: ZoneKind, apart_s: float) -> Iterator[Zone]:
    """Seconds that begin at ``times``, in order, as zones: those nearer than that are one."""
    start_s = last_s = math.nan
    for time_s in times:
        if math.isnan(start_s):
            start_s = time_s
        elif time_s - last_s > apart_s:
            yield Zone(start_s, last_s + 1.0, kind)
            start_s = time_s
        last_s = time_s
    if not math.isnan(start_s):
        yield Zone(start_s, last_s + 1.0, kind)


def _gaps(seconds: Iterable[SecondRow], apart_s: float) -> Iterator[Zone]:
    """Times without samples, to the second: a gap is told in the second that ends it."""
    start_s = end_s = math.nan
    for row in seconds:
        if not row.gap_s > 0:
            continue
        begun_s, over_s = max(0.0, row.time_s + 1.0 - max(row.gap_s, 1.0)), row.time_s + 1.0
        if begun_s - end_s > apart_s:
            yield Zone(start_s, end_s, "gap")
            start_s = begun_s
        elif math.isnan(start_s):
            start_s = begun_s
        end_s = over_s
    if not math.isnan(start_s):
        yield Zone(start_s, end_s, "gap")
