"""Every kernel equals its slow, obvious twin, on recordings and on random input."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gaitpi.gait import attitude, estimate, mounting, steps
from gaitpi.gait.params import GaitParams, coeffs
from gaitpi.gait.state import R_T, R_V, R_X, RING, new_state
from gaitpi.gait.types import STEP_DTYPE
from gaitpi.units import G0

from . import naive
from .signals import Floats, random_rotation, recording, simulated, vertical

P = GaitParams()
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=6)


def derived(rate_hz: float) -> Any:
    return coeffs(P, rate_hz)[0]


def fresh() -> Any:
    return new_state()[0]


# --- attitude -------------------------------------------------------------------------------


def run_gyro(
    acc: Floats, gyr: Floats, rate_hz: float, dt: Floats, gaps: tuple[int, ...] = ()
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    c, s = derived(rate_hz), fresh()
    up, bias, rest = [], [], []
    for i, (a, g) in enumerate(zip(acc, gyr, strict=True)):
        if i in gaps:
            attitude.hold_frame(c, s)
        attitude.attitude_gyro(c, s, a[0], a[1], a[2], g[0], g[1], g[2], dt[i])
        s["samples"] += 1
        up.append(s["up"].copy())
        bias.append(s["bias"].copy())
        rest.append(bool(s["rest"]))
    return np.array(up), np.array(bias), np.array(rest)


def check_gyro(
    acc: Floats, gyr: Floats, rate_hz: float, dt: Floats | None = None, gaps: tuple[int, ...] = ()
) -> NDArray[np.bool_]:
    if dt is None:
        dt = np.full(len(acc), 1.0 / rate_hz)
    up, bias, rest = run_gyro(acc, gyr, rate_hz, dt, gaps)
    same_up, same_bias, same_rest = naive.up_gyro(acc, gyr, rate_hz, P, dt, gaps)
    # the low-pass sums to about 1e-5 of its terms, so rounding is seen as 1e-11
    np.testing.assert_allclose(up, same_up, rtol=0, atol=1e-9)
    np.testing.assert_allclose(bias, same_bias, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(rest, same_rest)
    return rest


@pytest.mark.parametrize(
    "name",
    ["broad/24_disturbed_tapping_A", "rbds_semisynthetic/002_T45", "sisfall_waist/SA01_F05_R01"],
)
def test_attitude_on_recordings(shared_data: Path, name: str) -> None:
    acc, gyr, rate = recording(shared_data, name)
    assert gyr is not None
    n = int(10 * rate)
    check_gyro(acc[:n], gyr[:n], rate)


def test_attitude_over_rest_and_gaps(shared_data: Path) -> None:
    acc, gyr, rate = recording(shared_data, "broad/02_undisturbed_slow_rotation_B")
    assert gyr is not None
    k = slice(0, 2000)
    rest = check_gyro(acc[k], gyr[k], rate, gaps=(300, 1500))
    assert rest.any()
    assert not rest.all()


@pytest.mark.nojit
@few
@given(seed=seeds, rate=st.sampled_from([50.0, 208.0]), size=st.sampled_from([0.1, 3.0, 30.0]))
def test_attitude_on_random_input(seed: int, rate: float, size: float) -> None:
    rng = np.random.default_rng(seed)
    n = int(5 * rate)
    pull = random_rotation(rng)[0] * G0
    acc = pull + rng.standard_normal((n, 3)) * size
    gyr = rng.uniform(-0.1, 0.1, 3) + rng.standard_normal((n, 3)) * size * 0.3
    calm = rng.integers(0, n // 2)
    gyr[calm : calm + int(2 * rate)] = 0.02
    acc[calm : calm + int(2 * rate)] = pull
    dt = (1.0 + 0.05 * rng.standard_normal(n)) / rate
    check_gyro(acc, gyr, rate, dt, gaps=tuple(int(x) for x in rng.integers(1, n, 2)))


def check_acc(acc: Floats, rate_hz: float) -> None:
    c, s = derived(rate_hz), fresh()
    up = []
    for a in acc:
        attitude.attitude_acc(c, s, a[0], a[1], a[2])
        up.append(s["up"].copy())
    np.testing.assert_allclose(np.array(up), naive.up_acc(acc, rate_hz, P), rtol=0, atol=1e-9)


def test_attitude_without_gyro_on_a_recording(shared_data: Path) -> None:
    acc, _, rate = recording(shared_data, "adept_outdoor_run/hip_dev")
    check_acc(acc[3000:4500], rate)


@pytest.mark.nojit
@few
@given(seed=seeds)
def test_attitude_without_gyro_on_random_input(seed: int) -> None:
    rng = np.random.default_rng(seed)
    acc = rng.uniform(-20, 20, 3) + rng.standard_normal((700, 3)) * 10
    acc[:20] = 0.0
    check_acc(acc, float(rng.uniform(30, 300)))


# --- waves ----------------------------------------------------------------------------------


def check_waves(v: Floats, rate_hz: float) -> int:
    c, s = derived(rate_hz), fresh()
    out = np.zeros(400, STEP_DTYPE)
    wave, mean, usual, turns = [], [], [], []
    for i, value in enumerate(v):
        before = int(s["direction"])
        steps.waves(c, s, i / rate_hz, float(value), 0.0, 0.0, 0.0, out, 0)
        wave.append(float(s["p"]))
        mean.append(float(s["v_mean"]))
        usual.append(float(s["usual_wave"]))
        if i and int(s["direction"]) != before:
            name, sign = ("peak", 1.0) if before > 0 else ("valley", -1.0)
            turns.append((i, float(s[f"{name}_i"]), float(s[name]), sign))
    twin = naive.waves(v, rate_hz, P)
    size = float(np.abs(v).max())
    np.testing.assert_allclose(wave, twin.p, rtol=0, atol=1e-11 * size)
    np.testing.assert_allclose(mean, twin.mean, rtol=0, atol=1e-11 * size)
    np.testing.assert_allclose(usual, twin.usual, rtol=0, atol=1e-11 * size)
    np.testing.assert_allclose(np.reshape(turns, (-1, 4)), twin.turns, rtol=0, atol=1e-11 * size)
    return len(turns)


def test_waves_of_recordings(shared_data: Path) -> None:
    for name, seconds in (("sisfall_waist/SA01_D04_R01", 10.0), ("ipol_lowback_walk/1-1", 15.0)):
        acc, _, rate = recording(shared_data, name)
        acc = acc[: int(seconds * rate)]
        v, _ = vertical(acc, naive.up_acc(acc, rate, P))
        assert check_waves(v, rate) >= 10


@pytest.mark.nojit
@few
@given(seed=seeds, size=st.sampled_from([1.0, 8.0]))
def test_waves_of_random_input(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    rate = float(rng.uniform(50, 400))
    t = np.arange(int(4 * rate)) / rate
    v = size * np.sin(2 * np.pi * rng.uniform(1, 4) * t + rng.uniform(0, 6))
    v += 0.3 * size * rng.standard_normal(len(t))
    check_waves(v, rate)


# --- what is read from the history ----------------------------------------------------------


class History:
    """A state whose ring holds the samples up to the present, and the same as arrays."""

    def __init__(self, t: Floats, v: Floats, x: Floats, rate_hz: float) -> None:
        self.c, self.s, self.rate_hz = derived(rate_hz), fresh(), rate_hz
        n = len(t)
        self.oldest = max(0, n - RING)
        for i in range(self.oldest, n):
            row = self.s["ring"][i % RING]
            row[R_T], row[R_V], row[R_X : R_X + 3] = t[i], v[i], x[i]
        self.s["ring_n"] = n
        self.t, self.v, self.x = t, v, x
        self.force = np.full(n, np.nan)
        self.force[self.oldest :] = naive.smooth_force(v[self.oldest :], rate_hz, P)


def step_like(rng: np.random.Generator, n: int, rate_hz: float) -> History:
    """Random half-sine stances between flights, with noise."""
    t = 5.0 + np.arange(n) / rate_hz
    step = rng.uniform(0.3, 0.45)
    phase = ((t + rng.uniform(0, 1)) / step) % 1.0
    duty = rng.uniform(0.5, 0.9)
    force = np.where(phase < duty, np.pi / 2 / duty * G0 * np.sin(np.pi * phase / duty), 0.0)
    v = force - G0 + rng.uniform(0, 2.0) * rng.standard_normal(n)
    return History(t, v, rng.standard_normal((n, 3)), rate_hz)


def check_contacts(h: History, now: int, valley: int, peak: int, ic: int | None) -> None:
    """Initial contact and toe-off as they would be sought at sample ``now``."""
    h = History(h.t[: now + 1], h.v[: now + 1], h.x[: now + 1], h.rate_hz)
    s = h.s
    s["valley_i"], s["peak_i"] = valley, peak
    s["has_ic"], s["ic_i"] = int(ic is not None), -1 if ic is None else ic
    s["p_before"], s["p"] = -0.7, 0.4
    delay = int(np.sqrt(2.0) / (2.0 * np.pi * P.coarse_hz) * h.rate_hz)
    first = max(valley - delay - int(0.05 * h.rate_hz), peak - delay, h.oldest)
    if ic is not None:
        first = max(first, ic + 1)
    found, at = steps.find_ic(h.c, s)
    twin = naive.initial_contact(h.t, h.force, first, P) if first < now else None
    if twin is None:
        walked = naive.initial_contact_walking(h.t, np.append(np.full(now, -0.7), 0.4), P)
        assert found == pytest.approx(walked, rel=1e-12)
    else:
        assert found == pytest.approx(twin[0], rel=1e-12)
        assert at == twin[1]
    if ic is not None and h.oldest < ic < now:
        got = steps.find_to(h.c, s, ic, now)
        want = naive.toe_off(h.t, h.force, ic, now, P)
        assert got == pytest.approx(want, rel=1e-12, nan_ok=True)


@pytest.mark.nojit
@settings(max_examples=30)
@given(seed=seeds, rate=st.sampled_from([60.0, 208.0]))
def test_contacts_in_random_steps(seed: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    h = step_like(rng, int(2.5 * rate), rate)
    now = int(rng.integers(len(h.t) // 2, len(h.t)))
    valley = int(now - rng.uniform(0.02, 0.3) * rate)
    peak = int(valley - rng.uniform(0.05, 0.3) * rate)
    ic = int(peak - rng.uniform(0.0, 0.1) * rate) if rng.uniform() < 0.8 else None
    check_contacts(h, now, valley, peak, ic)


def test_contacts_after_the_ring_went_round() -> None:
    rng = np.random.default_rng(7)
    h = step_like(rng, RING + 900, 208.0)
    for now in range(RING + 700, RING + 890, 7):
        check_contacts(h, now, now - 20, now - 60, now - 75)
    smooth = [steps.smooth_force(h.c, h.s, i) for i in range(h.oldest, len(h.t))]
    np.testing.assert_allclose(smooth, h.force[h.oldest :], rtol=0, atol=1e-13)


def test_contacts_in_a_recording(shared_data: Path) -> None:
    acc, gyr, rate = recording(shared_data, "rbds_semisynthetic/002_T25")
    assert gyr is not None
    acc = acc[: int(8 * rate)]
    v, x = vertical(acc, naive.up_acc(acc, rate, P))
    h = History(np.arange(len(v)) / rate, v, x, rate)
    turns = naive.waves(v, rate, P).turns
    seen = turns[:, 0].astype(int)
    valleys = [i for i in range(3, len(turns)) if turns[i, 3] < 0]
    assert len(valleys) > 15
    for i in valleys:
        check_contacts(h, seen[i] + 5, int(turns[i, 1]), int(turns[i - 1, 1]), int(turns[i - 2, 1]))


@pytest.mark.nojit
@settings(max_examples=20)
@given(seed=seeds, rate=st.sampled_from([60.0, 208.0, 900.0]))
def test_quantities_of_a_step(seed: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    h = step_like(rng, int(2 * rate), rate)
    i0 = int(rng.integers(0, len(h.t) // 2))
    i1 = i0 + int(rng.uniform(0.25, 0.8) * rate)
    h.t[:] += np.cumsum(rng.uniform(0, 0.2 / rate, len(h.t)))
    h.s["ring"][: len(h.t), R_T] = h.t
    part = slice(i0, i1 + 1)
    assert steps.bounce(h.s, i0, i1) == pytest.approx(naive.bounce(h.t[part], h.v[part]), rel=1e-10)
    end = float(rng.uniform(h.t[i0], h.t[i1 - 1]))
    want = naive.impact(h.t[i0:i1], h.v[i0:i1], end)
    assert steps.impact(h.s, i0, end, i1) == want
    assert np.isnan(steps.lateral(h.s, i0, i1))
    h.s["mount"][:] = random_rotation(rng)
    h.s["axes_known"] = 1
    want = naive.lateral(h.x[i0:i1], h.s["mount"][1])
    assert steps.lateral(h.s, i0, i1) == pytest.approx(want, rel=1e-10, abs=1e-12)
    low = steps.least_force(h.c, h.s, i0, i1)
    assert low == pytest.approx(h.force[i0:i1].min(), rel=1e-12)


@pytest.mark.nojit
@given(gaps=st.lists(st.floats(0.25, 0.6), max_size=80))
def test_live_cadence(gaps: list[float]) -> None:
    c, s = derived(100.0), fresh()
    contacts = 3.0 + np.concatenate([[0.0], np.cumsum(gaps)])
    for i, t in enumerate(contacts):
        s["ics"][i % len(s["ics"])] = t
    s["ics_n"] = len(contacts)
    steps.live_cadence(c, s)
    assert float(s["cadence"]) == pytest.approx(
        naive.live_cadence(contacts, P), rel=1e-10, nan_ok=True
    )


@pytest.mark.nojit
@given(st.lists(st.one_of(st.just(np.nan), st.floats(-3, 3)), max_size=60))
def test_sides(pushes: list[float]) -> None:
    c, s = derived(100.0), fresh()
    got = []
    for n, y in enumerate(pushes):
        s["parity"] = n % 2
        got.append(steps.learn_side(c, s, float(y)))
    assert got == naive.sides(pushes, P)


# --- standing and mounting ------------------------------------------------------------------


def check_stillness(acc: Floats, up: Floats, rate_hz: float) -> NDArray[np.bool_]:
    c, s = derived(rate_hz), fresh()
    t = 2.0 + np.arange(len(acc)) / rate_hz
    variance, still, stand = [], [], []
    s["u_known"] = 1
    for i in range(len(t)):
        s["up"][:] = up[i]
        mounting.learn_stillness(c, s, t[i], acc[i, 0], acc[i, 1], acc[i, 2])
        s["samples"] += 1
        variance.append(float(s["still_var"]))
        still.append(bool(s["still"]))
        stand.append(s["stand_up"].copy() if s["stand_t"] > 0 else np.full(3, np.nan))
    twin = naive.stillness(t, acc, up, rate_hz, P)
    np.testing.assert_allclose(variance, twin.variance, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(still, twin.still)
    np.testing.assert_allclose(np.array(stand), twin.stand_up, rtol=0, atol=1e-11)
    return twin.still


def test_stillness_of_a_recording(shared_data: Path) -> None:
    acc, _, rate = recording(shared_data, "ipol_lowback_walk/1-1")
    still = check_stillness(acc, naive.up_acc(acc, rate, P), rate)
    assert still.any()
    assert not still.all()


@pytest.mark.nojit
@few
@given(seed=seeds)
def test_stillness_of_random_input(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rate = float(rng.uniform(40, 150))
    n = int(8 * rate)
    size = np.repeat(rng.choice([0.03, 0.1, 3.0], 8, p=[0.5, 0.3, 0.2]), int(rate))
    acc = np.array([1.0, 2.0, 9.5]) + rng.standard_normal((len(size), 3)) * size[:, None]
    up = naive.unit(np.array([0.0, 0.2, 1.0]) + 0.05 * rng.standard_normal((n + 8, 3)))
    check_stillness(acc, up[: len(acc)], rate)


@pytest.mark.nojit
@few
@given(seed=seeds, running=st.booleans())
def test_forward_axis(seed: int, running: bool) -> None:
    rng = np.random.default_rng(seed)
    rate, n = 100.0, 600
    v = 5.0 * np.sin(np.arange(n) * 0.17) + rng.standard_normal(n)
    x = rng.standard_normal((n, 3))
    up = naive.unit(np.array([0.1, 0.1, 1.0]) + 0.1 * rng.standard_normal((n, 3)))
    mean = naive.ema(v, float(1.0 - np.exp(-1.0 / (P.mean_tau_s * rate))), 0.0)
    c, s = derived(rate), fresh()
    step = float(rng.uniform(0.3, 0.6))
    s["bout_kind"], s["step_s"] = 3 if running else 2, step
    for i in range(n):
        s["v_mean"] = mean[i]
        s["up"][:] = up[i]
        mounting.learn_forward(c, s, v[i], x[i, 0], x[i, 1], x[i, 2], 1.0 / rate)
    twin = naive.forward(v, mean, x, up, step, 1.0 if running else -1.0, rate, P)
    np.testing.assert_allclose(s["fwd"], twin.fwd, rtol=0, atol=1e-12)
    assert float(s["fwd_e"]) == pytest.approx(twin.energy, rel=1e-10)
    assert float(s["fwd_w"]) == pytest.approx(twin.wave_energy, rel=1e-10)
    assert float(s["fwd_n"]) == pytest.approx(twin.steps, rel=1e-10)
    np.testing.assert_allclose(s["gait_up"], twin.gait_up, rtol=0, atol=1e-12)


@pytest.mark.nojit
@settings(max_examples=20)
@given(seed=seeds, stood=st.booleans())
def test_mount_and_lean(seed: int, stood: bool) -> None:
    rng = np.random.default_rng(seed)
    c, s = derived(100.0), fresh()
    body = random_rotation(rng)
    zero = body[2]
    gait = naive.unit(zero + 0.1 * rng.standard_normal(3))
    fwd = 0.3 * body[0] + rng.uniform(-0.5, 0.5) * zero
    s["fwd"][:], s["fwd_e"], s["fwd_w"], s["fwd_n"] = fwd, 1.0, 1.0, P.axis_steps
    s["gait_up"][:], s["gait_n"] = 0.7 * gait, 2.0 * P.axis_steps
    if stood:
        s["stand_up"][:], s["stand_t"] = zero, 10.0
    mounting.learn_mount(c, s, 20.0)
    assert int(s["axes_known"]) == 1
    assert int(s["lean_from"]) == (2 if stood else 3)
    want = naive.mount(fwd, zero if stood else gait)
    np.testing.assert_allclose(s["mount"], want, rtol=0, atol=1e-12)
    np.testing.assert_allclose(want @ want.T, np.eye(3), atol=1e-12)
    for up in naive.unit(want[2] + 0.5 * rng.standard_normal((20, 3))):
        s["up"][:] = up
        mounting.lean(s)
        forward, side = naive.lean_deg(want, up[None])
        assert float(s["lean"]) == pytest.approx(float(forward[0]), abs=1e-9)
        assert float(s["side_lean"]) == pytest.approx(float(side[0]), abs=1e-6)


@pytest.mark.nojit
@pytest.mark.parametrize(("missing", "value"), [("fwd_n", 9.9), ("fwd_e", 100.0), ("gait_n", 19.0)])
def test_too_little_evidence_gives_no_mount(missing: str, value: float) -> None:
    c, s = derived(100.0), fresh()
    s["fwd"][:], s["fwd_e"], s["fwd_w"], s["fwd_n"] = (0.3, 0.0, 0.0), 1.0, 1.0, 10.0
    s["gait_up"][:], s["gait_n"] = (0.0, 0.0, 1.0), 20.0
    s[missing] = value
    mounting.learn_mount(c, s, 20.0)
    assert int(s["axes_known"]) == 0
    mounting.lean(s)
    assert np.isnan(s["lean"])


@pytest.mark.parametrize(
    ("t", "tilt_deg", "source"), [(20.0, 29.0, 2), (20.0, 31.0, 3), (620.0, 0.0, 3)]
)
def test_a_stale_or_crooked_stand_is_not_the_zero(t: float, tilt_deg: float, source: int) -> None:
    c, s = derived(100.0), fresh()
    s["fwd"][:], s["fwd_e"], s["fwd_w"], s["fwd_n"] = (0.3, 0.0, 0.0), 1.0, 1.0, 10.0
    s["gait_up"][:], s["gait_n"] = (0.0, 0.0, 1.0), 20.0
    tilt = np.radians(tilt_deg)
    s["stand_up"][:], s["stand_t"] = (np.sin(tilt), 0.0, np.cos(tilt)), 10.0
    mounting.learn_mount(c, s, t)
    assert int(s["lean_from"]) == source


# --- the kind of a step ---------------------------------------------------------------------


@pytest.mark.nojit
@pytest.mark.parametrize(
    ("bout", "wave_g", "step_s", "low_g", "kind"),
    [
        (0, 2.0, 0.36, 0.05, 3),  # running
        (0, 2.0, 0.60, 0.05, 0),  # a jump: too slow for running, too big for walking
        (0, 2.0, 0.20, 0.05, 0),  # a shake
        (0, 1.2, 0.36, 0.05, 2),  # a small wave starts no running
        (3, 1.2, 0.36, 0.05, 3),  # but does not end it either
        (0, 1.5, 0.36, 0.40, 2),  # a foot always on the ground
        (3, 1.5, 0.36, 0.40, 3),
        (0, 0.5, 0.55, 0.80, 2),  # walking
        (0, 0.5, 1.20, 0.80, 0),
        (0, 1.7, 0.55, 0.80, 0),  # stamping
    ],
)
def test_kind_of_a_step(bout: int, wave_g: float, step_s: float, low_g: float, kind: int) -> None:
    got = steps.step_kind(derived(100.0), bout, wave_g * G0, step_s, low_g * G0)
    assert got == kind


def test_the_whole_chain_uses_these_kernels() -> None:
    """Waves fed with the twin's vertical acceleration find the steps of the estimator."""
    acc, gyr = simulated("mixed", 104.0, seconds=25.0)
    trace = estimate(acc, gyr, 104.0)
    # the very spacing of the estimator's times: rest begins at a sum of them
    dt = np.diff(trace.time_s, prepend=-1.0 / 104.0)
    up, _, _ = naive.up_gyro(acc, gyr, 104.0, P, dt)
    v, x = vertical(acc, up)
    c, s = derived(104.0), fresh()
    out = np.zeros(100, STEP_DTYPE)
    k = 0
    for i in range(len(v)):
        s["t"] = trace.time_s[i]
        k = steps.waves(c, s, trace.time_s[i], v[i], x[i, 0], x[i, 1], x[i, 2], out, k)
    assert k == len(trace.steps) > 20
    for name in ("ic_s", "to_s", "step_s", "bounce_m", "impact_ms2", "known_s"):
        np.testing.assert_allclose(out[name][:k], trace.steps[name], rtol=0, atol=1e-8)
