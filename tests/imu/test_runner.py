"""The simulated runner: physics, truth, determinism, and that each knob does what it says."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gaitpi.errors import UsageError
from gaitpi.imu.virtual.plan import contact_time
from gaitpi.imu.virtual.runner import BLOCK, RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.source import SignalSource
from gaitpi.imu.virtual.story import STORIES, Phase, hold, story
from gaitpi.units import G0

Floats = NDArray[np.float64]

DATA = Path(__file__).parents[3] / "shared" / "data"
QUIET = RunnerParams(acc_noise=0.0, gyr_noise=0.0)
STEADY = replace(QUIET, step_cv=0.0)
STAND = Phase("stand", 3.0)
RUN = Phase("run", 30.0, lean_deg=6.0)
WALK = Phase("walk", 30.0, cadence_spm=110.0, speed_mps=1.4)


def vertical(runner: SimulatedRunner, t: Floats) -> Floats:
    """World vertical acceleration without gravity, from the noise-free accelerometer."""
    acc, _ = runner.truth.ideal(t)
    return np.asarray((acc * runner.truth.up(t)).sum(axis=1) - G0)


def steps_of(runner: SimulatedRunner, kind: int = 3, skip: int = 6) -> NDArray[Any]:
    """Whole steps of one kind, without the first and last few of the run."""
    steps = runner.truth.steps
    return np.asarray(steps[(steps["kind"] == kind) & np.isfinite(steps["step_s"])][skip:-skip])


def mount(axis: tuple[float, float, float], angle: float) -> Floats:
    """Rotation (3, 3) about an axis."""
    k = np.array(axis) / np.linalg.norm(axis)
    cross = np.cross(np.eye(3), k)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


# --- the signal as a source ---------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    rate=st.sampled_from([100.0, 208.0, 1000.0]),
    first=st.integers(0, 3 * BLOCK),
    cuts=st.lists(st.integers(0, 900), min_size=1, max_size=6),
)
def test_any_cutting_gives_the_same_bits(rate: float, first: int, cuts: list[int]) -> None:
    phases = (STAND, WALK, replace(RUN, looseness=0.5))
    whole: SignalSource = SimulatedRunner(phases)
    pieces: SignalSource = SimulatedRunner(phases)
    acc, gyr = whole.samples(first, sum(cuts), rate)
    at = first
    for n in cuts:
        a, g = pieces.samples(at, n, rate)
        assert a.tobytes() == acc[at - first : at - first + n].tobytes()
        assert g.tobytes() == gyr[at - first : at - first + n].tobytes()
        at += n


def test_the_seed_decides_and_the_caller_cannot_spoil_it() -> None:
    one, same = SimulatedRunner(story("stops")), SimulatedRunner(story("stops"))
    other = SimulatedRunner(story("stops"), RunnerParams(seed=2))
    first = one.samples(20_000, 500, 208.0)
    first[0][:] = 0.0
    again, expected = one.samples(20_000, 500, 208.0)[0], same.samples(20_000, 500, 208.0)[0]
    assert again.tobytes() == expected.tobytes()
    assert one.truth.steps.tobytes() == same.truth.steps.tobytes()
    assert not np.array_equal(other.truth.steps["ic_s"][:50], one.truth.steps["ic_s"][:50])


def test_every_rate_samples_the_same_motion() -> None:
    runner = SimulatedRunner((STAND, WALK, RUN), QUIET)
    slow, fast = runner.samples(0, 60 * 100, 100.0), runner.samples(0, 60 * 1000, 1000.0)
    assert np.array_equal(slow[0], fast[0][::10])
    assert np.array_equal(slow[1], fast[1][::10])


def test_after_the_end_the_runner_stops_and_stands() -> None:
    runner = SimulatedRunner((STAND, RUN), QUIET)
    acc, gyr = runner.samples(int((runner.duration_s + 7.5) * 208), 400, 208.0)
    assert np.allclose(np.linalg.norm(acc, axis=1), G0, atol=1e-6)
    assert np.abs(gyr).max() < 1e-5
    assert runner.truth.activity(np.array([runner.duration_s + 60.0])) == [1]
    assert runner.truth.steps["ic_s"].max() < runner.duration_s


def test_the_sensor_errors_are_those_asked_for() -> None:
    params = RunnerParams(
        mount=mount((1.0, 2.0, 0.5), 1.1), gyr_bias=(0.02, -0.01, 0.03), acc_offset=(0.3, -0.2, 0.1)
    )
    runner = SimulatedRunner((Phase("stand", 60.0),), params)
    acc, gyr = runner.samples(0, 12_000, 208.0)
    assert np.allclose(acc.mean(0), params.mount @ [0, 0, G0] + params.acc_offset, atol=0.002)
    assert np.allclose(gyr.mean(0), params.gyr_bias, atol=1e-4)
    assert np.allclose(acc.std(0), 0.004 * G0, rtol=0.05)
    assert np.allclose(np.degrees(gyr.std(0)), 0.1, rtol=0.05)


@pytest.mark.parametrize(("first", "n", "rate"), [(-1, 5, 208.0), (0, -1, 208.0), (0, 5, 0.0)])
def test_impossible_samples_are_refused(first: int, n: int, rate: float) -> None:
    with pytest.raises(ValueError, match="no samples"):
        SimulatedRunner((STAND,)).samples(first, n, rate)


# --- physics ------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    cadence=st.floats(140, 200),
    speed=st.floats(0.0, 5.0),
    contact=st.none() | st.floats(0.15, 0.35),
    grade=st.floats(-0.1, 0.1),
    asymmetry=st.floats(-0.1, 0.1),
    seed=st.integers(0, 1000),
)
def test_running_never_drifts_and_never_pulls_at_the_ground(
    cadence: float,
    speed: float,
    contact: float | None,
    grade: float,
    asymmetry: float,
    seed: int,
) -> None:
    phase = Phase("run", 8.0, cadence, None, speed, 6.0, None, 0.0, contact, asymmetry, grade)
    runner = SimulatedRunner((STAND, phase), replace(QUIET, seed=seed))
    steps = steps_of(runner)
    for event in ("ic_s", "to_s"):
        assert np.abs(runner.truth.height(steps[event])).max() < 1e-6
    t = np.arange(0.0, runner.duration_s, 1 / 500)
    force = vertical(runner, t) + G0
    assert force.min() > -0.3
    assert force.max() < 2.5 * G0 * (steps["step_s"] / steps["contact_s"]).max()
    flying = (t[:, None] > steps["to_s"]) & (t[:, None] < steps["ic_s"] + steps["step_s"])
    assert np.abs(runner.truth.ideal(t)[0][flying.any(axis=1)]).max() < 1e-9


@pytest.mark.parametrize("cadence", [150.0, 172.0, 190.0])
def test_each_steady_step_carries_the_body_weight(cadence: float) -> None:
    runner = SimulatedRunner((STAND, replace(RUN, cadence_spm=cadence)), STEADY)
    for step in steps_of(runner)[:5]:
        n = 2000
        t = step["ic_s"] + step["step_s"] * (np.arange(n) + 0.5) / n
        assert vertical(runner, t).mean() == pytest.approx(0.0, abs=1e-4)
        flight = step["step_s"] - step["contact_s"]
        rise = runner.truth.height(t).max()
        assert rise == pytest.approx(G0 * flight**2 / 8, abs=1e-5)
        assert step["bounce_m"] > rise + 0.01


def turn_up(gyr: Floats, up: Floats, dt: float) -> Floats:
    """``up`` (3,) after the rates (2n + 1, 3) at spacing dt: by Runge-Kutta on du = u x w."""
    x, y, z = (float(v) for v in up)
    for k in range(0, len(gyr) - 2, 2):
        u = np.array([x, y, z])
        k1 = np.cross(u, gyr[k])
        k2 = np.cross(u + dt * k1, gyr[k + 1])
        k3 = np.cross(u + dt * k2, gyr[k + 1])
        k4 = np.cross(u + 2 * dt * k3, gyr[k + 2])
        x, y, z = u + dt / 3 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.array([x, y, z])


def test_the_gyroscope_integrates_to_the_true_vertical() -> None:
    phases = (
        Phase("walk", 8.0, 110.0, speed_mps=1.4),
        replace(RUN, duration_s=15.0, lean_end_deg=12.0, turn_dps=20.0),
        replace(RUN, duration_s=20.0, looseness=1.0, side_lean_deg=3.0),
        STAND,
        replace(RUN, duration_s=14.0, turn_dps=-30.0, grade=0.08),
    )
    runner = SimulatedRunner(phases, replace(QUIET, mount=mount((1.0, -1.0, 2.0), 0.8)))
    _, gyr = runner.samples(0, 30_001, 500.0)
    start, end = runner.truth.up(np.array([0.0, 60.0]))
    reached = turn_up(gyr, start, 1 / 500)
    assert np.degrees(np.linalg.norm(np.cross(reached, end))) < 0.05
    assert np.linalg.norm(end) == pytest.approx(1.0, abs=1e-12)


def test_the_accelerometer_integrates_to_the_true_bounce() -> None:
    phases = (STAND, WALK, RUN, replace(WALK, duration_s=5.0), STAND)
    runner = SimulatedRunner(phases, replace(QUIET, mount=mount((0.0, 1.0, 1.0), 2.0)))
    rate = 1000
    t = np.arange(int(runner.duration_s * rate)) / rate
    a = vertical(runner, t)
    speed = np.concatenate(([0.0], np.cumsum(0.5 * (a[1:] + a[:-1])))) / rate
    z = np.concatenate(([0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1])))) / rate
    assert abs(speed[-1]) < 0.002
    assert np.abs(z - runner.truth.height(t)).max() < 0.02
    whole = runner.truth.steps[np.isfinite(runner.truth.steps["step_s"])]
    for step in whole:
        part = z[int(step["ic_s"] * rate) : int((step["ic_s"] + step["step_s"]) * rate) + 1]
        assert np.ptp(part) == pytest.approx(step["bounce_m"], abs=0.0005)
        during = a[int(step["ic_s"] * rate) : int(step["to_s"] * rate) + 1]
        assert during.max() == pytest.approx(step["impact_ms2"], rel=0.005, abs=0.05)


def world(runner: SimulatedRunner, rate: int) -> tuple[Floats, Floats]:
    """Times (n,) and world acceleration (n, 3) by carrying the attitude along with the gyro."""
    n = int(runner.duration_s * rate)
    acc, gyr = runner.samples(0, n, float(rate))
    up = runner.truth.up(np.array([0.0]))[0]
    forward = np.cross(runner.params.mount @ [0.0, 1.0, 0.0], up)
    frame = np.stack([forward, np.cross(up, forward), up])
    out = np.empty((n, 3))
    middle = 0.5 * (gyr[1:] + gyr[:-1]) / rate
    for k in range(n):
        out[k] = frame @ acc[k] - [0.0, 0.0, G0]
        if k < n - 1:
            angle = float(np.linalg.norm(middle[k]))
            if angle > 0.0:
                frame = frame @ mount(tuple(middle[k]), angle)
    return np.arange(n) / rate, out


def test_a_bend_turns_the_velocity_and_a_hill_lifts_the_runner() -> None:
    phases = (
        STAND,
        replace(RUN, duration_s=4.0, speed_mps=3.0),
        replace(RUN, duration_s=6.0, speed_mps=3.0, turn_dps=15.0, grade=0.05),
        replace(STAND, duration_s=6.0),
    )
    runner = SimulatedRunner(phases, replace(QUIET, mount=mount((1.0, 1.0, 0.0), 0.4)))
    t, a = world(runner, 1000)
    velocity = np.cumsum(a, axis=0) / 1000
    assert np.linalg.norm(velocity[-1]) < 0.05

    def mean(lo: float, hi: float) -> Floats:
        # Over whole strides, so that bounce and sway average out.
        ic = runner.truth.steps["ic_s"]
        ends = [ic[np.searchsorted(ic, lo)], ic[np.searchsorted(ic, lo) + 2]]
        while ends[1] < hi:
            ends[1] = ic[np.searchsorted(ic, ends[1]) + 2]
        return np.asarray(velocity[(t >= ends[0]) & (t < ends[1])].mean(axis=0))

    assert mean(5.0, 6.0) == pytest.approx([3.0, 0.0, 0.0], abs=0.06)
    bend = (t > 8.0) & (t < 12.0)
    course = np.unwrap(np.arctan2(velocity[:, 1], velocity[:, 0]))
    rate = np.polyfit(t[bend], course[bend], 1)[0]
    assert np.degrees(rate) == pytest.approx(15.0, abs=0.5)
    assert mean(9.0, 12.0)[2] == pytest.approx(0.05 * 3.0, abs=0.03)
    assert runner.truth.grade(np.array([2.0, 5.0, 11.0])) == pytest.approx([0.0, 0.0, 0.05])
    banked = runner.truth.side_lean_deg(np.array([11.0]))[0]
    assert banked == pytest.approx(-np.degrees(np.arctan(3.0 * np.radians(15.0) / G0)), abs=0.1)


@pytest.mark.parametrize(("phase", "kind"), [(RUN, 3), (WALK, 2)])
def test_the_foot_brakes_then_drives_and_pushes_inwards(phase: Phase, kind: int) -> None:
    still = replace(STEADY, tilt_deg=0.0, obliquity_deg=0.0, rotation_deg=0.0)
    runner = SimulatedRunner((STAND, replace(phase, lean_deg=0.0)), still)
    for step in steps_of(runner, kind)[:8]:
        t = step["ic_s"] + step["step_s"] * (np.arange(400) + 0.5) / 400
        forward, left, _ = runner.truth.ideal(t)[0].T
        middle = t < step["ic_s"] + 0.5 * (step["contact_s"] if kind == 3 else step["step_s"])
        lag = 20 if kind == 2 else 0  # walking pushes are counted from mid double support
        assert forward[middle][2 * lag :].mean() < -0.3
        assert forward[~middle][: 400 - lag].mean() > 0.1
        assert forward.mean() == pytest.approx(0.0, abs=0.02)
        assert left[150:250].mean() * step["side"] > 0.05


def test_walking_swings_about_one_g_and_always_has_a_foot_down() -> None:
    runner = SimulatedRunner((STAND, WALK, STAND), QUIET)
    steps = steps_of(runner, 2)
    t = np.arange(8.0, 28.0, 1 / 500)
    force = (vertical(runner, t) + G0) / G0
    assert 0.55 < force.min() < 0.8
    assert 1.2 < force.max() < 1.45
    assert (steps["flight_s"] < 0).all()
    next_ic = steps["ic_s"] + steps["step_s"]
    assert (steps["to_s"] > next_ic).all()
    assert 0.03 < np.median(steps["bounce_m"]) < 0.06
    faster = SimulatedRunner((STAND, replace(WALK, speed_mps=1.8)), QUIET)
    assert vertical(faster, t).max() > 1.2 * vertical(runner, t).max()


@pytest.mark.parametrize("name", list(STORIES))
def test_no_story_asks_for_the_impossible(name: str) -> None:
    runner = SimulatedRunner(story(name), QUIET)
    t = np.arange(0.0, runner.duration_s + 8.0, 1 / 208)
    tight = SimulatedRunner([replace(phase, looseness=None) for phase in story(name)], QUIET)
    assert vertical(tight, t).min() > -G0 - 0.1
    acc, gyr = runner.truth.ideal(t)
    assert np.linalg.norm(acc, axis=1).max() < 8 * G0
    assert np.degrees(np.abs(gyr)).max() < 500
    assert np.abs(np.diff(runner.truth.height(t))).max() < 1.5 / 208
    assert np.abs(np.diff(runner.truth.lean_deg(t))).max() * 208 < 25.0


# --- truth --------------------------------------------------------------------------------


def test_the_steps_are_consistent() -> None:
    steps = SimulatedRunner(story("full")).truth.steps
    assert (np.diff(steps["ic_s"]) > 0.25).all()
    whole = steps[np.isfinite(steps["step_s"])]
    assert np.allclose(whole["to_s"], whole["ic_s"] + whole["contact_s"])
    assert np.allclose(whole["flight_s"], whole["step_s"] - whole["contact_s"])
    assert np.allclose(whole["cadence_spm"] * whole["step_s"], 60.0)
    joined = np.isfinite(steps["step_s"][:-1])
    assert np.allclose(
        (steps["ic_s"][:-1] + steps["step_s"][:-1])[joined], steps["ic_s"][1:][joined]
    )
    assert (steps["side"][:-1] == -steps["side"][1:])[joined].all()
    flight = whole["flight_s"][whole["kind"] == 3]
    assert flight.min() > 0.0
    assert np.percentile(flight, 1) > 0.04
    assert np.isnan(steps[~np.isfinite(steps["step_s"])]["bounce_m"]).all()
    assert (~np.isfinite(steps["step_s"])).sum() == 2  # the crossing and the end
    assert np.isfinite(whole["impact_ms2"]).all()


def test_the_run_follows_the_story() -> None:
    phases = (
        replace(STAND, duration_s=10.0, lean_deg=1.0),
        replace(WALK, duration_s=20.0),
        replace(RUN, duration_s=60.0, cadence_end_spm=160.0, lean_end_deg=12.0, contact_s=0.24),
        replace(STAND, duration_s=10.0),
    )
    truth = SimulatedRunner(phases, STEADY).truth
    assert list(truth.activity(np.array([5.0, 25.0, 60.0, 98.0]))) == [1, 2, 3, 1]
    assert np.isnan(truth.cadence_spm(np.array([5.0, 98.0]))).all()
    lean = truth.lean_deg(np.array([5.0, 35.0, 60.0, 89.5]))
    assert lean == pytest.approx([1.0, 6.5, 9.0, 11.9], abs=0.3)
    steps = truth.steps[truth.steps["kind"] == 3]
    early, late = steps[(steps["ic_s"] < 40)], steps[(steps["ic_s"] > 80)]
    assert np.nanmean(early["cadence_spm"]) == pytest.approx(169.2, abs=0.5)
    assert np.nanmean(late["cadence_spm"]) == pytest.approx(160.9, abs=0.5)
    assert np.nanmedian(steps["contact_s"]) == pytest.approx(0.24, abs=0.005)


def test_step_times_vary_and_remember() -> None:
    steps = steps_of(SimulatedRunner(hold(1800.0)))["step_s"]
    assert steps.mean() == pytest.approx(60 / 170, rel=0.005)
    assert steps.std() / steps.mean() == pytest.approx(0.015, rel=0.15)
    strides = steps[: len(steps) // 2 * 2].reshape(-1, 2).sum(axis=1)
    x = strides - strides.mean()
    assert 0.1 < (x[10:] * x[:-10]).mean() / x.var() < 0.6
    mean16 = 60 / np.convolve(steps, np.ones(16) / 16, "valid")
    assert mean16.min() > 0.97 * 170


def test_asymmetry_lengthens_the_right_step_and_contact() -> None:
    steps = steps_of(SimulatedRunner((STAND, replace(RUN, asymmetry=0.06)), STEADY))
    right, left = steps[steps["side"] > 0], steps[steps["side"] < 0]
    for name in ("step_s", "contact_s"):
        ratio = np.median(right[name]) / np.median(left[name]) - 1
        assert ratio == pytest.approx(0.06, abs=0.01)


def test_slower_feet_bounce_more_and_longer_contact_bounces_less() -> None:
    def bounce(phase: Phase) -> float:
        return float(np.median(steps_of(SimulatedRunner((STAND, phase), STEADY))["bounce_m"]))

    plain = bounce(RUN)
    assert 0.06 < plain < 0.10
    assert bounce(replace(RUN, cadence_spm=155.0)) > 1.1 * plain
    assert bounce(replace(RUN, contact_s=0.29)) < 0.98 * plain


def test_a_harder_impact_comes_with_speed() -> None:
    def early(speed: float) -> float:
        phase = replace(RUN, speed_mps=speed, contact_s=0.24)
        runner = SimulatedRunner((STAND, phase), STEADY)
        ic = steps_of(runner)["ic_s"][:10]
        return float(vertical(runner, ic + 0.03).mean())

    assert early(4.0) > early(2.5) + 1.0


def test_a_loose_belt_rings_and_slips_but_the_runner_does_not_lean() -> None:
    phase = replace(RUN, duration_s=60.0)
    tight = SimulatedRunner((STAND, phase), QUIET)
    loose = SimulatedRunner((STAND, replace(phase, looseness=0.8)), QUIET)
    everywhere = SimulatedRunner((STAND, phase), replace(QUIET, looseness=0.8))
    assert np.array_equal(
        loose.samples(9000, 500, 208.0)[0], everywhere.samples(9000, 500, 208.0)[0]
    )
    n = 50 * 500
    band = (np.fft.rfftfreq(n, 1 / 500) > 12) & (np.fft.rfftfreq(n, 1 / 500) < 40)
    power = [
        np.abs(np.fft.rfft(r.samples(4000, n, 500.0)[0][:, 2]))[band].sum() for r in (tight, loose)
    ]
    assert power[1] > 1.5 * power[0]
    t = np.array([60.0])
    assert tight.truth.slip_deg(t)[0] == 0.0
    slipped = loose.truth.slip_deg(t)[0]
    assert 2.0 < slipped < 8.0
    assert loose.truth.lean_deg(t)[0] == pytest.approx(tight.truth.lean_deg(t)[0])
    at = np.arange(55.0, 60.0, 1 / 208)
    tilt = [np.degrees(np.arcsin(-r.truth.up(at)[:, 0])).mean() for r in (tight, loose)]
    assert tilt[1] - tilt[0] == pytest.approx(loose.truth.slip_deg(at).mean(), abs=0.3)


def test_the_contact_times_are_those_of_real_runners() -> None:
    folder = DATA / "alcantara_sacrum"
    trials = sorted(folder.glob("*.npz"))
    if not trials:
        pytest.skip("recordings not present (shared/data/alcantara_sacrum)")
    level = 0
    for path in trials:
        with np.load(path) as trial:
            meta = json.loads(str(trial["meta"]))
            if meta["slope_deg"] != 0.0:
                continue
            ic, to = trial["ic"], trial["to"]
        contact = np.median([to[to > x][0] - x for x in ic if (to > x).any()])
        assert contact_time(meta["speed"]) == pytest.approx(contact, rel=0.1)
        level += 1
    assert level >= 2


# --- stories ------------------------------------------------------------------------------


def test_stories() -> None:
    assert set(STORIES) == {"steady", "fade", "lean", "hills", "stops", "full"}
    assert 12 * 60 <= SimulatedRunner(story()).duration_s <= 15 * 60
    for name in STORIES:
        assert STORIES[name][0].kind == "stand"
    assert sum(p.duration_s for p in hold(36_000.0, 165.0)) == 36_015.0
    with pytest.raises(UsageError, match=r"marathon.*steady"):
        story("marathon")


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "hop"},
        {"duration_s": 0.0},
        {"duration_s": float("nan")},
        {"cadence_spm": 20.0},
        {"cadence_end_spm": 500.0},
        {"contact_s": 0.9},
        {"lean_end_deg": 90.0},
        {"grade": float("nan")},
        {"looseness": 2.0},
    ],
)
def test_an_impossible_phase_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Phase(**{"kind": "run", "duration_s": 10.0, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        {"mount": np.diag([1.0, 1.0, -1.0])},
        {"mount": np.ones((3, 3))},
        {"looseness": 1.5},
        {"step_cv": -0.1},
        {"seed": -1},
    ],
)
def test_impossible_parameters_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        RunnerParams(**wrong)


def test_standing_has_no_steps() -> None:
    truth = SimulatedRunner((STAND,), RunnerParams(looseness=1.0)).truth
    assert len(truth.steps) == 0
    assert (truth.activity(np.array([0.0, 1.0])) == 1).all()


def test_a_run_needs_a_phase() -> None:
    with pytest.raises(ValueError, match="phase"):
        SimulatedRunner(())
