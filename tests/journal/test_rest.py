"""Cues rest after a severe pain until a lower one is entered, and not knowing ends nothing."""

import time
from datetime import date, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gaitpi.cues.button import Press
from gaitpi.device.controls import JOURNAL, KINDS, SETTLE, Order, Situation
from gaitpi.device.resting import Resting
from gaitpi.device.resume import _controls
from gaitpi.journal import store, texts
from gaitpi.journal.days import local
from gaitpi.journal.entries import Pain
from gaitpi.journal.ofrun import pains
from gaitpi.journal.rest import Rest, resting, unknown
from gaitpi.journal.store import Journal, Put
from gaitpi.review.explain import explain, sentences
from gaitpi.runs.header import utc_offset_s
from gaitpi.runs.muted import MUTING
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import EventRow
from tests.device.bench import WALL_S as BENCH_S
from tests.device.bench import Bench, recorded, replayed
from tests.journal.made import in_memory, pain, stamp

DAY = date(2026, 5, 3)
LONG_S = 75.0
"""Long enough for a cue to come."""


def rests(*pains: Pain, on: date = DAY) -> bool:
    return resting(in_memory(*map(Put, pains)), on) is not None


def test_from_six_on_and_for_seven_days_at_most() -> None:
    assert not rests(pain(level=5))
    assert rests(pain(level=6))
    assert rests(pain(level=10), on=DAY + timedelta(days=6))
    assert not rests(pain(level=10), on=DAY + timedelta(days=7))
    assert not rests()


def test_a_clock_that_was_never_set_lets_no_days_pass() -> None:
    assert rests(pain(level=7), on=date(1970, 1, 3))


def test_a_lower_pain_ends_it_of_that_place_and_then_or_later() -> None:
    severe = pain(level=7, site="knee-left", moment="during")
    for lower, ends in (
        (pain(level=5, site="knee-left"), True),
        (pain(level=0), True),  # of no place
        (pain(level=0, site="knee-right"), False),
        (pain(level=6, site="knee-left"), False),
        (pain(level=2, site="knee-left", moment="after"), True),
        (pain(level=2, site="knee-left", moment="before"), False),  # it was before it
        (pain(level=2, site="knee-left", day="2026-05-02"), False),
        (pain(level=2, site="knee-left", day="2026-05-04", moment="before"), True),
    ):
        assert rests(severe, lower) == (not ends), lower
    # entered before it, of the same day without a time: it does not end it
    assert rests(pain(level=1, site="knee-left"), pain(level=7, site="knee-left"))


def test_no_days_pass_for_a_pain_whose_day_is_not_sure() -> None:
    """A Pi that is switched on without a network: then the clock is set, and is weeks on."""
    unsure = pain(level=7, site="knee-left", day="2026-04-11", sure=False)
    assert rests(unsure, on=date(2026, 4, 11))
    assert rests(unsure, on=DAY)
    assert rests(pain(level=7, day="1970-01-02", sure=False), on=DAY)
    assert not rests(unsure, pain(level=2, site="knee-left"))
    # entered later by a clock that is wrong in another way
    assert not rests(unsure, pain(level=2, day="1970-01-02", sure=False))
    assert not rests(pain(level=7), pain(level=2, day="2026-04-11", sure=False))
    # entered before it, or said by its date to be before it
    assert rests(pain(level=2, day="2026-04-30"), unsure)
    assert rests(unsure, pain(level=2, day="2026-04-10"))
    said = " ".join(texts.resting(7, "", "2026-04-11", False).split())
    assert "days at most" not in said
    assert "days at most" not in " ".join(texts.pain(7, sure=False))


def test_the_worst_is_told() -> None:
    journal = in_memory(Put(pain(level=6, site="hip-left")), Put(pain(level=8, site="knee-left")))
    assert resting(journal, DAY) == Rest(8, "knee-left", "2026-05-03")


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 9)), max_size=6))
def test_without_a_later_lower_one_it_rests(said: list[tuple[int, int]]) -> None:
    pains = [pain(level=n, day=(DAY - timedelta(days=back)).isoformat()) for n, back in said]
    # by day, and of a day as entered
    order = sorted(range(len(pains)), key=lambda k: (pains[k].day, k))
    last = [k for k in order if pains[k].level < 6]
    after = order[order.index(last[-1]) + 1 :] if last else order
    expected = any((DAY - pains[k].date).days < 7 for k in after if pains[k].level >= 6)
    assert rests(*pains) == expected


def test_a_damaged_row_of_these_days_is_not_known() -> None:
    one = in_memory(Put(pain(level=1))).changes[0]
    wall_s = one.stamp.wall_s
    assert unknown(Journal((one, None)), wall_s + 1e9)
    assert unknown(Journal((None, one)), wall_s)
    assert not unknown(Journal((None, one)), wall_s + 8 * 86_400.0)
    assert not unknown(Journal((one,)), wall_s)


def _day() -> str:
    return local(BENCH_S, utc_offset_s(BENCH_S)).date().isoformat()


def _bench(tmp_path: Path, *pains: Pain) -> Bench:
    path = store.path_in(tmp_path / "runs")
    store.put(path, map(Put, pains), stamp())
    return Bench(tmp_path, resting=True)


def test_a_run_after_a_severe_pain_is_without_cues_and_so_is_its_replay(tmp_path: Path) -> None:
    bench = _bench(tmp_path, pain(level=7, site="knee-left", day=_day()))
    ended = bench.run(bench.taps(50.0, 2), LONG_S)  # the button does not unmute
    assert ended.path is not None
    assert not recorded(ended.path)
    assert not replayed(ended.path)
    assert "no" in [name for _, name in bench.heard.sounds]
    assert f"No cues in this run: pain 7 (knee-left) was entered for {_day()}." in bench.said
    with RunReader(ended.path) as run:
        (event,) = [e for e in run.events() if e.kind == "journal"]
        answer = explain(run, 60.0)
    assert event.time_s == 0.0
    assert answer.rule == "quiet.mute"
    assert not answer.doubts
    assert f"pain 7 (knee-left) was entered for {_day()}" in " ".join(sentences(answer))


def test_a_run_after_a_lower_pain_is_cued(tmp_path: Path) -> None:
    bench = _bench(tmp_path, pain(level=7, day=_day()), pain(level=5, day=_day()))
    ended = bench.run({}, LONG_S)
    assert ended.path is not None
    assert recorded(ended.path)


def test_entered_in_a_run_it_rests_from_then_on(tmp_path: Path) -> None:
    bench = _bench(tmp_path)
    path = store.path_in(bench.directory)

    def enter() -> None:
        store.put(path, [Put(pain(level=6, day=_day()))], stamp())

    ended = bench.run({30.0: enter}, LONG_S)
    assert ended.path is not None
    with RunReader(ended.path) as run:
        (event,) = [e for e in run.events() if e.kind == "journal"]
        kept = [e for e in run.withheld() if e.rule == "quiet.mute"]
    assert 30.0 <= event.time_s <= 32.0
    assert kept  # a cue that would have come
    assert not recorded(ended.path)
    assert not replayed(ended.path)


def test_a_journal_that_cannot_be_read_leaves_no_cues_and_says_so(tmp_path: Path) -> None:
    bench = _bench(tmp_path)
    store.path_in(bench.directory).write_bytes(b"no journal" * 100)
    ended = bench.run({}, LONG_S)
    assert ended.path is not None
    assert not recorded(ended.path)
    assert any("journal.db is not a journal" in said or "SQLite" in said for said in bench.said)


def test_read_in_a_thread_it_is_known_soon_after(tmp_path: Path) -> None:
    path = store.path_in(tmp_path)
    keeps = Resting(tmp_path, lambda: BENCH_S, threaded=True)
    assert keeps.why() == ""
    store.put(path, [Put(pain(level=9, day=_day()))], stamp())
    until = time.monotonic() + 60.0
    while not keeps.why() and time.monotonic() < until:
        keeps.look()
        time.sleep(0.01)
    assert keeps.why() == texts.rests(9, "", _day())
    path.unlink()
    until = time.monotonic() + 60.0
    while keeps.why() and time.monotonic() < until:
        keeps.look()
        time.sleep(0.01)
    assert keeps.why() == ""


def test_the_red_flags_are_those_of_the_survey_and_stand_in_every_text_of_pain() -> None:
    """Pain at night, numbness of a leg, a fall: three, the same for everybody."""
    night, leg, fall = texts.FLAGS
    assert "night" in night
    assert "numbness" in leg
    assert "leg" in leg
    assert "fall or another injury" in fall
    for flag in texts.FLAGS:
        assert flag in texts.SEE
    for level in range(texts.EASE_LEVEL, 11):
        assert texts.SEE in texts.pain(level)
        assert texts.RULE in texts.pain(level)
    assert texts.SEE in texts.marks(texts.MARKS_MANY)


def test_a_pain_of_a_day_that_is_not_sure_is_told_of_no_run_of_that_day() -> None:
    day = DAY.isoformat()
    sure, unsure = pain(level=2, day=day), pain(level=5, day=day, sure=False)
    named = pain(level=6, day="1970-01-01", run="run-1", sure=False)
    journal = in_memory(Put(sure), Put(unsure), Put(named))
    assert sorted(p.level for p in pains(journal, "run-1", day)) == [2, 6]
    assert [p.level for p in pains(journal, "run-2", day)] == [2]


def test_no_text_tells_anybody_to_run_on() -> None:
    for level in range(11):
        said = " ".join(texts.pain(level)).lower()
        assert "keep going" not in said
        assert ("clinician" in said) == (level >= 4)
        assert ("cues rest" in said) == (level >= 6)
    assert texts.marks(1) == []
    assert "clinician" in " ".join(texts.marks(2))


def test_a_run_that_was_cut_off_goes_on_resting() -> None:
    detail = '{"from_s": -1.0, "until_s": 86399.0}'
    why = texts.rests(7, "knee-left", "2026-05-03")
    controls = _controls([EventRow(0.0, JOURNAL, why, detail)])
    assert controls.resting == why
    assert controls.muted_until_s == 86399.0
    now = Situation(time_s=60.0, coaching=True, recording=True, ready=False)
    refused = controls.obey(Order("unmute"), now)
    assert refused.refused
    assert refused.text == f"{why}: cues rest for the whole of it"
    pressed = controls.answer(Press("double", 60.0, 2), now)
    assert (pressed.sounds, pressed.mute_until_s) == (("no",), None)


def test_whatever_mutes_is_known_to_a_replay() -> None:
    assert {*KINDS, SETTLE} == MUTING
