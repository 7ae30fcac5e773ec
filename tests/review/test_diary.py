"""Runs beside the journal: what pain belongs to which run, and what was not noted."""

import contextlib
import sqlite3
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.season import write
from gaitpi import tagfile
from gaitpi.editfile import Split, path_of
from gaitpi.editfile import add as edit
from gaitpi.journal import store
from gaitpi.journal.entries import Moment, Pain, Shoe, Strength, Use, Worn
from gaitpi.review.diary import Level, apart, gather, levels, unsure
from gaitpi.review.load import Session
from gaitpi.tagfile import Tag
from tests.journal.made import in_memory

DAY = date(2026, 5, 12)


def session(day: int, hour: int = 18) -> Session:
    at = datetime(2026, 5, 12, hour, tzinfo=UTC) + timedelta(days=day)
    return Session(f"run-{day}-{hour}", at, 1800.0, 5000)


def pain(day: int, level: int, moment: Moment, *, run: str = "", sure: bool = True) -> Pain:
    at = (DAY + timedelta(days=day)).isoformat()
    return Pain(day=at, entered_s=0.0, level=level, moment=moment, run=run, sure=sure)


def test_a_morning_is_of_the_run_of_the_day_before() -> None:
    found = levels([session(0), session(2)], [pain(1, 4, "morning"), pain(2, 7, "morning")])
    assert found == {"run-0-18": Level(morning=4)}


def test_of_several_sites_and_times_the_highest() -> None:
    noted = [pain(0, 1, "during"), pain(0, 3, "after"), pain(0, 2, "before"), pain(1, 0, "morning")]
    assert levels([session(0)], noted) == {"run-0-18": Level(before=2, during=3, morning=0)}


def test_two_runs_of_a_day() -> None:
    """Before is of the first, during of the last; whose morning it is nobody can tell."""
    both = [session(0, 7), session(0, 19)]
    found = levels(both, [pain(0, 2, "before"), pain(0, 3, "during"), pain(1, 5, "morning")])
    assert found == {"run-0-7": Level(before=2), "run-0-19": Level(during=3)}
    named = levels(both, [pain(1, 5, "morning", run="run-0-7")])
    assert named == {"run-0-7": Level(morning=5)}


def test_what_is_of_a_day_that_is_not_sure_is_counted_apart() -> None:
    noted: list[Pain | Strength] = [
        pain(0, 9, "", sure=False),
        pain(0, 9, "during", run="run-0-18", sure=False),  # its run is known
        pain(-40, 9, "before", sure=False),
        Pain(day="1970-01-02", entered_s=0.0, level=3, sure=False),
        Strength(day=DAY.isoformat(), entered_s=0.0, what="legs", sure=False),
        Strength(day=DAY.isoformat(), entered_s=0.0, what="legs"),
    ]
    assert unsure([session(0)], in_memory(*map(store.Put, noted)), DAY, DAY) == 3
    assert apart([session(0)], [n for n in noted if isinstance(n, Pain)], DAY, DAY) == []


def test_a_pain_of_a_run_that_is_gone_is_of_no_other() -> None:
    """The run it names may be damaged, deleted or simulated; another of that day is not meant."""
    noted = [pain(0, 6, "during", run="run-0-7"), pain(1, 5, "morning", run="run-0-7")]
    assert levels([session(0, 19)], noted) == {}
    assert apart([session(0, 19)], noted, DAY, DAY + timedelta(days=1)) == [6, 5]
    # a run that is named needs no clock
    unsure = [pain(9, 6, "during", run="run-0-19", sure=False)]
    assert levels([session(0, 19)], unsure) == {"run-0-19": Level(during=6)}


def test_a_pain_of_a_run_that_was_split_is_of_its_first_or_last_part() -> None:
    parts = [replace(session(0, hour), run_id=f"run.{k}") for k, hour in enumerate((7, 8, 9), 1)]
    noted = [pain(0, 1, "before", run="run"), pain(0, 4, "after", run="run")]
    found = levels(parts, [*noted, pain(1, 2, "morning", run="run")])
    assert found == {"run.1": Level(before=1), "run.3": Level(during=4, morning=2)}
    assert levels(parts, [pain(1, 2, "morning")]) == {"run.3": Level(morning=2)}


def test_what_nobody_said_when_or_a_wrong_clock_dated_is_left_out() -> None:
    assert levels([session(0)], [pain(0, 9, "")]) == {}
    assert levels([session(0)], [pain(0, 9, "before", sure=False)]) == {}
    assert levels([session(0)], [pain(5, 9, "before")]) == {}


def test_what_is_of_no_run_is_not_lost() -> None:
    """Within the days that are asked for: a morning of before them is somebody else's."""
    noted = [pain(0, 9, ""), pain(1, 4, "morning"), pain(2, 5, "morning"), pain(9, 1, "during")]
    assert apart([session(0)], noted, DAY, DAY + timedelta(days=8)) == [9, 5]
    assert apart([], noted, DAY + timedelta(days=1), DAY + timedelta(days=1)) == [4]


pains = st.lists(
    st.builds(
        pain,
        st.integers(0, 9),
        st.integers(0, 10),
        st.sampled_from(["before", "during", "after", "morning"]),
    ),
    max_size=12,
)


@given(st.lists(st.integers(0, 9), max_size=6, unique=True), pains)
def test_missing_is_never_zero(days: list[int], noted: list[Pain]) -> None:
    """A level is there where it was noted, is one that was noted, and nowhere else."""
    found = levels([session(day) for day in days], noted)
    for day in range(10):
        level = found.get(f"run-{day}-18", Level())
        for moment, later, names in (
            ("before", 0, ("before",)),
            ("during", 0, ("during", "after")),
            ("morning", 1, ("morning",)),
        ):
            at = (DAY + timedelta(days=day + later)).isoformat()
            said = [p.level for p in noted if p.day == at and p.moment in names]
            wanted = max(said) if said and day in days else None
            assert getattr(level, moment) == wanted


# From files.

WALL_S = datetime(2026, 5, 12, 18, tzinfo=UTC).timestamp()


def test_a_folder_with_its_journal(tmp_path: Path) -> None:
    first = write(tmp_path, WALL_S, 900, seed=1)
    second = write(tmp_path, WALL_S + 86_400.0, 900, seed=2)
    base: dict[str, Any] = {"day": "2026-05-12", "entered_s": 0.0}
    store.put(
        store.path_in(tmp_path),
        [
            store.Put(Shoe(name="Ghost 15", **base), "g"),
            store.Put(Use(shoe="g", from_s=WALL_S - 10.0, **base)),
            store.Put(Worn(run=second.stem, shoe="", **base)),
            store.Put(pain(1, 3, "morning")),
        ],
    )
    tags = tagfile.path_in(tmp_path)
    tagfile.add(tags, [Tag(wall_s=WALL_S, run=first.stem, tag=t) for t in ("trail", "race")])
    found = gather(tmp_path)
    one, two = found.runs
    assert (one.shoe, one.surface, one.pain.morning) == ("Ghost 15", "trail", 3)
    assert (two.shoe, two.surface, two.pain) == ("", "", Level())
    assert one.drift["cadence_spm"].minutes >= 7
    assert (one.cues, one.judged) == (1, 1)
    since = gather(tmp_path, date(2026, 5, 13))
    assert [r.session.run_id for r in since.runs] == [second.stem]
    assert len(since.found.sessions) == 2  # the ceilings need what was before


def test_parts_are_worn_as_the_run_was(tmp_path: Path) -> None:
    path = write(tmp_path, WALL_S, 900, seed=1)
    base: dict[str, Any] = {"day": "2026-05-12", "entered_s": 0.0}
    store.put(
        store.path_in(tmp_path),
        [
            store.Put(Shoe(name="Ghost 15", **base), "g"),
            store.Put(Worn(run=path.stem, shoe="g", **base)),
        ],
    )
    edit(path_of(path), [Split(wall_s=WALL_S, cuts=(500.0,))])
    made = gather(tmp_path).runs
    assert [r.session.run_id[-2:] for r in made] == [".1", ".2"]
    assert {r.shoe for r in made} == {"Ghost 15"}
    assert all(r.form is not None for r in made)
    # without it a part would be in no comparison of shoes, and nothing would say so
    assert all(r.form is not None for r in gather(tmp_path, whole=False).runs)


def test_as_many_runs_are_read_as_the_weeks_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the first weeks of a long table would be said to have none."""
    monkeypatch.setattr("gaitpi.review.load.SEASON", 1)
    for day in (0, 40, 80, 120, 121):
        write(tmp_path, WALL_S + day * 86_400.0, 60, seed=day)
    assert gather(tmp_path, newest=1).found.others == 4
    first = DAY + timedelta(days=40)
    whole = gather(tmp_path, first, newest=1)
    assert [(r.session.day - DAY).days for r in whole.runs] == [40, 80, 120, 121]
    # those of the days before count for the ceiling of the first of them
    near = gather(tmp_path, first + timedelta(days=30), newest=1)
    assert (len(near.runs), near.found.others) == (3, 0)
    assert gather(tmp_path, DAY + timedelta(days=119), newest=1).found.others == 1
    assert len(gather(tmp_path, newest=1, reach=DAY).runs) == 5


def test_a_damaged_run_is_said_and_the_others_are_read(tmp_path: Path) -> None:
    write(tmp_path, WALL_S, 300, seed=1)
    bad = write(tmp_path, WALL_S + 86_400.0, 300, seed=2)
    bad.write_bytes(bad.read_bytes()[:20_000])
    found = gather(tmp_path)
    assert len(found.runs) == 1
    assert any(bad.stem in problem for problem in found.problems)


def test_a_press_of_the_button_has_no_level(tmp_path: Path) -> None:
    path = write(tmp_path, WALL_S, 300, seed=1, finish=False)
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO event (time_s, kind, text, detail) VALUES (60.0, 'pain', '', '{}')")
    pressed = gather(tmp_path).runs[0].pain
    assert pressed == Level(marks=1)
    assert gather(tmp_path, whole=False).runs[0].pain == Level()
