"""Drift within a run."""

import json
import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.review.change import CHANGE, NO_CHANGE, NOT_KNOWN
from gaitpi.review.drift import DRIFTS, LEAST_BLOCKS, drift, drifts
from gaitpi.review.form import Block, Cell, Course
from gaitpi.review.metrics import METRICS
from tests.review.made import course_of, form

CADENCE, CONTACT, SYMMETRY = (
    METRICS[key] for key in ("cadence_spm", "contact_ms", "contact_symmetry_pct")
)


def test_a_drift_from_a_minute_on() -> None:
    rng = random.Random(1)
    made = course_of(
        range(3, 60),
        lambda m: 170.0 - 6.0 * max(0.0, (m - 34) / 25.0) + rng.gauss(0.0, 0.6),
        "cadence_spm",
    )
    found = drift(made.blocks, CADENCE)
    assert found.verdict == CHANGE
    assert found.change == pytest.approx(-6.0, abs=1.0)
    assert found.from_minute == pytest.approx(34.0, abs=4.0)
    assert found.between[0] <= found.from_minute <= found.between[1]
    assert found.slope_h == pytest.approx(found.change / (59 - found.from_minute) * 60.0)


def test_a_drift_all_along() -> None:
    rng = random.Random(2)
    made = course_of(range(3, 60), lambda m: 174.0 - 0.15 * m + rng.gauss(0.0, 0.5), "cadence_spm")
    found = drift(made.blocks, CADENCE)
    assert found.verdict == CHANGE
    assert found.between[0] == 3.0
    assert found.slope_h == pytest.approx(-9.0, abs=2.5)


def test_a_change_below_the_smallest_real_difference_is_none() -> None:
    made = course_of(range(3, 60), lambda m: 240.0 + 0.4 * m, "contact_ms")
    found = drift(made.blocks, CONTACT)
    assert found.change == pytest.approx(22.4, abs=0.1)
    assert (found.bar, found.verdict) == (32.0, NO_CHANGE)
    assert math.isnan(found.from_minute)
    larger = course_of(range(3, 60), lambda m: 240.0 + 0.7 * m, "contact_ms")
    assert drift(larger.blocks, CONTACT).verdict == CHANGE
    # what days differ by is the same within a run
    assert drift(larger.blocks, CONTACT, 45.0) == drift(larger.blocks, CONTACT)


def test_what_cadence_explains_is_no_drift() -> None:
    rng = random.Random(3)
    spm = {m: 176.0 - 0.2 * m + rng.gauss(0.0, 1.0) for m in range(3, 60)}
    made = course_of(
        range(3, 60),
        lambda m: 240.0 - 4.0 * (spm[m] - 170.0),
        "contact_ms",
        cadence=spm.__getitem__,
    )
    found = drift(made.blocks, CONTACT)
    assert found.change == pytest.approx(0.0, abs=1.0)
    assert found.verdict == NO_CHANGE
    # the same contact times at one cadence are a drift
    alone = course_of(range(3, 60), lambda m: 240.0 - 4.0 * (spm[m] - 170.0), "contact_ms")
    assert drift(alone.blocks, CONTACT).verdict == CHANGE


def test_a_cadence_that_explains_all_leaves_nothing_known() -> None:
    made = course_of(range(3, 9), lambda m: 240.0 + m, "contact_ms", cadence=lambda m: 170.0 + m)
    assert drift(made.blocks, CONTACT).verdict == NOT_KNOWN
    longer = course_of(range(3, 40), lambda m: 240.0 + m, "contact_ms", cadence=lambda m: 170.0 + m)
    assert drift(longer.blocks, CONTACT).verdict in (NOT_KNOWN, NO_CHANGE)


def test_too_short_and_unmeasured() -> None:
    made = course_of(range(3, 3 + LEAST_BLOCKS - 1), lambda m: 170.0 - m, "cadence_spm")
    found = drifts(made)
    assert set(found) == {key for key in DRIFTS if not METRICS[key].outside}
    assert {d.verdict for d in found.values()} == {NOT_KNOWN}
    assert json.loads(json.dumps(found["lean_deg"].as_json(), allow_nan=False))["change"] is None


def test_without_anything_published_the_own_runs_must_tell() -> None:
    made = course_of(range(3, 60), lambda m: 1.0 + 0.02 * m, "contact_symmetry_pct")
    assert drift(made.blocks, SYMMETRY).verdict == NOT_KNOWN
    assert drift(made.blocks, SYMMETRY, 0.3).verdict == CHANGE


VALUE = st.floats(-5.0, 5.0)


@given(st.lists(VALUE, min_size=LEAST_BLOCKS, max_size=30), st.floats(-20, 20))
def test_a_constant_changes_nothing(values: list[float], more: float) -> None:
    found = drift(
        course_of(range(len(values)), lambda m: values[m], "lean_deg").blocks, METRICS["lean_deg"]
    )
    moved = drift(
        course_of(range(len(values)), lambda m: values[m] + more, "lean_deg").blocks,
        METRICS["lean_deg"],
    )
    mirrored = drift(
        course_of(range(len(values)), lambda m: -values[m], "lean_deg").blocks, METRICS["lean_deg"]
    )
    assert moved.change == pytest.approx(found.change, rel=1e-4, abs=1e-6)
    assert moved.u == pytest.approx(found.u, rel=1e-4, abs=1e-6)
    assert mirrored.change == pytest.approx(-found.change, rel=1e-9, abs=1e-12)
    assert mirrored.verdict == found.verdict


def test_gaps_between_minutes_are_time() -> None:
    minutes = [*range(3, 20), *range(50, 70)]
    made = course_of(minutes, lambda m: 174.0 - 0.1 * m, "cadence_spm")
    found = drift(made.blocks, CADENCE)
    assert found.slope_h == pytest.approx(-6.0, abs=0.01)


def test_a_long_run_is_looked_at_in_longer_blocks() -> None:
    made = course_of(range(3, 400), lambda m: 174.0 - 0.02 * m, "cadence_spm")
    found = drift(made.blocks, CADENCE)
    assert found.verdict == CHANGE
    assert found.minutes <= 65
    assert found.slope_h == pytest.approx(-1.2, abs=0.02)


# Speed.


def _slowing(speed_kmh: Callable[[int], float] | None) -> Course:
    """A cadence that falls from minute 30 on by what the runner slows down."""
    rng = random.Random(7)
    blocks = []
    for minute in range(3, 60):
        slower = 0.04 * max(0, minute - 30)
        cells = {"cadence_spm": Cell(160, 170.0 - 8.0 * slower + rng.gauss(0.0, 0.2), 3.0)}
        if speed_kmh is not None:
            cells["speed_kmh"] = Cell(60, speed_kmh(minute) - slower, 0.1)
        blocks.append(Block(minute, 60, cells))
    return Course(form(0.0), tuple(blocks))


def test_what_speed_explains_is_no_drift() -> None:
    cadence = METRICS["cadence_spm"]
    alone = drift(_slowing(None).blocks, cadence)
    assert (alone.verdict, alone.speed) == (CHANGE, "not known")
    assert drift(_slowing(lambda _minute: 10.0).blocks, cadence).verdict != CHANGE
    even = _slowing(lambda m: 10.0 + 0.04 * max(0, m - 30)).blocks  # as fast to the end
    held = drift(even, cadence)
    assert (held.verdict, held.speed) == (CHANGE, "like")
    assert held.as_json()["speed"] == "like"


def test_heart_rate_drifts_at_a_comparable_speed() -> None:
    blocks = [
        Block(
            m,
            60,
            {
                "cadence_spm": Cell(160, 170.0, 3.0),
                "speed_kmh": Cell(60, 10.0 + 0.2 * math.sin(m), 0.1),
                "heart_rate_bpm": Cell(60, 150.0 + 0.6 * max(0, m - 20) + math.sin(m), 2.0),
            },
        )
        for m in range(3, 60)
    ]
    found = drifts(Course(form(0.0, heart_rate_bpm=150.0), tuple(blocks)))["heart_rate_bpm"]
    assert (found.verdict, found.speed) == (CHANGE, "like")
    assert found.change == pytest.approx(0.6 * 39, abs=3.0)
