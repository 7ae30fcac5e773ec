"""Six positions: planted errors come back, and what is no position is refused."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.sensor import drawn, recovered, six_on_chip
from gaitpi.device.sixpositions import (
    EDGES,
    SIDES,
    Noticed,
    Position,
    SixPositions,
    side_of,
    solve,
    told,
)
from gaitpi.imu.virtual.posed import SIX, TILTED, Posed, SensorErrors, box
from gaitpi.units import G0

RATE_HZ = 104.0
ENOUGH = 0.002
"""Of g, of scale, of cross-axis: what six positions must give back."""


def turned(
    source: Posed, *, edges: bool = False, chunk: int = 40
) -> tuple[SixPositions, list[Noticed]]:
    six = SixPositions(RATE_HZ, edges=edges)
    n = int(source.duration_s * RATE_HZ)
    acc, gyr = source.samples(0, n, RATE_HZ)
    times = np.arange(n) / RATE_HZ
    noticed: list[Noticed] = []
    for k in range(0, n, chunk):
        part = slice(k, k + chunk)
        noticed += six.add(acc[part], gyr[part], times[part])
    return six, noticed


def ideal(errors: SensorErrors, ups: tuple[np.ndarray, ...]) -> list[Position]:
    out = []
    for up in ups:
        force = errors.response @ (G0 * up / np.linalg.norm(up)) + errors.offset
        x, y, z = force.tolist()
        out.append(Position(side_of(force), (x, y, z), (0.0, 0.0, 0.0), 0.0))
    return out


# ------------------------------------------------------------------ what comes back


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("placed_deg", [0.0, 3.0])
def test_tilted_positions_give_all_back_however_it_is_put_down(
    seed: int, placed_deg: float
) -> None:
    errors = drawn(seed)
    source = box((*SIX, *TILTED), errors, placed_deg=placed_deg, seed=seed)
    six = six_on_chip(source, edges=True)
    assert six.done
    fit = solve(six.positions)
    assert max(recovered(errors, fit)) < ENOUGH
    assert (fit.grade, fit.cross) == ("good", "tilted")
    assert fit.positions == 6 + EDGES


@pytest.mark.parametrize("seed", range(2))
def test_squared_sides_give_all_back_where_they_are_square(seed: int) -> None:
    errors = drawn(seed)
    six = six_on_chip(box(SIX, errors), edges=False)
    fit = solve(six.positions, squared=True)
    assert max(recovered(errors, fit)) < ENOUGH
    assert fit.grade == "good"
    # and where they are not, it is seen in what does not fit
    askew = six_on_chip(box(SIX, errors, placed_deg=3.0, seed=seed), edges=False)
    assert solve(askew.positions, squared=True).grade == "poor"


@pytest.mark.parametrize("seed", range(2))
def test_six_sides_give_offset_and_scale_and_say_what_they_do_not(seed: int) -> None:
    errors = drawn(seed, cross=False)
    six = six_on_chip(box(SIX, errors, placed_deg=3.0, seed=seed), edges=False)
    fit = solve(six.positions)
    assert max(recovered(errors, fit)) < ENOUGH
    assert (fit.grade, fit.cross) == ("fair", "none")
    assert "cross-axis not measured" in told(fit)
    assert math.isnan(fit.residual)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_without_noise_nothing_is_left(seed: int) -> None:
    errors = drawn(seed)
    fit = solve(ideal(errors, (*SIX, *TILTED)))
    assert max(recovered(errors, fit)) < 1e-9
    uncertain = solve(ideal(errors, SIX))
    off = np.abs(np.array(uncertain.offset) - errors.offset).max()
    assert off < 4.0 * uncertain.offset_sd + 1e-9


def test_nine_positions_for_nine_unknowns_leave_nothing_to_check() -> None:
    errors = drawn(5)
    fit = solve(ideal(errors, (*SIX, *TILTED[::2])))
    assert max(recovered(errors, fit)) < 1e-9
    assert (fit.grade, fit.cross) == ("fair", "tilted")
    assert "nothing is left to check" in told(fit)
    # three that show one pair of axes only do not show the others
    flat = (*SIX, TILTED[0], TILTED[1], -TILTED[0])
    assert solve(ideal(errors, flat)).cross == "none"


def test_gravity_of_the_place_is_scale_and_nothing_else() -> None:
    positions = ideal(drawn(1), (*SIX, *TILTED))
    here, pole = solve(positions), solve(positions, gravity=9.832)
    np.testing.assert_allclose(here.offset, pole.offset, atol=1e-9)
    ratio = np.array(pole.matrix) / np.array(here.matrix)
    np.testing.assert_allclose(ratio, 9.832 / G0, rtol=1e-6)


def test_an_accelerometer_that_cannot_be_is_not_kept() -> None:
    broken = SensorErrors(offset=(3.0, 0.0, 0.0))
    fit = solve(ideal(broken, SIX))
    assert not fit.usable
    assert "more than any data sheet has" in told(fit)
    with pytest.raises(ValueError, match=r"sides missing: \+x"):
        solve(ideal(broken, SIX[1:]))


def test_a_position_that_slid_is_seen_in_what_does_not_fit() -> None:
    positions = ideal(drawn(2), (*SIX, *TILTED))
    x, y, z = positions[7].acc
    positions[7] = Position("tilted", (x + 0.4, y, z), (0.0, 0.0, 0.0), 0.0)
    fit = solve(positions)
    assert fit.grade == "poor"
    assert "something moved" in told(fit)


# ------------------------------------------------------------------ what is refused


def test_held_in_a_hand_it_never_counts() -> None:
    six, noticed = turned(box(SIX, SensorErrors(tremor_deg=1.0)))
    assert not six.positions
    assert {one.what for one in noticed} <= {"moved"}


def test_moved_before_it_was_in() -> None:
    six, noticed = turned(box(SIX[:3], hold_s=3.5))
    assert [(one.what, one.side) for one in noticed] == [("moved", "+x"), ("moved", "-x")]
    assert not six.positions


def test_a_position_repeated_is_refused_once_and_only_after_it_was_left() -> None:
    nudged = SIX[0] + 0.05 * SIX[2]
    six, noticed = turned(box((SIX[0], nudged, SIX[1], SIX[0], SIX[2])))
    assert [(one.what, one.side) for one in noticed] == [
        ("taken", "+x"),
        ("taken", "-x"),
        ("repeated", "+x"),
        ("taken", "+y"),
    ]
    assert six.missing == ("-y", "+z", "-z")


def test_a_tilted_position_repeated_is_refused() -> None:
    near = TILTED[0] + 0.2 * SIX[4]
    six, noticed = turned(box((TILTED[0], SIX[0], near)), edges=True)
    assert [one.what for one in noticed] == ["taken", "taken", "repeated"]
    assert len(six.positions) == 2


@given(chunk=st.integers(1, 500))
@settings(max_examples=8, deadline=None)
def test_however_the_samples_are_cut(chunk: int) -> None:
    source = box((SIX[0], SIX[3], SIX[0]), drawn(3))
    whole, cut = turned(source), turned(source, chunk=chunk)
    assert cut[0].positions == whole[0].positions
    assert cut[1] == whole[1]


def test_in_any_order_with_a_gap_between() -> None:
    source = box(tuple(SIX[k] for k in (4, 1, 3, 0, 5, 2)), drawn(4))
    n = int(source.duration_s * RATE_HZ)
    acc, gyr = source.samples(0, n, RATE_HZ)
    times = np.arange(n) / RATE_HZ
    times[int(7.5 * RATE_HZ) :] += 2.0  # in the second position: it begins anew
    six = SixPositions(RATE_HZ)
    six.add(acc, gyr, times)
    assert six.missing == ("-x",)
    assert set(SIDES) - set(six.missing) == {p.side for p in six.positions}
