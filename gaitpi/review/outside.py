"""Heart rate, speed and distance of a run: what they were at a time, whose word it is, and holes.

The one place that is asked. They come from outside of the pack: from a strap and a foot pod while
these were connected, or from a file of a watch that was imported. One source a run speaks for each
of the three and none is mixed with another: strap or pod, unless the file knows clearly more of the
run. What both say is compared, and a disagreement is named.

A measurement holds until the next one, for at most :data:`gaitpi.ble.readings.STALE_S`; beyond
that nothing is known: nothing is carried over and no hole is bridged. Distance is the pod's own
count (OpenTracks does the same), which goes on where notifications were lost, and while the link
was, if the steps the pack counted then bear it out; it survives a wrap of its 32 bits and a reset.
Where it does not agree with the pod's own speed, or the pod has none, speed is summed up over the
time it is known. What was not measured is missing from a distance: then it is *at least* so much.
No numpy.
"""

import bisect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from gaitpi import importfile
from gaitpi.ble.readings import BPM_MAX, BPM_MIN, SPEED_MAX_MS, STALE_S
from gaitpi.importfile import HEART_S, HOLE_S, NOTHING, Imports
from gaitpi.runs.reader import RunReader, clock
from gaitpi.runs.rows import LATEST_S, RUNNING, PodRow, SecondRow

SPM: Final = (30.0, 400.0)
"""Nobody steps slower or faster, steps/min."""
TOTAL_SLACK_M: Final = 5.0
"""A pod's count may be so far behind or ahead of its notifications, m."""
WRAP_M: Final = 2**32 / 10.0
"""Where the count of an RSC Measurement begins anew: decimetres in 32 bits."""
AGREE: Final = 0.1
"""Count and speed of a pod that differ by more than this share do not agree."""
LEG_MOST_M: Final = 1e6
"""No leg of a way is longer, whatever a file says, m."""
BORNE: Final = (0.75, 1.33)
"""Steps bear a distance out when each is so many times the usual length of the run at most."""
LENGTHS_M: Final = (0.4, 2.0)
"""The same where that is not known: the lengths of a step, m."""
MORE: Final = 0.1
"""A file speaks instead of strap or pod when it knows more of the run by this share of it."""
ALIKE_SHARE: Final = 0.03
ALIKE_BPM: Final = 5.0
"""Two sources of distance (a share) and of mean heart rate (beats/min) further apart disagree."""
SPEED_S: Final = 5.0
"""An imported speed is the distance between so much before and after a moment, s."""
BOTH_S: Final = 120.0
"""Two sources must be known together for so long to be compared, s."""
_LONGEST: Final = 400_000
"""Most measurements that are read of a run: more than four days of one a second."""

Source = Literal["strap", "pod", "imported", ""]
By = Literal["count", "speed", ""]
"""How a pod's way is known: by its own count, or summed from its speed."""


class Stretch(NamedTuple):
    """A value that holds from ``begin_s`` on and before ``end_s``."""

    begin_s: float
    end_s: float
    value: float


class Track:
    """A value over run time, in stretches with holes between them."""

    def __init__(self, stretches: Iterable[Stretch], source: Source) -> None:
        """``stretches`` in order, none over another."""
        self._all = [s for s in stretches if s.end_s > s.begin_s]
        self._begins = [s.begin_s for s in self._all]
        self.source: Source = source if self._all else ""

    def at(self, time_s: float) -> float:
        """The value at a time; NaN in a hole."""
        k = bisect.bisect_right(self._begins, time_s) - 1
        return self._all[k].value if k >= 0 and time_s < self._all[k].end_s else math.nan

    def within(self, begin_s: float, end_s: float) -> Iterator[Stretch]:
        """What is known between two times."""
        first = max(0, bisect.bisect_right(self._begins, begin_s) - 1)
        for begin, end, value in self._all[first : bisect.bisect_left(self._begins, end_s)]:
            if end > begin_s:
                yield Stretch(max(begin, begin_s), min(end, end_s), value)

    def known_s(self, begin_s: float, end_s: float) -> float:
        """How long it is known between two times, s."""
        return math.fsum(b - a for a, b, _ in self.within(begin_s, end_s))

    def mean(self, begin_s: float, end_s: float) -> float:
        """Its mean over the time it is known; NaN where it never is."""
        known = list(self.within(begin_s, end_s))
        length = math.fsum(b - a for a, b, _ in known)
        return math.fsum((b - a) * v for a, b, v in known) / length if length else math.nan

    def most(self, begin_s: float, end_s: float) -> float:
        """The largest value; NaN where none is known."""
        return max((v for _, _, v in self.within(begin_s, end_s)), default=math.nan)


class Leg(NamedTuple):
    """A piece of the way. ``each``: how far at each moment is known too, and not the sum alone."""

    begin_s: float
    end_s: float
    metres: float
    each: bool


class Way:
    """Distance over run time, in legs with holes between them."""

    def __init__(self, legs: Iterable[Leg], source: Source, by: By = "", doubt: str = "") -> None:
        """``legs`` in order, none over another; ``doubt`` what its source contradicts itself in."""
        sane = (leg for leg in legs if leg.end_s > leg.begin_s)
        self._legs = [leg for leg in sane if 0.0 <= leg.metres <= LEG_MOST_M]
        self._begins = [leg.begin_s for leg in self._legs]
        self._sums = list(itertools.accumulate((leg.metres for leg in self._legs), initial=0.0))
        self.source: Source = source if self._legs else ""
        self.by: By = by if self._legs else ""
        self.doubt = doubt

    def between(self, begin_s: float, end_s: float) -> float:
        """Metres known to lie between two times; NaN where nothing is known.

        A leg whose sum alone is known counts where all of it lies between them.
        """
        first = max(0, bisect.bisect_right(self._begins, begin_s) - 1)
        last = bisect.bisect_left(self._begins, end_s)
        if first < last and self._legs[first].end_s <= begin_s:
            first += 1
        if first >= last:
            return math.nan
        if first == last - 1:
            return self._part(first, begin_s, end_s)
        parts = self._part(first, begin_s, end_s), self._part(last - 1, begin_s, end_s)
        inside = self._sums[last - 1] - self._sums[first + 1]
        return inside + sum(0.0 if math.isnan(part) else part for part in parts)

    def _part(self, k: int, begin_s: float, end_s: float) -> float:
        leg = self._legs[k]
        inside = min(leg.end_s, end_s) - max(leg.begin_s, begin_s)
        if inside >= leg.end_s - leg.begin_s:
            return leg.metres
        return leg.metres * inside / (leg.end_s - leg.begin_s) if leg.each else math.nan

    def known(self, time_s: float) -> bool:
        """Whether how far it was is known at that moment: it lies in no hole."""
        k = bisect.bisect_right(self._begins, time_s) - 1
        if k >= 0 and time_s <= self._legs[k].end_s and self._legs[k].each:
            return True
        # the end of a leg, and the beginning of the next, are of both
        return k >= 0 and time_s in (self._legs[k].begin_s, self._legs[k].end_s)

    def holes(self, begin_s: float, end_s: float) -> list[tuple[float, float]]:
        """Where between two times nothing is known, not even a sum."""
        found, at_s = [], begin_s
        for leg in self._legs:
            part = leg.each or begin_s <= leg.begin_s <= leg.end_s <= end_s
            if leg.end_s <= begin_s or leg.begin_s >= end_s or not part:
                continue
            if leg.begin_s > at_s:
                found.append((at_s, leg.begin_s))
            at_s = max(at_s, leg.end_s)
        return [*found, (at_s, end_s)] if at_s < end_s else found


@dataclass(frozen=True, slots=True)
class Outside:
    """What is known from outside of the pack, between ``start_s`` and ``end_s`` of run time.

    ``doubts`` are what two sources disagree in, in words.
    """

    heart: Track
    speed: Track
    way: Way
    start_s: float
    end_s: float
    doubts: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether there is nothing."""
        return not (self.heart.source or self.speed.source or self.way.source)

    def distance_at(self, time_s: float) -> float:
        """Metres from the beginning on: at least, where a hole lies before. NaN in a hole."""
        if not (self.start_s <= time_s <= self.end_s and self.way.known(time_s)):
            return math.nan
        metres = self.way.between(self.start_s, time_s)
        return 0.0 if math.isnan(metres) else metres


NOTHING_OUTSIDE: Final = Outside(Track((), ""), Track((), ""), Way((), ""), 0.0, 0.0)
"""No strap, no pod, no file."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Heart rate, speed and distance of a run in numbers; NaN where not known.

    ``distance_m`` is at least so much where ``unknown_s`` is above 0: that long the runner moved,
    or may have, without a distance. ``speed_ms`` is the mean of running, ``step_m`` the length of
    its steps; ``speed_share`` how much of the running it is known of. Heart rate is the mean, and
    the largest, of the time it is known: ``heart_share`` of the run. ``*_from`` is "strap", "pod",
    "imported" or ""; ``distance_by`` how a pod's is known; ``pod_counts`` how it counts steps
    beside the pack, by :mod:`gaitpi.ble.agreement`, for most of the time that is known.
    """

    distance_m: float = math.nan
    unknown_s: float = 0.0
    distance_from: Source = ""
    distance_by: By = ""
    speed_ms: float = math.nan
    speed_from: Source = ""
    speed_share: float = math.nan
    step_m: float = math.nan
    heart_rate_bpm: float = math.nan
    heart_rate_max_bpm: float = math.nan
    heart_from: Source = ""
    heart_share: float = math.nan
    pod_counts: str = ""
    doubts: tuple[str, ...] = ()

    @property
    def at_least(self) -> bool:
        """Whether the distance lacks something."""
        return self.unknown_s > 0.0

    @property
    def pace_s(self) -> float:
        """Seconds a kilometre of running; NaN where it is not known, or next to standing."""
        return 1000.0 / self.speed_ms if self.speed_ms >= 0.5 else math.nan

    def as_json(self) -> dict[str, Any]:
        """One object: None where not known."""
        found = {name: getattr(self, name) for name in self.__slots__}
        found |= {"at_least": self.at_least, "pace_s_per_km": self.pace_s}
        nothing = {"distance_from", "distance_by", "speed_from", "heart_from", "pod_counts"}
        return {
            name: None
            if (isinstance(value, float) and not math.isfinite(value))
            or (name in nothing and not value)
            else value
            for name, value in found.items()
        }


def imported(path: Path, said: Callable[[str], None] = lambda _text: None) -> Imports:
    """What was imported for a run file; what of it cannot be read is ``said``."""
    file = importfile.path_of(path)
    try:
        found = importfile.load(file)
    except importfile.ImportFileError as error:
        said(str(error))
        return NOTHING
    if problem := importfile.damage(file, found):
        said(problem)
    return found


def outside(run: RunReader, imports: Imports = NOTHING) -> Outside:
    """What is known of ``run`` from outside. Raises RunFileError when its tables are damaged."""
    whole, window = run.whole, (run.start_s, run.end_s)
    strap = _strap(whole.ask("heart", ("time_s", "bpm", "contact"), _LONGEST))
    pods = _readings(whole.ask("pod", ("time_s", "speed_ms", "distance_m"), _LONGEST))
    file_heart = _file_heart(imports)
    file_way = _file_way(imports)
    pod = Track(_held((one.time_s, one.speed_ms) for one in pods), "pod")
    way = pod_way(pods, lambda a, b: _steps_between(whole, a, b))
    heart = _chosen(strap, file_heart, window)
    doubts = [way.doubt] if way.doubt else []
    doubts += [*_hearts_differ(strap, file_heart, window), *_ways_differ(way, file_way, window)]
    length = window[1] - window[0]
    file_speaks = _covered(file_way, window) > _covered(way, window) + MORE * length
    if file_speaks or not way.source:
        speed: Track = Track(_file_speed(imports, window), "imported")
        return Outside(heart, speed, file_way, *window, tuple(doubts))
    return Outside(heart, pod, way, *window, tuple(doubts))


def facts(found: Outside, seconds: Sequence[SecondRow]) -> Facts:
    """The numbers of a run of these seconds, those that are kept of it."""
    begin_s, end_s = found.start_s, found.end_s
    running = [s for s in seconds if s.activity == RUNNING]
    speeds = [(s, found.speed.at(s.time_s + 0.5)) for s in running]
    known = [(s, v) for s, v in speeds if math.isfinite(v)]
    length_s = max(end_s - begin_s, 1e-9)
    heart_s = found.heart.known_s(begin_s, end_s)
    distance_m = found.way.between(begin_s, end_s)
    return Facts(
        distance_m=distance_m,
        unknown_s=_unknown_s(found, seconds) if math.isfinite(distance_m) else 0.0,
        distance_from=found.way.source if math.isfinite(distance_m) else "",
        distance_by=found.way.by if math.isfinite(distance_m) else "",
        speed_ms=math.fsum(v for _, v in known) / len(known) if known else math.nan,
        speed_from=found.speed.source if known else "",
        speed_share=len(known) / len(running) if running and found.speed.source else math.nan,
        step_m=mean_step_m((v, s.cadence_spm) for s, v in known),
        heart_rate_bpm=found.heart.mean(begin_s, end_s),
        heart_rate_max_bpm=found.heart.most(begin_s, end_s),
        heart_from=found.heart.source if heart_s else "",
        heart_share=min(1.0, heart_s / length_s) if found.heart.source else math.nan,
        doubts=found.doubts,
    )


def with_counts(found: Facts, seconds: Sequence[SecondRow], pods: Sequence[PodRow]) -> Facts:
    """The same with how the pod's count of steps lies beside the pack's own."""
    if not pods:
        return found
    from gaitpi.ble.agreement import over, words

    belt = sorted((s.time_s + 0.5, s.cadence_spm) for s in seconds)
    told = sorted((p.time_s, float(p.cadence_rpm), p.speed_ms) for p in pods)
    lasted: dict[str, float] = {}
    verdicts = over(belt, told)
    for one in verdicts:
        if one.state != "unknown":
            lasted[one.state] = lasted.get(one.state, 0.0) + one.time_s - one.since_s
    apart = [one for one in verdicts if one.state not in ("agrees", "unknown")]
    said = ""
    if apart:
        worst = max(apart, key=lambda one: one.time_s - one.since_s)
        said = f"{words(worst)} So from {clock(worst.since_s)}, {clock(lasted[worst.state])} in all"
    return replace(
        found,
        pod_counts=max(lasted, key=lambda state: lasted[state], default=""),
        doubts=(*found.doubts, *([said[0].lower() + said[1:]] if said else [])),
    )


def step_m(speed_ms: float, cadence_spm: float) -> float:
    """The length of a step, m; NaN where either is not known, or nobody steps so."""
    return 60.0 * speed_ms / cadence_spm if SPM[0] <= cadence_spm <= SPM[1] else math.nan


def mean_step_m(seconds: Iterable[tuple[float, float]]) -> float:
    """Way over steps of some seconds (speed, cadence), m; NaN where neither is known."""
    known = [(v, spm) for v, spm in seconds if math.isfinite(step_m(v, spm))]
    steps = math.fsum(spm for _, spm in known)
    return 60.0 * math.fsum(v for v, _ in known) / steps if steps else math.nan


def _unknown_s(found: Outside, seconds: Iterable[SecondRow]) -> float:
    """How long the runner moved, or may have, where no distance is known, s."""
    still = [s.time_s for s in seconds if s.activity == 1]
    unknown = 0.0
    for begin, end in found.way.holes(found.start_s, found.end_s):
        stood = bisect.bisect_left(still, end) - bisect.bisect_left(still, begin)
        unknown += max(0.0, end - begin - stood)
    return unknown if unknown > STALE_S else 0.0


# Strap and pod.


def _held(values: Iterable[tuple[float, float]]) -> Iterator[Stretch]:
    """Each value until the next, for ``STALE_S`` at most; an unknown one ends the one before."""
    for (a, value), (b, _) in itertools.pairwise([*values, (math.inf, math.nan)]):
        if math.isfinite(value):
            yield Stretch(a, min(b, a + STALE_S), value)


def _strap(rows: Iterable[tuple[Any, ...]]) -> Track:
    """Heart rate; none where the strap feels no skin, or says what no heart does."""
    values = {
        time_s: float(bpm) if contact != 0.0 and BPM_MIN <= bpm <= BPM_MAX else math.nan
        for time_s, bpm, contact in rows
        if abs(time_s) <= LATEST_S
    }
    return Track(_held(sorted(values.items())), "strap")


class Reading(NamedTuple):
    """A pod's measurement: speed, and its own count; NaN where not known."""

    time_s: float
    speed_ms: float
    total_m: float


def _readings(rows: Iterable[tuple[Any, ...]]) -> list[Reading]:
    found: dict[float, Reading] = {}
    for time_s, speed_ms, total_m in rows:
        if not abs(time_s) <= LATEST_S:
            continue
        speed = math.nan if speed_ms is None or not 0.0 <= speed_ms <= SPEED_MAX_MS else speed_ms
        total = math.nan if total_m is None or not 0.0 <= total_m < WRAP_M else total_m
        found[time_s] = Reading(time_s, speed, total)
    return [found[time_s] for time_s in sorted(found)]


def counted(a: Reading, b: Reading) -> float:
    """What a pod counted between two measurements, m; NaN where it began anew, or has no count."""
    metres = b.total_m - a.total_m
    if metres < 0.0:
        metres += WRAP_M
    most = SPEED_MAX_MS * (b.time_s - a.time_s) + TOTAL_SLACK_M
    return metres if 0.0 <= metres <= most else math.nan


def _summed(a: Reading, b: Reading) -> float:
    """The same by its speed; NaN where that was not known all the time."""
    if b.time_s - a.time_s > STALE_S:
        return math.nan
    return 0.5 * (a.speed_ms + b.speed_ms) * (b.time_s - a.time_s)


def pod_way(readings: Sequence[Reading], steps: Callable[[float, float], int]) -> Way:
    """The way by a pod's measurements, in order; ``steps`` counts those of the pack in a time."""
    pairs = [(a, b, counted(a, b), _summed(a, b)) for a, b in itertools.pairwise(readings)]
    both = [(c, s) for _, _, c, s in pairs if math.isfinite(c + s)]
    count_m, sum_m = (math.fsum(column) for column in zip(*both, strict=True)) if both else (0, 0)
    believed = bool(both) and abs(count_m - sum_m) <= AGREE * sum_m + TOTAL_SLACK_M
    if not believed:
        legs = [Leg(a.time_s, b.time_s, s, True) for a, b, _, s in pairs if math.isfinite(s)]
        doubt = ""
        if both:
            doubt = (
                f"distance: the pod itself counted {count_m:.0f} m where its speed gives"
                f" {sum_m:.0f}, which is taken"
            )
        return Way(legs, "pod", "speed", doubt)
    gaps = [(a, b, c) for a, b, c, _ in pairs if b.time_s - a.time_s > STALE_S]
    borne = _borne(readings, gaps, count_m, steps)
    legs = []
    for a, b, c, s in pairs:
        if b.time_s - a.time_s > STALE_S:
            if math.isfinite(c) and borne(a.time_s, c):
                legs.append(Leg(a.time_s, b.time_s, c, False))
        elif math.isfinite(metres := s if math.isnan(c) else c):
            legs.append(Leg(a.time_s, b.time_s, metres, True))
    return Way(legs, "pod", "count")


def _borne(
    readings: Sequence[Reading],
    gaps: Sequence[tuple[Reading, Reading, float]],
    metres: float,
    steps: Callable[[float, float], int],
) -> Callable[[float, float], bool]:
    """Whether the pack's steps bear out what a pod counted from a time on, while nobody heard it.

    It may have stopped with the link, or have begun anew: then there are steps without metres.
    """
    taken = [steps(a.time_s, b.time_s) for a, b, _ in gaps]
    found = {a.time_s: n for (a, _, _), n in zip(gaps, taken, strict=True)}
    fresh = steps(readings[0].time_s, readings[-1].time_s) - sum(taken) if gaps else 0
    length = metres / fresh if fresh > 0 else math.nan
    usual = math.isfinite(length) and LENGTHS_M[0] <= length <= LENGTHS_M[1]
    low, high = (BORNE[0] * length, BORNE[1] * length) if usual else LENGTHS_M

    def borne(from_s: float, metres: float) -> bool:
        n = found[from_s]
        return low * n - TOTAL_SLACK_M <= metres <= high * n + TOTAL_SLACK_M

    return borne


def _steps_between(run: RunReader, begin_s: float, end_s: float) -> int:
    sql = "SELECT count(*) FROM step WHERE ic_s >= :begin AND ic_s < :end"
    return int(run.summed(sql, {"begin": begin_s, "end": end_s})[0][0])


# An imported file.


def _file_heart(imports: Imports) -> Track:
    """The heart rate of a file: each moment's is that of what is nearest to it."""
    times, values = importfile.series(imports, "heart_rate_bpm")
    edges = [-math.inf, *((a + b) / 2.0 for a, b in itertools.pairwise(times)), math.inf]
    return Track(
        (
            Stretch(max(edges[k], t - HEART_S), min(edges[k + 1], t + HEART_S), value)
            for k, (t, value) in enumerate(zip(times, values, strict=True))
            if BPM_MIN <= value <= BPM_MAX
        ),
        "imported",
    )


def _file_way(imports: Imports) -> Way:
    """The distance of a file; over a hole in it the watch counted on."""
    points = zip(*importfile.series(imports, "distance_m"), strict=True)
    legs = (Leg(a, b, y - x, b - a <= HOLE_S) for (a, x), (b, y) in itertools.pairwise(points))
    return Way(legs, "imported")


def _file_speed(imports: Imports, window: tuple[float, float]) -> Iterator[Stretch]:
    """The speed of a file, second by second."""
    way = importfile.series(imports, "distance_m")
    if not way.time_s:
        return
    begin_s = max(window[0], way.time_s[0] + SPEED_S - 1.0)
    end_s = min(window[1], way.time_s[-1] - SPEED_S + 1.0)
    for k in range(math.floor(begin_s), math.ceil(end_s) + 1):
        a = way.between(k + 0.5 - SPEED_S, HOLE_S)
        b = way.between(k + 0.5 + SPEED_S, HOLE_S)
        if 0.0 <= (speed := (b - a) / (2.0 * SPEED_S)) <= SPEED_MAX_MS:
            yield Stretch(float(k), k + 1.0, speed)


# Which source speaks, and what two of them disagree in.


def _chosen(own: Track, file: Track, window: tuple[float, float]) -> Track:
    length = window[1] - window[0]
    if file.known_s(*window) > own.known_s(*window) + MORE * length or not own.source:
        return file
    return own


def _covered(way: Way, window: tuple[float, float]) -> float:
    """Time without a hole, s."""
    if not way.source:
        return 0.0
    return window[1] - window[0] - math.fsum(b - a for a, b in way.holes(*window))


def _hearts_differ(own: Track, file: Track, window: tuple[float, float]) -> Iterator[str]:
    """Over the time that both know."""
    if not (own.source and file.source):
        return
    pairs = [
        (value, other, end - begin)
        for begin, end, value in own.within(*window)
        if math.isfinite(other := file.at(0.5 * (begin + end)))
    ]
    known_s = math.fsum(s for _, _, s in pairs)
    if known_s < BOTH_S:
        return
    mine, theirs = (math.fsum(one[k] * one[2] for one in pairs) / known_s for k in (0, 1))
    if abs(mine - theirs) > ALIKE_BPM:
        yield (
            f"heart rate: {mine:.0f} by the strap, {theirs:.0f} in the imported file over the same"
            f" {clock(known_s)}"
        )


def _ways_differ(own: Way, file: Way, window: tuple[float, float]) -> Iterator[str]:
    """Over the longest time that both know without a hole."""
    if not (own.source and file.source):
        return
    edges = sorted({*window, *(t for way in (own, file) for h in way.holes(*window) for t in h)})
    spans = [
        (b - a, a, b)
        for a, b in itertools.pairwise(edges)
        if not (own.holes(a, b) or file.holes(a, b))
    ]
    if not spans or max(spans)[0] < BOTH_S:
        return
    known_s, a, b = max(spans)
    mine, theirs = own.between(a, b), file.between(a, b)
    if abs(mine - theirs) > ALIKE_SHARE * max(mine, theirs):
        yield (
            f"distance: {mine / 1000:.2f} km by the pod, {theirs / 1000:.2f} in the imported file"
            f" over the same {clock(known_s)}"
        )


# In words.


def pace(speed_ms: float) -> str:
    """A speed as pace, "5:58 /km"; "" where it is not known or next to standing."""
    if not speed_ms >= 0.5:
        return ""
    minutes, seconds = divmod(round(1000.0 / speed_ms), 60)
    return f"{minutes}:{seconds:02d} /km"


SOURCES: Final = {
    "strap": "strap",
    "pod": "pod, calibration unknown",
    "imported": "imported",
    "": "",
}
"""A source in words. How a pod was calibrated it does not tell, and gaitpi does not calibrate."""


def distance_words(found: Facts) -> str:
    """Distance, pace and step length with their source; "" where none is known."""
    said = []
    if math.isfinite(found.distance_m):
        least = "at least " if found.at_least else ""
        said.append(f"{least}{found.distance_m / 1000.0:.2f} km")
    if words := pace(found.speed_ms):
        said.append(words)
    if math.isfinite(found.step_m):
        said.append(f"{found.step_m:.2f} m a step")
    source = SOURCES[found.distance_from or found.speed_from]
    return f"{', '.join(said)} ({source})" if said else ""


def heart_words(found: Facts) -> str:
    """Mean and largest heart rate with their source; "" where none is known."""
    if not math.isfinite(found.heart_rate_bpm):
        return ""
    share = "" if found.heart_share >= 0.995 else f", known for {found.heart_share:.0%}"
    return (
        f"{found.heart_rate_bpm:.0f} mean, {found.heart_rate_max_bpm:.0f} max bpm"
        f" ({SOURCES[found.heart_from]}{share})"
    )


def short_words(found: Facts) -> tuple[str, str]:
    """Name and content of one line on all of it; both "" where nothing is known."""
    heart = heart_words(found)
    if not (distance := distance_words(found)):
        return ("heart", heart) if heart else ("", "")
    least = "at least " if found.at_least else ""
    said = [f"{least}{found.distance_m / 1000.0:.2f} km"] if found.distance_m >= 0.0 else []
    said += [words] if (words := pace(found.speed_ms)) else []
    if not heart:
        return "distance", distance
    source = found.distance_from or found.speed_from
    heart = f"heart {found.heart_rate_bpm:.0f}, max {found.heart_rate_max_bpm:.0f}"
    return "distance", f"{', '.join(said)} ({source}); {heart} ({found.heart_from})"
