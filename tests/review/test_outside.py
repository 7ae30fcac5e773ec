"""Heart rate, speed and distance from outside: never out of a hole, and never backwards."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.madeup import Drops, pod, strap
from gaitpi.ble.readings import STALE_S
from gaitpi.importfile import NOTHING, Imported, Imports, Points
from gaitpi.review import fitexport, form, tables
from gaitpi.review.outside import (
    WRAP_M,
    Facts,
    Leg,
    Outside,
    Reading,
    Stretch,
    Track,
    Way,
    counted,
    distance_words,
    facts,
    heart_words,
    outside,
    pod_way,
    short_words,
)
from gaitpi.review.report import data
from gaitpi.review.report.runpage import run_page
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import HeartRow, PodRow
from gaitpi.runs.view import RunView, Window
from gaitpi.runs.writer import RunWriter
from tests.runs import sample

LENGTH_S = 600.0
SPEED = 3.0
SPM = 170.0


def record(
    path: Path,
    hearts: Sequence[HeartRow] = (),
    pods: Sequence[PodRow] = (),
    *,
    length_s: float = LENGTH_S,
    still_s: float = 0.0,
    wall_s: float = sample.WALL_S,
) -> Path:
    """A run of 170 steps a minute, by the real writer; ``still_s`` of standing first."""
    writer = RunWriter(path, sample.header(wall_s=wall_s))
    last = sample.counts(208)
    for batch in sample.batches(last, size=208, time_s=length_s - 1.0):
        writer.batch(batch)
    stands = {"activity": 1, "cadence_spm": math.nan}
    writer.seconds(
        sample.second(float(k), cadence_spm=SPM) | (stands if k < still_s else {})
        for k in range(int(length_s))
    )
    step_s = 60.0 / SPM
    count = int((length_s - still_s) / step_s)
    writer.steps(sample.step(still_s + k * step_s, step_s=step_s) for k in range(count))
    readings: list[HeartRow | PodRow] = [*hearts, *pods]
    for row in sorted(readings, key=lambda row: row.time_s):
        writer.reading(row)
    writer.close({})
    return path


def both(drops: Drops = (), first_m: float = 0.0) -> tuple[list[HeartRow], list[PodRow]]:
    return (
        list(strap(LENGTH_S, lambda _t: 150.0, drops)),
        list(pod(LENGTH_S, lambda _t: SPEED, drops, first_m=first_m)),
    )


def found(path: Path, imports: Imports = NOTHING) -> tuple[Outside, Facts]:
    with RunReader(path) as run:
        one = outside(run, imports)
        return one, facts(one, run.seconds())


def a_file(
    times: Sequence[float], bpm: float | None, speed: float | None, share: float = 1.0
) -> Imports:
    """An imported file with moments at these times."""
    points = Points(
        sha256="ab",
        time_s=tuple(times),
        heart_rate_bpm=tuple(bpm for _ in times),
        distance_m=tuple(None if speed is None else 500.0 + speed * t for t in times),
    )
    file = Imported(wall_s=0.0, file="w.fit", sha256="ab", start_s=0.0, end_s=1.0, share=share)
    return Imports((file,), (points,))


# The run.


def test_a_run_with_strap_and_pod(tmp_path: Path) -> None:
    one, told = found(record(tmp_path / "r.gaitpi", *both()))
    assert told.heart_rate_bpm == 150.0
    assert told.heart_from == "strap"
    assert told.heart_share == pytest.approx(1.0, abs=0.01)
    assert told.speed_ms == SPEED
    assert told.distance_m == pytest.approx(SPEED * (LENGTH_S - 1.0), abs=0.2)
    assert told.distance_by == "count"
    assert not told.at_least
    assert told.step_m == pytest.approx(60.0 * SPEED / SPM)
    assert told.doubts == ()
    assert one.distance_at(300.64) == pytest.approx(SPEED * 300.0, abs=0.2)
    assert distance_words(told) == "1.80 km, 5:33 /km, 1.06 m a step (pod, calibration unknown)"
    assert heart_words(told) == "150 mean, 150 max bpm (strap)"
    assert short_words(told) == (
        "distance",
        "1.80 km, 5:33 /km (pod); heart 150, max 150 (strap)",
    )


def test_a_run_without_either_says_nothing(tmp_path: Path) -> None:
    one, told = found(record(tmp_path / "r.gaitpi"))
    assert one.nothing
    assert (distance_words(told), heart_words(told), short_words(told)) == ("", "", ("", ""))
    values = told.as_json()
    assert values.pop("at_least") is False
    assert values.pop("unknown_s") == 0.0
    assert values.pop("doubts") == ()
    assert set(values.values()) == {None}


def test_the_count_goes_on_over_a_lost_link_and_the_rest_is_a_hole(tmp_path: Path) -> None:
    drops = [(200.0, 260.0)]
    one, told = found(record(tmp_path / "r.gaitpi", *both(drops)))
    assert told.distance_m == pytest.approx(SPEED * (LENGTH_S - 1.0), abs=0.2)
    assert not told.at_least
    assert told.speed_share == pytest.approx(1.0 - 55.0 / LENGTH_S, abs=0.01)
    for k in range(210, 259):
        assert math.isnan(one.heart.at(float(k)))
        assert math.isnan(one.speed.at(float(k)))
        assert math.isnan(one.distance_at(float(k)))
    assert one.distance_at(261.64) == pytest.approx(SPEED * 261.0, abs=0.3)


def test_a_pod_that_stopped_counting_with_its_link_says_at_least(tmp_path: Path) -> None:
    hearts, pods = both([(200.0, 260.0)])
    stopped = [p._replace(distance_m=p.distance_m - 180.0 * (p.time_s > 230)) for p in pods]
    _, told = found(record(tmp_path / "r.gaitpi", hearts, stopped))
    assert told.at_least
    assert told.unknown_s == pytest.approx(62.0)
    assert told.distance_m == pytest.approx(SPEED * (LENGTH_S - 62.0), abs=6.0)
    assert distance_words(told).startswith("at least 1.61 km")


def test_standing_in_a_hole_lacks_nothing(tmp_path: Path) -> None:
    _, pods = both([(0.0, 60.0)])
    _, told = found(record(tmp_path / "r.gaitpi", (), pods, still_s=60.0))
    assert not told.at_least
    _, told = found(record(tmp_path / "s.gaitpi", (), pods, still_s=40.0))
    assert told.unknown_s == pytest.approx(21.0)


@pytest.mark.parametrize(
    ("seconds", "before_m", "after_m", "gone_m"),
    [
        (1.0, 100.0, 103.2, 3.2),
        (1.0, 100.0, 100.0, 0.0),
        (1.0, 429496728.0, 2.0, 3.6),  # began anew at its end
        (1.0, 100.0, 0.0, math.nan),  # reset
        (1.0, 0.0, 80_000.0, math.nan),  # another pod
        (1.0, math.nan, 3.0, math.nan),
        (1.0, 3.0, math.nan, math.nan),
        (600.0, 0.0, 1800.0, 1800.0),  # back after ten minutes
    ],
)
def test_how_far_a_count_has_gone(
    seconds: float, before_m: float, after_m: float, gone_m: float
) -> None:
    found = counted(Reading(0.0, SPEED, before_m), Reading(seconds, SPEED, after_m))
    assert found == pytest.approx(gone_m, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("first_m", [WRAP_M - 900.0, 5000.0])
def test_a_wrap_is_counted_through(tmp_path: Path, first_m: float) -> None:
    _, told = found(record(tmp_path / "r.gaitpi", *both(first_m=first_m)))
    assert told.distance_m == pytest.approx(SPEED * (LENGTH_S - 1.0), abs=0.3)
    assert told.distance_by == "count"
    # while nobody heard it, too
    _, told = found(record(tmp_path / "s.gaitpi", *both([(280.0, 330.0)], first_m=first_m)))
    assert told.distance_m == pytest.approx(SPEED * (LENGTH_S - 1.0), abs=0.3)
    assert not told.at_least


def test_a_reset_is_no_distance(tmp_path: Path) -> None:
    hearts, pods = both(first_m=5000.0)
    begun = [p._replace(distance_m=p.distance_m - 5900.0 * (p.time_s > 300)) for p in pods]
    _, told = found(record(tmp_path / "r.gaitpi", hearts, begun))
    assert (told.distance_by, told.doubts) == ("count", ())
    assert told.distance_m == pytest.approx(SPEED * (LENGTH_S - 1.0), abs=0.3)
    _, pods = both([(290.0, 330.0)], first_m=5000.0)
    lost = [p._replace(distance_m=p.distance_m - 5900.0 * (p.time_s > 300)) for p in pods]
    _, told = found(record(tmp_path / "s.gaitpi", (), lost))
    assert told.at_least
    assert told.distance_m == pytest.approx(SPEED * (LENGTH_S - 42.0), abs=0.3)


def test_a_count_that_does_not_agree_with_the_speed_is_named_and_left(tmp_path: Path) -> None:
    hearts, pods = both()
    stuck = [p._replace(distance_m=0.0) for p in pods]
    _, told = found(record(tmp_path / "r.gaitpi", hearts, stuck))
    assert told.distance_m == pytest.approx(SPEED * (LENGTH_S - 1.0))
    assert told.distance_by == "speed"
    assert told.doubts == (
        "distance: the pod itself counted 0 m where its speed gives 1797, which is taken",
    )
    none = [p._replace(distance_m=math.nan) for p in pods]
    _, told = found(record(tmp_path / "s.gaitpi", hearts, none))
    assert (told.distance_by, told.doubts) == ("speed", ())


def test_a_strap_that_feels_no_skin_has_no_heart_rate(tmp_path: Path) -> None:
    hearts, _ = both()
    off = [
        h._replace(contact=0.0, bpm=220) if 100 < h.time_s < 150 else h
        for h in hearts
        if not 150 < h.time_s < 200
    ]
    zero = [h._replace(contact=math.nan, bpm=0) if h.time_s > 400 else h for h in off]
    one, told = found(record(tmp_path / "r.gaitpi", zero))
    assert told.heart_rate_max_bpm == 150.0
    assert all(math.isnan(one.heart.at(t)) for t in (101.4, 149.0, 151.0, 199.0, 401.5, 599.0))
    assert one.heart.at(100.2) == 150.0


def test_speeds_nobody_runs_are_not_known(tmp_path: Path) -> None:
    _, pods = both()
    wild = [p._replace(speed_ms=255.9) if 100 < p.time_s < 200 else p for p in pods]
    one, told = found(record(tmp_path / "r.gaitpi", (), wild))
    assert told.speed_ms == SPEED
    assert math.isnan(one.speed.at(150.0))


# Two sources.


def test_an_imported_file_speaks_where_there_is_nothing_else(tmp_path: Path) -> None:
    path = record(tmp_path / "r.gaitpi")
    one, told = found(path, a_file(range(int(LENGTH_S) + 1), 140.0, 2.5))
    assert (told.heart_from, told.distance_from, told.speed_from) == ("imported",) * 3
    assert told.distance_m == pytest.approx(1500.0)
    assert told.speed_ms == pytest.approx(2.5)
    assert not told.at_least
    assert one.distance_at(100.5) == pytest.approx(251.25)
    _, told = found(path, a_file(range(100, int(LENGTH_S)), 140.0, 2.5))
    assert told.unknown_s == pytest.approx(101.0)


def test_strap_and_pod_come_first_and_a_disagreement_is_named(tmp_path: Path) -> None:
    path = record(tmp_path / "r.gaitpi", *both([(300.0, 330.0)]))
    _, told = found(path, a_file(range(int(LENGTH_S)), 162.0, 3.3))
    assert (told.heart_from, told.distance_from) == ("strap", "pod")
    heart, way = told.doubts
    assert heart == ("heart rate: 150 by the strap, 162 in the imported file over the same 09:33")
    assert way == "distance: 1.80 km by the pod, 1.97 in the imported file over the same 09:58"
    _, told = found(path, a_file(range(int(LENGTH_S)), 152.0, 3.05))
    assert told.doubts == ()


def test_a_file_that_knows_more_of_the_run_speaks(tmp_path: Path) -> None:
    hearts, pods = both([(100.0, 500.0)])
    silent = [p._replace(distance_m=math.nan) for p in pods]
    path = record(tmp_path / "r.gaitpi", hearts, silent)
    _, told = found(path, a_file(range(int(LENGTH_S)), 152.0, 3.0))
    assert (told.heart_from, told.distance_from, told.speed_from) == ("imported",) * 3


# Trimmed.


@given(st.lists(st.floats(20.0, 580.0), min_size=1, max_size=3))
def test_parts_add_up(at_s: list[float]) -> None:
    legs = [Leg(k + 0.64, k + 1.64, SPEED, True) for k in range(100)]
    legs += [Leg(100.64, 160.64, 180.0, False)]
    legs += [Leg(k + 0.64, k + 1.64, SPEED, True) for k in range(160, 598)]
    way = Way(legs, "pod")
    edges = [0.0, *sorted(at_s), 600.0]
    whole = way.between(0.0, 600.0)
    parts = [way.between(a, b) for a, b in itertools.pairwise(edges) if b > a]
    total = sum(part for part in parts if math.isfinite(part))
    assert total <= whole + 1e-6
    if not any(100.64 < edge < 160.64 for edge in edges):
        assert total == pytest.approx(whole)


def test_a_trimmed_run_has_its_part_of_the_way(tmp_path: Path) -> None:
    path = record(tmp_path / "r.gaitpi", *both([(200.0, 260.0)]))
    metres = []
    for window in (Window(-math.inf, 150.0), Window(150.0, 400.0), Window(400.0, math.inf)):
        with RunView(path, window) as run:
            told = facts(outside(run), run.seconds())
            metres.append(told.distance_m)
            assert told.distance_from == "pod"
    _, whole = found(path)
    assert sum(metres) == pytest.approx(whole.distance_m)
    # cut within the gap, neither part may have what was counted in it
    with RunView(path, Window(-math.inf, 230.0)) as run:
        told = facts(outside(run), run.seconds())
    assert told.at_least
    assert told.distance_m == pytest.approx(SPEED * 199.0, abs=0.3)


# Whatever comes.

TIMES = st.floats(0.0, 300.0)
READINGS = st.lists(
    st.builds(
        Reading,
        TIMES,
        st.floats(0.0, 12.0) | st.just(math.nan),
        st.floats(0.0, 3000.0) | st.just(math.nan),
    ),
    max_size=60,
    unique_by=lambda one: one.time_s,
).map(lambda found: sorted(found, key=lambda one: one.time_s))


@given(READINGS, st.integers(0, 500))
def test_distance_never_goes_back_nor_comes_out_of_a_hole(
    readings: list[Reading], steps: int
) -> None:
    one = Outside(Track((), ""), Track((), ""), pod_way(readings, lambda _a, _b: steps), 0.0, 300.0)
    ways = [(k / 4, metres) for k in range(1201) if math.isfinite(metres := one.distance_at(k / 4))]
    assert all(b >= a - 1e-6 for (_, a), (_, b) in itertools.pairwise(ways))
    times = [reading.time_s for reading in readings]
    for at_s, _ in ways:
        before = [t for t in times if t <= at_s]
        after = [t for t in times if t >= at_s]
        assert before
        assert after
        assert after[0] - before[-1] <= STALE_S or at_s in times
    # and what is no hole is known, at each moment or in its sum
    holes = one.way.holes(0.0, 300.0)
    for at_s, _ in ways:
        assert not any(a < at_s < b for a, b in holes)


@given(
    st.lists(
        st.tuples(TIMES, st.integers(0, 300), st.sampled_from((None, 0.0, 1.0))),
        max_size=60,
        unique_by=lambda row: row[0],
    ),
    st.lists(TIMES, max_size=50),
)
def test_no_heart_rate_out_of_a_hole(
    rows: list[tuple[float, int, float | None]], asked: list[float]
) -> None:
    from gaitpi.review.outside import _strap

    track = _strap(rows)
    for at_s in asked:
        before = [row for row in sorted(rows) if row[0] <= at_s]
        value = track.at(at_s)
        if math.isfinite(value):
            time_s, bpm, contact = before[-1]
            assert at_s - time_s < STALE_S
            assert value == bpm
            assert contact != 0.0
        elif before and at_s - before[-1][0] < STALE_S:
            assert before[-1][2] == 0.0 or not 20 <= before[-1][1] <= 250


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 5), st.floats(40, 200)), max_size=20))
def test_means_lie_between_what_is_known(parts: list[tuple[float, float, float]]) -> None:
    stretches, at_s = list[Stretch](), 0.0
    for gap, length, value in parts:
        stretches.append(Stretch(at_s + gap, at_s + gap + length, value))
        at_s += gap + length
    track = Track(stretches, "strap")
    assert track.known_s(0.0, 300.0) == pytest.approx(sum(length for _, length, _ in parts))
    if parts:
        values = [value for _, _, value in parts]
        assert min(values) - 1e-9 <= track.mean(0.0, 300.0) <= max(values) + 1e-9
        assert track.most(0.0, 300.0) == max(values)


ODD = st.floats() | st.sampled_from((0.0, -0.0, 1e300, -1e300, math.inf, -math.inf, 5e-324))
WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 300)
WHEN = st.floats(-1e8, 1e8) | st.floats(0.0, 120.0)
HEARTS = st.builds(HeartRow, WHEN, WHEN, WHOLE, ODD, ODD, st.sampled_from(("[]", "[0.4, 64]")))
PODS = st.builds(PodRow, WHEN, WHEN, ODD, WHOLE, ODD, ODD, WHOLE)


@given(st.lists(HEARTS, max_size=30), st.lists(PODS, max_size=30))
@settings(max_examples=40, deadline=None)
def test_whatever_is_in_the_file_nothing_falls_over(
    hearts: list[HeartRow], pods: list[PodRow]
) -> None:
    """A run file may come from anybody."""
    with TemporaryDirectory() as folder:
        path = record(Path(folder, "r.gaitpi"), hearts, pods, length_s=120.0)
        with RunReader(path) as run:
            told = form.read(run).form.facts
            assert math.isnan(told.heart_rate_bpm) or 20 <= told.heart_rate_bpm <= 250
            assert math.isnan(told.distance_m) or 0.0 <= told.distance_m <= 12.5 * 125.0
            assert all(len(f"x{words}") < 200 for words in (distance_words(told), *told.doubts))
            fitexport.activity(run)
            for name in ("heart", "rr", "pod", "steps", "seconds"):
                for row in tables.made(name, run):
                    assert len(row) == len(tables.TABLES[name].columns)
        assert "<svg" in run_page(data.read(path))
