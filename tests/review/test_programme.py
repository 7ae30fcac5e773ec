"""Where a programme stands, by run files; what the next run is; and what is kept."""

import math
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from gaitpi.coach.programme import ENOUGH, faded
from gaitpi.coach.targets import Own
from gaitpi.config import CoachConfig, Config
from gaitpi.prescription import TEMPLATE, parse
from gaitpi.programmefile import Done, Journal, Record, Skipped, Started, Stopped
from gaitpi.review.programme import (
    Standing,
    adherence,
    book,
    collect,
    due,
    lay,
    new_bookings,
    own_sd,
    ratio,
    retention,
    retention_words,
    standing,
    upcoming,
)
from gaitpi.runs.reader import RunReader
from gaitpi.runs.writer import RunWriter
from tests.runs.sample import second, step, write_run

NOON_S = datetime(2026, 11, 2, 12).astimezone().timestamp()
DAY_S = 86_400.0
STARTED = Started(
    wall_s=NOON_S, id="own-1", plan=faded("cadence"), target=172.0, own=164.0, own_sd=0.2
)
SESSION = CoachConfig(
    target_spm=172.0,
    warmup_s=10.0,
    programme="own-1",
    programme_part="session",
    programme_number=1,
    programme_of=8,
    programme_minutes=5.0,
    programme_share=0.5,
)
CONFIG = Config(coach=CoachConfig(target_spm=172.0))


def done(number: int = 1, day: float = 0.0, **other: Any) -> Done:
    given: dict[str, Any] = {
        "wall_s": NOON_S + day * DAY_S,
        "id": "own-1",
        "run_id": f"r{number}-{day}-{other.get('part', 'session')}",
        "part": "session",
        "number": number,
        "share": 1.0,
        "minutes": 15.0,
        "coached_s": 900.0,
        "cadence_spm": 170.0,
        "cadence_sd_spm": 0.3,
    }
    return Done(**given | other)


def at(*runs: Done, more: tuple[Record, ...] = ()) -> Standing:
    found = standing(Journal((STARTED, *more)), runs)
    assert found is not None
    return found


def written(path: Path, coach: CoachConfig, seconds: int = 320, **other: Any) -> Path:
    """A run of ``seconds`` of running at 170 spm, the first minute after warm-up at 160."""
    rows = [second(float(k), cadence_spm=160.0 if k < 70 else 170.0) for k in range(seconds)]
    write_run(path, seconds=rows, coach=coach, **other)
    return path


def test_a_run_is_booked_from_its_file(tmp_path: Path) -> None:
    with RunReader(written(tmp_path / "a.gaitpi", SESSION)) as run:
        found = book(run)
    assert found is not None
    assert (found.part, found.number, found.share, found.minutes) == ("session", 1, 0.5, 5.0)
    # minutes 1 and 3 are with cues, and the ten seconds after the session belong to neither
    assert (found.coached_s, found.cued_s) == (310.0, 120.0)
    assert (found.cued_known, found.free_known) == (120, 180)
    assert (found.cued_in, found.free_in) == (120, 120)
    assert found.enough


def test_the_mean_cadence_has_the_runners_own_uncertainty(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    from tests.runs.sample import header

    path = tmp_path / "a.gaitpi"
    writer = RunWriter(path, header(config=Config(coach=SESSION)))
    t, steps = 0.0, []
    while t < 320.0:
        lasts = 60.0 / 170.0 * (1.0 + 0.015 * rng.standard_normal())
        steps.append(step(t, step_s=lasts))
        t += lasts
    steps[100]["step_s"] = 0.7  # a missed contact is no step
    writer.steps(steps)
    writer.seconds([second(float(k)) for k in range(320)])
    writer.close({})
    with RunReader(path) as run:
        found = book(run)
    assert found is not None
    assert found.cadence_spm == pytest.approx(170.0, abs=0.3)
    assert found.cadence_sd_spm is not None
    assert 0.15 < found.cadence_sd_spm < 1.0
    assert 420 < found.strides < 445


def test_other_runs_are_not_booked(tmp_path: Path) -> None:
    with RunReader(written(tmp_path / "a.gaitpi", CoachConfig(), seconds=20)) as run:
        assert book(run) is None


def test_a_power_cut_at_the_end_of_a_session_loses_nothing(tmp_path: Path) -> None:
    written(tmp_path / "a.gaitpi", SESSION, finish=False, boot="of yesterday")
    runs, unreadable = collect(tmp_path, Journal((STARTED,)))
    assert (len(runs), unreadable) == (1, ())
    assert runs[0].coached_s == 310.0


def test_a_run_of_this_boot_without_an_end_may_be_going_on(tmp_path: Path) -> None:
    path = written(tmp_path / "a.gaitpi", SESSION, seconds=60, finish=False)
    assert collect(tmp_path, Journal((STARTED,))) == ((), ())
    writer = RunWriter.resume(path)
    writer.seconds([second(float(k), cadence_spm=170.0) for k in range(60, 320)])
    writer.close({})
    ((found,), _) = collect(tmp_path, Journal((STARTED,)))
    assert found.coached_s == 310.0
    assert found.enough


def test_damaged_and_simulated_files_are_left_out_and_said(tmp_path: Path) -> None:
    written(tmp_path / "a.gaitpi", SESSION, virtual=True)
    (tmp_path / "b.gaitpi").write_bytes(b"no run file")
    runs, unreadable = collect(tmp_path, Journal((STARTED,)))
    assert (runs, unreadable) == ((), ("b",))
    assert len(collect(tmp_path, Journal((STARTED,)), simulated=True)[0]) == 1
    assert collect(tmp_path, Journal(()))[0] == ()


def test_a_booked_run_may_be_deleted(tmp_path: Path) -> None:
    written(tmp_path / "a.gaitpi", SESSION)
    runs, _ = collect(tmp_path, Journal((STARTED,)))
    fresh = new_bookings(Journal((STARTED,)), runs)
    (tmp_path / "a.gaitpi").unlink()
    journal = Journal((STARTED, *fresh))
    assert collect(tmp_path, journal)[0] == runs
    assert new_bookings(journal, runs) == []


def test_the_next_session_follows_the_last_that_counts() -> None:
    tomorrow = NOON_S + DAY_S
    assert due(at(), NOON_S).number == 1
    assert due(at(done(1)), tomorrow).number == 2
    short = done(1, coached_s=ENOUGH * 900.0 - 1.0)
    assert due(at(short), NOON_S).number == 1
    assert due(at(done(1, coached_s=ENOUGH * 900.0)), tomorrow).number == 2
    assert at(short).short == (short,)
    twice = done(1, 1.0)
    assert at(done(1), twice).again == (twice,)


def test_one_session_a_day() -> None:
    coming = due(at(done(1)), NOON_S + 3600.0)
    assert coming.part == "rest"
    assert "today's session is done" in coming.why
    plan = structs.replace(STARTED.plan, per_day=2)
    other = Journal((structs.replace(STARTED, plan=plan),))
    found = standing(other, [done(1)])
    assert found is not None
    assert due(found, NOON_S + 3600.0).number == 2


def test_without_a_clock_sessions_go_on() -> None:
    assert due(at(done(1, wall_s=100.0)), 200.0).number == 2


def test_what_is_skipped_is_over() -> None:
    skipped = Skipped(wall_s=NOON_S, id="own-1", part="session", number=1)
    assert due(at(more=(skipped,)), NOON_S).number == 2
    assert upcoming(at(more=(skipped,))) == ("session", 2)


def finished() -> list[Done]:
    plan = faded("cadence")
    return [done(k + 1, 2.0 * k, share=s.share) for k, s in enumerate(plan.sessions)]


def test_the_tests_come_when_they_are_due_and_until_then_it_is_quiet() -> None:
    now = at(*finished())
    last_s = NOON_S + 14 * DAY_S
    first = due(now, last_s + DAY_S)
    assert (first.part, first.number, first.share) == ("test", 1, 0.0)
    tested = at(*finished(), done(1, 15.0, part="test", share=0.0))
    assert due(tested, last_s + 10 * DAY_S).part == "rest"
    assert due(tested, last_s + 28 * DAY_S).number == 2
    over = at(
        *finished(),
        done(1, 15.0, part="test", share=0.0),
        done(2, 43.0, part="test", share=0.0),
    )
    assert due(over, last_s + 60 * DAY_S).part == ""
    assert upcoming(over) is None


def test_what_is_laid_over_the_configuration() -> None:
    laid = lay(CONFIG, at(*finished()[:4]), None, NOON_S + 9 * DAY_S)
    coach = laid.config.coach
    assert (coach.programme, coach.programme_part, coach.programme_number) == (
        "own-1",
        "session",
        5,
    )
    assert (coach.programme_of, coach.programme_minutes, coach.programme_share) == (8, 24.0, 0.75)
    lower = Config(coach=structs.replace(CONFIG.coach, programme_share=0.3))
    assert lay(lower, at(), None, NOON_S).config.coach.programme_share == 0.3


def test_no_programme_is_an_ordinary_run() -> None:
    stopped = standing(Journal((STARTED, Stopped(wall_s=NOON_S, id="own-1"))), ())
    for now in (None, stopped):
        assert lay(CONFIG, now, None, NOON_S).config == CONFIG


def test_without_a_target_the_programme_waits() -> None:
    laid = lay(Config(), at(), None, NOON_S)
    assert laid.config == Config()
    assert "no cadence target" in laid.problems[0]


def test_prescribed_sessions_are_all_the_cues_there_are() -> None:
    found = parse(TEMPLATE.replace("# baseline", "baseline"), "toml")
    assert lay(CONFIG, None, found, NOON_S).config.coach.programme_part == "rest"
    assert lay(CONFIG, at(), found, NOON_S).config.coach.programme_part == "rest"
    assert found.plan is not None
    ours = standing(Journal((structs.replace(STARTED, id=found.id, plan=found.plan),)), ())
    assert lay(CONFIG, ours, found, NOON_S).config.coach.programme_part == "session"
    over = [done(k, k, id=found.id) for k in (1, 2, 3)]
    tests = [done(k, 3 + 28 * k, id=found.id, part="test") for k in (1, 2)]
    record = structs.replace(STARTED, id=found.id, plan=found.plan)
    laid = lay(CONFIG, standing(Journal((record,)), over + tests), found, NOON_S + 90 * DAY_S)
    assert laid.config.coach.programme_part == "rest"
    # nor does a programme that waits for a target of another focus open the door
    lean = structs.replace(STARTED, plan=faded("lean"))
    laid = lay(CONFIG, standing(Journal((lean,)), ()), found, NOON_S)
    assert laid.config.coach.programme_part == "rest"


def test_adherence() -> None:
    runs = [
        done(1, 0.0, cued_s=900.0, cues=5, answered=3, judged=4, recoveries=(8.0, 12.0),
             cued_in=600, cued_known=900),
        done(2, 2.0, cued_s=900.0, recoveries=(20.0,), free_in=50, free_known=100),
        done(3, 4.0, coached_s=60.0, cues=9, judged=9),
    ]  # fmt: skip
    found = adherence(at(*runs))
    assert (found.sessions, found.planned, found.cues) == (2, 8, 5)  # the short one is out
    assert found.response == 0.75
    assert found.recovery_s == 12.0
    assert found.weekly == pytest.approx(3.5)
    assert (found.in_cued, found.in_free) == (600 / 900, 0.5)
    assert math.isnan(adherence(at()).response)


def kept(test_spm: float, **other: Any) -> Any:
    test = done(1, 15.0, part="test", share=0.0, cadence_spm=test_spm, **other)
    return retention(at(*finished(), test), 1)


def test_what_is_kept_is_measured_from_the_own_cadence_before() -> None:
    found = kept(168.2)
    assert found.kept == pytest.approx(0.7)
    assert 0.4 < found.low < 0.7 < found.high < 1.0
    assert found.session == 6  # in those after it hardly a minute was cued
    assert retention_words(found).startswith("kept 70 % of the change without cues (")
    assert retention_words(kept(164.1)).startswith("no change is left for sure")
    assert retention(at(*finished()), 1) is None


def test_what_cannot_be_told_is_not() -> None:
    assert "too few minutes" in retention_words(kept(168.0, cadence_sd_spm=None))
    runs = [structs.replace(run, cadence_spm=164.3) for run in finished()]
    test = done(1, 15.0, part="test", share=0.0)
    weak = retention(at(*runs, test), 1)
    assert weak is not None
    assert math.isnan(weak.kept)
    assert "too small to say" in retention_words(weak)
    unknown = standing(Journal((structs.replace(STARTED, own=None),)), [*finished(), test])
    assert unknown is not None
    silent = retention(unknown, 1)
    assert silent is not None
    assert "is not known" in retention_words(silent)
    none = retention(at(test), 1)
    assert none is not None
    assert "no session with cues" in retention_words(none)


def test_the_own_cadence_is_no_surer_than_long_range_noise_lets_it_be() -> None:
    twenty_minutes = Own(164.0, 0.6, 0.1, 1200.0)
    assert own_sd(twenty_minutes) == pytest.approx(164.0 * 0.0164 * 1640**-0.22, rel=1e-3)
    assert own_sd(Own(164.0, 5.0, 2.0, 1200.0)) == 2.0


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """2,000 programmes with a true share of 0.7: the interval holds it in 95 % of them."""
    rng = np.random.default_rng(7)
    own = 0.3 * rng.standard_normal(2000)
    test = 4.2 + 0.5 * rng.standard_normal(2000) - own
    with_cues = 6.0 + 0.5 * rng.standard_normal(2000) - own
    held = 0
    for change, cued_change in zip(test.tolist(), with_cues.tolist(), strict=True):
        _, low, high = ratio(change, cued_change, 0.5, 0.5, 0.3)
        held += low <= 0.7 <= high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


@given(
    change=st.floats(-10, 10),
    cued_change=st.floats(-10, 10),
    sds=st.tuples(*[st.floats(0.01, 3)] * 3),
)
def test_an_interval_holds_its_estimate_or_there_is_none(
    change: float, cued_change: float, sds: tuple[float, float, float]
) -> None:
    share, low, high = ratio(change, cued_change, *sds)
    assert math.isnan(share) or low - 1e-9 <= share <= high + 1e-9
