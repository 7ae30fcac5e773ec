"""Every kernel equals its slow, obvious twin, on recordings and on random input."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gaitpi.gait import (
    GaitEstimator,
    Trace,
    attitude,
    bouts,
    events,
    measures,
    mounting,
    sides,
    steps,
)
from gaitpi.gait.params import GaitParams, coeffs
from gaitpi.gait.state import R_T, R_V, R_W, R_X, RING, new_state
from gaitpi.gait.types import STEP_DTYPE
from gaitpi.units import G0

from . import naive
from .naive import Ints
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
    acc: Floats,
    gyr: Floats,
    rate_hz: float,
    dt: Floats,
    gaps: tuple[int, ...],
    bouts: Ints | None,
) -> tuple[Floats, Floats, NDArray[np.bool_], Floats]:
    c, s = derived(rate_hz), fresh()
    up, bias, rest, sd = [], [], [], []
    for i, (a, g) in enumerate(zip(acc, gyr, strict=True)):
        if i in gaps:
            attitude.hold_frame(c, s)
        s["bout_kind"] = 0 if bouts is None else bouts[i]
        attitude.attitude_gyro(c, s, a[0], a[1], a[2], g[0], g[1], g[2], dt[i])
        s["samples"] += 1
        up.append(s["up"].copy())
        bias.append(s["bias"].copy())
        rest.append(bool(s["rest"]))
        sd.append(float(s["up_sd"]))
    return np.array(up), np.array(bias), np.array(rest), np.array(sd)


def check_gyro(
    acc: Floats,
    gyr: Floats,
    rate_hz: float,
    dt: Floats | None = None,
    gaps: tuple[int, ...] = (),
    bouts: Ints | None = None,
) -> NDArray[np.bool_]:
    if dt is None:
        dt = np.full(len(acc), 1.0 / rate_hz)
    up, bias, rest, sd = run_gyro(acc, gyr, rate_hz, dt, gaps, bouts)
    same_up, same_bias, same_rest, same_sd = naive.up_gyro(acc, gyr, rate_hz, P, dt, gaps, bouts)
    np.testing.assert_allclose(up, same_up, rtol=0, atol=1e-9)
    np.testing.assert_allclose(bias, same_bias, rtol=0, atol=1e-9)
    np.testing.assert_allclose(sd, same_sd, rtol=1e-6, atol=1e-9)
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
    bouts = rng.choice([0, 2, 3], 8)[np.arange(n) // int(0.7 * rate)]
    check_gyro(acc, gyr, rate, dt, tuple(int(x) for x in rng.integers(1, n // 3, 2)), bouts)


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
    wave, mean, usual, turns, bout = [], [], [], [], []
    for i, value in enumerate(v):
        bout.append(int(s["bout_kind"]))
        s["t"] = i / rate_hz
        before = int(s["direction"])
        steps.waves(c, s, i / rate_hz, float(value), 0.0, 0.0, 0.0, out, 0)
        wave.append(float(s["p"]))
        mean.append(float(s["v_mean"]))
        usual.append(float(s["usual_wave"]))
        if i and int(s["direction"]) != before:
            name, sign = ("peak", 1.0) if before > 0 else ("valley", -1.0)
            turns.append((i, float(s[f"{name}_i"]), float(s[name]), sign))
    twin = naive.waves(v, rate_hz, P, np.array(bout))
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


def assert_contact(found: tuple[float, int], want: tuple[float, int] | None) -> None:
    if want is None:
        assert np.isnan(found[0])
    else:
        assert found[0] == pytest.approx(want[0], rel=1e-12)
        assert found[1] == want[1]


def check_contacts(
    h: History,
    now: int,
    valley: int,
    peak: int,
    ic: int | None,
    bout: int,
    wave: Floats,
    step: float,
) -> str:
    """Initial contact as it would be sought at sample ``now``, ``wave`` (2,) the last two of the
    coarse wave; how it was found."""
    h = History(h.t[: now + 1], h.v[: now + 1], h.x[: now + 1], h.rate_hz)
    s = h.s
    s["valley_i"], s["peak_i"] = valley, peak
    s["has_ic"], s["ic_i"] = int(ic is not None), -1 if ic is None else ic
    s["bout_kind"], s["step_s"] = bout, step
    s["p_before"], s["p"] = wave
    delay = int(np.sqrt(2.0) / (2.0 * np.pi * P.coarse_hz) * h.rate_hz)
    first = max(valley - delay - int(0.05 * h.rate_hz), peak - delay, h.oldest)
    if ic is not None:
        first = max(first, ic + 1)
    want = None
    if first < now:
        want = naive.initial_contact(h.t, h.force, first, bout, h.rate_hz, P)
    assert_contact(events.landing(h.c, s), want)
    rise = naive.contact_of_a_rise(h.t, wave, step, h.rate_hz, P)
    assert_contact(events.rise_ic(h.c, s), rise)
    return "landing" if want else "rise" if rise else "none"


@pytest.mark.nojit
@pytest.mark.parametrize("rate", [60.0, 208.0])
def test_contacts_in_random_steps(rate: float) -> None:
    rng = np.random.default_rng(12)
    ways = []
    for _ in range(60):
        h = step_like(rng, int(2.5 * rate), rate)
        now = int(rng.integers(int(0.1 * rate), len(h.t)))
        valley = int(now - rng.uniform(0.02, 0.3) * rate)
        peak = int(valley - rng.uniform(0.05, 0.3) * rate)
        ic = int(peak - rng.uniform(0.0, 0.1) * rate) if rng.uniform() < 0.8 else None
        wave = np.array([rng.uniform(-1.0, 0.2), rng.uniform(0.1, 1.0)])
        step = rng.choice([0.0, rng.uniform(0.3, 1.0)])
        ways.append(
            check_contacts(h, now, valley, peak, ic, int(rng.choice([0, 2, 3])), wave, step)
        )
    assert {w for w in ways if ways.count(w) >= 4} == {"landing", "rise", "none"}


def test_loading_is_the_mean_of_the_last_landings() -> None:
    """One landing does not shift a contact by more than its share; the first is taken as it is."""
    rng = np.random.default_rng(3)
    h = step_like(rng, 500, 208.0)
    h.s["bout_kind"] = 3
    own = []
    for n in range(1, 30):
        h.s["loading_n"], before = n - 1, float(h.s["loading"])
        h.s["valley_i"] = h.s["peak_i"] = int(rng.integers(330, 420))
        h.s["has_ic"] = 0
        events.landing(h.c, h.s)
        if h.s["loading_n"] == n:
            share = 1.0 / min(n, P.loading_steps)
            own.append(before + (float(h.s["loading"]) - before) / share)
    assert len(own) > 20
    assert all(0.0 <= x < 0.1 for x in own)


def test_contacts_after_the_ring_went_round() -> None:
    rng = np.random.default_rng(7)
    h = step_like(rng, RING + 900, 208.0)
    rising = np.array([-0.7, 0.4])
    for now in range(RING + 700, RING + 890, 7):
        check_contacts(h, now, now - 20, now - 60, now - 75, 3, rising, 0.35)
    smooth = [events.smooth_force(h.c, h.s, i) for i in range(h.oldest, len(h.t))]
    np.testing.assert_allclose(smooth, h.force[h.oldest :], rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "bout", "way"),
    [("rbds_semisynthetic/002_T25", 3, "landing"), ("ipol_lowback_walk/1-1", 2, "rise")],
)
def test_contacts_in_a_recording(shared_data: Path, name: str, bout: int, way: str) -> None:
    acc, _, rate = recording(shared_data, name)
    acc = acc[: int(25 * rate)]
    v, x = vertical(acc, naive.up_acc(acc, rate, P))
    h = History(np.arange(len(v)) / rate, v, x, rate)
    twin = naive.waves(v, rate, P)
    crossings = [i for i in range(1, len(v)) if twin.p[i - 1] < 0.0 < twin.p[i]]
    turns = twin.turns.astype(int)
    ways = []
    for i in range(3, len(turns)):
        rises = [n for n in crossings if n >= turns[i, 0]]
        if twin.turns[i, 3] < 0 and rises:
            valley, peak, ic = (int(turns[i - j, 1]) for j in range(3))
            wave = twin.p[rises[0] - 1 : rises[0] + 1]
            ways.append(check_contacts(h, rises[0], valley, peak, ic, bout, wave, 0.5))
    assert ways.count(way) > 15


@pytest.mark.nojit
@settings(max_examples=20)
@given(seed=seeds, rate=st.sampled_from([50.0, 208.0, 500.0]), known=st.booleans())
def test_contact_of_walking(seed: int, rate: float, known: bool) -> None:
    rng = np.random.default_rng(seed)
    step = float(rng.uniform(0.35, 0.9))
    t = 5.0 + np.arange(int(3.0 * rate)) / rate
    angle = 2.0 * np.pi * (t - 6.5) / step * rng.uniform(0.9, 1.1)
    v = 3.0 * np.cos(angle) + np.cos(2.0 * angle + 1.0) + rng.standard_normal(len(t)) + 0.3
    h = History(t, v, rng.standard_normal((len(t), 3)), rate)
    h.s["axes_known"], h.s["mount"][:] = int(known), random_rotation(rng)
    h.s["top_step"] = step
    # in the middle of the history, and cut short at either end
    for top in (len(t) // 2, int(0.1 * rate), len(t) - int(0.4 * step * rate)):
        forward = h.x @ h.s["mount"][0] if known else None
        want = naive.walking_contact(t, v, forward, top, step, rate, P)
        found = events.walking_ic(h.c, h.s, top)
        assert found[0] == pytest.approx(want[0], abs=1e-9)
        assert found[1] == want[1]


def tops_seen(tops: list[tuple[float, float]], bout: int) -> list[float]:
    """Contacts taken (s) of wave tops (time, wave) in a history without any movement."""
    rate = 100.0
    h = History(np.arange(500) / rate, np.zeros(500), np.zeros((500, 3)), rate)
    h.s["bout_kind"], h.s["has_ic"], h.s["usual_step"] = bout, int(bout == 2), 0.5
    h.s["ic_s"], h.s["ic_i"] = 0.5, 50
    delay = round(np.sqrt(2.0) / (2.0 * np.pi * P.coarse_hz) * rate)
    out, found = np.zeros(20, STEP_DTYPE), []
    for at, wave in tops:
        h.s["peak"], h.s["valley"], h.s["peak_i"] = wave, 0.0, round(at * rate) + delay
        before = float(h.s["ic_s"])
        steps.new_top(h.c, h.s, out, 0)
        found += [float(h.s["ic_s"])] if h.s["ic_s"] != before else []
    before = float(h.s["ic_s"])
    steps.settle_walking(h.c, h.s, out, 0)
    assert h.s["top_waits"] == 0
    return found + ([float(h.s["ic_s"])] if h.s["ic_s"] != before else [])


@pytest.mark.nojit
def test_of_two_close_tops_the_higher_is_the_step() -> None:
    early = 0.5 * P.double_support * 0.5  # a level history moves no top
    for waves, want in (((3.0, 2.0), 1.0), ((2.0, 3.0), 1.25)):
        got = tops_seen([(1.0, waves[0]), (1.25, waves[1]), (1.7, 2.5)], 2)
        assert got == pytest.approx([want - early, 1.7 - early], abs=0.01)
    assert len(tops_seen([(1.0, 3.0), (1.32, 3.0), (1.7, 3.0)], 2)) == 3


@pytest.mark.nojit
def test_small_tops_only_within_a_walk() -> None:
    small = 0.9 * P.wave_floor
    assert len(tops_seen([(1.0, small), (1.5, small)], 2)) == 2
    assert len(tops_seen([(1.0, small), (1.5, small)], 0)) == 0
    assert len(tops_seen([(1.0, small), (1.5, 3.0), (2.0, small)], 0)) == 2


@pytest.mark.nojit
def test_the_window_of_walking_hears_one_tone() -> None:
    """Neither the second harmonic nor the mean moves the top."""
    rate, step = 200.0, 0.5
    t = np.arange(600) / rate
    angle = 2.0 * np.pi * (t - 1.53) / step
    for more in (0.0, 2.0 * np.cos(2.0 * angle + 0.7), 5.0):
        h = History(t, np.cos(angle) + more, np.zeros((600, 3)), rate)
        h.s["top_step"] = step
        ic, _ = events.walking_ic(h.c, h.s, 300)
        assert ic == pytest.approx(1.53 - 0.5 * P.double_support * step, abs=5e-4)


@given(seed=seeds, level=st.sampled_from([1.0, 1.25, 1.5]))
def test_duty_factor(seed: int, level: float) -> None:
    share = float(np.random.default_rng(seed).uniform(0.25, 0.9))
    want = naive.duty_of_fall(share, level)
    assert measures.duty_of_fall(share, level) == pytest.approx(want, abs=1e-5)


@pytest.mark.nojit
@pytest.mark.parametrize("level", [1.0, 1.25, 1.5])
@pytest.mark.parametrize("duty", [0.41, 0.5, 0.7, 0.9, 0.99])
def test_duty_factor_of_its_own_fall(duty: float, level: float) -> None:
    share = measures.fall_share(duty, level)
    assert naive.stance(duty, np.array([share]))[0] == pytest.approx(level, rel=1e-12)
    assert measures.duty_of_fall(share, level) == pytest.approx(duty, abs=1e-5)


@settings(max_examples=25)
@given(seed=seeds, rate=st.sampled_from([60.0, 208.0, 900.0]))
def test_contact_time(seed: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    h = step_like(rng, int(2 * rate), rate)
    i0 = int(rng.integers(0, len(h.t) // 2))
    i1 = i0 + int(rng.uniform(0.25, 0.45) * rate)
    ic = float(h.t[i0] + rng.uniform(0, 1 / rate))
    step = float(h.t[i1] + rng.uniform(0, 1 / rate) - ic)
    want = naive.contact_time(h.t[i0 : i1 + 1], h.force[i0 : i1 + 1], ic, step, P)
    found = measures.contact_time(h.c, h.s, i0, i1, ic, step)
    assert found == pytest.approx(want, abs=1e-5, nan_ok=True)


@pytest.mark.nojit
@pytest.mark.parametrize("duty", [0.45, 0.7, 0.9])
@pytest.mark.parametrize("swing", [0.8, 1.0, 1.4])
def test_contact_time_of_a_bell(duty: float, swing: float) -> None:
    """Found whatever the trunk swings about one g, more or less than the body.

    The level of one g tells it, as long as the others do not contradict it.
    """
    rate, step = 1000.0, 0.36
    t = np.arange(-100, 400) / rate
    force = 1.0 + swing * (naive.stance(duty, t / step) * (t >= 0.0) - 1.0)
    h = History(t, force * G0 - G0, np.zeros((500, 3)), rate)
    contact, sd = measures.contact_time(h.c, h.s, 100, 460, 0.0, step)
    assert contact == pytest.approx(duty * step, abs=1e-3)
    assert P.contact_model_s <= sd < 1.5 * P.contact_model_s


@pytest.mark.nojit
def test_a_swing_near_toe_off_does_not_count() -> None:
    """A belt that bounces up as the foot leaves carries the fall through one g away."""
    rate, step, duty = 500.0, 0.3, 0.7
    t = np.arange(-50, 200) / rate
    force = naive.stance(duty, t / step) * (t >= 0.0)
    swung = np.maximum(force, 1.22 * np.exp(-(((t - 0.18) / 0.04) ** 2)))
    calm, bouncing = (
        measures.contact_time(h.c, h.s, 50, 200, 0.0, step)
        for h in (History(t, f * G0 - G0, np.zeros((250, 3)), rate) for f in (force, swung))
    )
    assert calm[0] == pytest.approx(duty * step, abs=2e-3)
    assert bouncing[0] == pytest.approx(duty * step, abs=6e-3)
    assert bouncing[1] > 1.5 * calm[1]  # and it says so


@pytest.mark.nojit
@given(strides=st.lists(st.floats(0.4, 1.2), max_size=40))
def test_cadence_uncertainty(strides: list[float]) -> None:
    c, s = derived(100.0), fresh()
    s["cadence"] = 170.0
    for x in strides:
        bouts.learn_stride(c, s, x)
    bouts.live_cadence_sd(c, s)
    want = naive.cadence_sd(170.0, strides, P)
    assert float(s["cadence_sd"]) == pytest.approx(want, rel=1e-6, abs=1e-6, nan_ok=True)


def test_cadence_uncertainty_is_the_scatter_of_the_cadence() -> None:
    """Of independent strides the live cadence scatters as its uncertainty says."""
    rng = np.random.default_rng(5)
    c, s = derived(100.0), fresh()
    told, strides = [], rng.normal(0.72, 0.02, 4000)
    n = int(P.cadence_steps) // 2
    for i, x in enumerate(strides):
        bouts.learn_stride(c, s, x)
        s["cadence"] = 120.0 * n / strides[max(0, i - n + 1) : i + 1].sum()
        bouts.live_cadence_sd(c, s)
        told.append((float(s["cadence"]), float(s["cadence_sd"])))
    cadence, sd = np.array(told[10:]).T
    assert np.sqrt(np.mean(sd**2)) == pytest.approx(np.std(cadence), rel=0.1)


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
    assert measures.bounce(h.s, i0, i1) == pytest.approx(
        naive.bounce(h.t[part], h.v[part]), rel=1e-10
    )
    sd = measures.bounce_sd(h.c, h.s, i0, i1, 0.08)
    assert sd == pytest.approx(naive.bounce_sd(h.t[part], h.v[part], 0.08, P), rel=1e-10)
    end = float(rng.uniform(h.t[i0], h.t[i1 - 1]))
    want = naive.impact(h.t[i0:i1], h.v[i0:i1], end)
    assert measures.impact(h.s, i0, end, i1) == want
    assert np.isnan(sides.side_evidence(h.c, h.s, 3, i0, i1)).all()
    h.s["mount"][:] = random_rotation(rng)
    h.s["axes_known"] = 1
    assert np.isnan(sides.side_evidence(h.c, h.s, 3, i0, i1)).all()  # no gyroscope
    h.s["has_gyro"] = 1
    yaw = rng.normal(0, 1, len(h.t))
    h.s["ring"][: len(h.t), R_W] = yaw
    for kind in (2, 3):
        told = naive.side_evidence(h.x[i0:i1], yaw[i0:i1], h.s["mount"][1], kind, P)
        got = sides.side_evidence(h.c, h.s, kind, i0, i1)
        assert got == pytest.approx(told, rel=1e-10, abs=1e-12)
    low = measures.least_force(h.c, h.s, i0, i1)
    assert low == pytest.approx(h.force[i0:i1].min(), rel=1e-12)


@pytest.mark.nojit
@given(gaps=st.lists(st.floats(0.25, 0.6), max_size=80))
def test_live_cadence(gaps: list[float]) -> None:
    c, s = derived(100.0), fresh()
    contacts = 3.0 + np.concatenate([[0.0], np.cumsum(gaps)])
    for i, t in enumerate(contacts):
        s["ics"][i % len(s["ics"])] = t
    s["ics_n"] = len(contacts)
    bouts.live_cadence(c, s)
    assert float(s["cadence"]) == pytest.approx(
        naive.live_cadence(contacts, P), rel=1e-10, nan_ok=True
    )


@pytest.mark.nojit
@given(
    st.lists(
        st.one_of(st.just((np.nan, np.nan)), st.tuples(st.integers(-30, 30), st.integers(-30, 30))),
        max_size=60,
    )
)
def test_sides(evidence: list[tuple[float, float]]) -> None:
    c, s = derived(100.0), fresh()
    got = []
    for n, (push, turn) in enumerate(evidence):
        s["parity"] = n % 2
        got.append(sides.learn_side(c, s, 0.1 * push, 0.1 * turn))
    assert got == naive.sides([(0.1 * a, 0.1 * b) for a, b in evidence], P)


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
@given(seed=seeds)
def test_forward_axis(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, count = 20, 50
    kinds = rng.choice([0, 2, 3], count)
    v = 5.0 * np.sin(np.arange(count * n) * 0.17) + rng.standard_normal(count * n)
    mean = rng.uniform(-1.0, 1.0, count * n)
    x = rng.standard_normal((count * n, 3))
    up = naive.unit(np.array([0.1, 0.1, 1.0]) + 0.1 * rng.standard_normal((count * n, 3)))
    dt = rng.uniform(0.01, 0.02, count * n)
    c, s = derived(100.0), fresh()
    velocity = naive.vertical_velocity(v - mean, dt)
    evidence, ups = [], []
    for i, kind in enumerate(kinds):
        part = slice(i * n, i * n + n)
        for j in range(i * n, i * n + n):
            s["v_mean"] = mean[j]
            s["up"][:] = up[j]
            mounting.feel_step(s, v[j], x[j, 0], x[j, 1], x[j, 2], dt[j])
        mounting.learn_step(c, s, int(kind))
        if kind:
            sign = 1.0 if kind == 3 else -1.0
            evidence.append(sign * naive.correlation(velocity[part], x[part], dt[part]))
            ups.append(np.average(up[part], axis=0, weights=dt[part]))
        if not evidence:
            continue
        assert s["gait_n"] == len(evidence)
        fwd = naive.remembered(np.array(evidence), P)
        np.testing.assert_allclose(s["fwd"], fwd, rtol=0, atol=1e-12)
        gait_up = naive.remembered(np.array(ups), P)
        np.testing.assert_allclose(s["gait_up"], gait_up, rtol=0, atol=1e-12)
    assert not s["evidence"].any()


@pytest.mark.nojit
def test_many_steps_are_remembered_for_a_while() -> None:
    rng = np.random.default_rng(1)
    c, s = derived(100.0), fresh()
    values = rng.uniform(-1.0, 1.0, (100, 3))
    for value in values:
        s["evidence"][:] = [*value, 1.0, 1.0, *(-0.5 * value), 0.5]
        mounting.learn_step(c, s, 3)
    np.testing.assert_allclose(s["fwd"], naive.remembered(values, P), rtol=0, atol=1e-13)
    np.testing.assert_allclose(s["gait_up"], naive.remembered(-values, P), rtol=0, atol=1e-13)
    # a step without any movement says nothing
    before = s["fwd"].copy()
    s["evidence"][8] = 0.4
    mounting.learn_step(c, s, 3)
    np.testing.assert_array_equal(s["fwd"], before)
    assert s["gait_n"] == 100


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
    s["fwd"][:] = fwd
    s["gait_up"][:], s["gait_n"] = 0.7 * gait, 2.0 * P.axis_steps
    s["gait_up_n"] = s["gait_n"]
    s["up_sd"], s["stand_sd"] = 0.01, 0.02
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
    sd = np.hypot(0.01, 0.02 if stood else 0.0)
    assert float(s["lean_sd"]) == pytest.approx(np.degrees(sd), rel=1e-12)


@pytest.mark.nojit
@pytest.mark.parametrize(
    ("fwd", "count", "stood", "source"),
    [
        (0.3, 20.0, False, 3),
        (0.3, 19.0, False, 0),
        (0.3, 10.0, True, 2),
        (0.3, 9.0, True, 0),
        (0.121, 10.0, True, 2),
        (0.119, 50.0, True, 0),
    ],
)
def test_enough_evidence_gives_a_mount(fwd: float, count: float, stood: bool, source: int) -> None:
    c, s = derived(100.0), fresh()
    s["fwd"][:] = (fwd, 0.0, 0.0)
    s["gait_up"][:], s["gait_n"] = (0.0, 0.0, 1.0), count
    s["gait_up_n"] = count
    if stood:
        s["stand_up"][:], s["stand_t"] = (0.0, 0.0, 1.0), 10.0
    s["up"][:] = (0.0, 0.0, 1.0)
    mounting.learn_mount(c, s, 20.0)
    assert int(s["lean_from"]) == source
    assert int(s["axes_known"]) == int(source > 0)
    mounting.lean(s)
    assert np.isnan(s["lean"]) == (source == 0)


@pytest.mark.nojit
@settings(max_examples=40)
@given(seed=seeds, turned=st.floats(-180.0, 180.0))
def test_a_measured_front_counts_where_gait_agrees(seed: int, turned: float) -> None:
    assume(abs(abs(turned) - P.front_max_deg) > 0.01)
    rng = np.random.default_rng(seed)
    c, s = derived(100.0), fresh()
    body = random_rotation(rng)
    angle = np.radians(turned)
    front = np.cos(angle) * body[0] + np.sin(angle) * body[1]
    fwd = 0.3 * body[0] + rng.uniform(-0.5, 0.5) * body[2]
    s["fwd"][:], s["gait_n"], s["gait_up_n"] = fwd, 20.0, 20.0
    s["gait_up"][:] = body[2]
    s["stand_up"][:], s["stand_t"] = body[2], 10.0
    s["front"][:] = naive.unit(front + rng.uniform(-0.5, 0.5) * body[2])
    s["front_given"] = 1
    s["up"][:] = body[2]
    mounting.learn_mount(c, s, 20.0)
    mounting.lean(s)
    want = naive.measured_mount(s["front"].copy(), fwd, body[2], P)
    assert (want is None) == (abs(turned) > P.front_max_deg)
    assert int(s["axes_known"]) == int(want is not None)
    assert int(s["front_differs"]) == int(want is None)
    assert np.isnan(s["lean"]) == (want is None)
    if want is not None:
        np.testing.assert_allclose(s["mount"], want, rtol=0, atol=1e-12)
    # gait comes to say the same, or no longer does
    s["fwd"][:] = 0.3 * (s["front"] if want is None else -s["front"])
    mounting.learn_mount(c, s, 21.0)
    assert int(s["axes_known"]) == int(want is None)


@pytest.mark.parametrize(
    ("t", "tilt_deg", "source"), [(20.0, 29.0, 2), (20.0, 31.0, 3), (620.0, 0.0, 3)]
)
def test_a_stale_or_crooked_stand_is_not_the_zero(t: float, tilt_deg: float, source: int) -> None:
    c, s = derived(100.0), fresh()
    s["fwd"][:] = (0.3, 0.0, 0.0)
    s["gait_up"][:], s["gait_n"] = (0.0, 0.0, 1.0), 20.0
    s["gait_up_n"] = 20.0
    tilt = np.radians(tilt_deg)
    s["stand_up"][:], s["stand_t"] = (np.sin(tilt), 0.0, np.cos(tilt)), 10.0
    mounting.learn_mount(c, s, t)
    assert int(s["lean_from"]) == source


# --- bouts ----------------------------------------------------------------------------------


@pytest.mark.nojit
@pytest.mark.parametrize(
    ("bout", "wave_g", "step_s", "low_g", "kind"),
    [
        (0, 2.0, 0.36, 0.05, 3),  # running
        (0, 2.0, 0.60, 0.05, 0),  # a jump: too slow for running, too big for walking
        (0, 2.0, 0.20, 0.05, 0),  # a shake
        (0, 1.4, 0.36, 0.05, 2),  # a small wave starts no running
        (3, 1.2, 0.36, 0.05, 3),  # but does not end it either
        (0, 1.55, 0.36, 0.40, 2),  # a foot always on the ground
        (3, 1.5, 0.36, 0.40, 3),
        (2, 1.5, 0.36, 0.40, 2),
        (0, 1.2, 0.28, 0.40, 3),  # nobody walks so fast
        (0, 1.0, 0.28, 0.40, 0),
        (0, 0.5, 0.55, 0.80, 2),  # walking
        (0, 0.5, 1.20, 0.80, 0),
        (0, 1.7, 0.55, 0.80, 0),  # stamping
    ],
)
def test_kind_of_a_step(bout: int, wave_g: float, step_s: float, low_g: float, kind: int) -> None:
    step = naive.Measured(wave_g * G0, step_s, low_g * G0)
    assert bouts.gait_kind(derived(100.0), bout, step.wave, step.step_s, step.low) == kind
    assert naive.gait_kind(step, bout, P) == kind


def random_steps(rng: np.random.Generator, n: int) -> list[naive.Measured]:
    """Stretches of running, walking and neither, with odd steps strewn in."""
    out: list[naive.Measured] = []
    while len(out) < n:
        wave, step, low = ((1.7, 0.36, 0.2), (0.9, 0.5, 0.7), (1.55, 0.37, 0.37), (2.1, 0.55, 0.1))[
            rng.integers(0, 4)
        ]
        spread = rng.choice([0.03, 0.25])
        for _ in range(int(rng.integers(1, 12))):
            w, s, f = 1.0 + spread * rng.uniform(-1.0, 1.0, 3)
            odd = 1.8 if rng.uniform() < 0.06 else 1.0
            out.append(naive.Measured(wave * G0 * w, min(step * s * odd, 1.05), low * G0 * f))
    return out[:n]


Bouts = tuple[list[int], list[tuple[float, int]]]


def both_bouts(seed: int) -> tuple[Bouts, Bouts]:
    """Kinds of bout and reported (contact, kind) by kernels and twin, for random steps.

    Contacts with given waves between them; the ring holds the least force of each step.
    """
    rng = np.random.default_rng(seed)
    rate = 60.0
    given = random_steps(rng, 60)
    ends = np.cumsum([round(s.step_s * rate) for s in given])
    contacts = np.array([0, *ends]) + 4
    v = np.full(contacts[-1] + 5, 2.0)
    for i, step in enumerate(given):
        v[contacts[i] : contacts[i + 1]] = step.low - G0
    h = History(np.arange(len(v)) / rate, v, np.zeros((len(v), 3)), rate)
    out = np.zeros(100, STEP_DTYPE)
    times = contacts / rate
    k = steps.take_ic(h.c, h.s, times[0], contacts[0], out, 0)
    measured, kinds, usual = [], [], 0.0
    for i, step in enumerate(given):
        length = times[i + 1] - times[i]
        # the wave as the low-pass leaves it
        gain = 1.0 / np.sqrt(1.0 + (1.0 / max(length, usual) / P.coarse_hz) ** 4)
        h.s["wave"] = step.wave * gain
        h.s["t"] = times[i + 1]
        k = steps.take_ic(h.c, h.s, times[i + 1], contacts[i + 1], out, k)
        usual = float(h.s["step_s"])
        least = float(h.force[contacts[i] : contacts[i + 1]].min())
        measured.append(naive.Measured(step.wave, length, least))
        kinds.append(int(h.s["bout_kind"]))
    want, told = naive.bouts(measured, P)
    found = [(float(r["ic_s"]), int(r["activity"])) for r in out[:k]]
    return (kinds, found), (want, [(float(times[i]), kind) for i, kind in told])


@pytest.mark.nojit
def test_the_first_bout_on_lists_of_steps() -> None:
    """All up to the end of the first bout, with the step that ends it."""
    ended = 0
    for seed in range(60):
        (kinds, found), (want, told) = both_bouts(seed)
        begin = next((i for i, kind in enumerate(want) if kind), len(want))
        end = next((i for i in range(begin, len(want)) if not want[i]), len(want) - 1)
        ended += 0 < begin < end < len(want) - 1
        assert kinds[: end + 1] == want[: end + 1]
        n = end - begin + 1
        assert found[:n] == told[:n]
    assert ended > 30


@pytest.mark.nojit
def test_bouts_on_lists_of_steps() -> None:
    for seed in range(60):
        got, want = both_bouts(seed)
        assert got == want


def running_history(step_s: float, count: int) -> tuple[History, Any, list[int]]:
    """A bout of running with regular contacts, named sides and all; the samples of those."""
    rate = 100.0
    n = round(step_s * rate)
    phase = np.arange(count * n + n) % n / n
    force = np.where(phase < 0.7, np.pi / 1.4 * np.sin(np.pi * phase / 0.7), 0.0) * G0
    h = History(np.arange(len(force)) / rate, force - G0, np.zeros((len(force), 3)), rate)
    h.s["wave"] = 20.0
    h.s["has_gyro"], h.s["axes_known"], h.s["mount"][:] = 1, 1, np.eye(3)
    at = [i * n for i in range(count + 1)]
    for i, a in enumerate(at[:-1]):
        h.s["ring"][a : a + n, (R_X + 1, R_W)] = 1.0 if i % 2 else -1.0
    return h, np.zeros(100, STEP_DTYPE), at


@pytest.mark.nojit
def test_a_missed_contact() -> None:
    """What lies between two contacts with one unseen is no step, and no longer left or right."""
    h, out, at = running_history(0.36, 16)
    k = 0
    for a in (*at[:11], *at[12:15]):
        h.s["t"] = h.t[a]
        k = steps.take_ic(h.c, h.s, h.t[a], a, out, k)
    steps_found = out[:k]
    assert k == 13
    odd = steps_found[10]
    for name in ("step_s", "to_s", "contact_s", "flight_s", "bounce_m", "cadence_spm"):
        assert np.isnan(odd[name]), name
        assert np.isfinite(steps_found[name][2:10]).all(), name
    assert np.isfinite(odd["impact_ms2"])
    assert abs(steps_found["side"][5:10]).all()
    assert not steps_found["side"][11:].any()
    assert (steps_found["activity"] == 3).all()
    assert steps_found["cadence_spm"][-1] == pytest.approx(60.0 / 0.36)


@pytest.mark.nojit
def test_sides_are_forgotten_where_the_bout_changes() -> None:
    h, out, at = running_history(0.36, 16)
    k = 0
    for i, a in enumerate(at[:13]):
        if i == 11:
            assert int(h.s["side_even"]) != 0
            h.s["wave"] = 2.0
        h.s["t"] = h.t[a]
        k = steps.take_ic(h.c, h.s, h.t[a], a, out, k)
    assert int(h.s["bout_kind"]) == 0
    assert (int(h.s["side_even"]), int(h.s["side_n"]), h.s["side_e"].any()) == (0, 0, False)


@pytest.mark.nojit
def test_a_contact_too_soon_or_too_late() -> None:
    h, out, at = running_history(0.36, 16)
    k = 0
    for a in at[:7]:
        h.s["t"] = h.t[a]
        k = steps.take_ic(h.c, h.s, h.t[a], a, out, k)
    before = h.s.tobytes()
    soon = h.t[at[6]] + 0.69 * P.run_step_min_s
    assert steps.take_ic(h.c, h.s, soon, at[6] + 15, out, k) == k
    assert h.s.tobytes() == before
    late = h.t[at[6]] + P.walk_step_max_s + 0.01
    h.s["t"] = late
    assert steps.take_ic(h.c, h.s, late, at[6] + 111, out, k) == k + 1
    last = out[k]
    assert last["ic_s"] == h.t[at[6]]
    assert last["activity"] == 3
    for name in ("step_s", "to_s", "bounce_m", "impact_ms2", "cadence_spm", "lean_deg"):
        assert np.isnan(last[name]), name
    assert (int(h.s["bout_kind"]), int(h.s["side_even"]), int(h.s["side_n"])) == (0, 0, 0)
    assert (float(h.s["ic_s"]), int(h.s["has_ic"])) == (late, 1)
    assert np.isnan(h.s["cadence"])


def test_the_whole_chain_uses_these_kernels() -> None:
    """Waves fed with the twin's vertical acceleration find the steps of the estimator."""
    acc, gyr = simulated("mixed", 104.0, seconds=25.0)
    est = GaitEstimator(104.0, np.eye(3))
    parts, before = [], []
    for i in range(len(acc)):
        before.append(int(est.state()["state"]["bout_kind"][0]))  # that the sample before left
        parts.append(est.update(acc[i : i + 1], gyr[i : i + 1]))
    trace = Trace.join(parts)
    # the very spacing of the estimator's times: rest begins at a sum of them
    dt = np.diff(trace.time_s, prepend=-1.0 / 104.0)
    up = naive.up_gyro(acc, gyr, 104.0, P, dt, bouts=np.array(before))[0]
    assert 3 in before
    v, x = vertical(acc, up)
    c, s = derived(104.0), fresh()
    s["mount"][:], s["axes_known"] = np.eye(3), 1
    out = np.zeros(100, STEP_DTYPE)
    k = 0
    for i in range(len(v)):
        s["t"] = trace.time_s[i]
        k = steps.waves(c, s, trace.time_s[i], v[i], x[i, 0], x[i, 1], x[i, 2], out, k)
    assert k == len(trace.steps) > 20
    for name in ("ic_s", "to_s", "step_s", "bounce_m", "impact_ms2", "known_s"):
        np.testing.assert_allclose(out[name][:k], trace.steps[name], rtol=0, atol=1e-8)
