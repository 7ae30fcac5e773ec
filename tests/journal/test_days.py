"""Days as people say them, by the calendar and not by 24 hours."""

import os
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.errors import UsageError
from gaitpi.journal import days, when
from gaitpi.journal.store import Journal, Put, Stamp
from tests.journal.made import WALL_S, journal_of, pain, stamp

WEDNESDAY = date(2026, 5, 6)
ANY_DAY = st.dates(min_value=date(1990, 1, 1), max_value=date(2150, 12, 31))


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("", None),
        ("today", "2026-05-06"),
        ("this morning", "2026-05-06"),
        ("yesterday", "2026-05-05"),
        ("yesterday morning", "2026-05-05"),
        ("last night", "2026-05-05"),
        ("monday", "2026-05-04"),
        ("on Monday", "2026-05-04"),
        ("mon", "2026-05-04"),
        ("thursday", "2026-04-30"),
        ("wednesday", "2026-05-06"),
        ("last wednesday", "2026-04-29"),
        ("3 days ago", "2026-05-03"),
        ("three days ago", "2026-05-03"),
        ("3d ago", "2026-05-03"),
        ("a week ago", "2026-04-29"),
        ("2 weeks ago", "2026-04-22"),
        ("2026-05-03", "2026-05-03"),
        ("2026-5-3", "2026-05-03"),
    ],
)
def test_days_people_say(said: str, day: str | None) -> None:
    for words in (["4", *said.split(), "knee"], [*said.split(), "4", "knee"]):
        found = days.find(words, WEDNESDAY)
        assert (found.day.isoformat() if found.day else None) == day
        assert found.rest == ["4", "knee"]
        assert found.named == said.startswith("2026")
        assert found.morning == said.endswith("morning")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("tomorrow", "still to come"),
        ("2026-02-30", "There is no"),
        ("3.5.", "two ways"),
        ("05/03/26", "two ways"),
        ("monday tuesday", "Two days"),
        ("999 weeks ago 2026-05-03", "Two days"),
        ("1200-01-01", "too far"),
        ("9999 weeks ago", "too far"),
        ("99999 days ago", "too far"),
        ("99999999999 days ago", "is no day"),
        ("last week", "'last week' is no day"),
    ],
)
def test_no_days(said: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        days.find(said.split(), WEDNESDAY)


@given(ANY_DAY, st.integers(0, 400))
def test_days_ago_are_counted_by_the_calendar(today: date, n: int) -> None:
    """Over the new year, leap days and changes of summer time alike."""
    assert days.find(f"{n} days ago".split(), today).day == today - timedelta(days=n)
    assert days.find(["yesterday"], today).day == date.fromordinal(today.toordinal() - 1)
    day = today - timedelta(days=n)
    assert days.find([day.isoformat()], today).day == day


@given(ANY_DAY, st.sampled_from(days.WEEKDAYS), st.booleans())
def test_a_weekday_is_the_last_one(today: date, name: str, last: bool) -> None:
    day = days.find(["last", name] if last else [name], today).day
    assert day is not None
    assert f"{day:%A}".lower() == name
    back = (today - day).days
    assert (1 <= back <= 7) if last else (0 <= back <= 6)


@pytest.mark.usefixtures("berlin")
@given(st.integers(0, 24 * 60 - 1), st.sampled_from(["2026-03-29", "2026-10-25", "2026-12-31"]))
def test_the_day_is_the_local_one_on_days_of_23_and_25_hours(minute: int, day: str) -> None:
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    wall_s = begin.timestamp() + 60.0 * minute
    local = time.localtime(wall_s)
    now = Stamp(wall_s, float(local.tm_gmtoff), 0.0, "", "")
    assert days.today(now) == date(local.tm_year, local.tm_mon, local.tm_mday)
    assert days.begins(date.fromisoformat(day)) == begin.timestamp()


@pytest.mark.usefixtures("berlin")
def test_yesterday_after_the_change_of_the_clock_is_one_day_back(tmp_path: Path) -> None:
    for text, yesterday in (
        ("2026-03-30T00:10+02:00", "2026-03-29"),
        ("2026-10-26T23:50+01:00", "2026-10-25"),
        ("2027-01-01T00:00+01:00", "2026-12-31"),
    ):
        at = datetime.fromisoformat(text)
        offset = at.utcoffset()
        assert offset is not None
        now = Stamp(at.timestamp(), offset.total_seconds(), 0.0, "", "")
        assert when.find(["yesterday"], tmp_path, Journal(), now).day == yesterday


def test_a_clock_that_was_never_set_makes_the_day_unsure_but_not_a_date(tmp_path: Path) -> None:
    unset = stamp(wall_s=86_400.0 * 3)
    found = when.find(["yesterday", "4"], tmp_path, Journal(), unset)
    assert (found.day, found.sure, found.rest) == ("1970-01-03", False, ["4"])
    assert "1970-01-04" in found.doubt
    assert "2026-05-03" in found.doubt  # how to say it
    dated = when.find(["2026-05-03"], tmp_path, Journal(), unset)
    assert (dated.day, dated.sure, dated.doubt) == ("2026-05-03", True, "")


def test_a_clock_behind_what_it_said_before_makes_the_day_unsure(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, Put(pain()))
    behind = stamp(wall_s=WALL_S - 3600.0)
    assert "was 2026-05-03" in when.find([], tmp_path, journal, behind).doubt
    assert not when.find([], tmp_path, journal, behind).sure
    assert when.find([], tmp_path, journal, stamp(wall_s=WALL_S - 30.0)).sure
    assert when.find([], tmp_path, journal, stamp()).sure


def test_a_date_that_is_still_to_come_is_refused_where_the_clock_is_right(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="still to come"):
        when.find(["2026-05-04"], tmp_path, Journal(), stamp())
    assert when.find(["2026-05-04"], tmp_path, Journal(), stamp(wall_s=100.0)).sure


def test_the_zone_of_this_machine_is_put_back() -> None:
    assert os.environ.get("TZ") != "Europe/Berlin"
