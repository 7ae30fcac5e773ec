"""The tables of a run as other programs read them: per step, per second, cues, and the run itself.

And what strap and pod sent: their measurements as they came, and RR intervals.

One description of every column (name with its unit, kind, meaning, where it comes from) is what
CSV, Parquet, the season and docs/files.md are made of. Numbers are those of the run file, not
rounded; what is not known is None. Cadence is steps per minute of both feet, as everywhere.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from gaitpi import tagfile
from gaitpi.importfile import NOTHING, Imports
from gaitpi.review.ledger import ledger
from gaitpi.review.outside import NOTHING_OUTSIDE, Outside, facts, imported, outside, step_m
from gaitpi.review.phases import phases
from gaitpi.review.verdict import judge
from gaitpi.runs.reader import RunReader
from gaitpi.runs.schema import SUFFIX

Kind = Literal["real", "whole", "text", "truth", "time"]
Cell = float | int | str | bool | datetime | None
Row = tuple[Cell, ...]

ACTIVITIES: Final = {1: "still", 2: "walking", 3: "running"}
SIDES: Final = {-1: "left", 1: "right"}
ORIGINS: Final = {1: "given mount", 2: "own standing", 3: "own mean"}
BELTS: Final = {1: "steady", 2: "loose", 3: "moved"}


class Column(NamedTuple):
    """A column: ``unit`` "" where it has none; ``source`` says what makes the value."""

    name: str
    kind: Kind
    unit: str
    meaning: str
    source: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table: what one row is, and its columns."""

    name: str
    row: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)


def _columns(text: str, source: str) -> tuple[Column, ...]:
    """Columns of a text: name | kind | unit | meaning [| source], a line each."""
    found = []
    for line in text.strip().splitlines():
        name, kind, unit, meaning, *other = (part.strip() for part in line.split("|"))
        assert kind in ("real", "whole", "text", "truth", "time")
        found.append(Column(name, kind, unit, meaning, other[0] if other else source))  # type: ignore[arg-type]
    return tuple(found)


STEPS: Final = Table(
    "steps",
    "a step",
    _columns(
        """
        ic_s | real | s | initial contact, run time
        to_s | real | s | toe-off, run time
        contact_s | real | s | contact time
        flight_s | real | s | flight time
        step_s | real | s | from this contact to the next one of the other foot
        cadence_spm | real | steps/min | cadence of both feet at this step
        bounce_m | real | m | vertical oscillation
        impact_ms2 | real | m/s² | largest acceleration at landing
        side | text | | left, right
        known_s | real | s | when the step was known, run time
        activity | text | | still, walking, running
        lean_deg | real | deg | belt lean, forward positive
        side_lean_deg | real | deg | side lean, to the right positive
        speed_ms | real | m/s | speed at its contact | pod, else imported file
        step_length_m | real | m | speed times step time | pod, else imported file
        """,
        "estimator",
    ),
)
SECONDS: Final = Table(
    "seconds",
    "a second of the run",
    _columns(
        """
        time_s | real | s | begin of the second, run time
        utc | time | | the same by the clock | clock anchors
        activity | text | | still, walking, running
        cadence_spm | real | steps/min | mean cadence of both feet
        cadence_sd_spm | real | steps/min | its standard uncertainty
        lean_deg | real | deg | belt lean, forward positive
        side_lean_deg | real | deg | side lean, to the right positive
        lean_sd_deg | real | deg | standard uncertainty of either
        lean_from | text | | what lean is measured from
        grade | real | 1 | slope of the ground by the sensor alone, rise over run
        grade_sd | real | 1 | its standard uncertainty, none where the slope is not known
        yaw_dps | real | deg/s | mean turning rate, to the left positive
        belt | text | | steady, loose, moved
        belt_value | real | | evidence: deg where it has moved, else its ringing
        samples | whole | | raw samples in it | sensor
        clipped | whole | | samples at the end of the range | sensor
        gap_s | real | s | time without samples just before or in it | sensor
        target_spm | real | steps/min | cadence the coach wanted at its end | coach
        phase | text | | warm-up, cued, silent, after (of a programme) | coach
        heart_rate_bpm | real | beats/min | heart rate | strap, else imported file
        speed_ms | real | m/s | speed | pod, else imported file
        distance_m | real | m | from the run's beginning on; after a hole at least | as speed
        step_length_m | real | m | speed over cadence | as speed
        """,
        "estimator",
    ),
)
CUES: Final = Table(
    "cues",
    "a cue, or one that was held back",
    _columns(
        """
        number | whole | | counts the cues; none for one held back
        time_s | real | s | run time
        cue | text | | its name
        metric | text | | cadence (steps/min of both feet) or lean (deg)
        value | real | of the metric | what was measured
        low | real | of the metric | low end of the band, none where open
        high | real | of the metric | high end of the band, none where open
        rule | text | | why it came, or what held it back
        reason | text | | the same in words
        withheld | truth | | true: the runner heard nothing
        played_s | real | s | when its sound began, run time | player
        lasted_s | real | s | how long it was heard | player
        outcome | text | | answered, not answered, not judged, no question | ledger
        back_s | real | s | from the cue to the return into the band | ledger
        """,
        "coach",
    ),
)
RUNS: Final = Table(
    "runs",
    "a run",
    _columns(
        """
        started | time | | start, UTC | clock anchors
        started_local | text | | the same on the runner's clock, ISO 8601 | clock anchors
        duration_s | real | s | length | sensor
        running_s | real | s | time of running
        steps | whole | | steps of both feet
        running_steps | whole | | those of running
        cadence_spm | real | steps/min | mean cadence of running, both feet
        target_spm | real | steps/min | target in force | configuration
        focus | text | | cadence or lean | configuration
        in_band | real | 1 | share of the cueable time inside the band | verdict
        cueable_s | real | s | running in which a cue could have come | verdict
        cues | whole | | corrections given | ledger
        answered | whole | | of these, answered | ledger
        judged | whole | | of these, that could be judged | ledger
        answer_s | real | s | median time to an answer | ledger
        lean_deg | real | deg | mean belt lean of running
        lean_change_deg | real | deg | its change | verdict
        lean_against | text | | from what: usual, standing | verdict
        contact_s | real | s | mean contact time of running
        bounce_m | real | m | mean vertical oscillation of running
        segment | text | | body segment the pack sat on | configuration
        programme | text | | session of a programme, in words | configuration
        gap_s | real | s | time without samples | sensor
        clipped | whole | | samples at the end of the range | sensor
        faults | whole | | faults counted | sensor
        belt | text | | steady, loose, moved
        distance_m | real | m | distance | pod, else imported file
        distance_from | text | | pod, imported | run file
        distance_lacks_s | real | s | moving without a distance; above 0: at least | as distance
        speed_ms | real | m/s | mean speed of running | as distance
        step_length_m | real | m | mean length of a running step | as distance
        heart_rate_bpm | real | beats/min | mean heart rate | strap, else imported file
        heart_rate_max_bpm | real | beats/min | largest heart rate | strap, else imported file
        heart_rate_from | text | | strap, imported | run file
        heart_rate_share | real | 1 | share of the run it is known of | run file
        tags | text | | tags, with commas | tags.jsonl
        finished | truth | | closed in order | run file
        virtual | truth | | not a real run: demo, replay | run file
        recording | text | | what was played | run file
        chip | text | | sensor | run file
        gaitpi | text | | version that recorded it | run file
        """,
        "estimator",
    ),
)
RAW: Final = Table(
    "raw",
    "a raw sample",
    _columns(
        """
        time_s | real | s | run time
        ax_ms2 | real | m/s² | acceleration, sensor's x
        ay_ms2 | real | m/s² | y
        az_ms2 | real | m/s² | z
        gx_rad_s | real | rad/s | turning rate about the sensor's x
        gy_rad_s | real | rad/s | y
        gz_rad_s | real | rad/s | z
        """,
        "sensor",
    ),
)
HEART: Final = Table(
    "heart",
    "a measurement of the strap",
    _columns(
        """
        time_s | real | s | when it came in, run time | host's clock
        known_s | real | s | from when on the coach had it, run time | host's clock
        bpm | whole | beats/min | heart rate as sent; 0 where it feels none
        contact | truth | | skin contact, none where the strap cannot tell
        energy_j | real | J | energy since its reset, as it reckons
        """,
        "strap",
    ),
)
RR: Final = Table(
    "rr",
    "an RR interval",
    _columns(
        """
        time_s | real | s | when it was told, run time: after its beat | host's clock
        rr_s | real | s | time between two beats
        contact | truth | | skin contact when it was told
        """,
        "strap",
    ),
)
POD: Final = Table(
    "pod",
    "a measurement of the foot pod",
    _columns(
        """
        time_s | real | s | when it came in, run time | host's clock
        known_s | real | s | from when on the coach had it, run time | host's clock
        speed_ms | real | m/s | speed
        cadence_sent | whole | 1/min | as sent: steps of both feet, by some pods of one
        stride_m | real | m | stride length as sent
        distance_m | real | m | the pod's own count, which may begin anew
        running | truth | | false: it says walking
        """,
        "pod",
    ),
)
TABLES: Final = {table.name: table for table in (RAW, STEPS, SECONDS, CUES, HEART, RR, POD, RUNS)}


def known(value: Any) -> Cell:
    """A cell: None for what is not finite, which is not known, or the open end of a band."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def steps(run: RunReader, beside: Outside = NOTHING_OUTSIDE) -> Iterator[Row]:
    """Rows of :data:`STEPS`. Raises RunFileError when damaged."""
    for step in run.steps():
        speed_ms = beside.speed.at(step.ic_s)
        values = step._asdict() | {
            "side": SIDES.get(step.side),
            "activity": ACTIVITIES.get(step.activity),
            "speed_ms": speed_ms,
            "step_length_m": speed_ms * step.step_s,
        }
        yield tuple(known(values[name]) for name in STEPS.names)


def seconds(run: RunReader, beside: Outside = NOTHING_OUTSIDE) -> Iterator[Row]:
    """Rows of :data:`SECONDS`. Raises RunFileError when damaged."""
    rows = run.seconds()
    start = run.started.astimezone(UTC)
    parts = phases(run.config, run.whole.seconds(), run.end_s, run.start_s)
    for second in rows:
        while len(parts) > 1 and second.time_s >= parts[0].end_s:
            parts.pop(0)
        middle_s = second.time_s + 0.5
        speed_ms = beside.speed.at(middle_s)
        values = second._asdict() | {
            "utc": _after(start, second.time_s),
            "activity": ACTIVITIES.get(second.activity),
            "lean_from": ORIGINS.get(second.lean_from),
            "belt": BELTS.get(second.belt),
            "phase": parts[0].name or None,
            "heart_rate_bpm": beside.heart.at(middle_s),
            "speed_ms": speed_ms,
            "distance_m": beside.distance_at(middle_s),
            "step_length_m": step_m(speed_ms, second.cadence_spm),
        }
        yield tuple(known(values[name]) for name in SECONDS.names)


def _after(start: datetime, time_s: float) -> datetime | None:
    try:
        return start + timedelta(seconds=time_s)
    except OverflowError:
        return None


def cues(run: RunReader) -> Iterator[Row]:
    """Rows of :data:`CUES`: what was heard and what was held back, by time."""
    for entry in ledger(run):
        values = {name: getattr(entry, name) for name in type(entry).__slots__}
        values |= {
            "withheld": entry.withheld,
            "outcome": entry.after.outcome,
            "back_s": entry.after.seconds,
        }
        yield tuple(known(values[name]) for name in CUES.names)


def hearts(run: RunReader) -> Iterator[Row]:
    """Rows of :data:`HEART`. Raises RunFileError when damaged."""
    for row in run.hearts():
        yield (*map(known, row[:3]), _truth(row.contact), known(row.energy_j))


def intervals(run: RunReader) -> Iterator[Row]:
    """Rows of :data:`RR`, in the order of the beats. Raises RunFileError when damaged."""
    for row in run.hearts():
        for rr_s in row.intervals_s:
            yield row.time_s, float(rr_s), _truth(row.contact)


def pods(run: RunReader) -> Iterator[Row]:
    """Rows of :data:`POD`. Raises RunFileError when damaged."""
    for row in run.pods():
        yield (*map(known, row[:6]), bool(row.running))


def _truth(value: float) -> bool | None:
    return None if math.isnan(value) else value != 0.0


def whole_run(run: RunReader, beside: Outside, tags: Sequence[str]) -> Row:
    """The row of :data:`RUNS`. Raises RunFileError when damaged."""
    v = judge(run)
    running = [step for step in run.steps() if step.activity == 3]
    told = facts(beside, run.seconds())
    values = {name: getattr(v, name) for name in type(v).__slots__} | {
        "started": v.started.astimezone(UTC),
        "started_local": v.started.isoformat(timespec="seconds"),
        "contact_s": _mean(step.contact_s for step in running),
        "bounce_m": _mean(step.bounce_m for step in running),
        "programme": v.programme or None,
        "distance_m": told.distance_m,
        "distance_from": told.distance_from or None,
        "distance_lacks_s": told.unknown_s if told.distance_from else None,
        "speed_ms": told.speed_ms,
        "step_length_m": told.step_m,
        "heart_rate_bpm": told.heart_rate_bpm,
        "heart_rate_max_bpm": told.heart_rate_max_bpm,
        "heart_rate_from": told.heart_from or None,
        "heart_rate_share": told.heart_share,
        "tags": ",".join(tags) or None,
        "recording": v.recording or None,
        "chip": run.chip,
        "gaitpi": run.software,
    }
    return tuple(known(values[name]) for name in RUNS.names)


def _mean(values: Iterable[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return math.fsum(finite) / len(finite) if finite else math.nan


def made(name: str, run: RunReader, imports: Imports = NOTHING) -> Iterator[Row]:
    """Rows of the table of that name (not raw, not runs). Raises RunFileError when damaged."""
    if name in _PLAIN:
        return _PLAIN[name](run)
    rows = steps if name == STEPS.name else seconds
    return rows(run, outside(run, imports))


_PLAIN: Final[dict[str, Callable[[RunReader], Iterator[Row]]]] = {
    CUES.name: cues,
    HEART.name: hearts,
    RR.name: intervals,
    POD.name: pods,
}


class Beside(NamedTuple):
    """What lies beside a run: imports and tags, and what could not be read of it."""

    imports: Imports
    tags: tuple[str, ...]
    problems: tuple[str, ...]


def beside(path: Path) -> Beside:
    """Imports and tags of a run; one that is damaged is left out and told of."""
    problems: list[str] = []
    imports = imported(path, problems.append)
    try:
        tags = tagfile.load(tagfile.path_in(path.parent))
    except tagfile.TagFileError as error:
        problems.append(str(error))
        tags = tagfile.Tags()
    return Beside(imports, tags.of(path.name.removesuffix(SUFFIX)), tuple(problems))


def about(run: RunReader, name: str) -> dict[str, Any]:
    """What the metadata of a file say of the run it was made of."""
    return {
        "run_id": name,
        "started": run.started.isoformat(timespec="milliseconds"),
        "segment": run.segment,
        "chip": run.chip,
        "recorded_by": f"gaitpi {run.software}",
        "virtual": run.virtual,
        "recording": run.recording,
        "finished": run.finished,
    }
