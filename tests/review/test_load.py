"""The ceiling of the next run: what it rests on, and when there is none."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.season import watched, write
from gaitpi import editfile
from gaitpi.editfile import Split, Trim, path_of
from gaitpi.journal import texts
from gaitpi.review.load import (
    DAYS,
    FACTOR,
    Session,
    ceiling,
    gather,
    lines,
    said,
    short,
    use,
    uses,
)

TODAY = date(2026, 5, 12)


def session(
    days_ago: int = 1,
    *,
    km: float = math.nan,
    steps: int = 5000,
    minutes: float = 30.0,
    name: str = "",
    hour: int = 18,
) -> Session:
    """A run so many days before today."""
    at = datetime(2026, 5, 12, hour, tzinfo=UTC) - timedelta(days=days_ago)
    source = "" if math.isnan(km) else "foot pod"
    run_id = name or f"run-{days_ago}-{hour}"
    return Session(run_id, at, 60.0 * minutes, steps, 1000.0 * km, source)


def test_ten_percent_over_the_longest_by_distance() -> None:
    found = ceiling([session(3, km=9.8), session(2, km=5.0, steps=2000, minutes=20)], TODAY)
    assert found.by == "distance"
    assert found.distance_m is not None
    assert found.distance_m.most == pytest.approx(10_780.0)
    assert found.distance_m.of.day == date(2026, 5, 9)
    assert lines(found)[0] == "longest run in 30 days  9.8 km on 9 May (foot pod)"
    assert "10.8 km" in lines(found)[1]
    assert texts.LOAD_STUDY in said(found)
    assert texts.LOAD_STAND_IN not in said(found)


@pytest.mark.parametrize(("ago", "counts"), [(0, True), (DAYS, True), (DAYS + 1, False)])
def test_thirty_days_are_days_of_the_calendar(ago: int, counts: bool) -> None:
    """Also late in the evening, and of the place where it was run."""
    for hour in (0, 23):
        assert bool(ceiling([session(ago, hour=hour)], TODAY).by) is counts
    east = timezone(timedelta(hours=13))
    late = Session("x", datetime(2026, 4, 12, 0, 30, tzinfo=east), 600.0, 900)
    assert ceiling([late], TODAY).by == "steps"  # 11 April in UTC, 31 days ago


def test_a_longer_run_without_a_distance_takes_the_distance_away() -> None:
    """It may have been the longest: the ceiling in km would be too low, or of another run."""
    known = [session(k, km=8.0, steps=7000, minutes=45) for k in range(2, 6)]
    assert ceiling(known, TODAY).by == "distance"
    hole = ceiling([*known, session(1, steps=7500, minutes=40)], TODAY)
    assert (hole.by, hole.longer, hole.known, hole.runs) == ("steps", 1, 4, 5)
    assert hole.distance_m is None
    assert any("without a distance" in line for line in said(hole))
    assert texts.LOAD_STAND_IN in said(hole)
    shorter = ceiling([*known, session(1, steps=100, minutes=4)], TODAY)
    assert shorter.by == "distance"
    assert any("4 of 5 runs" in line for line in said(shorter))


def test_steps_and_time_may_be_of_two_runs() -> None:
    found = ceiling([session(4, steps=8000, minutes=40), session(3, steps=6000, minutes=50)], TODAY)
    assert found.steps is not None
    assert found.minutes_s is not None
    assert (found.steps.of.run_id, found.minutes_s.of.run_id) == ("run-4-18", "run-3-18")
    assert lines(found)[1].endswith("8,800 steps or 55 min of running (x 1.10)")
    # walking is not in it, which is in the steps of a run
    assert lines(found)[0].endswith("8,000 running steps on 8 May; 50 min on 9 May")
    assert short(found) == "next run at most 8,800 running steps, 55 min (no distance known)"


def test_no_run_in_thirty_days() -> None:
    never = ceiling([], TODAY)
    assert (never.by, lines(never), short(never)) == ("", [], "no run in 30 days: no ceiling")
    assert said(never) == ["No run yet: no ceiling. The first ones are where it will come from."]
    long_ago = ceiling([session(45, km=12.0)], TODAY)
    assert long_ago.distance_m is None
    assert said(long_ago)[0].startswith("No run in 30 days: no ceiling.")
    standing = ceiling([session(1, steps=0, minutes=0.0)], TODAY)
    assert standing.by == ""


def test_a_new_runner_is_told_how_little_it_rests_on() -> None:
    assert any(
        "go back 1 day, not 30: a ceiling of 1 run." in w
        for w in said(ceiling([session(1)], TODAY))
    )
    full = [session(1), session(31)]
    assert not any("go back" in line for line in said(ceiling(full, TODAY)))


def test_clocks_that_cannot_be_right_are_said() -> None:
    ahead = session(-3, steps=9000)
    found = ceiling([session(2), ahead], TODAY)
    assert found.steps is not None
    assert found.steps.of.steps == 5000
    assert found.doubts == ("1 run dated after today left out: look at the clock",)
    never = Session("old", datetime(1970, 1, 1, 0, 9, tzinfo=UTC), 3600.0, 9000)
    undated = ceiling([never, session(2)], TODAY)
    assert undated.runs == 1
    assert "never been set" in undated.doubts[0]
    # the clock of this machine was never set: the newest run says what day it is
    unset = ceiling([session(2), session(40)], date(1970, 1, 1), clock_set=False)
    assert (unset.day, unset.runs) == (date(2026, 5, 10), 1)
    assert "has not been set" in unset.doubts[0]


def test_use_of_the_ceiling() -> None:
    before = ceiling([session(3, km=10.0)], TODAY)
    far = use(session(0, km=11.0), before)
    assert far.share == pytest.approx(1.0)
    assert far.by == "distance"
    # without a distance of its own it is measured by what it has: the larger share counts
    bare = use(session(0, steps=5500, minutes=66.0), before)
    assert bare.share == pytest.approx(2.0)
    assert bare.by == "steps"
    assert math.isnan(use(session(0), ceiling([], TODAY)).share)


def test_some_steps_and_no_second_of_running_make_a_ceiling_of_steps() -> None:
    """As a first file has that was made by shaking the belt."""
    shaken = session(3, steps=5, minutes=0.0, name="shaken")
    assert uses([shaken, session(2, steps=11, name="run")])["run"].share == pytest.approx(2.0)


def test_uses_look_back_only() -> None:
    runs = [session(20, steps=5000), session(10, steps=6600, minutes=36), session(5, steps=100)]
    found = uses(runs)
    assert math.isnan(found["run-20-18"].share)
    assert found["run-10-18"].share == pytest.approx(1.2)
    assert found["run-5-18"].share == pytest.approx(max(100 / 7260, 30 / 39.6))


kilometres = st.one_of(st.just(math.nan), st.floats(0.5, 40.0))
sessions = st.lists(
    st.builds(
        session,
        st.integers(-2, 70),
        km=kilometres,
        steps=st.integers(0, 20_000),
        minutes=st.floats(0.0, 200.0),
        hour=st.integers(0, 23),
    ),
    max_size=12,
)


@given(sessions, st.randoms())
def test_what_the_ceiling_always_is(runs: list[Session], mixed: object) -> None:
    found = ceiling(runs, TODAY)
    counted = [s for s in runs if 0 <= (TODAY - s.day).days <= DAYS and s.steps > 0]
    assert found.runs == (len(counted) if found.by else 0)
    assert bool(found.by) is bool(counted)
    shuffled = list(runs)
    mixed.shuffle(shuffled)  # type: ignore[attr-defined]
    again = ceiling(shuffled, TODAY)
    assert again.as_json()["steps"] is None or (
        again.as_json()["steps"]["ceiling"] == found.as_json()["steps"]["ceiling"]
    )
    if not counted:
        return
    assert found.steps is not None
    assert found.minutes_s is not None
    assert found.steps.most == pytest.approx(FACTOR * max(s.steps for s in counted))
    assert found.minutes_s.most == pytest.approx(FACTOR * max(s.running_s for s in counted))
    if found.distance_m is not None:
        known = [s.distance_m for s in counted if math.isfinite(s.distance_m)]
        assert found.distance_m.most == pytest.approx(FACTOR * max(known))
        of = found.distance_m.of
        # nothing that was longer has no distance: missing is never zero
        assert all(
            s.steps <= of.steps and s.running_s <= of.running_s
            for s in counted
            if math.isnan(s.distance_m)
        )
    for line in [*lines(found), short(found)]:
        assert "nan" not in line


@given(sessions, sessions)
def test_one_more_run_never_lowers_steps_and_time(runs: list[Session], more: list[Session]) -> None:
    one, two = ceiling(runs, TODAY), ceiling([*runs, *more], TODAY)
    if one.steps is not None and one.minutes_s is not None:
        assert two.steps is not None
        assert two.minutes_s is not None
        assert two.steps.most >= one.steps.most
        assert two.minutes_s.most >= one.minutes_s.most


# From files.


WALL_S = datetime(2026, 5, 10, 18, tzinfo=UTC).timestamp()


def test_from_run_files(tmp_path: Path) -> None:
    first = write(tmp_path, WALL_S - 86_400.0, 600, seed=1)
    second = write(tmp_path, WALL_S, 420, seed=2)
    found = gather(tmp_path)
    assert [s.run_id for s in found.sessions] == [first.stem, second.stem]
    assert found.whole
    assert not found.simulated
    assert ceiling(found.sessions, TODAY).by == "steps"
    watched(first, 1500.0, 600.0)
    by = ceiling(gather(tmp_path).sessions, TODAY)
    assert by.distance_m is not None
    assert by.distance_m.most == pytest.approx(1650.0, rel=0.01)
    assert by.distance_m.of.source == "imported"
    # the watch was stopped early: its distance is not that of the run
    watched(second, 1200.0, 420.0, share=0.6)
    assert gather(tmp_path).sessions[1].source == ""
    # that which is going on is not one of them
    assert [s.run_id for s in gather(tmp_path, but=second.stem).sessions] == [first.stem]


def test_parts_of_a_run_are_runs_of_their_own(tmp_path: Path) -> None:
    path = write(tmp_path, WALL_S, 600, seed=3)
    (whole,) = gather(tmp_path).sessions
    editfile.add(path_of(path), [Split(wall_s=WALL_S, cuts=(300.0,))])
    parts = gather(tmp_path).sessions
    assert [s.run_id for s in parts] == [f"{path.stem}.1", f"{path.stem}.2"]
    assert sum(s.steps for s in parts) == pytest.approx(whole.steps, abs=2)
    # where its beginning was trimmed away too: cuts are times of the recording
    editfile.add(path_of(path), [Trim(wall_s=WALL_S, start_s=240.0)])
    editfile.add(path_of(path), [Split(wall_s=WALL_S, cuts=(480.0,))])
    parts = gather(tmp_path).sessions
    assert [s.run_id for s in parts] == [f"{path.stem}.1", f"{path.stem}.2"]
    assert 0.5 * whole.steps < sum(s.steps for s in parts) < 0.7 * whole.steps
