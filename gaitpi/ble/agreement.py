"""Whether the belt and the foot pod count the same steps. Pure, causal, of the standard library.

The belt counts the steps of both feet. Of the pods some send that, some the contacts of the foot
they sit on (docs/ble.md has who does what), and a pod in a pocket or with an empty battery sends
anything. Which it is shows only side by side: :class:`Agreement` is fed both as they come, live, or
afterwards from a run file, and names it. Nothing is corrected here or by what it says.

Each reading of the pod is set against the belt's mean over the ``steady_s`` before it, where the
belt's cadence was known and did not change: pods smooth over some seconds and come late, so a
change of pace says nothing. The state is the hypothesis that most pairs of the last ``window_s``
fit; between the border where it is taken up and the one where it is given up, it stays.
"""

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median, median_low
from typing import Final, Literal, NamedTuple

State = Literal["unknown", "agrees", "one foot", "double", "differs"]
"""``one foot``: the pod counts one foot, its number is half; ``double``: its number is twice the
belt's; ``differs``: neither these nor the same."""


@dataclass(frozen=True, slots=True)
class Params:
    """What is compared, and when it is called the same."""

    steady_s: float = 15.0
    """The belt's mean over so long: a pod that smooths over 10 s and comes 5 s late has heard no
    other pace then, s."""
    steady_spm: float = 3.0
    """The means of both halves of it may differ by so much: a change of pace is no difference."""
    gap_s: float = 1.5
    """The belt's cadence may be missing for so long within it, s (four steps: a missed contact)."""
    late_s: float = 5.0
    """A reading of the pod may come so long after the belt's of that moment, s (stale after)."""
    window_s: float = 40.0
    """Pairs of so long are looked at, s: what lasts for less than half of it is not named. That the
    count jumps must be so for as long, as every change from one to another looks so for a while."""
    pairs: int = 10
    """So many are needed before anything is said: a pod sends about one a second."""
    span_s: float = 10.0
    """They must reach over so long, s."""
    share: float = 0.7
    """So many of them must fit: a pod that loses a foot's contacts now and then still counts so."""
    enter_spm: float = 4.0
    """Called the same below: a pod rounds to 1/min (of one foot: 2 spm), and both wander, spm."""
    leave_spm: float = 6.0
    """No longer the same above, spm."""
    least_spm: float = 60.0
    """Below nobody walks: half and whole would be too near each other, spm."""
    run_ms: float = 2.2
    """Faster than this nobody walks for long, m/s ..."""
    run_spm: tuple[float, float] = (120.0, 240.0)
    """... and running has so many steps: of two counts one outside is the wrong one, spm."""


DEFAULT: Final = Params()
FULL: Final = 255
"""The end of the pod's field: twice a running cadence does not fit into it."""
_EVERY_S: Final = 0.2
"""The belt's cadence is kept so often, s."""
_POD_EVERY_S: Final = 0.5
"""A pod that sends more often (a storm, or what was held up and comes at once) is not heeded, s."""
_WAIT: Final = 64
"""So many readings of the pod wait for the belt at most."""


class Verdict(NamedTuple):
    """What is known at ``time_s``, since ``since_s``.

    ``belt_spm`` and ``pod_rpm`` medians of the last pairs; ``off_spm`` how much more the pod counts
    than the belt, both as steps of both feet under the hypothesis named; NaN where unknown.
    ``jumps``: it differs, as the pod counts now so, now otherwise. ``belt_doubtful``: at the pod's
    speed its own count is a runner's, and the belt's is not.
    """

    state: State = "unknown"
    time_s: float = math.nan
    since_s: float = math.nan
    belt_spm: float = math.nan
    pod_rpm: float = math.nan
    off_spm: float = math.nan
    pairs: int = 0
    jumps: bool = False
    belt_doubtful: bool = False


class _Pair(NamedTuple):
    """One comparison; ``off_spm`` the pod's count less the belt's, by each of ``_NAMED``."""

    time_s: float
    belt_spm: float
    pod_rpm: float
    speed_ms: float
    off_spm: tuple[float, ...]


_NAMED: Final[tuple[State, ...]] = ("agrees", "one foot", "double")
_NONE: Final[tuple[State, bool]] = ("unknown", False)


def _off(belt_spm: float, pod_rpm: float) -> tuple[float, ...]:
    """How much more the pod counts, as steps of both feet, if each of ``_NAMED`` is so."""
    # At the end of its field all that is known of half the count is that it is as much.
    half = max(belt_spm, FULL / 2) if pod_rpm >= FULL else pod_rpm / 2.0
    return pod_rpm - belt_spm, 2.0 * pod_rpm - belt_spm, half - belt_spm


class Agreement:
    """The comparison, fed in order of time on one clock: :meth:`belt` and :meth:`pod`.

    What it says depends on what was fed, not on how the two were interleaved, as long as no
    reading of the pod is later than ``late_s`` after the belt's.
    """

    def __init__(self, params: Params = DEFAULT) -> None:
        self._params = params
        self._belt: deque[tuple[float, float]] = deque()
        self._belt_s = -math.inf
        self._pod_s = -math.inf
        self._waiting: deque[tuple[float, float, float]] = deque(maxlen=_WAIT)
        self._pairs: deque[_Pair] = deque()
        self._state: State = "unknown"
        self._since_s = math.nan
        self._verdict: Verdict | None = None
        self._other: tuple[State, bool] = _NONE
        self._other_s = math.nan

    def belt(self, time_s: float, cadence_spm: float) -> None:
        """The belt's cadence, steps of both feet a minute; NaN where it has none."""
        if not time_s > self._belt_s:
            return
        self._belt_s = time_s
        params = self._params
        if math.isfinite(cadence_spm) and (
            not self._belt or time_s >= self._belt[-1][0] + _EVERY_S
        ):
            self._belt.append((time_s, cadence_spm))
        oldest_s = time_s - params.late_s - params.steady_s - params.gap_s
        while self._belt and self._belt[0][0] < oldest_s:
            self._belt.popleft()
        while self._waiting and self._waiting[0][0] <= time_s:
            self._pair(*self._waiting.popleft())

    def pod(self, time_s: float, cadence_rpm: float, speed_ms: float | None = None) -> None:
        """A reading of the pod, its number as sent; ``speed_ms`` None where it has none."""
        if time_s < max(self._pod_s + _POD_EVERY_S, self._belt_s - self._params.late_s):
            return
        self._pod_s = time_s
        speed_ms = math.nan if speed_ms is None else speed_ms
        if time_s <= self._belt_s:
            self._pair(time_s, cadence_rpm, speed_ms)
        else:
            self._waiting.append((time_s, cadence_rpm, speed_ms))

    def verdict(self, now_s: float) -> Verdict:
        """What is known at ``now_s``: unknown again when nothing was compared for ``window_s``."""
        if self._state == "unknown" or now_s - self._pairs[-1].time_s > self._params.window_s:
            return Verdict(time_s=now_s)
        if self._verdict is None:  # not at each reading: it is for who asks
            self._verdict = self._told()
        return self._verdict

    def _steady(self, time_s: float) -> float:
        """The belt's mean before ``time_s``; NaN where it was not known or not steady, spm."""
        params = self._params
        begin_s, half_s = time_s - params.steady_s, time_s - params.steady_s / 2.0
        before_s = begin_s
        first: list[float] = []
        second: list[float] = []
        for at_s, spm in self._belt:
            if at_s <= begin_s:
                continue
            if at_s > time_s:
                break
            if at_s - before_s > params.gap_s:
                return math.nan
            before_s = at_s
            (first if at_s <= half_s else second).append(spm)
        if not first or not second or time_s - before_s > params.gap_s:
            return math.nan
        early_spm, late_spm = sum(first) / len(first), sum(second) / len(second)
        mean_spm = (early_spm + late_spm) / 2.0
        steady = abs(late_spm - early_spm) <= params.steady_spm
        return mean_spm if steady and mean_spm >= params.least_spm else math.nan

    def _pair(self, time_s: float, pod_rpm: float, speed_ms: float) -> None:
        belt_spm = self._steady(time_s)
        if math.isnan(belt_spm) or not math.isfinite(pod_rpm):
            return
        pairs, window_s = self._pairs, self._params.window_s
        if pairs and time_s - pairs[-1].time_s > window_s:
            self._state, self._other = "unknown", _NONE
        pairs.append(_Pair(time_s, belt_spm, pod_rpm, speed_ms, _off(belt_spm, pod_rpm)))
        while pairs[0].time_s < time_s - window_s:
            pairs.popleft()
        self._verdict = None
        if len(pairs) >= self._params.pairs and time_s - pairs[0].time_s >= self._params.span_s:
            self._settle(time_s)

    def _settle(self, time_s: float) -> None:
        """Stay with the state, or go over to another one."""
        best, jumps = self._best()
        if best in (self._state, "unknown"):
            self._other = _NONE
        elif (best, jumps) != self._other:
            self._other, self._other_s = (best, jumps), time_s
        hold_s = self._params.window_s if jumps else 0.0
        if self._other != _NONE and time_s >= self._other_s + hold_s:
            self._state, self._since_s, self._other = best, time_s, _NONE

    def _best(self) -> tuple[State, bool]:
        """What the pairs fit, and whether they jump; "unknown" between the borders: it stays."""
        params, nearest = self._params, math.inf
        for k, state in enumerate(_NAMED):
            off = sorted(abs(pair.off_spm[k]) for pair in self._pairs)
            middle = off[(len(off) - 1) // 2]
            fit = bisect_right(off, params.leave_spm)
            if middle <= params.enter_spm and fit >= params.share * len(off):
                return state, False
            nearest = min(nearest, middle)
        if nearest <= params.enter_spm:
            return "differs", True  # the middle fits, too many others do not
        return ("differs" if nearest > params.leave_spm else "unknown"), False

    def _told(self) -> Verdict:
        pairs, state = self._pairs, self._state
        middles = [median_low(abs(pair.off_spm[k]) for pair in pairs) for k in range(len(_NAMED))]
        k = _NAMED.index(state) if state in _NAMED else 0
        return Verdict(
            state=state,
            time_s=pairs[-1].time_s,
            since_s=self._since_s,
            belt_spm=median(pair.belt_spm for pair in pairs),
            pod_rpm=median(pair.pod_rpm for pair in pairs),
            off_spm=median(pair.off_spm[k] for pair in pairs),
            pairs=len(pairs),
            jumps=state == "differs" and min(middles) <= self._params.leave_spm,
            belt_doubtful=state in ("one foot", "double") and self._doubtful(),
        )

    def _doubtful(self) -> bool:
        """Whether at the pod's speed its own count is a runner's, and the belt's is not."""
        low, high = self._params.run_spm
        running = [pair for pair in self._pairs if pair.speed_ms >= self._params.run_ms]
        if len(running) < self._params.pairs:
            return False
        belt, pod = median(p.belt_spm for p in running), median(p.pod_rpm for p in running)
        return low <= pod <= high and not low <= belt <= high


def over(
    belt: Iterable[tuple[float, float]],
    pod: Iterable[tuple[float, float, float | None]],
    params: Params = DEFAULT,
) -> list[Verdict]:
    """The verdicts of a run afterwards, one for each change of state and the last one.

    ``belt`` (time, cadence) and ``pod`` (time, number, speed), each in order of time on one clock.
    A state that ended because nothing could be compared any more is followed by "unknown".
    """
    found: list[Verdict] = []
    compared, readings = Agreement(params), iter(pod)
    reading = next(readings, None)
    last = Verdict()
    for time_s, spm in belt:
        while reading is not None and reading[0] <= time_s:
            compared.pod(*reading)
            reading = next(readings, None)
        compared.belt(time_s, spm)
        now = compared.verdict(time_s)
        if now.state != last.state and last.state != "unknown":
            found.append(last)
        if now.state == "unknown" and last.state != "unknown":
            found.append(now)
        last = now
    if last.state != "unknown":
        found.append(last)
    return found


def words(found: Verdict) -> str:
    """One sentence for the runner; "" where nothing is known."""
    belt, pod = f"{found.belt_spm:.0f}", f"{found.pod_rpm:.0f}"
    match found.state:
        case "agrees":
            return f"The foot pod counts what the belt counts ({belt} steps a minute)."
        case "one foot":
            said = f"The foot pod counts one foot: {pod} a minute, where the belt counts {belt}."
        case "double":
            said = f"The foot pod counts double: {pod} a minute, where the belt counts {belt}."
        case "differs" if found.pod_rpm == 0.0:
            return f"The foot pod counts no steps, where the belt counts {belt} a minute."
        case "differs" if found.jumps:
            return (
                f"The foot pod's count jumps: {pod} a minute in the middle, "
                f"where the belt counts {belt}."
            )
        case "differs":
            return (
                f"The foot pod counts {pod} a minute, the belt {belt}: "
                f"{abs(found.off_spm):.0f} {'more' if found.off_spm > 0.0 else 'fewer'}."
            )
        case _:
            return ""
    doubt = " At its speed its own count is a runner's: look at how the belt sits."
    return said + (doubt if found.belt_doubtful else "")
