"""Which minutes are with cues: as many as the share asks for, never more, evenly spread."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from gaitpi.coach.policy import Coach
from gaitpi.coach.programme import SHARES, cued, cued_count, faded, label, quiet
from gaitpi.coach.types import Cue, Withheld
from gaitpi.config import CoachConfig
from tests.coach.oracle import Stretch, feed, unroll

percents = st.integers(0, 100)


@given(percent=percents, minutes=st.integers(0, 400))
def test_the_share_is_kept_within_a_minute_and_never_passed(percent: int, minutes: int) -> None:
    count = sum(cued(k, percent / 100.0) for k in range(minutes))
    wanted = Fraction(percent, 100) * minutes
    assert wanted - 1 < count <= wanted
    assert count == cued_count(minutes, percent / 100.0)


@given(share=st.floats(0, 1), minutes=st.integers(0, 400))
def test_any_share_is_never_passed(share: float, minutes: int) -> None:
    wanted = share * minutes
    assert wanted - 1.0 - 1e-4 * minutes < cued_count(minutes, share) <= wanted + 1e-6 * minutes


@given(share=st.floats(0.01, 1), start=st.integers(0, 200), length=st.integers(1, 100))
def test_they_are_spread_evenly(share: float, start: int, length: int) -> None:
    """In any stretch of minutes, to one, as many as the share asks for."""
    count = sum(cued(k, share) for k in range(start, start + length))
    assert abs(count - share * length) < 1.0 + 1e-4 * (start + length)


@given(share=st.floats(allow_nan=False))
def test_a_share_beyond_its_range_is_brought_into_it(share: float) -> None:
    assert 0 <= cued_count(20, share) <= 20
    if share >= 1.0:
        assert cued_count(20, share) == 20
    if share <= 0.0:
        assert cued_count(20, share) == 0


def test_a_quarter_is_one_minute_in_four() -> None:
    assert [k for k in range(12) if cued(k, 0.25)] == [3, 7, 11]
    assert all(cued(k, 1.0) for k in range(12))
    assert not any(cued(k, 0.0) for k in range(12))


def test_the_faded_programme_is_that_of_the_evidence() -> None:
    plan = faded("cadence")
    assert [s.share for s in plan.sessions] == [1, 1, 1, 1, 0.75, 0.5, 0.25, 0.1]
    minutes = [s.minutes for s in plan.sessions]
    assert (minutes[0], minutes[-1]) == (15, 30)
    assert minutes == sorted(minutes)
    assert 177 <= sum(minutes) <= 196  # as much as in the studies reviewed
    assert [t.after_days for t in plan.tests] == [1, 28]
    assert list(SHARES) == sorted(SHARES, reverse=True)
    assert plan.cued_minutes == 15 + 17 + 19 + 21 + 18 + 13 + 7 + 3


SESSION = CoachConfig(
    target_spm=172.0,
    warmup_s=0.0,
    programme="own-1",
    programme_part="session",
    programme_number=5,
    programme_of=8,
    programme_minutes=24.0,
    programme_share=0.75,
)


def test_the_words_say_which_session_and_why() -> None:
    assert quiet(SESSION, 0.0) == (
        "this minute is without cues: 75 % of minutes are cued in session 5 of 8"
    )
    assert quiet(SESSION, 60.0) is None
    over = quiet(SESSION, 24 * 60.0)
    assert over is not None
    assert "session 5 of 8 is over after 24 min" in over
    test = structs.replace(SESSION, programme_part="test", programme_number=1, programme_share=1.0)
    assert quiet(test, 60.0) == "silent test 1: the whole run is without cues"
    assert label(SESSION) == "cadence 5/8 (75 % cued)"
    assert label(CoachConfig()) == ""


def low(minutes: float) -> list[Stretch]:
    return [Stretch(3, 160.0, 8.0, 0.0, int(minutes * 120), 0.0, 0)]


def test_a_cue_comes_in_a_cued_minute_and_the_silence_of_the_others_is_said() -> None:
    config = structs.replace(SESSION, unanswered_max=99, backoff=1.0, floor_s=60.0)
    said = feed(Coach(config), unroll(low(12)))
    minutes = {int(c.time_s // 60) for c in said if isinstance(c, Cue)}
    assert minutes
    assert minutes <= {k for k in range(12) if cued(k, 0.75)}
    rules = {w.rule for w in said if isinstance(w, Withheld)}
    assert "quiet.programme" in rules


@pytest.mark.parametrize("part", ["test", "rest"])
def test_a_silent_run_is_wholly_silent(part: str) -> None:
    config = structs.replace(SESSION, programme_part=part, programme_share=1.0)
    assert not [c for c in feed(Coach(config), unroll(low(10))) if isinstance(c, Cue)]


def test_walking_and_warm_up_do_not_use_up_minutes() -> None:
    config = structs.replace(SESSION, warmup_s=60.0, programme_share=0.5)
    walk = Stretch(2, 110.0, 8.0, 0.0, 360, 0.0, 0)
    coach = Coach(config)
    feed(coach, unroll([*low(1.5), walk, *low(1)]))
    assert coach.state()["coached_s"] == pytest.approx(90.0, abs=1.0)


def test_the_minutes_survive_a_restart() -> None:
    events = unroll(low(9))
    whole = feed(Coach(SESSION), events)
    first, second = Coach(SESSION), None
    said = feed(first, events[: len(events) // 2])
    second = Coach.restore(SESSION, first.state())
    said += feed(second, events[len(events) // 2 :])
    assert [repr(x) for x in said] == [repr(x) for x in whole]
    assert math.isfinite(second.state()["coached_s"])
