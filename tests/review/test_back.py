"""The back table: a line a week, 80 columns, nothing that was not noted."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.journal import texts
from gaitpi.journal.entries import Strength
from gaitpi.review.back import (
    WIDTH,
    Mornings,
    Range,
    letters,
    monday,
    mornings,
    said,
    span,
    table,
    weeks,
)
from gaitpi.review.diary import Level, Told
from gaitpi.review.drift import drift
from gaitpi.review.load import Session
from gaitpi.review.metrics import METRICS
from tests.review.made import course_of, form

NOTHING = Level()
MONDAY = date(2026, 5, 4)


def run(
    day: int,
    *,
    minutes: float = 30.0,
    km: float = math.nan,
    shoe: str = "",
    pain: Level = NOTHING,
    cues: int = 0,
    answered: int = 0,
) -> Told:
    at = datetime(2026, 5, 4, 18).astimezone() + timedelta(days=day)
    steps = int(170 * minutes)
    session = Session(f"run-{day:03d}", at, 60.0 * minutes, steps, 1000.0 * km)
    return Told(session, form(float(day)), shoe, "", pain, {}, cues, answered, cues)


def made(runs: Sequence[Told], number: int = 2, *, strength: Sequence[Strength] = ()) -> list:  # type: ignore[type-arg]
    return weeks(runs, [r.session for r in runs], strength, MONDAY + timedelta(days=13), number)


def legs(day: int, *, sure: bool = True) -> Strength:
    at = (MONDAY + timedelta(days=day)).isoformat()
    return Strength(day=at, entered_s=0.0, what="legs", minutes=20.0, sure=sure)


def test_a_line_a_week() -> None:
    runs = [
        run(0, minutes=30.0, shoe="red", pain=Level(0, 2, 1)),
        run(2, minutes=33.0, shoe="blue", pain=Level(None, None, 3), cues=3, answered=2),
        run(8, minutes=60.0, shoe="red"),
    ]
    one, two = made(runs, strength=[legs(1), legs(3), legs(2, sure=False)])
    assert (one.runs, one.steps, one.strength, two.strength) == (2, 10_710, 2, None)
    assert (one.before, one.during, one.morning) == (Range(1, 0, 0), Range(1, 2, 2), Range(2, 1, 3))
    assert (two.before, two.during, two.morning) == (Range(), Range(), Range())
    assert one.use.share == pytest.approx(1.0)  # the first run has no ceiling
    assert two.use.share == pytest.approx(60.0 / 36.3)
    assert table([one, two]) == [
        "                                pain 0-10, range (n) drift, median (n)",
        "week   runs  steps /ceil str  before  during morning cadence    lean  cues shoes",
        "04 May    2  10.7k  1.00   2    0(1)    2(1)  1-3(2)       -       -   2/3 B1A1",
        "11 May    1  10.2k  1.65   -       -       -       -       -       -     0 B1",
    ]
    assert letters([one, two]) == {"blue": "A", "red": "B", "": "?"}


def test_cues_are_not_known_where_a_run_could_not_be_read() -> None:
    """No cue is 0; a dash says that it is not known."""
    silent, broken = made([run(0)], 2)[0], made([run(0), replace(run(1), unread=True)], 2)[0]
    assert (silent.as_json()["cues"], broken.as_json()["cues"]) == (0, None)
    assert table([silent])[2].endswith("  0 ?1")
    assert table([broken])[2].endswith("  - ?2")


def test_entries_of_days_that_are_not_sure_are_said_to_be_in_no_week() -> None:
    words = said(made([run(0)]), Mornings(Range(), Range()), {}, unsure=2)
    assert "2 entries are in no week, as the day is not sure: gaitpi journal --since all" in words
    assert texts.BACK_NO_PAIN not in words


def test_a_week_without_a_run_has_dashes() -> None:
    for week in made([], 3):
        assert table([week])[2] == f"{week.monday:%d %b}    0      -     -   -" + (
            "       -       -       -       -       -     - -"
        )


def test_kilometres_only_where_all_are_known() -> None:
    all_known = made([run(0, km=6.0), run(8, km=8.25)])
    assert "  8.2 " in table(all_known)[3] or "  8.3 " in table(all_known)[3]
    one_not = made([run(0, km=6.0), run(8)])
    assert "steps" in table(one_not)[1]
    assert math.isnan(one_not[1].km)
    assert one_not[1].as_json()["km"] is None


def test_drift_is_the_median_of_the_runs_that_are_long_enough() -> None:
    long = course_of(range(3, 40), lambda m: 170.0 - 0.15 * m, "cadence_spm", lambda m: 170.0 - m)
    found = drift(long.blocks, METRICS["cadence_spm"])
    short = drift(long.blocks[:5], METRICS["cadence_spm"])
    runs = [run(0), run(1), run(2)]
    told = [
        Told(r.session, r.form, drift={"cadence_spm": d})
        for r, d in zip(runs, (found, found, short), strict=True)
    ]
    week = made(told)[0]
    assert week.drift["cadence_spm"].n == 2
    assert week.drift["cadence_spm"].median == found.change
    assert week.drift["cadence_spm"].named == 2
    assert week.drift["lean_deg"].n == 0


def test_mornings_after_runs_beyond_their_ceiling_are_counted() -> None:
    beyond = [run(9, minutes=60.0, pain=Level(morning=4)), run(11, minutes=80.0)]
    runs = [run(k, pain=Level(morning=k % 2)) for k in range(0, 8, 2)] + beyond
    sessions = [r.session for r in runs]
    about = mornings(runs, sessions)
    assert about.beyond == Range(1, 4, 4)
    assert about.other == Range(3, 0, 0)  # the first has no ceiling: it is in neither
    (words,) = [line for line in said(made(runs), about, {"": "?"}) if "beyond" in line]
    assert words.endswith(texts.BACK_FEW)
    assert mornings([], []).beyond == Range()


def test_what_is_said_below() -> None:
    nothing = made([run(0)])
    words = said(nothing, mornings([run(0)], [run(0).session]), letters(nothing))
    assert texts.BACK_NO_PAIN in words
    assert words[-1] == texts.BACK_READING
    words = said(nothing, mornings([], []), letters(nothing), apart=[3, 0])
    assert words[0] == "Pain noted in these weeks that is of no run: 0-3(2)."
    assert texts.BACK_NO_PAIN not in words
    marked = made([run(0, shoe="red", pain=Level(marks=2))])
    words = said(marked, mornings([], []), letters(marked))
    assert words[0] == "shoes: A red"
    assert "pressed 2 times; a press has no level" in words[1]


levels = st.one_of(st.none(), st.integers(0, 10))


@given(
    st.lists(
        st.builds(
            run,
            st.integers(0, 27),
            minutes=st.floats(5.0, 300.0),
            km=st.one_of(st.just(math.nan), st.floats(1.0, 99.0)),
            shoe=st.sampled_from(["", "red", "blue", "a very long name of a pair of shoes"]),
            pain=st.builds(Level, levels, levels, levels, st.integers(0, 3)),
            cues=st.integers(0, 20),
            answered=st.integers(0, 20),
        ),
        max_size=12,
        unique_by=lambda r: r.session.run_id,
    )
)
def test_the_table_always(runs: list[Told]) -> None:
    """80 columns, every run in one week, a range only of what was noted, nothing is NaN."""
    found = weeks(runs, [r.session for r in runs], [], MONDAY + timedelta(days=27), 4)
    assert sum(w.runs for w in found) == len(runs)
    for line in table(found):
        assert len(line) <= WIDTH
        assert "nan" not in line
    for w in found:
        inside = [r for r in runs if monday(r.session.day) == w.monday]
        for key in ("before", "during", "morning"):
            noted = [v for r in inside if (v := getattr(r.pain, key)) is not None]
            assert getattr(w, key) == span(noted)
            assert getattr(w, key).n == len(noted)
            assert (getattr(w, key).as_json() is None) is (not noted)
        assert w.strength is None
