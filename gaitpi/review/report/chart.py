"""Charts over the time of a run, as inline SVG that needs no script.

The drawing is stretched to the width there is, with strokes that do not stretch, so one picture
serves paper, desk and phone, and a script zooms by nothing but its ``viewBox``. What is written at
the axes stands in pictures of its own beside it, which do not stretch. Everything shown is in a
table below it too.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from gaitpi.review.report.html import Html, el, join, number
from gaitpi.runs.reader import clock

HEIGHT: Final = 1000
"""Units of a drawing from bottom to top; from left to right one unit is a second."""
COLUMNS: Final = 1800
"""Columns of a drawing: twice the widest window that is usual. With more points than two for each
column, the lowest and the highest of each column are drawn."""
BREAK_S: Final = 1.5
"""Values further apart than this are not joined by a line, s."""
TICKS_S: Final = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
X_TICKS: Final = 6
Y_TICKS: Final = 5

Point = tuple[float, float]
Height = Callable[[float], int]
"""From a value to its place in the drawing."""
ZoneKind = Literal["still", "gap", "hill", "belt"]
MarkKind = Literal["answered", "unanswered", "unjudged", "withheld", "pain", "noted"]

ZONE_WORDS: Final[dict[ZoneKind, str]] = {
    "still": "not running",
    "gap": "samples missing",
    "hill": "likelier a slope than level ground",
    "belt": "belt loose or moved: lean left out",
}
_DOT: Final = "h.01"
"""Of no length at all it would not be printed."""
_INSIDE: Final = 35
"""Marks keep so far from the edges, to be whole."""
_EDGE: Final = 30
_EDGES: Final[dict[ZoneKind, int]] = {"hill": HEIGHT - _EDGE, "belt": 0}
"""Zones with a stronger edge, and where it is."""
MARK_WORDS: Final[dict[MarkKind, str]] = {
    "answered": "cue, answered within 30 s",
    "unanswered": "cue, not answered",
    "unjudged": "cue, could not be judged",
    "withheld": "cue kept back by a rule",
    "pain": "“felt it here” (button)",
    "noted": "mark (button)",
}


@dataclass(frozen=True, slots=True)
class Line:
    """Values over time: ``points`` (s, value), NaN where not known; ``step_s`` usually apart."""

    name: str
    points: Sequence[Point]
    step_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Zone:
    """A time in which something was so."""

    start_s: float
    end_s: float
    kind: ZoneKind


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened; ``value`` NaN = shown at the lower edge."""

    time_s: float
    value: float
    kind: MarkKind
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. ``key`` is its id in the page; it shows run time from ``start_s`` to ``end_s``.

    ``band`` (low, high), either end infinite or both NaN = none; ``level`` a line to compare with
    and ``level_name`` what it is; ``says`` its content in a sentence or two, for who does not see
    it; ``spread`` the least height of the scale, in the unit, so that noise does not fill it.
    """

    key: str
    title: str
    unit: str
    says: str
    line: Line
    end_s: float
    start_s: float = 0.0
    band: tuple[float, float] = (math.nan, math.nan)
    band_name: str = ""
    level: float = math.nan
    level_name: str = ""
    zones: Sequence[Zone] = ()
    marks: Sequence[Mark] = ()
    spread: float = 1.0
    digits: int = 0

    @property
    def span_s(self) -> float:
        """How long a time it shows, s."""
        return max(self.end_s - self.start_s, 1.0)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(math.isfinite(value) for _, value in self.line.points)


def pieces(points: Iterable[Point], step_s: float) -> Iterator[list[Point]]:
    """Stretches without an unknown value and without a hole between them."""
    piece: list[Point] = []
    for time_s, value in points:
        known = math.isfinite(value)
        if piece and (not known or time_s - piece[-1][0] > BREAK_S * step_s):
            yield piece
            piece = []
        if known:
            piece.append((time_s, value))
    if piece:
        yield piece


def decimated(points: Sequence[Point], span_s: float, columns: int = COLUMNS) -> list[Point]:
    """At most the lowest and the highest known point of each column of a time, in its order.

    Few points stay as they are. An unknown value stays where its column has nothing known, so
    that a hole as wide as a column stays one.
    """
    if len(points) <= 2 * columns:
        return list(points)
    width_s = max(span_s, points[-1][0] - points[0][0]) / columns or 1.0
    found: dict[int, tuple[Point, Point]] = {}
    for point in points:
        column = int((point[0] - points[0][0]) / width_s)
        low, high = found.get(column, (point, point))
        if math.isfinite(point[1]):
            low = point if not low[1] <= point[1] else low
            high = point if not high[1] >= point[1] else high
        found[column] = low, high
    return [point for column in sorted(found) for point in sorted({*found[column]})]


def scale(chart: Chart) -> tuple[float, float]:
    """Lowest and highest value shown: all but one in two hundred at either end, and the band.

    One wild second must not make the rest a flat line; what lies beyond is drawn at the edge.
    """
    values = sorted(value for _, value in chart.line.points if math.isfinite(value))
    cut = len(values) // 200
    kept = values[cut : len(values) - cut] or values
    edges = [v for v in (*chart.band, chart.level) if math.isfinite(v)]
    edges += [kept[0], kept[-1]] if kept else []
    if not edges:
        return 0.0, max(chart.spread, 1.0)
    low, high = min(edges), max(edges)
    wide = max(high - low, chart.spread)
    edges += [m.value for m in chart.marks if low - wide <= m.value <= high + wide]
    low, high = min(edges), max(edges)
    more = max(0.08 * (high - low), (chart.spread - (high - low)) / 2.0, 1e-6)
    return low - more, high + more


def ticks(low: float, high: float, most: int = Y_TICKS) -> list[float]:
    """At most ``most`` round numbers from ``low`` to ``high``: steps of 1, 2 or 5."""
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(k * power for k in (1.0, 2.0, 5.0, 10.0) if k * power >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def tick_seconds(span_s: float) -> int:
    """The distance of the ticks of a time axis of that length, s."""
    return next((t for t in TICKS_S if span_s / t <= X_TICKS), TICKS_S[-1])


def draw(chart: Chart, table: Html) -> Html:
    """The chart as a figure with legend and, below it, ``table``."""
    if chart.empty:
        said = el("p", "Not known in this run.", class_="unknown")
        return el("figure", el("h3", chart.title), said, class_="chart", id=chart.key)
    low, high = scale(chart)
    end_s = chart.start_s + chart.span_s

    def y(value: float) -> int:
        share = (value - low) / (high - low)
        return round(HEIGHT * (1.0 - min(max(share, 0.0), 1.0)))

    drawn = decimated(chart.line.points, chart.span_s)
    inside = [
        _band(chart, y),
        *_zones(chart.zones),
        _grid(low, high, y, end_s),
        *_level_at(chart.level, y, end_s),
        _path(drawn, chart.line.step_s * max(1.0, chart.span_s / COLUMNS), y),
        *_marks(chart.marks, y),
    ]
    says = f"{chart.says} {_beyond(chart, low, high)}{_thinned(chart, drawn)}".strip()
    picture = _picture(chart, says, chart.start_s, chart.span_s, inside)
    texts = [
        el("text", f"{tick:.{chart.digits}f}", x="100%", y=f"{number(y(tick) / 10)}%")
        for tick in ticks(low, high)
    ]
    ylabels = el("svg", *texts, class_="ylabels", aria_hidden="true")
    pane = el(
        "div",
        ylabels,
        picture,
        _xlabels(chart.start_s, chart.span_s),
        class_="pane",
        data_start=number(chart.start_s),
        data_end=number(end_s),
        data_low=number(low),
        data_high=number(high),
        data_digits=chart.digits,
        data_unit=chart.unit,
    )
    return el(
        "figure",
        el("h3", f"{chart.title} ", el("span", f"({chart.unit})", class_="unit")),
        pane,
        el("figcaption", el("p", says), legend(chart)),
        table,
        class_="chart",
        id=chart.key,
    )


def _picture(
    chart: "Chart | Days", says: str, start: float, wide: float, inside: Sequence[Html]
) -> Html:
    """The drawing from ``start`` on, with its name and what it shows in words."""
    ids = f"{chart.key}-t", f"{chart.key}-d"
    return el(
        "svg",
        el("title", f"{chart.title}, {chart.unit}", id=ids[0]),
        el("desc", says, id=ids[1]),
        *inside,
        class_="plot",
        role="img",
        aria_labelledby=ids[0],
        aria_describedby=ids[1],
        viewBox=f"{number(start)} 0 {number(wide)} {HEIGHT}",
        preserveAspectRatio="none",
    )


def _beyond(chart: Chart, low: float, high: float) -> str:
    """How many values lie beyond the scale, in words."""
    n = sum(v < low or v > high for _, v in chart.line.points if math.isfinite(v))
    return f"{n} values beyond the scale are drawn at its edge. " if n else ""


def _thinned(chart: Chart, drawn: Sequence[Point]) -> str:
    """Where points were left out, in words."""
    if len(drawn) == len(chart.line.points):
        return ""
    return f"Drawn are the lowest and the highest value of each {chart.span_s / COLUMNS:.1f} s."


def _zones(zones: Iterable[Zone]) -> Iterator[Html]:
    """The shaded times, a path a kind; some have an edge too: colour is not all they differ by."""
    found: dict[ZoneKind, list[tuple[str, str]]] = {}
    for zone in zones:
        start, width = number(zone.start_s, 1), number(zone.end_s - zone.start_s, 1)
        found.setdefault(zone.kind, []).append((start, width))
    for kind, places in found.items():
        whole = "".join(f"M{x} 0h{width}v{HEIGHT}h-{width}z" for x, width in places)
        yield el("path", d=whole, class_=f"zone {kind}")
        if kind in _EDGES:
            top = _EDGES[kind]
            edge = "".join(f"M{x} {top}h{width}v{_EDGE}h-{width}z" for x, width in places)
            yield el("path", d=edge, class_=f"zone edge {kind}")


def _band(chart: Chart, y: Height) -> Html:
    """The band of the coach, shaded."""
    low, high = chart.band
    if math.isnan(low) or math.isnan(high):
        return Html("")
    top = 0 if high == math.inf else y(high)
    bottom = HEIGHT if low == -math.inf else y(low)
    right = number(chart.start_s + chart.span_s)
    return el("path", d=f"M0 {top}H{right}V{bottom}H0z", class_="band")


def _level_at(level: float, y: Height, end: float) -> Iterator[Html]:
    """The line to compare with, where there is one."""
    if math.isfinite(level):
        yield el("path", d=f"M0 {y(level)}H{number(end)}", class_="level")


def _grid(low: float, high: float, y: Height, end_s: float) -> Html:
    lines = "".join(f"M0 {y(tick)}H{number(end_s)}" for tick in ticks(low, high))
    return el("path", d=lines, class_="grid")


def _path(points: Sequence[Point], step_s: float, y: Height) -> Html:
    """The line, from point to point by tenths of a second; a lone point is a dot."""
    parts = []
    for piece in pieces(points, step_s):
        whole = [(round(10 * time_s), y(value)) for time_s, value in piece]
        x, up = whole[0]
        parts.append(f"M{number(x / 10)} {up}")
        moves = [
            f"{number((b[0] - a[0]) / 10)} {b[1] - a[1]}".replace(" -", "-")
            for a, b in pairwise(whole)
        ]
        parts.append(f"l{' '.join(moves)}".replace(" -", "-") if moves else _DOT)
    return el("path", d="".join(parts), class_="line")


def _marks(marks: Iterable[Mark], y: Height) -> Iterator[Html]:
    """Marks as strokes of next to no length: dots and squares that do not stretch."""
    for mark in marks:
        at = HEIGHT if math.isnan(mark.value) else y(mark.value)
        at = min(max(at, _INSIDE), HEIGHT - _INSIDE)
        d = f"M{number(mark.time_s, 1)} {at}{_DOT}"
        shape = [el("path", d=d, class_="rim"), el("path", d=d, class_="core")]
        yield el("g", el("title", mark.words), *shape, class_=f"mark {mark.kind}")


def _xlabels(start_s: float, span_s: float) -> Html:
    step = tick_seconds(span_s)
    times = range(math.ceil(start_s / step) * step, int(start_s + span_s) + 1, step)
    texts = [
        el("text", clock(t), x=f"{number(100 * share)}%", y="1em", class_=_side(share))
        for t in times
        for share in [(t - start_s) / span_s]
    ]
    return el("svg", *texts, class_="xlabels", aria_hidden="true")


def _side(share: float, end: float = 0.03) -> str | None:
    """A label so near an end stands within the drawing."""
    return "first" if share < end else "last" if share > 1.0 - end else None


def legend(chart: Chart) -> Html:
    """What the signs mean, those only that are there."""
    items = [("line", chart.line.name)]
    if not all(map(math.isnan, chart.band)):
        items.append(("band", chart.band_name))
    if math.isfinite(chart.level):
        items.append(("level", chart.level_name))
    kinds = {mark.kind for mark in chart.marks}
    items += [(f"mark {kind}", words) for kind, words in MARK_WORDS.items() if kind in kinds]
    shaded = {zone.kind for zone in chart.zones}
    items += [(f"zone {kind}", words) for kind, words in ZONE_WORDS.items() if kind in shaded]
    return el("ul", *(el("li", swatch(kind), words) for kind, words in items), class_="legend")


def swatch(kind: str) -> Html:
    """The sign of a legend."""
    first = kind.split()[0]
    if first == "mark":
        inside = join([el("path", d=f"M12 7{_DOT}", class_=part) for part in ("rim", "core")])
        inside = el("g", inside, class_=kind)
    elif first == "dot":
        inside = el("g", el("path", d=f"M12 7{_DOT}", class_="core"), class_="dot")
    elif first == "absent":
        inside = el("g", el("path", d=f"M12 7{_DOT}", class_="core"), class_="absent")
    elif first in ("whisker", "event"):
        inside = el("path", d="M12 1V13", class_=kind)
    elif first in ("zone", "band"):
        inside = el("path", d="M1 1H23V13H1z", class_=kind)
    else:
        inside = el("path", d="M1 7H23", class_=kind)
    return el("svg", inside, class_="swatch", viewBox="0 0 24 14", aria_hidden="true")


# Runs over the weeks.


@dataclass(frozen=True, slots=True)
class Dot:
    """A run: ``day`` when, days since any; ``half`` width of its interval, NaN = not known."""

    day: float
    value: float
    half: float
    words: str


@dataclass(frozen=True, slots=True)
class Days:
    """A chart of runs over days. ``labels`` are (day, words) at the lower edge.

    ``least`` and ``most`` its edges where they are not those of the dots; ``gaps`` (day, words) of
    runs whose value is not known.
    """

    key: str
    title: str
    unit: str
    says: str
    name: str
    dots: Sequence[Dot]
    labels: Sequence[tuple[float, str]]
    level: float = math.nan
    level_name: str = ""
    event: float = math.nan
    event_name: str = ""
    spread: float = 1.0
    digits: int = 0
    least: float = math.nan
    most: float = math.nan
    gaps: Sequence[tuple[float, str]] = ()
    gaps_name: str = ""


def draw_days(chart: Days) -> Html:
    """The chart as a figure. Its numbers are those of the table of runs."""
    dots = [dot for dot in chart.dots if math.isfinite(dot.value)]
    heading = el("h3", f"{chart.title} ", el("span", f"({chart.unit})", class_="unit"))
    if not dots:
        return el("figure", heading, el("p", "Not known.", class_="unknown"), class_="chart")
    near = [d for d in dots if d.half <= chart.spread]  # a run of no use must not flatten the rest
    ends = [end for d in near for end in (d.value - d.half, d.value + d.half)]
    ends += [dot.value for dot in dots]
    ends += [chart.level] if math.isfinite(chart.level) else []
    more = max(0.08 * (max(ends) - min(ends)), (chart.spread - max(ends) + min(ends)) / 2.0)
    low, high = min(ends) - more, max(ends) + more
    if math.isfinite(chart.least + chart.most):
        more = 0.08 * (chart.most - chart.least)
        low, high = chart.least - (2.0 * more if chart.gaps else more), chart.most + more
    every = [*(d.day for d in dots), *(day for day, _ in chart.gaps)]
    first, last = min(every), max(every)
    span = max(last - first, 1e-3)

    def x(day: float) -> float:
        return 40.0 + 920.0 * ((day - first) / span if last > first else 0.5)

    def y(value: float) -> int:
        return round(HEIGHT * (high - min(max(value, low), high)) / (high - low))

    inside = [_grid(low, high, y, HEIGHT)]
    inside += _level_at(chart.level, y, HEIGHT)
    if math.isfinite(chart.event):
        at = number(min(max(x(chart.event), 0.0), float(HEIGHT)))
        inside.append(el("path", d=f"M{at} 0V{HEIGHT}", class_="event"))
    for dot in dots:
        at = number(x(dot.day))
        if math.isfinite(dot.half):
            d = f"M{at} {y(dot.value + dot.half)}V{y(dot.value - dot.half)}"
            inside.append(el("path", d=d, class_="whisker"))
        d = f"M{at} {y(dot.value)}{_DOT}"
        inside.append(el("g", el("title", dot.words), el("path", d=d, class_="core"), class_="dot"))
    for day, words in chart.gaps:
        mark = el("path", d=f"M{number(x(day))} {HEIGHT - _INSIDE}{_DOT}", class_="core")
        inside.append(el("g", el("title", words), mark, class_="absent"))
    picture = _picture(chart, chart.says, 0.0, HEIGHT, inside)
    texts = [
        el("text", f"{tick:.{chart.digits}f}", x="100%", y=f"{number(y(tick) / 10)}%")
        for tick in ticks(low, high)
        if not (tick < chart.least or tick > chart.most)
    ]
    labels = [
        el("text", words, x=f"{number(x(day) / 10)}%", y="1em", class_=_side(x(day) / HEIGHT, 0.1))
        for day, words in chart.labels
    ]
    signs = [("dot", chart.name)]
    if any(math.isfinite(dot.half) for dot in dots):
        signs.append(("whisker", "its 95 % interval"))
    if chart.gaps:
        signs.append(("absent", chart.gaps_name))
    if math.isfinite(chart.level):
        signs.append(("level", chart.level_name))
    if math.isfinite(chart.event):
        signs.append(("event", chart.event_name))
    items = (el("li", swatch(kind), words) for kind, words in signs)
    return el(
        "figure",
        heading,
        el(
            "div",
            el("svg", *texts, class_="ylabels", aria_hidden="true"),
            picture,
            el("svg", *labels, class_="xlabels", aria_hidden="true"),
            class_="pane small",
        ),
        el("figcaption", el("p", chart.says), el("ul", *items, class_="legend")),
        class_="chart",
        id=chart.key,
    )
