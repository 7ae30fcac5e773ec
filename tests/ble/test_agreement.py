"""Belt and foot pod side by side: what is named, when, and what is not."""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.ble.agreement import DEFAULT, Agreement, Verdict, over, words

Belt = list[tuple[float, float]]
PodRows = list[tuple[float, float, float | None]]


@dataclass(frozen=True)
class Pod:
    """How a pod counts: ``factor`` of the steps of both feet, smoothed, late, to ``per`` min."""

    factor: float = 1.0
    smooth_s: float = 5.0
    lag_s: float = 2.0
    off_spm: float = 0.0
    wander_spm: float = 0.7
    lost: float = 0.0
    """Share of readings that never come."""
    speed_ms: float | None = 3.0
    full: int = 255


def ran(
    cadence: Callable[[float], float],
    pod: Pod,
    *,
    seconds: float = 120.0,
    seed: int = 1,
    belt_sd: float = 1.5,
) -> tuple[Belt, PodRows]:
    """A run at ``cadence(t)`` (0 = standing), the belt's ten a second, the pod's one a second."""
    rng = random.Random(seed)
    belt: Belt = []
    noise = 0.0
    for k in range(round(seconds * 10)):
        t = k / 10.0
        noise = 0.9 * noise + math.sqrt(1 - 0.81) * rng.gauss(0.0, belt_sd)
        true = cadence(t)
        belt.append((t, true + noise if true else math.nan))
    rows: PodRows = []
    for second in range(round(seconds)):
        t = second + rng.uniform(0.0, 0.15)
        if rng.random() < pod.lost:
            continue
        at = [t - pod.lag_s - pod.smooth_s * j / 10.0 for j in range(11)]
        mean = sum(cadence(max(0.0, one)) for one in at) / len(at)
        count = (mean + pod.off_spm + rng.gauss(0.0, pod.wander_spm)) * pod.factor if mean else 0.0
        rows.append((t, float(min(pod.full, max(0, round(count)))), pod.speed_ms))
    return belt, rows


def live(belt: Belt, pod: PodRows) -> Iterator[tuple[float, Verdict]]:
    """Fed as it comes; what is said once a second."""
    compared, rows = Agreement(), iter(pod)
    row = next(rows, None)
    for t, spm in belt:
        while row is not None and row[0] <= t:
            compared.pod(*row)
            row = next(rows, None)
        compared.belt(t, spm)
        if t == int(t):
            yield t, compared.verdict(t)


def states(belt: Belt, pod: PodRows) -> list[str]:
    """The states in the order they were said, each once."""
    said: list[str] = []
    for _, found in live(belt, pod):
        if not said or said[-1] != found.state:
            said.append(found.state)
    return said


def steady(spm: float) -> Callable[[float], float]:
    return lambda _t: spm


@pytest.mark.parametrize(("spm", "seed"), [(155.0, 1), (172.3, 2), (172.3, 3), (191.0, 4)])
@pytest.mark.parametrize(
    ("pod", "state"),
    [
        (Pod(), "agrees"),
        (Pod(smooth_s=10.0, lag_s=4.0), "agrees"),
        (Pod(factor=0.5), "one foot"),
        (Pod(factor=2.0), "double"),  # more than its field holds: it stands at 255
        (Pod(off_spm=12.0), "differs"),
        (Pod(off_spm=-12.0), "differs"),
        (Pod(factor=2 / 3), "differs"),
        (Pod(factor=0.0), "differs"),
        (Pod(lost=0.3), "agrees"),
        (Pod(factor=0.5, lost=0.3, smooth_s=10.0), "one foot"),
    ],
)
def test_a_steady_run_is_named_and_stays_so(pod: Pod, state: str, spm: float, seed: int) -> None:
    belt, rows = ran(steady(spm), pod, seed=seed)
    assert states(belt, rows) == ["unknown", state]
    first = next(t for t, found in live(belt, rows) if found.state != "unknown")
    assert first <= 40.0


def test_double_of_walking_fits_its_field() -> None:
    belt, rows = ran(steady(105.0), Pod(factor=2.0, speed_ms=1.4))
    assert states(belt, rows) == ["unknown", "double"]
    found = over(belt, rows)[-1]
    assert found.off_spm == pytest.approx(0.0, abs=2.0)
    assert not found.belt_doubtful


def test_the_difference_is_said_in_steps_of_both_feet() -> None:
    found = over(*ran(steady(170.0), Pod(factor=0.5, off_spm=3.0, wander_spm=0.2)))[-1]
    assert found.state == "one foot"
    assert found.off_spm == pytest.approx(3.0, abs=1.2)
    assert found.belt_spm == pytest.approx(170.0, abs=1.0)
    assert found.pod_rpm == pytest.approx(86.5, abs=1.0)
    found = over(*ran(steady(170.0), Pod(off_spm=-9.0, wander_spm=0.2)))[-1]
    assert found.off_spm == pytest.approx(-9.0, abs=1.2)


def test_a_change_of_pace_is_no_difference() -> None:
    def intervals(t: float) -> float:
        return 158.0 if t % 120 < 60 else 182.0

    for pod in (Pod(smooth_s=10.0, lag_s=5.0), Pod(factor=0.5, smooth_s=8.0, lag_s=3.0)):
        said = states(*ran(intervals, pod, seconds=600.0))
        assert len(said) == 2, said


def test_a_slow_drift_is_no_difference() -> None:
    belt, rows = ran(lambda t: 160.0 + t / 10, Pod(smooth_s=10.0, lag_s=5.0), seconds=300.0)
    assert states(belt, rows) == ["unknown", "agrees"]


def test_walk_breaks() -> None:
    def breaks(t: float) -> float:
        return 168.0 if t % 150 < 100 else (0.0 if t % 150 > 140 else 112.0)

    assert set(states(*ran(breaks, Pod(), seconds=600.0))) <= {"unknown", "agrees"}
    said = states(*ran(breaks, Pod(factor=0.5), seconds=600.0))
    assert set(said) <= {"unknown", "one foot"}


def test_one_that_counts_steps_walking_and_one_foot_running() -> None:
    """Named anew after the change, never in between as something else."""

    def run_then_walk(t: float) -> float:
        return 170.0 if t < 120.0 else 112.0

    belt, rows = ran(run_then_walk, Pod(factor=0.5), seconds=240.0)
    rows = [(t, n if t < 130 else float(round(2 * n)), speed) for t, n, speed in rows]
    assert states(belt, rows) == ["unknown", "one foot", "agrees"]


def test_dropouts_are_forgotten_in_time_and_named_again() -> None:
    belt, rows = ran(steady(172.0), Pod(), seconds=300.0)
    short = [row for row in rows if not 100 < row[0] < 130]
    assert states(belt, short) == ["unknown", "agrees"]
    long = [row for row in rows if not 100 < row[0] < 180]
    assert states(belt, long) == ["unknown", "agrees", "unknown", "agrees"]
    back = [found for t, found in live(belt, long) if found.state == "agrees" and t > 170]
    assert back[0].since_s > 180.0


def test_a_belt_that_knows_nothing_compares_nothing() -> None:
    belt, rows = ran(steady(172.0), Pod())
    assert states([(t, math.nan) for t, _ in belt], rows) == ["unknown"]
    holes = [(t, math.nan if t % 8 < 2 else spm) for t, spm in belt]
    assert states(holes, rows) == ["unknown"]
    missed = [(t, math.nan if t % 8 < 1 else spm) for t, spm in belt]
    assert states(missed, rows) == ["unknown", "agrees"]


def test_few_readings_say_nothing() -> None:
    belt, rows = ran(steady(172.0), Pod(), seconds=300.0)
    assert states(belt, rows[::5]) == ["unknown"]


def test_a_pod_that_jumps_between_both_is_not_believed() -> None:
    belt, rows = ran(steady(172.0), Pod(), seconds=200.0)
    rng = random.Random(3)
    rows = [(t, n if rng.random() < 0.55 else float(round(n / 2)), speed) for t, n, speed in rows]
    assert states(belt, rows) == ["unknown", "differs"]
    assert over(belt, rows)[-1].jumps
    assert "jumps" in words(over(belt, rows)[-1])


def test_some_lost_contacts_change_nothing() -> None:
    belt, rows = ran(steady(172.0), Pod(), seconds=300.0)
    rng = random.Random(3)
    rows = [(t, n if rng.random() < 0.85 else float(round(n / 2)), speed) for t, n, speed in rows]
    assert states(belt, rows) == ["unknown", "agrees"]


def test_between_the_borders_the_state_stays() -> None:
    def off(spm: float) -> PodRows:
        return [(k + 0.5, 170.0 + spm, None) for k in range(100)]

    belt = [(k / 10.0, 170.0) for k in range(2000)]
    assert states(belt[:1000], off(5.0)) == ["unknown"]
    assert states(belt[:1000], off(3.0)) == ["unknown", "agrees"]
    assert states(belt[:1000], off(9.0)) == ["unknown", "differs"]

    def then(first: float, second: float) -> PodRows:
        return [(k + 0.5, 170.0 + (first if k < 80 else second), None) for k in range(200)]

    assert states(belt, then(3.0, 5.0)) == ["unknown", "agrees"]
    assert states(belt, then(9.0, 5.0)) == ["unknown", "differs"]
    assert states(belt, then(3.0, 9.0)) == ["unknown", "agrees", "differs"]
    assert states(belt, then(9.0, 3.0)) == ["unknown", "differs", "agrees"]


def test_twenty_seconds_of_something_else_are_not_named() -> None:
    belt = [(k / 10.0, 170.0) for k in range(2000)]
    rows: PodRows = [(k + 0.5, 85.0 if 80 <= k < 100 else 170.0, None) for k in range(200)]
    assert states(belt, rows) == ["unknown", "agrees"]


@pytest.mark.parametrize(
    ("belt_spm", "pod_rpm", "speed_ms", "state", "doubtful"),
    [
        (85.0, 170.0, 3.0, "double", True),  # the belt misses every second step
        (85.0, 170.0, 1.0, "double", False),
        (85.0, 170.0, None, "double", False),
        (170.0, 85.0, 3.0, "one foot", False),
        (170.0, 255.0, 3.0, "double", False),
        (300.0, 150.0, 3.0, "one foot", True),
        (120.0, 239.0, 3.0, "double", False),  # either could be
        (100.0, 50.0, 3.0, "one foot", False),  # neither can
    ],
)
def test_when_the_speed_says_that_it_is_the_belt(
    belt_spm: float, pod_rpm: float, speed_ms: float | None, state: str, doubtful: bool
) -> None:
    belt = [(k / 10.0, belt_spm) for k in range(600)]
    rows: PodRows = [(float(k), pod_rpm, speed_ms) for k in range(60)]
    found = over(belt, rows)[-1]
    assert (found.state, found.belt_doubtful) == (state, doubtful)
    assert ("look at how the belt sits" in words(found)) == doubtful


def test_words() -> None:
    belt = [(k / 10.0, 170.0) for k in range(600)]

    def said(number: float) -> str:
        return words(over(belt, [(float(k), number, None) for k in range(60)])[-1])

    assert said(171.0) == "The foot pod counts what the belt counts (170 steps a minute)."
    assert said(85.0) == "The foot pod counts one foot: 85 a minute, where the belt counts 170."
    assert said(255.0) == "The foot pod counts double: 255 a minute, where the belt counts 170."
    assert said(158.0) == "The foot pod counts 158 a minute, the belt 170: 12 fewer."
    assert said(0.0) == "The foot pod counts no steps, where the belt counts 170 a minute."
    assert words(Verdict()) == ""


def test_afterwards_it_says_what_was_said_live() -> None:
    belt, rows = ran(steady(172.0), Pod(), seconds=300.0)
    rows = [(t, n if t < 150 else float(round(n / 2)), v) for t, n, v in rows]
    found = over(belt, rows)
    assert [one.state for one in found] == ["agrees", "one foot"]
    live_since = {(one.state, one.since_s) for _, one in live(belt, rows)}
    assert {(one.state, one.since_s) for one in found} == {
        one for one in live_since if one[0] != "unknown"
    }


def test_a_storm_costs_no_memory_and_says_the_same() -> None:
    belt, rows = ran(steady(172.0), Pod(), seconds=100.0)
    storm: PodRows = [(t + j / 200.0, n, v) for t, n, v in rows for j in range(150)]
    compared = Agreement()
    for row in storm:  # the belt stands still
        compared.pod(*row)
    assert len(compared._waiting) <= 64
    for t, spm in belt:
        for j in range(10):
            compared.belt(t + j / 100.0, spm)
    assert len(compared._belt) <= 130
    found = over(belt, storm)[-1]
    assert found.state == "agrees"
    assert found.pairs <= DEFAULT.window_s / 0.5 + 1


def test_short_efforts_leave_nothing_to_compare() -> None:
    def efforts(t: float) -> float:
        return 158.0 if t % 30 < 15 else 182.0

    for pod in (Pod(smooth_s=10.0, lag_s=5.0), Pod(factor=0.5, smooth_s=8.0, lag_s=3.0)):
        said = states(*ran(efforts, pod, seconds=600.0))
        assert "differs" not in said


def test_a_difference_for_a_short_while_is_not_named() -> None:
    belt = [(k / 10.0, 170.0) for k in range(2000)]

    def briefly(seconds: int) -> PodRows:
        return [(k + 0.5, 182.0 if 80 <= k < 80 + seconds else 170.0, None) for k in range(200)]

    assert states(belt, briefly(15)) == ["unknown", "agrees"]
    assert states(belt, briefly(60)) == ["unknown", "agrees", "differs", "agrees"]


def test_a_few_seconds_are_not_enough() -> None:
    belt = [(k / 10.0, 170.0) for k in range(1000)]
    quick: PodRows = [(20.0 + k / 2.0, 170.0, None) for k in range(18)]
    assert states(belt, quick) == ["unknown"]
    assert "agrees" in states(belt, [*quick, (31.0, 170.0, None)])


def test_slower_than_anybody_walks_nothing_is_compared() -> None:
    belt = [(k / 10.0, 50.0) for k in range(1000)]
    assert states(belt, [(float(k), 100.0, None) for k in range(100)]) == ["unknown"]


def test_after_the_belt_has_stopped_nothing_is_compared() -> None:
    belt = [(k / 10.0, 170.0 if k < 500 else math.nan) for k in range(600)]
    found = over(belt, [(float(k), 170.0, None) for k in range(60)])[-1]
    assert 50.0 <= found.time_s <= 50.0 + DEFAULT.gap_s


def test_what_is_late_or_goes_back_is_not_heeded() -> None:
    compared = Agreement()
    for k in range(800):
        compared.belt(k / 10.0, 170.0)
    compared.belt(70.0, 85.0)  # of the past
    for k in range(75):
        compared.pod(float(k), 170.0)
    compared.belt(80.0, 170.0)
    assert not compared._pairs
    for k in range(76, 80):
        compared.pod(float(k), 170.0)
        compared.belt(float(k), 85.0)  # of the past
    for k in range(801, 1000):
        compared.belt(k / 10.0, 170.0)
        compared.pod(k / 10.0, 170.0)
    found = compared.verdict(100.0)
    assert (found.state, found.belt_spm) == ("agrees", 170.0)


# What must always hold.

TIMES = st.floats(0.0, 400.0)
READINGS = st.lists(
    st.tuples(
        TIMES,
        st.integers(0, 255).map(float),
        st.none() | st.floats(0.0, 12.0),
    ),
    max_size=80,
).map(lambda rows: sorted(rows, key=lambda row: row[0]))
BELTS = st.lists(
    st.tuples(TIMES, st.floats(40.0, 260.0) | st.just(math.nan)), max_size=80
).map(sorted)  # fmt: skip
SERIES = st.tuples(
    st.sampled_from((0.5, 1.0, 2.0, 0.8)),
    st.floats(100.0, 200.0),
    st.floats(0.0, 0.5),
    st.integers(0, 2**31),
)


@given(BELTS, READINGS)
def test_anything_gives_a_sound_verdict(belt: Belt, rows: PodRows) -> None:
    compared = Agreement()
    for t, spm in belt:
        compared.belt(t, spm)
    for row in rows:
        compared.pod(*row)
    for now in (0.0, 200.0, 400.0, 1e9):
        found = compared.verdict(now)
        assert isinstance(words(found), str)
        if found.state == "unknown":
            assert math.isnan(found.off_spm)
            continue
        assert found.since_s <= found.time_s
        assert found.time_s >= now - DEFAULT.window_s
        assert found.belt_spm >= DEFAULT.least_spm
        assert math.isfinite(found.off_spm)


@settings(max_examples=25, deadline=None)
@given(SERIES, st.data())
def test_how_the_two_are_interleaved_changes_nothing(
    series: tuple[float, float, float, int], data: st.DataObject
) -> None:
    factor, spm, lost, seed = series
    belt, rows = ran(steady(spm), Pod(factor=factor, lost=lost), seconds=60.0, seed=seed)
    rng = random.Random(data.draw(st.integers(0, 2**31)))
    other = Agreement()
    feed: list[tuple[float, bool, int]] = [(t, True, k) for k, (t, _) in enumerate(belt)]
    late = 0.0
    for k, row in enumerate(rows):  # in order, up to four seconds late or early
        late = max(late, row[0] + rng.uniform(-4.0, 4.0))
        feed.append((min(late, row[0] + 4.0), False, k))
    for _, is_belt, k in sorted(feed, key=lambda one: (one[0], one[1])):
        if is_belt:
            other.belt(*belt[k])
        else:
            other.pod(*rows[k])
    plain = Agreement()
    for t, count in belt:
        plain.belt(t, count)
        for row in rows:
            if t - 0.1 < row[0] <= t:
                plain.pod(*row)
    assert other.verdict(58.0) == plain.verdict(58.0) or (
        repr(other.verdict(58.0)) == repr(plain.verdict(58.0))  # NaN
    )


@settings(max_examples=25, deadline=None)
@given(SERIES, st.floats(20.0, 60.0))
def test_it_knows_nothing_of_what_is_to_come(
    series: tuple[float, float, float, int], cut_s: float
) -> None:
    factor, spm, lost, seed = series
    belt, rows = ran(steady(spm), Pod(factor=factor, lost=lost), seconds=80.0, seed=seed)
    whole = [repr(found) for t, found in live(belt, rows) if t <= cut_s]
    cut = [
        repr(found)
        for t, found in live(
            [one for one in belt if one[0] <= cut_s], [row for row in rows if row[0] <= cut_s]
        )
    ]
    assert cut == whole[: len(cut)]
    assert len(cut) == len(whole)


@settings(max_examples=25, deadline=None)
@given(SERIES, st.floats(-1e5, 1e5).map(lambda s: float(round(s))))
def test_the_clock_may_begin_anywhere(
    series: tuple[float, float, float, int], shift_s: float
) -> None:
    factor, spm, lost, seed = series
    belt, rows = ran(steady(spm), Pod(factor=factor, lost=lost), seconds=60.0, seed=seed)
    moved = over(
        [(t + shift_s, n) for t, n in belt], [(t + shift_s, n, v) for t, n, v in rows]
    )  # fmt: skip
    assert [one.state for one in moved] == [one.state for one in over(belt, rows)]


def test_parameters_are_used() -> None:
    belt, rows = ran(steady(170.0), Pod(off_spm=5.0, wander_spm=0.1))
    wide = replace(DEFAULT, enter_spm=8.0, leave_spm=10.0)
    assert over(belt, rows, wide)[-1].state == "agrees"
    tight = replace(DEFAULT, enter_spm=1.0, leave_spm=2.0)
    assert over(belt, rows, tight)[-1].state == "differs"
