"""A run as charts of plain text: cadence and lean against their bands, and single rows of heights.

The rows are of contact time, bounce, heart rate and speed.

Drawn here and not by a library: plotext takes 40 to 160 ms to load (by version; as long as all of
``gaitpi show``), writes escape codes without colours too, has no signs for a terminal without
Unicode, and knows neither gaps nor hills. These are lines of text: nothing moves the cursor,
nothing has a colour, a quarter of an hour and three hours take the same 2 kB. Each column is a
stretch of run time; a row has two levels (▀ above ▄, in ASCII ' above .). What is not running is
not drawn; the line below says what it was. No numpy.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from gaitpi.review.ledger import CORRECTIONS
from gaitpi.review.outside import NOTHING_OUTSIDE as NOTHING
from gaitpi.review.outside import Outside, Track
from gaitpi.review.quality import BELT_BAD, GIVEN_MOUNT, OWN_MEAN, OWN_STANDING
from gaitpi.review.verdict import band_edges, followed
from gaitpi.runs.reader import RunReader, clock
from gaitpi.runs.rows import RUNNING, CueRow, SecondRow, StepMeans

LABEL: Final = 8
"""Columns left of a chart: its numbers."""
LEAST: Final = 12
"""Columns of the narrowest chart."""
STEPS_S: Final = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 45, 60, 75, 90, 120, 150, 180)
"""Run time of a column, s; beyond, whole minutes."""
TICKS_S: Final = (10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600)
"""Times between the labels of the time axis, s; beyond, whole hours."""
TICK_COLUMNS: Final = 12
SHARE: Final = 0.25
"""A column is drawn when so much of it was running with a known value."""
HILL: Final = 0.03
"""A slope (rise over run) from which a second may count as hill ..."""
HILL_SURE: Final = 2.0
"""... when it is so many times its standard uncertainty: one sensor tells slopes badly."""
GAP_S: Final = 1.0
"""Lost data in a column that are marked, s."""

CADENCE_SPAN: Final = 8.0
LEAN_SPAN: Final = 6.0
CONTACT_SPAN_MS: Final = 32.0
"""Least height of the charts, so that noise does not fill them: spm, deg; the smallest real change
of contact time (Patoz et al. 2022, PMC8838733), ms."""
BOUNCE_SPAN_MM: Final = 14.0
"""Twice the random error of vertical displacement (PubMed 19356933), mm."""
HEART_SPAN_BPM: Final = 20.0
SPEED_SPAN_KMH: Final = 2.0
ROWS: Final = (
    ("heart", "heart_bpm", "bpm", HEART_SPAN_BPM),
    ("contact", "contact_ms", "ms", CONTACT_SPAN_MS),
    ("speed", "speed_kmh", "km/h", SPEED_SPAN_KMH),
    ("bounce", "bounce_mm", "mm", BOUNCE_SPAN_MM),
)
"""Rows of heights: name, field, unit, least span. The first are kept where not all have room."""
ROWS_SHOWN: Final = ("contact", "bounce", "heart", "speed")
"""The order in which they stand."""

LOST, BELT, WALK, UP, DOWN, RUN = "x", "b", "w", "/", "\\", "-"
CUE, BEYOND = "^", "+"
WORDS: Final = {
    CUE: "cue",
    LOST: "data lost",
    BELT: "belt loose or moved",
    WALK: "not running",
    UP: "looks uphill",
    DOWN: "looks downhill",
    BEYOND: "beyond the scale",
}
_BARS: Final = "▁▂▃▄▅▆▇█"
_DIGITS: Final = "0123456789"
_UNICODE: Final = "▀▄█" + _BARS


@dataclass(frozen=True, slots=True)
class Series:
    """A run cut into columns of ``every_s`` seconds; every list has one value a column.

    ``cadence_spm``, ``lean_deg`` (from the zero of its :class:`Zero`, seconds of a bad belt left
    out), ``contact_ms``, ``bounce_mm``, ``speed_kmh`` are means over running, NaN where there was
    too little; ``heart_bpm`` over all the time it is known, running or not;
    ``ground`` one of the signs of ``WORDS`` or ``RUN``; ``cues`` whether a correction came;
    ``first`` the number of the first column.
    """

    every_s: int
    cadence_spm: list[float]
    lean_deg: list[float]
    contact_ms: list[float]
    bounce_mm: list[float]
    ground: list[str]
    cues: list[bool]
    heart_bpm: list[float] = field(default_factory=list)
    speed_kmh: list[float] = field(default_factory=list)
    first: int = 0

    def since(self, column: int) -> "Series":
        """The same from that column on, which is then the first."""
        lists = {
            f.name: getattr(self, f.name)[column:]
            for f in fields(self)
            if isinstance(getattr(self, f.name), list)
        }
        return replace(self, first=self.first + column, **lists)


@dataclass(frozen=True, slots=True)
class Zero:
    """What the lean of a run is shown from.

    Seconds of that ``origin`` (``lean_from``) only, less ``lean_deg``; ``words`` say it, ``band``
    is the runner's own, ∓inf without one.
    """

    origin: int
    lean_deg: float
    words: str
    band: tuple[float, float]


_ORIGINS: Final = {
    0: "as measured",
    GIVEN_MOUNT: "from the mounting",
    OWN_STANDING: "from your standing",
    OWN_MEAN: "from this run's first steps",
}


def zero_of(config: Mapping[str, Any], seconds: Iterable[SecondRow]) -> Zero:
    """The runner's usual where it can be compared with, else what most of the run was from."""
    origins = Counter(
        s.lean_from for s in seconds if s.activity == RUNNING and math.isfinite(s.lean_deg)
    )
    origin = origins.most_common(1)[0][0] if origins else 0
    low, high = band_edges(config, "lean")
    coach = config.get("coach")
    meant = coach.get("usual_lean_from") if isinstance(coach, Mapping) else 0
    if math.isinf(low) or origin == OWN_MEAN or meant not in (0, None, origin):
        words = _ORIGINS.get(origin, _ORIGINS[0])
        return Zero(origin, 0.0, words, (-math.inf, math.inf))
    half = (high - low) / 2.0
    return Zero(origin, low + half, "from your usual", (-half, half))


def series(
    seconds: Sequence[SecondRow],
    steps: Iterable[StepMeans],
    cues: Iterable[CueRow],
    zero: Zero,
    every_s: int,
    beside: Outside = NOTHING,
) -> Series:
    """The columns of a run; ``steps`` over the same columns (``RunReader.step_means``)."""
    n = int(max((s.time_s for s in seconds), default=-1.0)) // every_s + 1
    columns: list[list[SecondRow]] = [[] for _ in range(max(0, n))]
    for row in seconds:
        if row.time_s >= 0:
            columns[int(row.time_s) // every_s].append(row)
    running = [[s for s in rows if s.activity == RUNNING] for rows in columns]
    contact, bounce = [math.nan] * n, [math.nan] * n
    for step in steps:
        if 0 <= step.number < n and step.steps >= SHARE * every_s:
            contact[step.number] = step.contact_s * 1e3
            bounce[step.number] = step.bounce_m * 1e3
    cued = [False] * n
    for cue in cues:
        if cue.cue in CORRECTIONS and 0 <= cue.time_s < n * every_s:
            cued[int(cue.time_s) // every_s] = True
    return Series(
        every_s=every_s,
        cadence_spm=[_mean((s.cadence_spm for s in rows), every_s) for rows in running],
        lean_deg=[
            _mean(
                (
                    s.lean_deg - zero.lean_deg
                    for s in rows
                    if s.lean_from == zero.origin and s.belt not in BELT_BAD
                ),
                every_s,
            )
            for rows in running
        ],
        contact_ms=contact,
        bounce_mm=bounce,
        ground=[_ground(rows, ran) for rows, ran in zip(columns, running, strict=True)],
        cues=cued,
        heart_bpm=[_held(beside.heart, k, every_s) for k in range(n)],
        speed_kmh=[
            _mean((3.6 * beside.speed.at(s.time_s + 0.5) for s in rows), every_s)
            for rows in running
        ],
    )


def _held(track: Track, column: int, every_s: int) -> float:
    """The mean of a track in a column; NaN where too little of it is known: a hole stays one."""
    begin_s, end_s = float(column * every_s), float((column + 1) * every_s)
    known = track.known_s(begin_s, end_s) >= SHARE * every_s
    return track.mean(begin_s, end_s) if known else math.nan


def _mean(values: Iterable[float], every_s: int) -> float:
    known = [v for v in values if math.isfinite(v)]
    if not known or len(known) < SHARE * every_s:
        return math.nan
    return math.fsum(known) / len(known)


def _ground(rows: Sequence[SecondRow], running: Sequence[SecondRow]) -> str:
    """What a column was; the worst first."""
    if not rows or math.fsum(s.gap_s for s in rows if s.gap_s > 0) >= GAP_S:
        return LOST
    if 2 * len(running) < len(rows):
        return WALK
    if 2 * sum(s.belt in BELT_BAD for s in running) >= len(running):
        return BELT
    up = sum(s.grade >= max(HILL, HILL_SURE * s.grade_sd) for s in running)
    down = sum(-s.grade >= max(HILL, HILL_SURE * s.grade_sd) for s in running)
    if 2 * max(up, down) >= len(running):
        return UP if up >= down else DOWN
    return RUN


def draw(
    run: RunReader,
    seconds: Sequence[SecondRow],
    beside: Outside = NOTHING,
    *,
    width: int = 80,
    height: int = 18,
    unicode: bool = True,
) -> list[str]:
    """The charts of ``run``, at most ``width`` columns; about ``height`` lines, at least 14.

    A chart of which nothing is known is left out; [] when there is none. Raises RunFileError.
    """
    end_s = max((s.time_s for s in seconds), default=-1.0) + 1.0
    columns = max(LEAST, width - LABEL)
    # what is trimmed away may leave a part of a column
    every_s = column_s(end_s - run.start_s, columns - (run.start_s > 0.0))
    zero = zero_of(run.config, seconds)
    found = series(seconds, run.step_means(every_s), run.cues(), zero, every_s, beside)
    found = found.since(int(run.start_s) // every_s)
    follows = math.isfinite(followed(seconds)[0])  # then its edge is no line
    band = (-math.inf, math.inf) if follows else band_edges(run.config, "cadence")
    shape = {"width": width, "height": height}
    return render(found, band, zero, **shape, unicode=unicode, follows=follows)


def column_s(length_s: float, columns: int) -> int:
    """Run time of a column, so that the run fits into so many."""
    least = length_s / columns
    for every in STEPS_S:
        if every >= least:
            return every
    return 60 * math.ceil(least / 60)


def render(
    found: Series,
    band: tuple[float, float],
    zero: Zero,
    *,
    width: int,
    height: int,
    unicode: bool,
    follows: bool = False,
) -> list[str]:
    """The charts as lines; ``band`` of the cadence, ∓inf where open, as where it ``follows``."""
    charts = [
        ("cadence, steps/min", found.cadence_spm, band, CADENCE_SPAN),
        (f"belt lean, deg {zero.words}", found.lean_deg, zero.band, LEAN_SPAN),
    ]
    charts = [chart for chart in charts if _known(chart[1])]
    known = [row for row in ROWS if _known(getattr(found, row[1]))]
    if not charts and not known:
        return []
    shown = _fitting(known, height, len(charts))
    rows = [_bar(name, getattr(found, key), unit, span, unicode) for name, key, unit, span in shown]
    scales = _packed([scale for _, scale in rows], width)
    left = [name for name, *_ in known if name not in {row[0] for row in shown}]
    # no rows of a chart: a title each, bars and what they stand for, ground, times, legend
    spare = height - len(charts) - len(rows) - len(scales) - 3
    heights = _heights(spare, len(charts))
    lines: list[str] = []
    drawn: list[str] = []
    for (title, values, edges, span), each in zip(charts, heights, strict=True):
        chart = plot(values, edges, rows=each, span=span, unicode=unicode)
        drawn += [line[LABEL:] for line in chart]
        moves = follows and values is found.cadence_spm
        lines += [_title(title, edges, width, moves=moves), *chart]
    marks = [CUE if cue else sign for sign, cue in zip(found.ground, found.cues, strict=True)]
    lines.append(f"{'':{LABEL}}{''.join(marks)}")
    lines.append(_times(found.every_s, found.first, len(marks), width))
    lines += [bar for bar, _ in rows]
    lines += scales
    beyond = [BEYOND] if any(BEYOND in line for line in drawn) else []
    return [*lines, *_legend([*marks, *beyond], found.every_s, width, left)]


_Row = tuple[str, str, str, float]


def _fitting(rows: Sequence[_Row], height: int, charts: int) -> list[_Row]:
    """The rows that have room below charts of the least height, in the order they stand."""
    room = max(2, height - 4 * charts - 5)  # a title and three rows each; scales, legend ...
    kept = rows if len(rows) <= room else rows[:2]
    return sorted(kept, key=lambda row: ROWS_SHOWN.index(row[0]))


def _known(values: Iterable[float]) -> bool:
    return any(map(math.isfinite, values))


def _heights(spare: int, charts: int) -> list[int]:
    """Rows of each chart: the first, which is cadence where that is known, is the higher one."""
    if charts < 2:
        return [min(12, max(4, spare))] * charts
    low = min(8, max(3, spare * 2 // 5)) if spare > 5 else 2
    return [min(12, max(3, spare - low)), low]


def _title(title: str, band: tuple[float, float], width: int, *, moves: bool = False) -> str:
    low, high = band
    if moves:
        words = "band follows the speed"
    elif math.isfinite(low) and math.isfinite(high):
        words = f"band {low:.1f} to {high:+.1f}" if low != -high else f"band +-{high:.1f}"
    elif math.isfinite(low):
        words = f"band from {low:.1f}"
    else:
        words = "no band"
    long = f"{title} ({words}: - - -)"
    if moves or words == "no band" or len(long) > width:
        long = f"{title} ({words})"
    return long if len(long) <= width else title[:width]


def plot(
    values: Sequence[float],
    band: tuple[float, float] = (-math.inf, math.inf),
    *,
    rows: int,
    span: float,
    unicode: bool = True,
) -> list[str]:
    """A chart of ``values``, a column each, with its labels; NaN is left empty.

    At least ``span`` high, so that little looks little; the edges of ``band`` are dashed lines.
    A value far beyond all others is drawn at the rim as ``+``.
    """
    edges = [edge for edge in band if math.isfinite(edge)]
    low, high = _range(values, edges, span)
    levels = 2 * rows
    at = [_level(v, low, high, levels) for v in values]
    lows = [_level(edge, low, high, levels) for edge in edges if low <= edge <= high]
    lines = []
    for row in reversed(range(rows)):
        dashed = any(level // 2 == row for level in lows if level is not None)
        cells = []
        for column, level in enumerate(at):
            if level is not None and level // 2 == row:
                beyond = not low <= values[column] <= high
                cells.append(BEYOND if beyond else _dot(level % 2, unicode))
            else:
                cells.append("-" if dashed and column % 2 == 0 else " ")
        middle = low + (row + 0.5) * (high / rows - low / rows)
        label = _number(middle, high / rows - low / rows, sign=low < 0.0 < high)
        lines.append(f"{label:>{LABEL - 2}} |{''.join(cells)}".rstrip())
    return lines


def _dot(half: int, unicode: bool) -> str:
    return ("▄▀" if unicode else ".'")[half]


def _range(values: Iterable[float], edges: Sequence[float], span: float) -> tuple[float, float]:
    """Lowest and highest value shown."""
    known = sorted(v for v in values if math.isfinite(v))
    if not known:
        return 0.0, span
    least, most = known[len(known) // 50], known[-1 - len(known) // 50]
    room = max(span, most - least)
    low = known[0] if least - known[0] <= room else least
    high = known[-1] if known[-1] - most <= room else most
    for edge in edges:  # a band far away from all values would make them a line
        if low - 2 * room <= edge <= high + 2 * room:
            low, high = min(low, edge), max(high, edge)
    short = span - (high - low)
    if short > 0:
        low, high = low - short / 2, high + short / 2
    if not high > low:  # so huge that a span is nothing
        high = math.nextafter(low, math.inf)
    return low, high


def _level(value: float, low: float, high: float, levels: int) -> int | None:
    """Which of the levels from the bottom; None for what is not known."""
    if not math.isfinite(value):
        return None
    share = (value / 2 - low / 2) / (high / 2 - low / 2)  # halves do not overflow
    return min(levels - 1, max(0, int(share * levels))) if share < 1.0 else levels - 1


def _number(value: float, apart: float, *, sign: bool) -> str:
    """A label of the axis, at most ``LABEL - 2`` signs, ``apart`` from the next."""
    plus, digits = "+" if sign else "", 0 if apart >= 1.5 and not sign else 1
    text = f"{value:{plus}.{digits}f}"
    return text if len(text) <= LABEL - 2 else f"{value:.0e}".replace("e+", "e")[: LABEL - 2]


def _bar(
    name: str, values: Sequence[float], unit: str, span: float, unicode: bool
) -> tuple[str, str]:
    """One row of heights, and what they stand for."""
    low, high = _range(values, (), span)
    signs = _BARS if unicode else _DIGITS
    levels = (_level(v, low, high, len(signs)) for v in values)
    cells = "".join(" " if level is None else signs[level] for level in levels)
    scale = f"{name}: {signs[0]} {_short(low)}, {signs[-1]} {_short(high)} {unit}"
    return f"{name:<{LABEL}}{cells}".rstrip(), scale


def _short(value: float) -> str:
    text = f"{value:.0f}"
    return text if len(text) <= 6 else f"{value:.0e}"


def _times(every_s: int, first: int, columns: int, width: int) -> str:
    """The time axis: labels that do not touch, each beginning at its time."""
    between = next(
        (t for t in TICKS_S if t >= TICK_COLUMNS * every_s),
        3600 * math.ceil(TICK_COLUMNS * every_s / 3600),
    )
    line = " " * LABEL
    begin = -(first * every_s // -between) * between
    for time_s in range(begin, (first + columns) * every_s, between):
        line = line.ljust(LABEL + time_s // every_s - first)
        label = clock(time_s)
        if len(line) + len(label) <= width:
            line += label
    return line.rstrip()


def _legend(used: Iterable[str], every_s: int, width: int, left: Sequence[str] = ()) -> list[str]:
    """What the signs mean, of those that were drawn, and what was ``left`` out for lack of room."""
    shown = set(used)
    words = [f"{sign} {WORDS[sign]}" for sign in WORDS if sign in shown]
    words += [f"no room: {', '.join(left)}"] if left else []
    return _packed([f"a column is {every_s} s", *words], width)


def _packed(words: Iterable[str], width: int) -> list[str]:
    """Words side by side, in as many lines as they need."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 3 + len(word) <= width:
            lines[-1] += f"   {word}"
        else:
            lines.append(f"{'':{LABEL}}{word}")
    return [line[:width] for line in lines]


def fits(encoding: str | None, term: str | None) -> bool:
    """Whether a terminal shows block signs; the Linux console lacks most of them."""
    if term in ("linux", "dumb"):
        return False
    try:
        _UNICODE.encode(encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True
