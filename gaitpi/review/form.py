"""How somebody ran in one run: each metric's mean, scatter and uncertainty, and its course.

From the tables of the run file alone. Steps are summed by SQLite, minute by minute, so that an hour
takes some ten milliseconds; no row of a step comes into Python. Only steady running counts: not the
first three minutes, nor half a minute after every start, nor slopes, nor what is near a gap or a
knock; lean also not while the belt is loose or has moved. No numpy.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from gaitpi.coach.ground import HILL_CLEAR
from gaitpi.coach.slope import log_ratio
from gaitpi.errors import RunFileError
from gaitpi.importfile import NOTHING, Imports
from gaitpi.review import uncertainty
from gaitpi.review.metrics import METRICS
from gaitpi.review.outside import Facts, Outside, facts, outside, step_m, with_counts
from gaitpi.review.quality import BELT_BAD, OWN_MEAN
from gaitpi.review.steady import STEP_APART_S, STEP_MAX_S, STEP_MIN_S, Steady
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import RUNNING
from gaitpi.units import G0

BLOCK_S: Final = 60
"""Length of a block, s: some 80 strides, long against the memory of most of their scatter."""
BLOCK_LEAST_S: Final = 20
"""Good seconds below which a block is left out."""
FOOT_LEAST: Final = 10
"""Steps of either foot below which a block says nothing of symmetry."""
SIDES_LEAST: Final = 0.8
"""Share of steps whose side must be known for that."""
ALIKE: Final = 0.15
"""Two steps that differ by more than this share are no stride to measure: a contact was missed."""
LEVEL: Final = 0.02
"""A smaller grade is never likelier a slope than level, however sure it is."""
STEEP: Final = 10.0
"""A steeper grade is no ground: what a file from a stranger may say."""
LACKING_MOST: Final = 0.05
"""Share of a run that may be missing from its distance for steps a kilometre to be told."""
LONGEST_S: Final = 200_000
"""Only so much of a run is looked at, s: two days."""


class Cell(NamedTuple):
    """A metric in one block: how many values, their mean and standard deviation."""

    n: int
    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Block:
    """A minute of steady running: ``minute`` of run time (0 = the first), good ``seconds``."""

    minute: int
    seconds: int
    cells: Mapping[str, Cell]

    def mean(self, key: str) -> float:
        """Mean of a metric, NaN where not known."""
        cell = self.cells.get(key)
        return cell.mean if cell else math.nan


class Measure(NamedTuple):
    """A metric over a run.

    ``sd`` standard deviation of its single values (steps; seconds for lean; minutes for stride
    variability and symmetry); ``n`` how many; ``u`` standard uncertainty of the mean, NaN with
    fewer than four blocks; ``blocks`` how many.
    """

    mean: float = math.nan
    sd: float = math.nan
    n: int = 0
    u: float = math.nan
    blocks: int = 0


UNKNOWN: Final = Measure()


@dataclass(frozen=True, slots=True)
class Form:
    """A run as it is compared.

    ``lean_from`` what lean was measured from: 1 the given mount, 2 the runner's own standing; 0
    where that is not known or was not the same all the time (then there is no lean either).
    ``steady_s`` is the running that counted. ``facts`` are of all of the run.
    """

    run_id: str
    started: datetime
    segment: str
    mount: str
    session: str
    virtual: bool
    finished: bool
    lean_from: int
    duration_s: float
    running_s: float
    steady_s: float
    steps: int
    running_steps: int
    measures: Mapping[str, Measure]
    facts: Facts = field(default_factory=Facts)

    def __getitem__(self, key: str) -> Measure:
        """A metric of :data:`gaitpi.review.metrics.METRICS`; all NaN where not known."""
        return self.measures.get(key, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Exposure:
    """How often the runner stepped: what he exposes himself to.

    ``distance_m`` of the run by a foot pod or an imported activity, ``steps_km`` a kilometre, both
    feet and walking too; NaN unless it is that of nearly all of the run.
    """

    steps: int
    running_steps: int
    running_s: float
    distance_m: float
    steps_km: float

    def as_json(self) -> dict[str, Any]:
        """One object: None where not known."""
        return {k: v if math.isfinite(v) else None for k, v in asdict(self).items()}

    def words(self) -> str:
        """Steps a kilometre, in words; "" where no distance is known."""
        if not math.isfinite(self.steps_km):
            return ""
        return f"{self.steps_km:,.0f} steps a km over {self.distance_m / 1000.0:.2f} km"


def exposure(form: Form) -> Exposure:
    """The exposure of a run."""
    whole = form.facts.unknown_s <= LACKING_MOST * form.duration_s
    metres = form.facts.distance_m if whole else math.nan
    steps_km = form.steps / (metres / 1000.0) if metres > 0.0 and form.steps else math.nan
    return Exposure(form.steps, form.running_steps, form.running_s, metres, steps_km)


@dataclass(frozen=True, slots=True)
class Course:
    """A run block by block, and as a whole."""

    form: Form
    blocks: tuple[Block, ...]


def read(run: RunReader, imports: Imports = NOTHING) -> Course:
    """The form of ``run`` and its course. Raises RunFileError when its tables are damaged."""
    seconds = _Seconds(run)
    beside = outside(run, imports)
    blocks = seconds.blocks()
    if not beside.nothing:
        seconds.add_outside(beside, blocks)
    _add_steps(run, seconds, blocks)
    _add_strides(run, seconds, blocks)
    kept = tuple(
        Block(minute, b.seconds, {k: b.cells[k] for k in METRICS if k in b.cells})
        for minute, b in sorted(blocks.items())
        if b.seconds >= BLOCK_LEAST_S
    )
    totals = run.totals()
    coach, mount = (_section(run.config, name) for name in ("coach", "mount"))
    form = Form(
        run_id=run.run_id,
        started=run.began,
        segment=run.segment,
        mount=str(mount.get("axes") or ""),
        session=str(coach.get("session") or ""),
        virtual=run.virtual,
        finished=run.finished,
        lean_from=seconds.lean_from,
        duration_s=totals.duration_s,
        running_s=totals.running_s,
        steady_s=float(sum(b.seconds for b in kept)),
        steps=totals.steps,
        running_steps=totals.running_steps,
        measures={key: m for key in METRICS if (m := measure(kept, key)).n},
        facts=Facts() if beside.nothing else _facts(run, beside),
    )
    return Course(form, kept)


def _facts(run: RunReader, beside: Outside) -> Facts:
    rows = run.seconds()
    return with_counts(facts(beside, rows), rows, run.pods())


def measure(blocks: Sequence[Block], key: str) -> Measure:
    """A metric over blocks."""
    known = [(b.minute, b.cells[key]) for b in blocks if key in b.cells]
    n = sum(cell.n for _, cell in known)
    if n == 0:
        return UNKNOWN
    mean = math.fsum(cell.n * cell.mean for _, cell in known) / n
    square = math.fsum(cell.n * (cell.sd**2 + (cell.mean - mean) ** 2) for _, cell in known) / n
    u = uncertainty.of_mean([cell.mean for _, cell in known], [minute for minute, _ in known])
    return Measure(mean, math.sqrt(square), n, u, len(known))


# Seconds: which of them count, and lean.


@dataclass(slots=True)
class _Open:
    """A block while it is filled."""

    seconds: int
    clipped: int
    cells: dict[str, Cell]


_SECONDS: Final = (
    *("time_s", "activity", "gap_s", "clipped", "grade", "grade_sd"),
    *("lean_from", "belt", "lean_deg", "side_lean_deg", "cadence_spm"),
)


class _Seconds:
    """The seconds of a run; ``good`` a byte each, 1 where steps count."""

    def __init__(self, run: RunReader) -> None:
        rows = run.whole.ask("second", _SECONDS, LONGEST_S)
        last = max((int(row[0]) for row in rows if 0 <= row[0] < LONGEST_S), default=-1)
        good = bytearray(last + 1)
        self._rows: list[tuple[Any, ...]] = []
        steady = Steady()
        for row in rows:
            time_s, activity, gap_s, clipped, grade, grade_sd = row[:6]
            if not 0.0 <= time_s < LONGEST_S:
                continue
            counts = steady.takes(time_s, activity, math.nan if gap_s is None else gap_s, clipped)
            if counts and not _slope(grade, grade_sd) and run.keeps(time_s):
                good[int(time_s)] = 1
                self._rows.append(row)
        self.good = bytes(good)
        origins = {row[6] for row in self._rows if row[8] is not None and row[7] not in BELT_BAD}
        alike = len(origins) == 1 and not origins & {0, OWN_MEAN}
        self.lean_from: int = origins.pop() if alike else 0

    def blocks(self) -> dict[int, _Open]:
        """Blocks by minute, with lean in them."""
        leans: dict[int, list[list[float]]] = {}
        found: dict[int, _Open] = {}
        for row in self._rows:
            minute = int(row[0]) // BLOCK_S
            block = found.setdefault(minute, _Open(0, 0, {}))
            block.seconds += 1
            block.clipped += row[3]
            if self.lean_from and row[7] not in BELT_BAD:
                both = leans.setdefault(minute, [[], []])
                for values, value in zip(both, row[8:10], strict=True):
                    if value is not None and abs(value) <= 180.0:
                        values.append(value)
        for minute, both in leans.items():
            for key, values in zip(("lean_deg", "side_lean_deg"), both, strict=True):
                if len(values) >= BLOCK_LEAST_S:
                    found[minute].cells[key] = _cell_of(values)
        return found

    def add_outside(self, beside: Outside, blocks: Mapping[int, _Open]) -> None:
        """Heart rate, speed and step length, into blocks that know enough of them."""
        minutes: dict[int, dict[str, list[float]]] = {}
        for row in self._rows:
            middle_s, cadence_spm = row[0] + 0.5, row[10]
            speed_ms = beside.speed.at(middle_s)
            values = minutes.setdefault(int(row[0]) // BLOCK_S, {})
            for key, value in (
                ("speed_kmh", 3.6 * speed_ms),
                ("step_length_m", step_m(speed_ms, cadence_spm or math.nan)),
                ("heart_rate_bpm", beside.heart.at(middle_s)),
            ):
                if math.isfinite(value):
                    values.setdefault(key, []).append(value)
        for minute, found in minutes.items():
            for key, known in found.items():
                if len(known) >= BLOCK_LEAST_S:
                    blocks[minute].cells[key] = _cell_of(known)


def _slope(grade: float | None, sd: float | None) -> bool:
    """Whether a slope was likelier than level ground."""
    if grade is None or sd is None or not math.isfinite(sd) or not LEVEL <= abs(grade) <= STEEP:
        return False
    return log_ratio(grade, sd) > HILL_CLEAR


def _cell_of(values: Sequence[float]) -> Cell:
    n = len(values)
    mean = math.fsum(values) / n
    return Cell(n, mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / n))


# Steps: summed by SQLite.

_SQL_STEPS: Final = """SELECT minute, side, count(*), sum(step), sum(step * step),
  count(contact), sum(contact), sum(contact * contact),
  count(flight), sum(flight), sum(flight * flight),
  count(bounce), sum(bounce), sum(bounce * bounce),
  count(impact), sum(impact), sum(impact * impact)
FROM (SELECT CAST(ic_s AS INTEGER) / :block AS minute, side, step_s AS step,
    CASE WHEN contact_s BETWEEN 0.05 AND 0.6 THEN contact_s END AS contact,
    CASE WHEN flight_s BETWEEN 0.0 AND 0.5 THEN flight_s END AS flight,
    CASE WHEN bounce_m BETWEEN 0.0 AND 0.5 THEN bounce_m END AS bounce,
    CASE WHEN impact_ms2 BETWEEN 0.0 AND 1000.0 THEN impact_ms2 END AS impact
  FROM step WHERE activity = :running AND step_s BETWEEN :least AND :most
    AND ic_s >= 0 AND ic_s < :end AND substr(:good, CAST(ic_s AS INTEGER) + 1, 1) = x'01')
GROUP BY minute, side LIMIT 20000"""
_MEASURED: Final = (
    *((1e3, "contact_ms"), (1e3, "flight_ms"), (1e3, "bounce_mm"), (1.0 / G0, "impact_g")),
)
"""Of its groups of three after the first: factor from SI, and key of the metric."""
_SQL_STRIDES: Final = """SELECT CAST(b.ic_s AS INTEGER) / :block AS minute, count(*),
  sum(a.step_s + b.step_s), sum((a.step_s + b.step_s) * (a.step_s + b.step_s))
FROM step AS b JOIN step AS a ON a.id = b.id - 1
WHERE b.activity = :running AND b.step_s BETWEEN :least AND :most
  AND a.activity = :running AND a.step_s BETWEEN :least AND :most
  AND abs(a.ic_s + a.step_s - b.ic_s) < :apart AND abs(b.step_s - a.step_s) < :alike * a.step_s
  AND b.ic_s >= 0 AND b.ic_s < :end AND substr(:good, CAST(b.ic_s AS INTEGER) + 1, 1) = x'01'
GROUP BY minute LIMIT 20000"""


def _values(seconds: _Seconds) -> dict[str, Any]:
    return {
        "block": BLOCK_S,
        "running": RUNNING,
        "least": STEP_MIN_S,
        "most": STEP_MAX_S,
        "end": len(seconds.good),
        "good": seconds.good,
    }


def _summed(run: RunReader, sql: str, values: Mapping[str, Any]) -> Iterator[list[float]]:
    """Rows of sums: NULL, of nothing, is 0. Raises RunFileError for what is no number."""
    for row in run.summed(sql, values):
        found = [0.0 if value is None else value for value in row]
        if not all(isinstance(v, int | float) and math.isfinite(v) for v in found):
            raise RunFileError(
                f"{run.path.name} is damaged: its steps cannot be summed.",
                "Use a backup copy, and check the card.",
            )
        yield found


def _add_steps(run: RunReader, seconds: _Seconds, blocks: Mapping[int, _Open]) -> None:
    """What single steps measure, and left against right."""
    rows: dict[int, dict[int, list[float]]] = {}
    for minute, side, *sums in _summed(run, _SQL_STEPS, _values(seconds)):
        rows.setdefault(int(minute), {})[int(side)] = sums
    for minute, sides in rows.items():
        block = blocks.get(minute)
        feet = [math.fsum(column) for column in zip(*sides.values(), strict=True)]
        step = _cell(*feet[:3])
        if block is None or step is None:
            continue
        # the mean rate is steps over time; its scatter that of single steps, to first order
        rate = 60.0 / step.mean
        block.cells["cadence_spm"] = Cell(step.n, rate, rate * step.sd / step.mean)
        for k, (factor, key) in enumerate(_MEASURED):
            cell = _cell(*feet[3 + 3 * k : 6 + 3 * k])
            if cell is not None and not (key == "impact_g" and block.clipped):
                block.cells[key] = Cell(cell.n, cell.mean * factor, cell.sd * factor)
        _add_symmetry(block, sides, step.n)


def _add_symmetry(block: _Open, sides: Mapping[int, list[float]], steps: int) -> None:
    """Right less left in percent of the mean of both, where the feet are known."""
    if not {-1, 1} <= set(sides):
        return
    left, right = sides[-1], sides[1]
    if left[0] + right[0] < SIDES_LEAST * steps:
        return
    for key, at in (("step_symmetry_pct", 0), ("contact_symmetry_pct", 3)):
        a, b = _cell(*left[at : at + 3]), _cell(*right[at : at + 3])
        if a and b and min(a.n, b.n) >= FOOT_LEAST:
            both = 0.5 * (a.mean + b.mean)
            block.cells[key] = Cell(1, 100.0 * (b.mean - a.mean) / both, 0.0)


def _add_strides(run: RunReader, seconds: _Seconds, blocks: Mapping[int, _Open]) -> None:
    """Scatter of stride times; both feet together, so that left and right are no scatter.

    The coefficient of variation of stride time (Hausdorff et al. 1996, J Appl Physiol 80:1448;
    in running Jordan et al. 2007, Hum Mov Sci 26:87), minute by minute, so that a slow change of
    cadence is none either.
    """
    more = {"apart": STEP_APART_S, "alike": ALIKE}
    for minute, *sums in _summed(run, _SQL_STRIDES, _values(seconds) | more):
        block, cell = blocks.get(int(minute)), _cell(*sums)
        if block is not None and cell is not None and cell.n >= 2 * FOOT_LEAST:
            block.cells["stride_cv_pct"] = Cell(1, 100.0 * cell.sd / cell.mean, 0.0)


def _cell(n: float, total: float, squares: float) -> Cell | None:
    """From count, sum and sum of squares; None of nothing."""
    if n <= 0 or total <= 0.0:
        return None
    mean = total / n
    return Cell(int(n), mean, math.sqrt(max(0.0, squares / n - mean * mean)))


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = config.get(name)
    return section if isinstance(section, Mapping) else {}
